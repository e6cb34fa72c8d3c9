/* JSON as text: strict check, minify, find, write. The bytes are checked and moved, never parsed into numbers
 * and printed again; docs/architecture.md says why there is no tree. RFC 8259; UTF-8 must be valid; nothing
 * here recurses. */
#ifndef SKILLBOX_BASE_JSONTEXT_H
#define SKILLBOX_BASE_JSONTEXT_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <limits.h>
#include <stdbool.h>

/* As deep as the text is long: a bit of memory a level. Only without refuse_duplicates. */
#define JSONTEXT_ANY_DEPTH UINT_MAX

struct jsontext_rules {
	/* Nested arrays and objects; 0 means 128; more than 1,024 is JSONTEXT_ANY_DEPTH or means 1,024. */
	unsigned max_depth;
	/* A key twice in one object is an error (for what we parse ourselves; not for user data). */
	bool refuse_duplicates;
};

enum jsontext_kind {
	JSONTEXT_OBJECT,
	JSONTEXT_ARRAY,
	JSONTEXT_STRING,
	JSONTEXT_NUMBER,
	JSONTEXT_TRUE,
	JSONTEXT_FALSE,
	JSONTEXT_NULL
};

/* Exactly one JSON value with blanks around it? On failure err is ERR_BAD_REQUEST "invalid JSON at byte N
 * (line L, column C): why". */
int jsontext_check(struct str text, const struct jsontext_rules *rules, struct error *err);

/* Check, and append the value without insignificant white space; every other byte is kept (number digits,
 * escapes, key order, duplicates). */
int jsontext_minify(struct str text, const struct jsontext_rules *rules, struct buffer *out,
		    struct error *err);

/* Taking a text apart that nobody has checked and that others fill: one part at a time, each as it stands,
 * good or bad. A part ends at the next comma or closing bracket outside of strings and of brackets that it
 * opened itself, at whatever depth; so a part that is no JSON, or too deep, harms no other one. */
enum jsontext_split {
	JSONTEXT_PART,  /* the outputs are set */
	JSONTEXT_END,   /* the closing bracket was there, and nothing behind it */
	JSONTEXT_BROKEN /* it is no array or object, or what follows can't be told apart */
};
/* Start with *position = 0. The value is trimmed and may be empty; the key is between its quotes, as written.
 */
enum jsontext_split jsontext_split_element(struct str array, size_t *position, struct str *ret_value);
enum jsontext_split jsontext_split_member(struct str object, size_t *position, struct str *ret_raw_key,
					  struct str *ret_value);
/* The member whose key is written like this; the last one if it is there twice. */
bool jsontext_split_find(struct str object, struct str raw_key, struct str *ret_value);

/* The functions below take text that jsontext_check accepted. */

enum jsontext_kind jsontext_kind_of(struct str value);

/* How many arrays and objects are inside one another; 0: none is there. */
size_t jsontext_depth(struct str value);

/* Walk the members of an object: start with *position = 0; true while there is one. Key is raw (between the
 * quotes, escapes as written); value is trimmed raw text. */
bool jsontext_next_member(struct str object, size_t *position, struct str *ret_raw_key,
			  struct str *ret_value);
bool jsontext_next_element(struct str array, size_t *position, struct str *ret_value);

/* Is a raw key this one, when its escapes are decoded? */
bool jsontext_key_is(struct str raw_key, struct str key);

/* The raw value of a member (the last one if the key is there twice); keys compare decoded. */
bool jsontext_member(struct str object, struct str key, struct str *ret_value);

/* The raw values of an object's members with these names, in one walk; {0}: it isn't there. Another name, or
 * one that is there twice: ERR_BAD_REQUEST with the name that is most likely meant, or with all of them. */
int jsontext_read_fields(struct str object, const char *const *names, size_t count, struct str *ret_values,
			 struct error *err);

/* Decode a raw string value ("…" with quotes) and append its UTF-8. \u0000 is kept as a NUL byte; lone
 * surrogates → ERR_BAD_REQUEST. */
int jsontext_decode_string(struct str value, struct buffer *out, struct error *err);

/* The same for what stands between the quotes: false if half a surrogate pair is in it, which is then written
 * as its three bytes, so that different texts stay different. */
bool jsontext_decode_raw(struct str raw, struct buffer *out);

/* Append s as a JSON string with quotes. s should be UTF-8: each byte that is not is written as U+FFFD.
 * Control characters are escaped, NUL as \u0000. */
int jsontext_append_string(struct buffer *out, struct str s);

#endif
