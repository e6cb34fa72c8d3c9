#include "lib/base/buffer.h"

#include <stdio.h>
#include <stdlib.h>

/* All but the last byte to the sink. */
static int drain(struct buffer *b)
{
	if (b->len <= 1)
		return 0;
	if (b->sink(b->sink_context, (struct str){b->data, b->len - 1}) != 0)
		return -1;
	b->data[0] = b->data[b->len - 1];
	b->data[1] = '\0';
	b->len = 1;
	return 0;
}

static bool fits(const struct buffer *b, size_t n)
{
	return n <= b->max && b->len <= b->max - n;
}

char *buffer_reserve(struct buffer *b, size_t n)
{
	if (!fits(b, n) && (b->failed || !b->sink || drain(b) != 0 || !fits(b, n))) {
		b->failed = true;
		return NULL;
	}
	size_t need = b->len + n + 1;
	if (need > b->cap) {
		size_t cap = b->cap ? b->cap : 64;
		while (cap < need)
			cap *= 2;
		if (cap > b->max + 1)
			cap = b->max + 1;
		char *data = realloc(b->data, cap);
		if (!data) {
			b->failed = b->no_memory = true;
			return NULL;
		}
		b->data = data;
		b->cap = cap;
	}
	return b->data + b->len;
}

/* More than it can ever hold: past it, but for the last byte. */
static int append_past(struct buffer *b, const char *data, size_t n)
{
	if (b->failed || drain(b) != 0 || (b->len > 0 && b->sink(b->sink_context, buffer_str(b)) != 0) ||
	    b->sink(b->sink_context, (struct str){data, n - 1}) != 0) {
		b->failed = true;
		return -1;
	}
	b->len = 0;
	return buffer_append(b, data + n - 1, 1);
}

int buffer_append(struct buffer *b, const void *data, size_t n)
{
	if (b->sink && n >= b->max)
		return append_past(b, data, n);
	char *at = buffer_reserve(b, n);
	if (!at)
		return -1;
	if (n)
		memcpy(at, data, n);
	b->len += n;
	b->data[b->len] = '\0';
	return 0;
}

int buffer_append_str(struct buffer *b, struct str s)
{
	return buffer_append(b, s.p, s.n);
}

int buffer_append_c(struct buffer *b, const char *c_string)
{
	return buffer_append(b, c_string, strlen(c_string));
}

int buffer_append_byte(struct buffer *b, char byte)
{
	return buffer_append(b, &byte, 1);
}

int buffer_appendf(struct buffer *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0) {
		b->failed = true;
		return -1;
	}
	char *at = buffer_reserve(b, (size_t)n);
	if (!at)
		return -1;
	va_start(args, format);
	vsnprintf(at, (size_t)n + 1, format, args);
	va_end(args);
	b->len += (size_t)n;
	return 0;
}

int buffer_check(const struct buffer *b, const char *what, struct error *err)
{
	if (!b->failed)
		return 0;
	if (b->no_memory)
		return error_no_memory(err);
	return error_set(err, ERR_TOO_LARGE, "%s does not fit into %zu bytes", what, b->max);
}

void buffer_consume(struct buffer *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

void buffer_reset(struct buffer *b)
{
	b->len = 0;
	b->failed = b->no_memory = false;
	if (b->data)
		b->data[0] = '\0';
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
	b->failed = b->no_memory = false;
}

void buffer_wipe(struct buffer *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buffer_free(b);
}

char *buffer_steal(struct buffer *b)
{
	if (b->failed || (!b->data && buffer_append(b, "", 0) != 0))
		return NULL;
	char *exact = realloc(b->data, b->len + 1), *data = exact ? exact : b->data;
	b->data = NULL;
	b->len = b->cap = 0;
	return data;
}
