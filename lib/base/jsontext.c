/* The scanner: a strict check of RFC 8259 that needs no recursion, and minify, which is the same walk with an
 * output. Walking and strings are in jsontext_walk.c. */
#include "lib/base/jsontext.h"

#include "lib/base/jsontext_internal.h"
#include "lib/base/utf8.h"

#include <stdlib.h>

#define DEFAULT_DEPTH 128
#define DEPTH_LIMIT 1024
#define LEVELS_A_WORD 64
#define SHOWN_KEY_MAX 64 /* bytes of a key that a message repeats */

/* A key of an object that is still open; its decoded bytes are in scanner.key_bytes. */
struct key {
	size_t at, n;
	size_t position; /* in the text, for the message */
};

struct scanner {
	const char *p;
	size_t n, i;
	const char *why;                  /* of a failure, at i */
	char why_text[2 * SHOWN_KEY_MAX]; /* where that can't be a literal */
	bool no_memory;

	size_t depth, max_depth;
	uint64_t *is_object; /* a bit a level: of first_levels, or of the heap when there are more */
	size_t levels;       /* bits in is_object */
	uint64_t first_levels[DEPTH_LIMIT / LEVELS_A_WORD];

	struct buffer *out; /* minify, or NULL */
	size_t run;         /* start of what is not in out yet */

	bool refuse_duplicates;
	struct key *keys; /* of all open objects, outermost first */
	size_t key_count, key_cap;
	size_t first_key[DEPTH_LIMIT];
	struct buffer key_bytes;
};

static int fail(struct scanner *s, size_t at, const char *why)
{
	s->i = at;
	s->why = why;
	return -1;
}

static int peek(const struct scanner *s)
{
	return s->i < s->n ? (unsigned char)s->p[s->i] : -1;
}

static void flush(struct scanner *s)
{
	if (s->out && s->run < s->i)
		buffer_append(s->out, s->p + s->run, s->i - s->run);
}

/* White space is what minify drops: flush the run before it, start the next behind it. */
static void skip_blanks(struct scanner *s)
{
	if (s->i >= s->n || !jsontext_is_blank(s->p[s->i]))
		return;
	flush(s);
	while (s->i < s->n && jsontext_is_blank(s->p[s->i]))
		s->i++;
	s->run = s->i;
}

static int scan_escape(struct scanner *s)
{
	size_t start = s->i++;
	int c = peek(s);
	if (c == -1)
		return fail(s, s->i, "unexpected end inside a string");
	s->i++;
	if (c != 'u')
		return strchr("\"\\/bfnrt", c) && c ? 0 : fail(s, start, "unknown escape in a string");
	for (int digit = 0; digit < 4; digit++, s->i++)
		if (s->i >= s->n || jsontext_hex_digit(s->p[s->i]) < 0)
			return fail(s, start, "\\u needs four hexadecimal digits");
	return 0;
}

/* At an opening quote; moves behind the closing one. */
/* Is none of these 8 bytes a control character, a quote, a backslash or beyond ASCII? By the usual arithmetic
 * on words: (x - 0x01…) & ~x & 0x80… finds a zero byte, and x - 0x20… borrows from the top bit of a byte
 * below 0x20. It may call plain bytes special, never the other way round. */
static bool is_plain(const char *bytes)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t x, quotes, escapes;
	memcpy(&x, bytes, sizeof(x));
	quotes = x ^ ones * '"';
	escapes = x ^ ones * '\\';
	return !((x | (x - ones * 0x20) | (quotes - ones) | (escapes - ones)) & tops);
}

static int scan_string(struct scanner *s)
{
	for (s->i++; s->i < s->n;) {
		while (s->n - s->i >= sizeof(uint64_t) && is_plain(s->p + s->i))
			s->i += sizeof(uint64_t);
		if (s->i == s->n)
			break;
		unsigned char c = (unsigned char)s->p[s->i];
		if (c == '"') {
			s->i++;
			return 0;
		}
		if (c == '\\') {
			if (scan_escape(s) != 0)
				return -1;
		} else if (c < 0x20) {
			return fail(s, s->i, "control character inside a string (it must be escaped)");
		} else if (c < 0x80) {
			s->i++;
		} else {
			size_t length = utf8_length((struct str){s->p + s->i, s->n - s->i});
			if (length == 0)
				return fail(s, s->i, "invalid UTF-8");
			s->i += length;
		}
	}
	return fail(s, s->i, "unexpected end inside a string");
}

static bool scan_digits(struct scanner *s)
{
	size_t start = s->i;
	while (s->i < s->n && s->p[s->i] >= '0' && s->p[s->i] <= '9')
		s->i++;
	return s->i > start;
}

/* What other languages write, and people by habit. A word counts if it ends there. */
static const struct {
	struct str text;
	bool is_word;
	const char *why;
} no_values[] = {
    {{"NaN", 3}, true, "NaN is no JSON: write null or a string"},
    {{"nan", 3}, true, "nan is no JSON: write null or a string"},
    {{"-NaN", 4}, true, "-NaN is no JSON: write null or a string"},
    {{"-nan", 4}, true, "-nan is no JSON: write null or a string"},
    {{"Infinity", 8}, true, "Infinity is no JSON: write null or a string"},
    {{"-Infinity", 9}, true, "-Infinity is no JSON: write null or a string"},
    {{"inf", 3}, true, "inf is no JSON: write null or a string"},
    {{"-inf", 4}, true, "-inf is no JSON: write null or a string"},
    {{"None", 4}, true, "None is no JSON: write null"},
    {{"nil", 3}, true, "nil is no JSON: write null"},
    {{"NULL", 4}, true, "NULL is no JSON: write null"},
    {{"undefined", 9}, true, "undefined is no JSON: write null, or leave it out"},
    {{"True", 4}, true, "True is no JSON: write true"},
    {{"TRUE", 4}, true, "TRUE is no JSON: write true"},
    {{"False", 5}, true, "False is no JSON: write false"},
    {{"FALSE", 5}, true, "FALSE is no JSON: write false"},
    {{"'", 1}, false, "a string stands in double quotes, not in single ones"},
    {{"`", 1}, false, "a string stands in double quotes"},
    {{"//", 2}, false, "JSON has no comments"},
    {{"/*", 2}, false, "JSON has no comments"},
    {{"#", 1}, false, "JSON has no comments"},
    {{"+", 1}, false, "a number has no plus sign"},
    {{".", 1}, false, "expected a digit before the decimal point"},
};

static bool is_word_char(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* NULL: nothing that is known. */
static const char *find_no_value(const struct scanner *s)
{
	struct str rest = {s->p + s->i, s->n - s->i};
	for (size_t i = 0; i < sizeof(no_values) / sizeof(no_values[0]); i++) {
		struct str text = no_values[i].text;
		if (str_starts_with(rest, text) &&
		    !(no_values[i].is_word && rest.n > text.n && is_word_char(rest.p[text.n])))
			return no_values[i].why;
	}
	return NULL;
}

static bool is_behind_comma(const struct scanner *s)
{
	size_t i = s->i;
	while (i > 0 && jsontext_is_blank(s->p[i - 1]))
		i--;
	return i > 0 && s->p[i - 1] == ',';
}

/* At what is no value. */
static int fail_value(struct scanner *s)
{
	int c = peek(s);
	const char *why = find_no_value(s);
	if (!why && c == -1)
		why = "unexpected end, expected a value";
	if (!why && c == ']' && is_behind_comma(s))
		why = "expected a value (no comma may stand before ']')";
	return fail(s, s->i, why ? why : "expected a value");
}

static int scan_number(struct scanner *s)
{
	if (peek(s) == '-') {
		if (find_no_value(s))
			return fail_value(s);
		s->i++;
	}
	if (peek(s) == '0') {
		s->i++;
		if (s->i < s->n && s->p[s->i] >= '0' && s->p[s->i] <= '9')
			return fail(s, s->i, "a number has no leading zeros");
	} else if (!scan_digits(s)) {
		return fail(s, s->i, "expected a digit");
	}
	if (peek(s) == '.') {
		s->i++;
		if (!scan_digits(s))
			return fail(s, s->i, "expected a digit after the decimal point");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->i++;
		if (peek(s) == '+' || peek(s) == '-')
			s->i++;
		if (!scan_digits(s))
			return fail(s, s->i, "expected a digit in the exponent");
	}
	return 0;
}

static int scan_scalar(struct scanner *s)
{
	static const struct str words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
	int c = peek(s);
	if (c == '"')
		return scan_string(s);
	if (c == '-' || (c >= '0' && c <= '9'))
		return scan_number(s);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (str_starts_with((struct str){s->p + s->i, s->n - s->i}, words[i])) {
			s->i += words[i].n;
			return 0;
		}
	}
	return fail_value(s);
}

static int remember_key(struct scanner *s, size_t start)
{
	struct key key = {s->key_bytes.len, 0, start};
	if (s->key_count == s->key_cap) {
		size_t cap = s->key_cap ? s->key_cap * 2 : 64;
		struct key *keys = reallocarray(s->keys, cap, sizeof(*keys));
		if (!keys) {
			s->no_memory = true;
			return fail(s, start, "out of memory");
		}
		s->keys = keys;
		s->key_cap = cap;
	}
	jsontext_decode_raw((struct str){s->p + start + 1, s->i - start - 2}, &s->key_bytes);
	if (s->key_bytes.failed) {
		s->no_memory = true;
		return fail(s, start, "out of memory");
	}
	key.n = s->key_bytes.len - key.at;
	s->keys[s->key_count++] = key;
	return 0;
}

static int compare_keys(const void *left, const void *right, void *bytes)
{
	const struct key *a = left, *b = right;
	const char *base = bytes;
	int order = memcmp(base + a->at, base + b->at, a->n < b->n ? a->n : b->n);
	if (order != 0)
		return order;
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	return a->position < b->position ? -1 : 1;
}

/* at: the opening quote of a key that was there before. */
static int fail_duplicate(struct scanner *s, size_t at)
{
	size_t end = at + 1;
	while (s->p[end] != '"')
		end += s->p[end] == '\\' ? 2 : 1;
	struct str key = {s->p + at + 1, end - at - 1}, shown = utf8_cut(key, SHOWN_KEY_MAX);
	snprintf(s->why_text, sizeof(s->why_text), "duplicate key \"%.*s%s\"", (int)shown.n, shown.p,
		 shown.n < key.n ? "…" : "");
	return fail(s, at, s->why_text);
}

/* The object that ends is complete: sorted, equal keys are neighbours (no hash that a peer could aim at). */
static int check_duplicates(struct scanner *s)
{
	size_t first = s->first_key[s->depth - 1], found = s->n;
	struct key *keys = s->keys + first;
	size_t count = s->key_count - first;
	char empty[1] = "", *bytes = s->key_bytes.data ? s->key_bytes.data : empty;
	if (count > 1)
		qsort_r(keys, count, sizeof(*keys), compare_keys, bytes);
	for (size_t i = 1; i < count; i++)
		if (keys[i].n == keys[i - 1].n && keys[i].position < found &&
		    memcmp(bytes + keys[i].at, bytes + keys[i - 1].at, keys[i].n) == 0)
			found = keys[i].position;
	if (found != s->n)
		return fail_duplicate(s, found);
	if (count > 0) {
		size_t kept = keys[0].at;
		for (size_t i = 1; i < count; i++)
			kept = keys[i].at < kept ? keys[i].at : kept;
		s->key_bytes.len = kept;
	}
	s->key_count = first;
	return 0;
}

/* A key and its colon; the value comes next. */
static int scan_key(struct scanner *s)
{
	skip_blanks(s);
	size_t start = s->i;
	if (peek(s) != '"')
		return fail(s, s->i,
			    s->i == s->n     ? "unexpected end inside an object"
			    : peek(s) == '}' ? "expected a key (no comma may stand before '}')"
					     : "expected a key in double quotes");
	if (scan_string(s) != 0 || (s->refuse_duplicates && remember_key(s, start) != 0))
		return -1;
	skip_blanks(s);
	if (peek(s) != ':')
		return fail(s, s->i,
			    s->i == s->n ? "unexpected end inside an object" : "expected ':' after a key");
	s->i++;
	return 0;
}

static int fail_depth(struct scanner *s)
{
	snprintf(s->why_text, sizeof(s->why_text), "nested deeper than %zu levels, the limit", s->max_depth);
	return fail(s, s->i, s->why_text);
}

/* Twice as many levels; what is there stays. */
static int more_levels(struct scanner *s)
{
	size_t words = s->levels / LEVELS_A_WORD;
	bool on_heap = s->is_object != s->first_levels;
	uint64_t *larger = reallocarray(on_heap ? s->is_object : NULL, words * 2, sizeof(*larger));
	if (!larger) {
		s->no_memory = true;
		return fail(s, s->i, "out of memory");
	}
	if (!on_heap)
		memcpy(larger, s->first_levels, sizeof(s->first_levels));
	s->is_object = larger;
	s->levels *= 2;
	return 0;
}

static int enter_level(struct scanner *s, bool object)
{
	if (s->depth == s->levels && more_levels(s) != 0)
		return -1;
	uint64_t bit = UINT64_C(1) << s->depth % LEVELS_A_WORD,
		 *word = &s->is_object[s->depth / LEVELS_A_WORD];
	*word = object ? *word | bit : *word & ~bit;
	if (s->refuse_duplicates) /* its depth is bounded */
		s->first_key[s->depth] = s->key_count;
	s->depth++;
	return 0;
}

static bool is_in_object(const struct scanner *s)
{
	size_t level = s->depth - 1;
	return s->is_object[level / LEVELS_A_WORD] >> level % LEVELS_A_WORD & 1;
}

/* At '{' or '['. *ret_value: a value comes next (false: the container was empty and is closed). */
static int open_container(struct scanner *s, bool *ret_value)
{
	bool object = peek(s) == '{';
	if (s->depth == s->max_depth)
		return fail_depth(s);
	if (enter_level(s, object) != 0)
		return -1;
	s->i++;
	skip_blanks(s);
	*ret_value = peek(s) != (object ? '}' : ']');
	if (!*ret_value) {
		s->i++;
		s->depth--;
		return 0;
	}
	return object ? scan_key(s) : 0;
}

/* Behind a value: closing brackets, then a comma (*ret_value: a value comes next) or the end of everything.
 */
static int after_value(struct scanner *s, bool *ret_value)
{
	*ret_value = false;
	while (s->depth > 0) {
		bool object = is_in_object(s);
		skip_blanks(s);
		int c = peek(s);
		if (c == ',') {
			s->i++;
			*ret_value = true;
			return object ? scan_key(s) : 0;
		}
		if (c != (object ? '}' : ']')) {
			if (c == -1)
				return fail(s, s->i,
					    object ? "unexpected end inside an object"
						   : "unexpected end inside an array");
			return fail(s, s->i, object ? "expected ',' or '}'" : "expected ',' or ']'");
		}
		if (object && s->refuse_duplicates && check_duplicates(s) != 0)
			return -1;
		s->i++;
		s->depth--;
	}
	return 0;
}

static int scan(struct scanner *s)
{
	bool value = true;
	while (value) {
		skip_blanks(s);
		int c = peek(s);
		if (c == '{' || c == '[') {
			if (open_container(s, &value) != 0)
				return -1;
			if (value)
				continue;
		} else if (scan_scalar(s) != 0) {
			return -1;
		}
		if (after_value(s, &value) != 0)
			return -1;
	}
	skip_blanks(s);
	if (s->i < s->n)
		return fail(s, s->i, "there is more behind the value");
	flush(s);
	return 0;
}

/* Everything counts from 1; a column is a character, or a byte that is none. */
static int report(const struct scanner *s, struct error *err)
{
	if (s->no_memory)
		return error_no_memory(err);
	size_t line = 1, column = 1;
	for (size_t i = 0; i < s->i;) {
		size_t length = utf8_length((struct str){s->p + i, s->n - i});
		column++;
		if (s->p[i] == '\n') {
			line++;
			column = 1;
		}
		i += length ? length : 1;
	}
	const char *why = s->why;
	struct str text = {s->p, s->n};
	if (s->i == 0 && str_starts_with(text, STR("\xef\xbb\xbf")))
		why = "a byte order mark is not allowed";
	if (s->i == 0 && (str_starts_with(text, STR("\xff\xfe")) || str_starts_with(text, STR("\xfe\xff"))))
		why = "this is UTF-16, and JSON is UTF-8";
	return error_set(err, ERR_BAD_REQUEST, "invalid JSON at byte %zu (line %zu, column %zu): %s",
			 s->i + 1, line, column, why);
}

static int run(struct str text, const struct jsontext_rules *rules, struct buffer *out, struct error *err)
{
	struct scanner *s = calloc(1, sizeof(*s));
	if (!s)
		return error_no_memory(err);
	s->p = text.n ? text.p : "";
	s->n = text.n;
	s->out = out;
	s->key_bytes = BUFFER(text.n);
	s->refuse_duplicates = rules && rules->refuse_duplicates;
	s->is_object = s->first_levels;
	s->levels = DEPTH_LIMIT;
	s->max_depth = rules && rules->max_depth ? rules->max_depth : DEFAULT_DEPTH;
	if (s->max_depth == JSONTEXT_ANY_DEPTH && !s->refuse_duplicates)
		s->max_depth = SIZE_MAX;
	else if (s->max_depth > DEPTH_LIMIT)
		s->max_depth = DEPTH_LIMIT;
	int status = scan(s);
	if (status != 0)
		report(s, err);
	if (s->is_object != s->first_levels)
		free(s->is_object);
	free(s->keys);
	buffer_free(&s->key_bytes);
	free(s);
	return status;
}

int jsontext_check(struct str text, const struct jsontext_rules *rules, struct error *err)
{
	return run(text, rules, NULL, err);
}

int jsontext_minify(struct str text, const struct jsontext_rules *rules, struct buffer *out,
		    struct error *err)
{
	size_t before = out->len;
	int status = run(text, rules, out, err);
	if (status == 0 && out->failed)
		status = out->no_memory
			     ? error_no_memory(err)
			     : error_set(err, ERR_TOO_LARGE, "the JSON text is larger than %zu bytes",
					 out->max - before);
	if (status != 0 && out->data) {
		out->len = before;
		out->data[before] = '\0';
	}
	return status;
}
