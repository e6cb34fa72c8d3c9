#include "lib/base/utf8.h"

#include <stdlib.h>

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Table 3-7 of the Unicode standard. */
size_t utf8_length(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	if (s.n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	size_t length = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (s.n < length)
		return 0;
	unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return length;
}

bool utf8_is_valid(struct str s, size_t *ret_position)
{
	for (size_t i = 0; i < s.n;) {
		size_t length = utf8_length((struct str){s.p + i, s.n - i});
		if (length == 0) {
			if (ret_position)
				*ret_position = i;
			return false;
		}
		i += length;
	}
	return true;
}

int utf8_append_clean(struct buffer *out, struct str s)
{
	while (s.n > 0) {
		size_t good = 0, n;
		while (good < s.n && s.p[good] != '\0' &&
		       (n = utf8_length((struct str){s.p + good, s.n - good})) > 0)
			good += n;
		if (buffer_append(out, s.p, good) != 0)
			return -1;
		s = (struct str){s.p + good, s.n - good};
		if (s.n == 0)
			return 0;
		if (buffer_append_c(out, UTF8_REPLACEMENT) != 0)
			return -1;
		s = (struct str){s.p + 1, s.n - 1};
	}
	return 0;
}

struct str utf8_cut(struct str s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max > 0 && is_continuation(s.p[max]))
		max--;
	return (struct str){s.p, max};
}

bool utf8_cut_owned(char **text, size_t max)
{
	struct str whole = str_of(*text);
	if (whole.n <= max)
		return false;
	size_t n = utf8_cut(whole, max).n;
	(*text)[n] = '\0';
	char *smaller = realloc(*text, n + 1);
	if (smaller)
		*text = smaller;
	return true;
}

struct str utf8_cut_words(struct str s, size_t max)
{
	s = str_trim(s);
	struct str cut = utf8_cut(s, max);
	size_t n = cut.n;
	if (cut.n == s.n || s.p[cut.n] == ' ')
		return str_trim(cut);
	while (n > 0 && cut.p[n - 1] != ' ')
		n--;
	return n > 0 ? str_trim((struct str){cut.p, n}) : cut;
}

int utf8_shown(struct str s)
{
	return (int)utf8_cut(s, UTF8_SHOWN_MAX).n;
}

/* The longest character has three bytes behind its first; more of them never were one character's end. */
struct str utf8_skip_partial(struct str s)
{
	for (int i = 0; i < 3 && s.n > 0 && is_continuation(s.p[0]); i++)
		s = (struct str){s.p + 1, s.n - 1};
	return s;
}
