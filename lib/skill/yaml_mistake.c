#include "lib/skill/yaml_mistake.h"

#include <stdio.h>

#define KEY_MAX 64
#define MEND_MAX 300

bool yaml_line_is_indented_by_tab(struct str line)
{
	size_t blanks = 0;
	while (blanks < line.n && line.p[blanks] == ' ')
		blanks++;
	return blanks < line.n && line.p[blanks] == '\t' && str_trim(line).n > 0;
}

struct str yaml_next_line(struct str *rest)
{
	size_t n = 0;
	while (n < rest->n && rest->p[n] != '\n' && rest->p[n] != '\r')
		n++;
	struct str line = {rest->p, n};
	size_t end = n < rest->n ? n + 1 : n;
	if (end < rest->n && rest->p[n] == '\r' && rest->p[end] == '\n')
		end++;
	*rest = (struct str){rest->p + end, rest->n - end};
	return line;
}

static struct str line_at(struct str text, size_t number)
{
	struct str rest = text.n ? text : STR("");
	struct str line = yaml_next_line(&rest);
	for (size_t i = 0; i < number; i++)
		line = yaml_next_line(&rest);
	return line;
}

/* A line in its pieces; their n is 0 where there is none. */
struct pieces {
	struct str key, value; /* value: trimmed; without a key, the whole line behind any "- " */
	size_t colon;          /* byte behind the key */
};

static struct pieces pieces_of(struct str line)
{
	struct pieces ret = {0};
	size_t start = 0;
	while (start < line.n && (line.p[start] == ' ' || line.p[start] == '-'))
		start++;
	ret.value = str_trim((struct str){line.p + start, line.n - start});
	for (size_t i = start; i < line.n; i++) {
		bool is_end = i + 1 == line.n || line.p[i + 1] == ' ' || line.p[i + 1] == '\r';
		if (line.p[i] != ':' || !is_end)
			continue;
		ret.key = str_trim((struct str){line.p + start, i - start});
		ret.value = str_trim((struct str){line.p + i + 1, line.n - i - 1});
		ret.colon = i;
		break;
	}
	return ret;
}

/* The mistake, as libyaml found it. */
struct mistake {
	struct str text;
	size_t line; /* from 0, in text */
	size_t column;
	struct pieces here, above; /* above: the nearest line before it that has a key */
	const char *problem;
};

/* Where the value begins that the mistake is in. */
static const struct pieces *owner_of(const struct mistake *m)
{
	return m->here.key.n > 0 && m->here.value.n > 0 ? &m->here : &m->above;
}

/* `"description"`, or `that` where no key is known. */
static const char *name_of(const struct pieces *pieces, char ret[KEY_MAX + 3])
{
	char shown[PROBLEMS_SHOWN_SIZE];
	if (pieces->key.n == 0 || pieces->key.n > KEY_MAX)
		return "that";
	snprintf(ret, KEY_MAX + 3, "\"%.*s\"", KEY_MAX, problems_show(pieces->key, shown));
	return ret;
}

static void mend_colon(const struct mistake *m, char *ret, size_t size)
{
	char name[KEY_MAX + 3], above[KEY_MAX + 3];
	if (m->here.key.n > 0 && m->here.value.n > 0 && m->column > m->here.colon)
		snprintf(ret, size, "quote the value of %s, since it has \": \" in it",
			 name_of(&m->here, name));
	else
		snprintf(ret, size,
			 "begin the line below the first letter of the key above it, or quote the value of "
			 "%s if it "
			 "belongs to that",
			 name_of(&m->above, above));
}

static void mend_start(const struct mistake *m, char *ret, size_t size)
{
	char name[KEY_MAX + 3];
	snprintf(ret, size, "quote the value of %s, since a value can't begin with '%c'",
		 name_of(&m->here, name), m->here.value.n > 0 ? m->here.value.p[0] : '@');
}

/* "did not find expected key": something is behind a value that was over, or the indentation is odd. */
static void mend_key(const struct mistake *m, char *ret, size_t size)
{
	char name[KEY_MAX + 3];
	const struct pieces *pieces = owner_of(m);
	char first = pieces->value.n > 0 ? pieces->value.p[0] : '\0';
	if (first == '"' || first == '\'')
		snprintf(ret, size, "quote the whole value of %s, and write %s for a quote within it",
			 name_of(pieces, name), first == '"' ? "\\\"" : "''");
	else if (first == '[' || first == '{')
		snprintf(ret, size, "quote the value of %s, since a '%c' begins a %s", name_of(pieces, name),
			 first, first == '[' ? "list" : "mapping");
	else
		snprintf(ret, size, "begin the line below the first letter of the key above it");
}

static void mend_open(const struct mistake *m, char *ret, size_t size)
{
	char name[KEY_MAX + 3];
	const struct pieces *pieces = owner_of(m);
	snprintf(ret, size, "close the list or mapping of %s, or quote the value if it is text",
		 name_of(pieces, name));
}

static void mend_item(const struct mistake *m, char *ret, size_t size)
{
	char name[KEY_MAX + 3];
	snprintf(ret, size, "quote each text in the list or mapping of %s that has a ':'",
		 name_of(owner_of(m), name));
}

static void mend_quote(const struct mistake *m, char *ret, size_t size)
{
	char name[KEY_MAX + 3];
	const struct pieces *pieces = owner_of(m);
	snprintf(ret, size, "close the quote that the value of %s begins with", name_of(pieces, name));
}

static void mend_text(const struct mistake *m, char *ret, size_t size)
{
	char above[KEY_MAX + 3];
	snprintf(
	    ret, size,
	    "write \"key: value\"; if the line belongs to %s, put >- behind that key and indent all lines of "
	    "its value",
	    name_of(&m->above, above));
}

static void mend_escape(const struct mistake *m, char *ret, size_t size)
{
	char name[KEY_MAX + 3];
	snprintf(ret, size, "in the value of %s write \\\\ for a backslash, or use single quotes",
		 name_of(&m->here, name));
}

static void mend_list(const struct mistake *m, char *ret, size_t size)
{
	char name[KEY_MAX + 3];
	snprintf(ret, size, "put each \"- \" on a line of its own below %s, or quote the value if it is text",
		 name_of(&m->here, name));
}

static void mend_block(const struct mistake *m, char *ret, size_t size)
{
	char name[KEY_MAX + 3];
	snprintf(ret, size, "begin the text of %s on the next line, indented, or quote it",
		 name_of(&m->here, name));
}

/* What libyaml says (0.2.5, scanner.c and parser.c) → the mend. */
static const struct {
	const char *problem;
	void (*mend)(const struct mistake *mistake, char *ret, size_t size);
} mends[] = {
    {"mapping values are not allowed", mend_colon},
    {"found character that cannot start any token", mend_start},
    {"did not find expected alphabetic or numeric character", mend_start},
    {"found undefined tag handle", mend_start},
    {"did not find expected tag URI", mend_start},
    {"did not find expected '!'", mend_start},
    {"did not find the expected '>'", mend_start},
    {"did not find expected whitespace or line break", mend_start},
    {"did not find expected key", mend_key},
    {"did not find expected <document start>", mend_key},
    {"did not find expected ',' or ']'", mend_open},
    {"did not find expected ',' or '}'", mend_open},
    {"did not find expected node content", mend_open},
    {"found unexpected ':'", mend_item},
    {"found unexpected end of stream", mend_quote},
    {"found unexpected document indicator", mend_quote},
    {"could not find expected ':'", mend_text},
    {"found unknown escape character", mend_escape},
    {"did not find expected hexdecimal number", mend_escape},
    {"block sequence entries are not allowed", mend_list},
    {"did not find expected '-' indicator", mend_list},
    {"did not find expected comment or line break", mend_block},
};

static void find_place(const yaml_parser_t *parser, struct mistake *m)
{
	const yaml_mark_t *mark = &parser->problem_mark;
	/* What was begun and never ended is best looked for where it begins. */
	if (strstr(m->problem, "unexpected end of stream") ||
	    strstr(m->problem, "could not find expected ':'") ||
	    strstr(m->problem, "unexpected document indicator") || strstr(m->problem, "',' or"))
		mark = &parser->context_mark;
	m->line = mark->line;
	m->column = mark->column;
	if (parser->error != YAML_READER_ERROR)
		return;
	m->line = m->column = 0;
	for (size_t i = 0; i < parser->problem_offset && i < m->text.n; i++) {
		bool crlf = m->text.p[i] == '\r' && i + 1 < m->text.n && m->text.p[i + 1] == '\n';
		bool ends = m->text.p[i] == '\n' || (m->text.p[i] == '\r' && !crlf);
		m->line += ends;
		m->column = ends ? 0 : m->column + 1;
	}
}

static void find_lines(struct mistake *m)
{
	m->here = pieces_of(line_at(m->text, m->line));
	for (size_t i = m->line; i > 0 && m->above.key.n == 0; i--)
		m->above = pieces_of(line_at(m->text, i - 1));
}

void yaml_mistake_tell(const yaml_parser_t *parser, struct str text, size_t first_line,
		       struct problems *problems)
{
	struct mistake m = {.text = text, .problem = parser->problem ? parser->problem : "unknown problem"};
	char mend[MEND_MAX] = "check its quotes and its indentation";
	find_place(parser, &m);
	if (parser->error == YAML_READER_ERROR) {
		problems_add(
		    problems,
		    "SKILL.md line %zu, column %zu: the frontmatter has a control character (U+%04X): take "
		    "it out",
		    first_line + m.line, m.column + 1, (unsigned)parser->problem_value);
		return;
	}
	if (yaml_line_is_indented_by_tab(line_at(text, m.line))) {
		problems_add(problems, "SKILL.md line %zu: tabs can't be used for indentation, use spaces",
			     first_line + m.line);
		return;
	}
	find_lines(&m);
	for (size_t i = 0; i < sizeof(mends) / sizeof(mends[0]); i++)
		if (strstr(m.problem, mends[i].problem)) {
			mends[i].mend(&m, mend, sizeof(mend));
			break;
		}
	problems_add(problems, "SKILL.md line %zu, column %zu: the frontmatter is not valid YAML (%s): %s",
		     first_line + m.line, m.column + 1, m.problem, mend);
}
