#include "lib/wheel/version.h"

#include "lib/base/buffer.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_separator(char c)
{
	return c == '.' || c == '-' || c == '_';
}

static struct str take(struct str *rest, bool (*is_wanted)(char c))
{
	size_t n = 0;
	while (n < rest->n && is_wanted(rest->p[n]))
		n++;
	struct str taken = {rest->p, n};
	*rest = (struct str){rest->p + n, rest->n - n};
	return taken;
}

/* Without zeros in front. */
static void put_number(struct str digits, struct buffer *out)
{
	while (digits.n > 1 && digits.p[0] == '0')
		digits = (struct str){digits.p + 1, digits.n - 1};
	buffer_append_str(out, digits.n ? digits : STR("0"));
}

/* "1.20.0" as "1.20". */
static void put_release(struct str *rest, struct buffer *out)
{
	size_t significant = out->len;
	for (;;) {
		struct str digits = take(rest, is_digit);
		size_t before = out->len;
		put_number(digits, out);
		if (out->len - before != 1 || out->data[before] != '0')
			significant = out->len;
		if (rest->n < 2 || rest->p[0] != '.' || !is_digit(rest->p[1]))
			break;
		*rest = (struct str){rest->p + 1, rest->n - 1};
		buffer_append_byte(out, '.');
	}
	if (!out->failed)
		out->len = significant;
}

static struct str spelling(struct str word)
{
	static const struct {
		const char *other, *usual;
	} words[] = {{"alpha", "a"},    {"beta", "b"},   {"c", "rc"},  {"pre", "rc"},
		     {"preview", "rc"}, {"rev", "post"}, {"r", "post"}};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq(word, str_of(words[i].other)))
			return str_of(words[i].usual);
	return word;
}

/* "-rc.1", ".post2", "-1" (which is post1), ".dev3", up to a "+". */
static bool put_suffixes(struct str *rest, struct buffer *out)
{
	while (rest->n > 0 && rest->p[0] != '+') {
		char separator = is_separator(rest->p[0]) ? rest->p[0] : '\0';
		if (separator)
			*rest = (struct str){rest->p + 1, rest->n - 1};
		struct str word = take(rest, is_letter);
		if (word.n == 0 && (separator == '\0' || rest->n == 0 || !is_digit(rest->p[0])))
			return false;
		if (word.n > 0 && rest->n > 1 && is_separator(rest->p[0]) && is_digit(rest->p[1]))
			*rest = (struct str){rest->p + 1, rest->n - 1};
		buffer_append_str(out, word.n ? spelling(word) : STR("post"));
		put_number(take(rest, is_digit), out);
	}
	return true;
}

/* Written in one way; text is in lower case already. False: it is none of PEP 440's. */
static bool normalise(struct str text, struct buffer *out)
{
	struct str epoch, rest = text;
	if (rest.n > 0 && rest.p[0] == 'v')
		rest = (struct str){rest.p + 1, rest.n - 1};
	if (str_split_once(rest, '!', &epoch, &text)) {
		put_number(take(&epoch, is_digit), out);
		rest = text;
		if (epoch.n > 0)
			return false;
		if (out->len == 1 && out->data[0] == '0')
			buffer_reset(out);
		else
			buffer_append_byte(out, '!');
	}
	if (rest.n == 0 || !is_digit(rest.p[0]))
		return false;
	put_release(&rest, out);
	if (!put_suffixes(&rest, out))
		return false;
	for (size_t i = 0; i < rest.n; i++) /* the local version */
		buffer_append_byte(out, is_separator(rest.p[i]) ? '.' : rest.p[i]);
	return !out->failed;
}

static struct str lower(struct str text, char ret[WHEEL_VERSION_SIZE])
{
	size_t n = text.n < WHEEL_VERSION_SIZE ? text.n : WHEEL_VERSION_SIZE;
	for (size_t i = 0; i < n; i++)
		ret[i] = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (char)(text.p[i] - 'A' + 'a') : text.p[i];
	return (struct str){ret, n};
}

bool wheel_version_matches(struct str asked, struct str have)
{
	char texts[2][WHEEL_VERSION_SIZE];
	cleanup_buffer struct buffer left = BUFFER(2 * WHEEL_VERSION_SIZE),
				     right = BUFFER(2 * WHEEL_VERSION_SIZE);
	struct str local;
	if (!asked.n || !memchr(asked.p, '+', asked.n))
		str_split_once(have, '+', &have, &local);
	if (asked.n > WHEEL_VERSION_SIZE || have.n > WHEEL_VERSION_SIZE)
		return false;
	if (!normalise(lower(asked, texts[0]), &left) || !normalise(lower(have, texts[1]), &right))
		return str_eq_ignore_case(asked, have);
	return str_eq(buffer_str(&left), buffer_str(&right));
}
