#include "runner/cell/lines.h"

#define ESCAPE '\x1b'
#define BELL '\a'

struct writer {
	struct lines *lines;
	size_t start, at; /* of the line that grows, in lines->text */
	bool returned;    /* a '\r' came: what follows stands in place of it */
};

static bool is_between(char c, unsigned char first, unsigned char last)
{
	return (unsigned char)c >= first && (unsigned char)c <= last;
}

/* Bytes of the control sequence that s begins with; never a line's end. */
static size_t escape_length(struct str s)
{
	size_t i = 2;
	if (s.n < 2 || s.p[1] == '\n')
		return 1;
	if (s.p[1] == '[') { /* ECMA-48: parameters, then one final byte */
		while (i < s.n && is_between(s.p[i], 0x20, 0x3f))
			i++;
		return i < s.n && is_between(s.p[i], 0x40, 0x7e) ? i + 1 : i;
	}
	if (s.p[1] == ']') { /* a title or a link, up to BEL or ESC '\' */
		while (i < s.n && s.p[i] != BELL && s.p[i] != ESCAPE && s.p[i] != '\n')
			i++;
		return i < s.n && s.p[i] == BELL ? i + 1 : i;
	}
	return 2;
}

/* "\x1b[2K" and "\r\x1b[K" empty the line. */
static bool empties_line(struct str escape, bool returned)
{
	return str_eq(escape, STR("\x1b[2K")) || (returned && str_eq(escape, STR("\x1b[K")));
}

static struct str behind(struct str s, const char *at)
{
	return (struct str){at, (size_t)(s.p + s.n - at)};
}

static const char *find(struct str s, const char *what)
{
	return s.n ? memmem(s.p, s.n, what, strlen(what)) : NULL;
}

/* What stands behind a progress bar: "  5%|##   | 5/100 [00:01<00:19, 5.00it/s, loss=0.3]TEXT", or without a
 * total "5it [00:01, 5.00it/s]TEXT". s itself if it begins with none. */
static struct str skip_bar(struct str s)
{
	const char *percent = find(s, "%|"), *rate = find(s, "it/s]");
	if (!rate)
		rate = find(s, "s/it]");
	if (percent) {
		const char *open = find(behind(s, percent), "[");
		const char *close = open ? find(behind(s, open), "]") : NULL;
		return close ? behind(s, close + 1) : s;
	}
	return rate ? behind(s, rate + 5) : s;
}

static void add(struct lines *lines, struct line line)
{
	if (lines->count == LINES_MAX) { /* the older half goes */
		lines->count = LINES_MAX / 2;
		memmove(lines->of, lines->of + (LINES_MAX - lines->count), lines->count * sizeof(line));
	}
	lines->of[lines->count++] = line;
}

static void end_line(struct writer *w)
{
	struct str whole = {w->lines->text + w->start, w->at - w->start};
	struct str text = str_trim(whole), rest = str_trim(skip_bar(text));
	struct line line = {.text = rest.n > 0 ? rest : text, .is_bar = text.n > 0 && rest.n == 0};
	if (text.n > 0 && line.text.p == text.p)
		line.indent = (unsigned)(text.p - whole.p);
	add(w->lines, line);
	w->start = w->at;
	w->returned = false;
}

static void take_back(struct writer *w)
{
	while (w->at > w->start && is_between(w->lines->text[w->at - 1], 0x80, 0xbf))
		w->at--; /* the end of a character of UTF-8 */
	if (w->at > w->start)
		w->at--;
}

static void put(struct writer *w, char c)
{
	if (w->returned)
		w->at = w->start;
	w->returned = false;
	w->lines->text[w->at++] = c;
}

/* Bytes of s that are done with. */
static size_t take(struct writer *w, struct str s)
{
	char c = s.p[0];
	if (c == ESCAPE) {
		size_t n = escape_length(s);
		if (empties_line((struct str){s.p, n}, w->returned))
			w->at = w->start;
		return n;
	}
	if (c == '\n')
		end_line(w);
	else if (c == '\r')
		w->returned = true;
	else if (c == '\b')
		take_back(w);
	else if (c == '\t' || (!is_between(c, 0, 0x1f) && c != 0x7f))
		put(w, c);
	return 1;
}

void lines_read(struct str bytes, struct lines *ret)
{
	if (bytes.n > LINES_TEXT_MAX)
		bytes = (struct str){bytes.p + (bytes.n - LINES_TEXT_MAX), LINES_TEXT_MAX};
	struct writer w = {.lines = ret};
	ret->count = 0;
	while (bytes.n > 0) {
		size_t n = take(&w, bytes);
		bytes = (struct str){bytes.p + n, bytes.n - n};
	}
	if (w.at > w.start)
		end_line(&w);
}

struct str lines_text(const struct lines *lines, size_t index)
{
	return index < lines->count ? lines->of[index].text : (struct str){NULL, 0};
}
