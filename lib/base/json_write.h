/* JSON text, written piece by piece into a buffer. Reading is jsontext.h's, and lib/api/json.h's for whole
 * objects.
 *
 * Commas come by themselves; a caller looks at out->failed once, or calls buffer_check. Nothing is written
 * for a NULL string. */
#ifndef SKILLBOX_BASE_JSON_WRITE_H
#define SKILLBOX_BASE_JSON_WRITE_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* bracket: '{' or '[', and its counterpart. */
void json_open(struct buffer *out, char bracket);
void json_close(struct buffer *out, char bracket);

/* A member's key; its value follows by any other writer. */
void json_key(struct buffer *out, const char *key);

/* A member of an object. Numbers have three decimals; raw is JSON already. */
void json_put_str(struct buffer *out, const char *key, struct str value);
void json_put_string(struct buffer *out, const char *key, const char *value);
void json_put_raw(struct buffer *out, const char *key, const char *json);
void json_put_int(struct buffer *out, const char *key, int64_t value);
void json_put_bool(struct buffer *out, const char *key, bool value);
void json_put_number(struct buffer *out, const char *key, double value);
void json_put_time(struct buffer *out, const char *key, int64_t wall_ms, bool with_ms);

/* An element of a list. */
void json_element_string(struct buffer *out, const char *value);

/* json_put_string for user data: text that is not UTF-8 is an error and never mended. */
int json_put_text(struct buffer *out, const char *key, const char *value, struct error *err);

/* json_put_string for a text for people: cut at `max` bytes, with "…", since the API server refuses a longer
 * one and with it everything else in the patch. */
void json_put_message(struct buffer *out, const char *key, const char *value, size_t max);

#endif
