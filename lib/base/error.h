/* Errors: a code from one list and a message that gains context on its way up.
 *
 * Functions that can fail return 0 or -1 and take `struct error *err` last. The caller owns the struct (on
 * its stack, no heap behind it, nothing to free); it is only written on failure. NULL is allowed: "don't tell
 * me". */
#ifndef SKILLBOX_BASE_ERROR_H
#define SKILLBOX_BASE_ERROR_H

#include <stdarg.h>

enum error_code {
	ERR_NONE = 0,
	ERR_BAD_REQUEST,
	ERR_INVALID_SKILL,
	ERR_INVALID_ENV,
	ERR_IMAGE_NOT_ALLOWED,
	ERR_NO_ENTRYPOINT, /* a skill that is to be read has nothing to run */
	ERR_UNAUTHORIZED,
	ERR_FORBIDDEN,
	ERR_NOT_FOUND,
	ERR_METHOD_NOT_ALLOWED,
	ERR_CONFLICT,
	ERR_PACKAGES_MISSING, /* a skill names packages that are not stored yet */
	ERR_GONE,             /* a resourceVersion that the API server no longer has: list again */
	ERR_TOO_LARGE,
	ERR_UNSUPPORTED_MEDIA_TYPE,
	ERR_RANGE_NOT_SATISFIABLE, /* a part of something that is behind its end */
	ERR_INPUT_SCHEMA_MISMATCH,
	ERR_RATE_LIMITED,
	ERR_NO_CAPACITY,
	ERR_NOT_IMPLEMENTED,
	ERR_UNAVAILABLE,
	ERR_STORAGE_FULL, /* the disk, for everybody */
	ERR_TIMEOUT,
	ERR_PROTOCOL, /* the peer sent what the protocol doesn't allow */
	ERR_IO,
	ERR_NO_MEMORY,
	ERR_INTERNAL,
	ERR_CODE_COUNT
};

struct error {
	enum error_code code;
	char message[2048]; /* NUL-terminated UTF-8, cut at the end if longer */
};

/* Set code and message (printf form); returns -1 so that `return error_set(...)` reads well. */
int error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "CONTEXT: " before the message that is there; keeps the code; returns -1. */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* error_set with ": strerror(errno)" behind the message. */
int error_errno(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* error_set(ERR_NO_MEMORY). */
int error_no_memory(struct error *err);

/* The wire name of a code in REST errors ("bad_request"); codes of internal faults give "internal_error". */
const char *error_code_name(enum error_code code);

/* The HTTP status of a code in REST answers. */
int error_code_http_status(enum error_code code);

/* The code that stands for an HTTP status of a server that we called (404 → ERR_NOT_FOUND, 410 → ERR_GONE …).
 */
enum error_code error_code_from_http_status(int status);

#endif
