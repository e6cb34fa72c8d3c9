#include "cli/output/indent.h"

#include "lib/base/jsontext.h"

#define DEPTH_MAX 200

static void new_line(struct buffer *out, size_t depth)
{
	buffer_append_byte(out, '\n');
	for (size_t i = 0; i < depth; i++)
		buffer_append_c(out, "  ");
}

static size_t skip_blanks(struct str text, size_t at)
{
	while (at < text.n &&
	       (text.p[at] == ' ' || text.p[at] == '\t' || text.p[at] == '\r' || text.p[at] == '\n'))
		at++;
	return at;
}

/* A string from its quote to the one behind it. */
static size_t copy_string(struct str text, size_t at, struct buffer *out)
{
	size_t start = at++;
	while (at < text.n && text.p[at] != '"')
		at += text.p[at] == '\\' ? 2 : 1;
	at++;
	buffer_append(out, text.p + start, at - start);
	return at;
}

/* text was checked: brackets match, and what is between them is no matter here. */
static void indent(struct str text, struct buffer *out)
{
	size_t depth = 0;
	for (size_t at = skip_blanks(text, 0); at < text.n && !out->failed; at = skip_blanks(text, at)) {
		char c = text.p[at];
		if (c == '"') {
			at = copy_string(text, at, out);
			continue;
		}
		at++;
		if (c == '}' || c == ']')
			new_line(out, --depth);
		buffer_append_byte(out, c);
		if (c == ':')
			buffer_append_byte(out, ' ');
		if (c == ',')
			new_line(out, depth);
		if (c != '{' && c != '[')
			continue;
		size_t next = skip_blanks(text, at);
		if (text.p[next] == '}' || text.p[next] == ']') { /* empty ones stay in the line */
			buffer_append_byte(out, text.p[next]);
			at = next + 1;
		} else {
			new_line(out, ++depth);
		}
	}
}

int json_indent(struct str text, struct buffer *out, struct error *err)
{
	static const struct jsontext_rules rules = {.max_depth = JSONTEXT_ANY_DEPTH};
	text = str_trim(text);
	if (jsontext_check(text, &rules, err) != 0)
		return -1;
	if (jsontext_depth(text) > DEPTH_MAX)
		buffer_append_str(out, text);
	else
		indent(text, out);
	return buffer_check(out, "the text", err);
}
