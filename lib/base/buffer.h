/* A growing byte buffer with a maximum from birth. */
#ifndef SKILLBOX_BASE_BUFFER_H
#define SKILLBOX_BASE_BUFFER_H

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buffer {
	/* Always NUL-terminated once something was appended, so it serves as a C string. */
	char *data;
	/* Bytes in use, without that NUL, and bytes allocated. */
	size_t len, cap;
	/* len never grows beyond this; with a sink, what is appended may. */
	size_t max;
	/* An append did not fit, or memory ran out; it stays set until buffer_reset. */
	bool failed;
	/* It was memory. */
	bool no_memory;
	/* Where bytes go for which there is no room: all but the last one, by which a writer of JSON sees
	 * what stands before. 0, or −1: the append fails. NULL: nowhere. */
	int (*sink)(void *context, struct str bytes);
	void *sink_context;
};

#define BUFFER(maximum) ((struct buffer){.max = (maximum)})

/* Each append returns 0, or -1 with `failed` set and the content as it was (buffer_appendf included). A
 * caller may append many times and look at `failed` once. */
int buffer_append(struct buffer *b, const void *data, size_t n);
int buffer_append_str(struct buffer *b, struct str s);
int buffer_append_c(struct buffer *b, const char *c_string);
int buffer_append_byte(struct buffer *b, char byte);
int buffer_appendf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Make room for n more bytes and return where they go (then add to len), or NULL as with append. */
char *buffer_reserve(struct buffer *b, size_t n);

/* 0 unless the buffer failed. Else err says which of the two it was: `what` ("the path") is too large for it
 * (ERR_TOO_LARGE), or there is no memory. Where a whole is made of many appends, this is the one look. */
int buffer_check(const struct buffer *b, const char *what, struct error *err);

/* Drop the first n bytes. */
void buffer_consume(struct buffer *b, size_t n);
/* Empty it, keep the memory, clear `failed`. */
void buffer_reset(struct buffer *b);
/* Release; it can be used again. */
void buffer_free(struct buffer *b);
/* The same for what is secret: the bytes are overwritten first. */
void buffer_wipe(struct buffer *b);
/* The data, now the caller's (free()), in just the memory it needs; "" allocated if empty; NULL if failed. */
char *buffer_steal(struct buffer *b);

static inline struct str buffer_str(const struct buffer *b)
{
	return (struct str){b->data, b->len};
}

#endif
