#include "lib/base/error.h"

#include "lib/base/utf8.h"

#include <errno.h>
#include <stdio.h>

struct code_row {
	const char *name; /* as REST clients see it */
	int http_status;
};

static const struct code_row code_table[ERR_CODE_COUNT] = {
    [ERR_NONE] = {"ok", 200},
    [ERR_BAD_REQUEST] = {"bad_request", 400},
    [ERR_INVALID_SKILL] = {"invalid_skill", 400},
    [ERR_INVALID_ENV] = {"invalid_env", 400},
    [ERR_IMAGE_NOT_ALLOWED] = {"image_not_allowed", 400},
    [ERR_NO_ENTRYPOINT] = {"no_entrypoint", 400},
    [ERR_UNAUTHORIZED] = {"unauthorized", 401},
    [ERR_FORBIDDEN] = {"forbidden", 403},
    [ERR_NOT_FOUND] = {"not_found", 404},
    [ERR_METHOD_NOT_ALLOWED] = {"method_not_allowed", 405},
    [ERR_CONFLICT] = {"conflict", 409},
    [ERR_PACKAGES_MISSING] = {"packages_missing", 409},
    [ERR_GONE] = {"internal_error", 500},
    [ERR_TOO_LARGE] = {"too_large", 413},
    [ERR_UNSUPPORTED_MEDIA_TYPE] = {"unsupported_media_type", 415},
    [ERR_RANGE_NOT_SATISFIABLE] = {"range_not_satisfiable", 416},
    [ERR_INPUT_SCHEMA_MISMATCH] = {"input_schema_mismatch", 422},
    [ERR_RATE_LIMITED] = {"rate_limited", 429},
    [ERR_NO_CAPACITY] = {"no_capacity", 429},
    [ERR_NOT_IMPLEMENTED] = {"not_implemented", 501},
    [ERR_UNAVAILABLE] = {"unavailable", 503},
    [ERR_STORAGE_FULL] = {"unavailable", 503},
    [ERR_TIMEOUT] = {"unavailable", 503},
    [ERR_PROTOCOL] = {"internal_error", 500},
    [ERR_IO] = {"internal_error", 500},
    [ERR_NO_MEMORY] = {"unavailable", 503},
    [ERR_INTERNAL] = {"internal_error", 500},
};

/* A message that was cut may end inside a character: drop that piece. */
static void trim_cut(struct error *err)
{
	size_t n = strlen(err->message);
	if (n + 1 < sizeof(err->message))
		return;
	for (size_t back = 1; back <= 3; back++) {
		if (((unsigned char)err->message[n - back] & 0xc0) == 0x80)
			continue;
		if (utf8_length((struct str){err->message + n - back, back}) == 0)
			err->message[n - back] = '\0';
		return;
	}
}

static void set_v(struct error *err, enum error_code code, const char *format, va_list args)
{
	if (!err)
		return;
	err->code = code;
	if (vsnprintf(err->message, sizeof(err->message), format, args) < 0)
		err->message[0] = '\0';
	trim_cut(err);
}

int error_set(struct error *err, enum error_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	set_v(err, code, format, args);
	va_end(args);
	return -1;
}

int error_wrap(struct error *err, const char *format, ...)
{
	if (!err)
		return -1;
	struct error old = *err;
	va_list args;
	va_start(args, format);
	set_v(err, old.code, format, args);
	va_end(args);
	size_t used = strlen(err->message);
	snprintf(err->message + used, sizeof(err->message) - used, ": %s", old.message);
	trim_cut(err);
	return -1;
}

int error_errno(struct error *err, const char *format, ...)
{
	int saved = errno;
	if (!err)
		return -1;
	va_list args;
	va_start(args, format);
	set_v(err, saved == ENOMEM ? ERR_NO_MEMORY : ERR_IO, format, args);
	va_end(args);
	size_t used = strlen(err->message);
	snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(saved));
	trim_cut(err);
	errno = saved;
	return -1;
}

int error_no_memory(struct error *err)
{
	return error_set(err, ERR_NO_MEMORY, "out of memory");
}

const char *error_code_name(enum error_code code)
{
	return (unsigned)code < ERR_CODE_COUNT ? code_table[code].name : "internal_error";
}

int error_code_http_status(enum error_code code)
{
	return (unsigned)code < ERR_CODE_COUNT ? code_table[code].http_status : 500;
}

enum error_code error_code_from_http_status(int status)
{
	switch (status) {
	case 401:
		return ERR_UNAUTHORIZED;
	case 403:
		return ERR_FORBIDDEN;
	case 404:
		return ERR_NOT_FOUND;
	case 405:
		return ERR_METHOD_NOT_ALLOWED;
	case 409:
		return ERR_CONFLICT;
	case 410:
		return ERR_GONE;
	case 413:
		return ERR_TOO_LARGE;
	case 415:
		return ERR_UNSUPPORTED_MEDIA_TYPE;
	case 429:
		return ERR_RATE_LIMITED;
	case 507:
		return ERR_NO_CAPACITY;
	case 503:
	case 502:
		return ERR_UNAVAILABLE;
	case 504:
		return ERR_TIMEOUT;
	default:
		return status >= 400 && status < 500 ? ERR_BAD_REQUEST : ERR_INTERNAL;
	}
}
