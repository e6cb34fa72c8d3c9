#include "lib/api/json.h"

#include "lib/base/clock.h"
#include "lib/base/jsontext.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Bytes of a field's path in a message, and of a time. */
#define PATH_TEXT_MAX 512
#define TIME_TEXT_MAX 64

static const char *const kind_names[] = {
    [JSONTEXT_OBJECT] = "an object", [JSONTEXT_ARRAY] = "a list",   [JSONTEXT_STRING] = "a string",
    [JSONTEXT_NUMBER] = "a number",  [JSONTEXT_TRUE] = "a boolean", [JSONTEXT_FALSE] = "a boolean",
    [JSONTEXT_NULL] = "null",
};

static void append_path(struct buffer *out, const struct json_path *path)
{
	if (!path)
		return;
	append_path(out, path->up);
	if (!path->name)
		buffer_appendf(out, "[%zu]", path->index);
	else if (out->len)
		buffer_appendf(out, ".%s", path->name);
	else
		buffer_append_c(out, path->name);
}

int json_error(const struct json_path *path, struct error *err, const char *format, ...)
{
	if (!err)
		return -1;
	cleanup_buffer struct buffer where = BUFFER(PATH_TEXT_MAX);
	append_path(&where, path);
	char message[512];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return where.len ? error_set(err, ERR_BAD_REQUEST, "%s: %s", where.data, message)
			 : error_set(err, ERR_BAD_REQUEST, "%s", message);
}

int json_keep_reason(const struct error *why, char **ret_invalid, struct error *err)
{
	if (why->code == ERR_NO_MEMORY || !(*ret_invalid = str_dup(str_of(why->message))))
		return error_no_memory(err);
	return 0;
}

static int expect(struct str value, enum jsontext_kind kind, const struct json_path *path, struct error *err)
{
	enum jsontext_kind is = jsontext_kind_of(value);
	if (is == kind)
		return 0;
	return json_error(path, err, "must be %s, not %s", kind_names[kind], kind_names[is]);
}

int json_check_object(struct str json, struct error *err)
{
	if (json.n > JSON_OBJECT_MAX)
		return error_set(err, ERR_TOO_LARGE, "the object has %zu bytes, more than %u", json.n,
				 JSON_OBJECT_MAX);
	if (jsontext_check(json, &(struct jsontext_rules){.max_depth = JSONTEXT_ANY_DEPTH}, err) != 0)
		return -1;
	return expect(str_trim(json), JSONTEXT_OBJECT, NULL, err);
}

static const struct json_field *find_field(const struct json_field *fields, size_t count, struct str raw_key)
{
	for (size_t i = 0; i < count; i++)
		if (jsontext_key_is(raw_key, str_of(fields[i].name)))
			return &fields[i];
	return NULL;
}

int json_read_object(struct str value, const struct json_path *path, const struct json_field *fields,
		     size_t count, void *base, struct error *err)
{
	if (expect(value, JSONTEXT_OBJECT, path, err) != 0)
		return -1;
	uint64_t seen = 0;
	size_t position = 0;
	struct str key, member;
	while (jsontext_next_member(value, &position, &key, &member)) {
		const struct json_field *field = find_field(fields, count, key);
		if (!field)
			continue;
		struct json_path at = {path, field->name, 0};
		uint64_t bit = UINT64_C(1) << (field - fields);
		if (seen & bit)
			return json_error(&at, err, "is given twice");
		seen |= bit;
		if (jsontext_kind_of(member) == JSONTEXT_NULL)
			continue;
		if (field->read(member, &at, field->max, (char *)base + field->offset, err) != 0)
			return -1;
	}
	return 0;
}

int json_read_list(struct str value, const struct json_path *path, int64_t max, size_t size,
		   json_read_fn read, void **ret_array, size_t *ret_count, struct error *err)
{
	if (expect(value, JSONTEXT_ARRAY, path, err) != 0)
		return -1;
	struct str element;
	size_t count = 0;
	for (size_t position = 0; jsontext_next_element(value, &position, &element);)
		count++;
	if (count > (size_t)max)
		return json_error(path, err, "has %zu elements, more than %" PRId64, count, max);
	if (count == 0)
		return 0;
	char *array = calloc(count, size);
	if (!array)
		return error_no_memory(err);
	*ret_array = array; /* whole at once: the owner frees it whatever follows */
	*ret_count = count;
	size_t position = 0;
	for (size_t i = 0; i < count && jsontext_next_element(value, &position, &element); i++)
		if (read(element, &(struct json_path){path, NULL, i}, JSON_NAME_MAX, array + i * size, err) !=
		    0)
			return -1;
	return 0;
}

int json_read_string(struct str value, const struct json_path *path, int64_t max, void *target,
		     struct error *err)
{
	if (expect(value, JSONTEXT_STRING, path, err) != 0)
		return -1;
	cleanup_buffer struct buffer text = BUFFER((size_t)max);
	struct error why = {0};
	if (jsontext_decode_string(value, &text, &why) != 0) {
		if (why.code == ERR_NO_MEMORY)
			return error_no_memory(err);
		if (text.failed)
			return json_error(path, err, "is longer than %" PRId64 " bytes", max);
		return json_error(path, err, "%s", why.message);
	}
	if (text.len && memchr(text.data, '\0', text.len))
		return json_error(path, err, "contains a NUL character");
	char *string = buffer_steal(&text);
	if (!string)
		return error_no_memory(err);
	*(char **)target = string;
	return 0;
}

int json_read_raw(struct str value, const struct json_path *path, int64_t max, void *target,
		  struct error *err)
{
	if (value.n > (size_t)max)
		return json_error(path, err, "is longer than %" PRId64 " bytes", max);
	char *copy = str_dup(value);
	if (!copy)
		return error_no_memory(err);
	*(char **)target = copy;
	return 0;
}

int json_check_depth(struct str value, const struct json_path *path, struct error *err)
{
	size_t depth = jsontext_depth(value);
	if (depth <= JSON_VALUE_DEPTH)
		return 0;
	return json_error(path, err,
			  "is nested %zu deep, more than %d: make it flatter, or hand the inner part over "
			  "as text in a string",
			  depth, JSON_VALUE_DEPTH);
}

int json_read_value(struct str value, const struct json_path *path, int64_t max, void *target,
		    struct error *err)
{
	if (json_check_depth(value, path, err) != 0)
		return -1;
	return json_read_raw(value, path, max, target, err);
}

static int read_integer(struct str value, const struct json_path *path, int64_t min, int64_t max,
			void *target, struct error *err)
{
	if (expect(value, JSONTEXT_NUMBER, path, err) != 0)
		return -1;
	if (!str_to_i64(value, min, max, target))
		return json_error(path, err,
				  "must be a whole number from %" PRId64 " to %" PRId64 ", not %.*s", min,
				  max, value.n > 40 ? 40 : (int)value.n, value.p);
	return 0;
}

int json_read_count(struct str value, const struct json_path *path, int64_t max, void *target,
		    struct error *err)
{
	return read_integer(value, path, 0, max, target, err);
}

int json_read_int(struct str value, const struct json_path *path, int64_t max, void *target,
		  struct error *err)
{
	return read_integer(value, path, -max, max, target, err);
}

int json_read_number(struct str value, const struct json_path *path, int64_t max, void *target,
		     struct error *err)
{
	if (expect(value, JSONTEXT_NUMBER, path, err) != 0)
		return -1;
	char digits[64];
	if (value.n >= sizeof(digits))
		return json_error(path, err, "has too many digits");
	memcpy(digits, value.p, value.n);
	digits[value.n] = '\0';
	double number = strtod(digits, NULL); /* the grammar was checked; no program of ours sets a locale */
	if (!isfinite(number) || fabs(number) > (double)max)
		return json_error(path, err, "must be within %" PRId64 ", not %s", max, digits);
	*(double *)target = number;
	return 0;
}

int json_read_bool(struct str value, const struct json_path *path, int64_t max, void *target,
		   struct error *err)
{
	(void)max;
	enum jsontext_kind kind = jsontext_kind_of(value);
	if (kind != JSONTEXT_TRUE && kind != JSONTEXT_FALSE)
		return json_error(path, err, "must be true or false, not %s", kind_names[kind]);
	*(bool *)target = kind == JSONTEXT_TRUE;
	return 0;
}

int json_read_time(struct str value, const struct json_path *path, int64_t max, void *target,
		   struct error *err)
{
	(void)max;
	if (expect(value, JSONTEXT_STRING, path, err) != 0)
		return -1;
	cleanup_buffer struct buffer text = BUFFER(TIME_TEXT_MAX);
	if (jsontext_decode_string(value, &text, NULL) != 0 ||
	    !clock_parse_rfc3339(buffer_str(&text), target))
		return json_error(path, err, "must be an RFC 3339 time");
	return 0;
}
