/* What jsontext.c and jsontext_walk.c share. */
#ifndef SKILLBOX_BASE_JSONTEXT_INTERNAL_H
#define SKILLBOX_BASE_JSONTEXT_INTERNAL_H

#include "lib/base/buffer.h"
#include "lib/base/str.h"

static inline bool jsontext_is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static inline int jsontext_hex_digit(char c) /* -1 if it is none */
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Append the decoded form of what stands between the quotes; false if a lone surrogate is in it (which is
 * then written as its three bytes, so that different keys stay different). */
bool jsontext_decode_raw(struct str raw, struct buffer *out);

#endif
