/* What the files of jsontext share. */
#ifndef SKILLBOX_BASE_JSONTEXT_INTERNAL_H
#define SKILLBOX_BASE_JSONTEXT_INTERNAL_H

#include "lib/base/buffer.h"
#include "lib/base/str.h"

#include <string.h>

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

static inline size_t jsontext_skip_blanks(struct str s, size_t i)
{
	while (i < s.n && jsontext_is_blank(s.p[i]))
		i++;
	return i;
}

/* i at an opening quote; gives what follows the closing one, or the text's end. By memchr, since strings are
 * most of what is large; each byte is looked at twice at most, however many escapes there are. */
static inline size_t jsontext_skip_string(struct str s, size_t i)
{
	const char *at = s.p + i + 1, *end = s.p + s.n, *quote = NULL;
	for (;;) {
		if (!quote || quote < at)
			quote = at < end ? memchr(at, '"', (size_t)(end - at)) : NULL;
		if (!quote)
			return s.n;
		const char *escape = memchr(at, '\\', (size_t)(quote - at));
		if (!escape)
			return (size_t)(quote + 1 - s.p);
		at = escape + 2;
	}
}

#endif
