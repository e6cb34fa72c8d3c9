/* A JSON text with an index of its values, in the order of the text: validation comes to a value again and
 * again, and must not read the text before it each time. 16 bytes a value, no pointers, no recursion. */
#ifndef SKILLBOX_SCHEMA_DOCUMENT_H
#define SKILLBOX_SCHEMA_DOCUMENT_H

#include "lib/base/buffer.h"
#include "lib/base/jsontext.h"

#include <stdbool.h>
#include <stdint.h>

#define DOCUMENT_TEXT_MAX ((size_t)64 * 1024 * 1024)
#define DOCUMENT_NONE UINT32_MAX

/* The first child of an array or object is the value behind it. In an object keys and values alternate. */
struct document_value {
	uint32_t start, end; /* in the text */
	uint32_t next;       /* the value behind this one and all that is in it */
	uint32_t tag;        /* see below */
};

struct document {
	struct str text; /* the caller's */
	struct document_value *values;
	uint32_t count;
	uint32_t longest_escaped; /* bytes: room for it in a scratch buffer is room for any string */
};

/* Beside enum jsontext_kind, for those who tell them apart: a number that is whole. */
#define KIND_INTEGER 7

/* The text must be what jsontext_check accepts, and have at most DOCUMENT_TEXT_MAX bytes. */
int document_read(struct str text, struct document *ret, struct error *err);
void document_free(struct document *document);

static inline enum jsontext_kind document_kind(const struct document *d, uint32_t value)
{
	return (enum jsontext_kind)(d->values[value].tag & 7);
}
static inline bool document_is_escaped(const struct document *d, uint32_t value)
{
	return d->values[value].tag & 8;
}
/* Elements of an array, members of an object. */
static inline uint32_t document_count(const struct document *d, uint32_t value)
{
	return d->values[value].tag >> 4;
}
static inline uint32_t document_next(const struct document *d, uint32_t value)
{
	return d->values[value].next;
}
/* The text as it stands. */
static inline struct str document_text(const struct document *d, uint32_t value)
{
	const struct document_value *v = &d->values[value];
	return (struct str){d->text.p + v->start, v->end - v->start};
}

/* What a string or key says: a piece of the text, or decoded into `scratch`, which is emptied. Half a
 * surrogate pair is three bytes that are no UTF-8 (*ret_broken, if not NULL). A buffer that failed gives an
 * empty string, and is the caller's to look at. */
struct str document_string(const struct document *d, uint32_t value, struct buffer *scratch,
			   bool *ret_broken);

/* The value of a member, or DOCUMENT_NONE. */
uint32_t document_member(const struct document *d, uint32_t object, struct str key, struct buffer *scratch);

/* Append the JSON pointer of a value. Gives how many values were passed by. */
size_t document_pointer(const struct document *d, uint32_t value, struct buffer *out);
/* Append one step of a pointer. */
void document_pointer_step(struct str key, struct buffer *out);

#endif
