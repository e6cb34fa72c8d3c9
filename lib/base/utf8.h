/* UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, at most U+10FFFF. */
#ifndef SKILLBOX_BASE_UTF8_H
#define SKILLBOX_BASE_UTF8_H

#include "lib/base/buffer.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* U+FFFD, which is shown where a byte was no UTF-8. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* A bad byte becomes UTF8_REPLACEMENT, three bytes for one: utf8_append_clean of n bytes appends at most
 * UTF8_CLEAN_GROWTH times n. */
#define UTF8_CLEAN_GROWTH 3

/* Is all of s UTF-8? On false *ret_position, if not NULL, is the offset of the bad byte. */
bool utf8_is_valid(struct str s, size_t *ret_position);

/* Bytes of the sequence that s starts with; 0 if there is none. */
size_t utf8_length(struct str s);

/* Append s with UTF8_REPLACEMENT in place of each NUL and each byte that is no UTF-8: text that any reader
 * takes, and that fits into a C string. Returns as buffer_append does. */
int utf8_append_clean(struct buffer *out, struct str s);

/* The longest beginning of s, which is UTF-8, that has at most `max` bytes and splits no character. */
struct str utf8_cut(struct str s, size_t max);

/* The same of a text of malloc's, in its place; the memory behind it is given back. Was it longer? */
bool utf8_cut_owned(char **text, size_t max);

/* utf8_cut of s without the blanks around it, and no word is split unless it is the first. */
struct str utf8_cut_words(struct str s, size_t max);

/* How much of a value a message repeats, for its "%.*s": utf8_cut to UTF8_SHOWN_MAX bytes. */
#define UTF8_SHOWN_MAX 64
int utf8_shown(struct str s);

/* What is left of s without the end of a character whose beginning was cut off. */
struct str utf8_skip_partial(struct str s);

#endif
