#include "lib/schema/document.h"

#include <stdlib.h>

#define FIRST_VALUES 64

struct reader {
	struct document *d;
	uint32_t cap;
	uint32_t open; /* the innermost array or object; its `next` is the one around it until it is closed */
};

static int add(struct reader *r, uint32_t start, enum jsontext_kind kind, struct error *err)
{
	struct document *d = r->d;
	if (d->count == r->cap) {
		uint32_t cap = r->cap ? r->cap * 2 : FIRST_VALUES;
		struct document_value *values = realloc(d->values, cap * sizeof(*values));
		if (!values)
			return error_no_memory(err);
		d->values = values;
		r->cap = cap;
	}
	d->values[d->count] = (struct document_value){start, start + 1, d->count + 1, (uint32_t)kind};
	d->count++;
	if (r->open != DOCUMENT_NONE)
		d->values[r->open].tag += 1u << 4;
	return 0;
}

static void close_container(struct reader *r, uint32_t end)
{
	struct document_value *v = &r->d->values[r->open];
	uint32_t around = v->next;
	v->end = end;
	v->next = r->d->count;
	if ((v->tag & 7) == JSONTEXT_OBJECT) /* keys were counted, too */
		v->tag = (v->tag & 15) | (v->tag >> 5 << 4);
	r->open = around;
}

static uint32_t string_end(struct str text, uint32_t at, bool *escaped)
{
	for (at++; at < text.n && text.p[at] != '"'; at++)
		if (text.p[at] == '\\') {
			*escaped = true;
			at++;
		}
	return at + 1;
}

static uint32_t scalar_end(struct str text, uint32_t at)
{
	while (at < text.n && !strchr(" \t\r\n,]}", text.p[at]))
		at++;
	return at;
}

static int read_value(struct reader *r, uint32_t *at, struct error *err)
{
	struct document *d = r->d;
	char c = d->text.p[*at];
	if (c == '{' || c == '[') {
		if (add(r, *at, c == '{' ? JSONTEXT_OBJECT : JSONTEXT_ARRAY, err) != 0)
			return -1;
		d->values[d->count - 1].next = r->open;
		r->open = d->count - 1;
		++*at;
		return 0;
	}
	enum jsontext_kind kind = jsontext_kind_of((struct str){&c, 1});
	if (add(r, *at, kind, err) != 0)
		return -1;
	bool escaped = false;
	*at = kind == JSONTEXT_STRING ? string_end(d->text, *at, &escaped) : scalar_end(d->text, *at);
	d->values[d->count - 1].end = *at;
	if (escaped) {
		struct document_value *v = &d->values[d->count - 1];
		v->tag |= 8;
		if (v->end - v->start > d->longest_escaped)
			d->longest_escaped = v->end - v->start;
	}
	return 0;
}

int document_read(struct str text, struct document *ret, struct error *err)
{
	struct document d = {.text = text};
	struct reader r = {.d = &d, .open = DOCUMENT_NONE};
	if (text.n > DOCUMENT_TEXT_MAX)
		return error_set(err, ERR_TOO_LARGE, "a JSON text of %zu bytes is too large to be checked",
				 text.n);
	for (uint32_t at = 0; at < text.n;) {
		char c = text.p[at];
		if (strchr(" \t\r\n,:", c)) {
			at++;
		} else if (c == '}' || c == ']') {
			close_container(&r, ++at);
		} else if (read_value(&r, &at, err) != 0) {
			document_free(&d);
			return -1;
		}
	}
	*ret = d;
	return 0;
}

void document_free(struct document *document)
{
	free(document->values);
	*document = (struct document){0};
}

struct str document_string(const struct document *d, uint32_t value, struct buffer *scratch, bool *ret_broken)
{
	struct str text = document_text(d, value);
	text = (struct str){text.p + 1, text.n - 2};
	if (ret_broken)
		*ret_broken = false;
	if (!document_is_escaped(d, value))
		return text;
	buffer_reset(scratch);
	if (!jsontext_decode_raw(text, scratch) && ret_broken)
		*ret_broken = true;
	return scratch->failed ? (struct str){0} : buffer_str(scratch);
}

uint32_t document_member(const struct document *d, uint32_t object, struct str key, struct buffer *scratch)
{
	for (uint32_t at = object + 1; at < document_next(d, object); at = document_next(d, at + 1))
		if (str_eq(document_string(d, at, scratch, NULL), key))
			return at + 1;
	return DOCUMENT_NONE;
}

void document_pointer_step(struct str key, struct buffer *out)
{
	buffer_append_byte(out, '/');
	for (size_t i = 0; i < key.n; i++) {
		if (key.p[i] == '~')
			buffer_append_c(out, "~0");
		else if (key.p[i] == '/')
			buffer_append_c(out, "~1");
		else
			buffer_append_byte(out, key.p[i]);
	}
}

size_t document_pointer(const struct document *d, uint32_t value, struct buffer *out)
{
	size_t passed = 0;
	cleanup_buffer struct buffer scratch = BUFFER(d->text.n + 1);
	for (uint32_t at = 0; at != value;) { /* down from the root: into what has it */
		bool is_object = document_kind(d, at) == JSONTEXT_OBJECT;
		uint32_t index = 0, child = at + 1;
		for (; document_next(d, child) <= value; passed++) {
			child = document_next(d, child);
			index++;
		}
		if (!is_object) {
			buffer_appendf(out, "/%u", index);
		} else if (index % 2 == 1) { /* a value; its key is right before it */
			document_pointer_step(document_string(d, child - 1, &scratch, NULL), out);
		} else if (child == value) {
			document_pointer_step(document_string(d, child, &scratch, NULL), out);
		}
		at = child;
	}
	return passed;
}
