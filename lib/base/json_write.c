#include "lib/base/json_write.h"

#include "lib/base/clock.h"
#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"

#include <inttypes.h>

/* A value follows another unless a bracket was just opened or a key written. Texts end with a quote, so the
 * last byte tells. */
static void comma(struct buffer *out)
{
	if (out->len && !strchr("{[:", out->data[out->len - 1]))
		buffer_append_byte(out, ',');
}

void json_open(struct buffer *out, char bracket)
{
	comma(out);
	buffer_append_byte(out, bracket);
}

void json_close(struct buffer *out, char bracket)
{
	buffer_append_byte(out, bracket);
}

void json_key(struct buffer *out, const char *key)
{
	comma(out);
	jsontext_append_string(out, str_of(key));
	buffer_append_byte(out, ':');
}

void json_put_str(struct buffer *out, const char *key, struct str value)
{
	json_key(out, key);
	jsontext_append_string(out, value);
}

void json_put_string(struct buffer *out, const char *key, const char *value)
{
	if (value)
		json_put_str(out, key, str_of(value));
}

void json_put_raw(struct buffer *out, const char *key, const char *json)
{
	if (!json)
		return;
	json_key(out, key);
	buffer_append_c(out, json);
}

void json_put_int(struct buffer *out, const char *key, int64_t value)
{
	json_key(out, key);
	buffer_appendf(out, "%" PRId64, value);
}

void json_put_bool(struct buffer *out, const char *key, bool value)
{
	json_key(out, key);
	buffer_append_c(out, value ? "true" : "false");
}

void json_put_number(struct buffer *out, const char *key, double value)
{
	json_key(out, key);
	buffer_appendf(out, "%.3f", value);
}

void json_put_time(struct buffer *out, const char *key, int64_t wall_ms, bool with_ms)
{
	char text[CLOCK_RFC3339_SIZE];
	clock_format_rfc3339(wall_ms, with_ms, text);
	json_put_string(out, key, text);
}

void json_element_string(struct buffer *out, const char *value)
{
	comma(out);
	jsontext_append_string(out, str_of(value));
}

void json_put_message(struct buffer *out, const char *key, const char *value, size_t max)
{
	static const char mark[] = "\xe2\x80\xa6";
	if (!value || strlen(value) <= max) {
		json_put_string(out, key, value);
		return;
	}
	cleanup_buffer struct buffer cut = BUFFER(max);
	buffer_append_str(&cut, utf8_cut(str_of(value), max - (sizeof(mark) - 1)));
	buffer_append_c(&cut, mark);
	if (cut.failed) {
		out->failed = true;
		out->no_memory |= cut.no_memory;
	}
	json_put_str(out, key, buffer_str(&cut));
}

int json_put_text(struct buffer *out, const char *key, const char *value, struct error *err)
{
	size_t position;
	if (value && !utf8_is_valid(str_of(value), &position))
		return error_set(err, ERR_BAD_REQUEST, "%s: not UTF-8 at byte %zu", key, position);
	json_put_string(out, key, value);
	return 0;
}
