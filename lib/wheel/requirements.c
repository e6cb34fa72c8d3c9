#include "lib/wheel/requirements.h"

#include "lib/wheel/name.h"

static struct str skip(struct str text, size_t n)
{
	return (struct str){text.p + n, text.n - n};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\f' || c == '\v';
}

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

/* Blanks, line ends and the backslashes before them: where they are between words, nobody can tell anyway. */
static struct str skip_blanks(struct str text)
{
	while (text.n > 0) {
		bool goes_on = text.p[0] == '\\' && (text.n == 1 || is_line_end(text.p[1]));
		if (!goes_on && !is_blank(text.p[0]) && !is_line_end(text.p[0]))
			break;
		text = skip(text, 1);
	}
	return text;
}

/* Of one line, without its end: is it only a comment? Such a line ends what goes on over several, whatever it
 * ends with. */
static bool is_comment(struct str line)
{
	while (line.n > 0 && is_blank(line.p[0]))
		line = skip(line, 1);
	return line.n > 0 && line.p[0] == '#';
}

/* All up to the end of a line that doesn't go on; *text moves behind it. */
static struct str take_lines(struct str *text)
{
	struct str all = {text->p, 0};
	for (bool goes_on = true; goes_on && text->n > 0;) {
		size_t n = 0;
		while (n < text->n && !is_line_end(text->p[n]))
			n++;
		struct str line = {text->p, n};
		goes_on = n > 0 && line.p[n - 1] == '\\' && !is_comment(line);
		if (n < text->n)
			n += text->p[n] == '\r' && n + 1 < text->n && text->p[n + 1] == '\n' ? 2 : 1;
		*text = skip(*text, n);
		all.n += n;
	}
	return all;
}

/* A comment begins with a # at the beginning or behind a blank, and takes the rest, lines that go on
 * included. */
static struct str cut_comment(struct str lines)
{
	for (size_t i = 0; i < lines.n; i++)
		if (lines.p[i] == '#' && (i == 0 || is_blank(lines.p[i - 1]) || is_line_end(lines.p[i - 1])))
			return (struct str){lines.p, i};
	return lines;
}

/* From the first to the last character that counts. */
static struct str trim(struct str text)
{
	text = skip_blanks(text);
	while (text.n > 0 && skip_blanks(skip(text, text.n - 1)).n == 0)
		text.n--;
	return text;
}

static bool begins_word(struct str text, const char *word)
{
	struct str w = str_of(word);
	if (!str_starts_with(text, w))
		return false;
	/* -rother.txt and --requirement=other.txt are as good */
	return w.n == 2 || text.n == w.n || is_blank(text.p[w.n]) || text.p[w.n] == '=';
}

static bool is_asking_option(struct str text)
{
	return begins_word(text, "--requirement") || begins_word(text, "--editable") ||
	       (text.n > 1 && text.p[1] != '-' && (begins_word(text, "-r") || begins_word(text, "-e")));
}

/* Where the options begin: at a blank and "--". */
static size_t find_options(struct str text)
{
	for (size_t i = 1; i + 1 < text.n; i++)
		if (text.p[i] == '-' && text.p[i + 1] == '-' &&
		    (is_blank(text.p[i - 1]) || is_line_end(text.p[i - 1])))
			return i;
	return text.n;
}

static struct str take_name(struct str *text)
{
	size_t n = 0;
	while (n < text->n && wheel_project_is_name((struct str){&text->p[n], 1}))
		n++;
	while (n < text->n &&
	       (memchr("-_.", text->p[n], 3) || wheel_project_is_name((struct str){&text->p[n], 1})))
		n++;
	struct str name = {text->p, n};
	*text = skip(*text, n);
	return name;
}

static bool is_file_name(struct str name)
{
	return str_ends_with(name, STR(".whl")) || str_ends_with(name, STR(".zip")) ||
	       str_ends_with(name, STR(".tar.gz")) || str_ends_with(name, STR(".txt"));
}

/* The version of "==VERSION", where that is all that is asked. */
static struct str exact_version(struct str conditions)
{
	struct str version = {conditions.p, 0};
	if (str_starts_with(conditions, STR("==")))
		version = trim(skip(conditions, str_starts_with(conditions, STR("===")) ? 3 : 2));
	for (size_t i = 0; i < version.n; i++)
		if (version.p[i] == ',' || version.p[i] == '*' || version.p[i] == '$')
			return (struct str){version.p, 0};
	return version;
}

/* The part before the options: NAME[EXTRAS] CONDITIONS. */
static bool read_plain(struct str text, struct requirement *ret)
{
	struct str extras;
	ret->name = take_name(&text);
	if (!wheel_project_is_name(ret->name) || is_file_name(ret->name))
		return false;
	text = trim(text);
	if (text.n > 0 && text.p[0] == '[' && !str_split_once(text, ']', &extras, &text))
		return false;
	text = trim(text);
	if (text.n > 1 && text.p[0] == '(' && text.p[text.n - 1] == ')')
		text = trim((struct str){text.p + 1, text.n - 2});
	if (text.n > 0 && !memchr("=<>!~", text.p[0], 5))
		return false;
	if (text.n > 0 && (memchr(text.p, ';', text.n) || memchr(text.p, '@', text.n)))
		return false;
	ret->version = exact_version(text);
	return true;
}

static void read_requirement(struct str text, struct requirement *ret)
{
	size_t options = find_options(text);
	*ret = (struct requirement){.kind = REQUIREMENT_OTHER, .text = text};
	if (text.p[0] == '-') {
		ret->kind = is_asking_option(text) ? REQUIREMENT_OTHER : REQUIREMENT_OPTION;
		return;
	}
	ret->options = skip(text, options);
	if (read_plain(trim((struct str){text.p, options}), ret))
		ret->kind = REQUIREMENT_PLAIN;
	else
		ret->name = ret->version = (struct str){text.p, 0};
}

bool requirements_next(struct str *text, struct requirement *ret)
{
	const struct str mark = STR("\xef\xbb\xbf"); /* of UTF-8, at the beginning */
	if (str_starts_with(*text, mark))
		*text = skip(*text, mark.n);
	while (text->n > 0) {
		struct str line = trim(cut_comment(take_lines(text)));
		if (line.n == 0)
			continue;
		read_requirement(line, ret);
		return true;
	}
	return false;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool requirements_next_sha256(struct str *options, struct str *ret)
{
	const struct str key = STR("--hash"), kind = STR("sha256:");
	while (options->n > 0) {
		bool is_hash = str_starts_with(*options, key);
		*options = skip(*options, is_hash ? key.n : 1);
		if (!is_hash)
			continue;
		struct str value = *options;
		if (value.n > 0 && value.p[0] == '=')
			value = skip(value, 1);
		value = skip_blanks(value);
		if (!str_starts_with(value, kind))
			continue;
		value = skip(value, kind.n);
		size_t n = 0;
		while (n < value.n && is_hex(value.p[n]))
			n++;
		*options = skip(value, n);
		*ret = (struct str){value.p, n};
		if (n == 64)
			return true;
	}
	return false;
}

bool requirements_are_wanted(struct str text)
{
	struct requirement one;
	while (requirements_next(&text, &one))
		if (one.kind != REQUIREMENT_OPTION)
			return true;
	return false;
}
