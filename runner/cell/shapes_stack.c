/* Exceptions with a stack of lines "at …" below them: node's, as it prints them when they end it and as
 * scripts print them; Java's and .NET's. */
#include "runner/cell/shapes.h"

#define NODE_LINES 400u  /* of one block */
#define HEADER_LINES 10u /* of one message above its stack */
#define PROPERTY 2u      /* indentation of an error's properties */

static bool is_frame(const struct line *line)
{
	return line->indent > 0 &&
	       (str_starts_with(line->text, STR("at ")) || str_starts_with(line->text, STR("... ")));
}

static bool ends_with_number(struct str s)
{
	size_t digits = 0;
	while (digits < s.n && s.p[s.n - 1 - digits] >= '0' && s.p[s.n - 1 - digits] <= '9')
		digits++;
	return digits > 0 && digits + 1 < s.n && s.p[s.n - 1 - digits] == ':';
}

static bool is_carets(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '^')
			return false;
	return s.n > 0;
}

static struct str without_prefix(struct str s, struct str prefix)
{
	return str_starts_with(s, prefix) ? (struct str){s.p + prefix.n, s.n - prefix.n} : s;
}

/* The message in the first line of an exception, without what says no more than that it is one. */
static struct str clean_head(struct str s)
{
	static const struct str boilerplate = STR("This error originated either by throwing inside of an "
						  "async function without a catch block, or by rejecting a "
						  "promise which was not handled with .catch(). ");
	struct str head, tail;
	if (str_ends_with(s, STR(" {"))) /* properties follow */
		s = (struct str){s.p, s.n - 2};
	if (str_starts_with(s, STR("Exception in thread \"")) && str_split_once(s, '"', &head, &tail) &&
	    str_split_once(tail, '"', &head, &tail) && tail.n > 0)
		s = str_trim(tail);
	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']') /* an error without a stack */
		s = (struct str){s.p + 1, s.n - 2};
	const char *from = s.n ? memmem(s.p, s.n, boilerplate.p, boilerplate.n) : NULL;
	if (from)
		s = (struct str){from + boilerplate.n, (size_t)(s.p + s.n - from) - boilerplate.n};
	return without_prefix(s, STR("Unhandled exception. "));
}

/* What node shows of an error below its stack: { code: 'X', [cause]: Error: … }. */
static void take_properties(const struct lines *lines, size_t from, size_t to, struct shape *shape)
{
	bool in_errors = false;
	for (size_t k = from; k < to; k++) {
		const struct line *line = &lines->of[k];
		struct str s = line->text, rest;
		if (line->indent == PROPERTY)
			in_errors = str_starts_with(s, STR("[errors]: ["));
		if (line->indent == PROPERTY && str_starts_with(s, STR("code: '"))) {
			str_split_once(without_prefix(s, STR("code: '")), '\'', &shape->code, &rest);
		} else if (str_starts_with(s, STR("[cause]: "))) {
			shape->more_word = "caused by ";
			shape_add_more(shape, without_prefix(s, STR("[cause]: ")));
		} else if (in_errors && line->indent == 2 * PROPERTY && shape_is_exception(s)) {
			shape->more_word = "";
			shape_add_more(shape, s);
		}
	}
}

/* The place, its line, a caret below it; then the error, and node's version last. */
bool shape_node(const struct lines *lines, size_t at, struct shape *ret)
{
	size_t from = at + 3, end = from;
	if (lines->of[at].indent > 0 || !ends_with_number(lines_text(lines, at)) ||
	    !is_carets(lines_text(lines, at + 2)))
		return false;
	while (end < lines->count && end - at < NODE_LINES &&
	       !str_starts_with(lines_text(lines, end), STR("Node.js v")))
		end++;
	if (!str_starts_with(lines_text(lines, end), STR("Node.js v")))
		return false;
	while (from < end &&
	       (lines_text(lines, from).n == 0 || str_eq(lines_text(lines, from), STR("Uncaught:"))))
		from++;
	size_t to = from;
	while (to < end && !is_frame(&lines->of[to]) && !shape_is_help(lines_text(lines, to)))
		if (str_ends_with(lines_text(lines, to++), STR(" {")))
			break;
	while (to > from && lines_text(lines, to - 1).n == 0)
		to--;
	if (to == from)
		return false;
	*ret = (struct shape){.rank = SHAPE_REASON,
			      .from = from,
			      .to = to,
			      .head = clean_head(lines_text(lines, from)),
			      .end = end + 1};
	if (from == at + 3) /* before an error there is a blank line, before any other value there is none */
		ret->before = "Uncaught: ";
	take_properties(lines, to, end, ret);
	return true;
}

/* Behind the frames, what is between them ("Caused by: …" with a message of its own) and properties. */
static size_t take_frames(const struct lines *lines, size_t at, struct shape *shape)
{
	bool in_properties = false, in_message = false;
	size_t k = at;
	for (; k < lines->count; k++) {
		const struct line *line = &lines->of[k];
		struct str s = line->text;
		bool frame = is_frame(line), cause = str_starts_with(s, STR("Caused by: "));
		bool suppressed = line->indent > 0 && str_starts_with(s, STR("Suppressed: "));
		if (in_properties && line->indent == 0 && s.n > 0) {
			if (s.p[0] == '}')
				k++;
			break;
		}
		if (!in_properties && !in_message && !frame && !cause && !suppressed)
			break;
		if (in_message && s.n == 0)
			break;
		if (cause) {
			shape->more_word = "caused by ";
			shape_add_more(shape, without_prefix(s, STR("Caused by: ")));
		}
		in_message = !in_properties && !frame && (cause || suppressed || in_message);
		in_properties = in_properties || (frame && str_ends_with(s, STR(" {")));
	}
	return k;
}

bool shape_stack(const struct lines *lines, size_t at, struct shape *ret)
{
	const struct line *first = &lines->of[at];
	size_t k = at + 1;
	if (first->indent > 0 || first->text.n == 0 || str_starts_with(first->text, STR("Trace")))
		return false;
	while (k < lines->count && k - at < HEADER_LINES && lines->of[k].text.n > 0 &&
	       !is_frame(&lines->of[k]))
		k++;
	if (k == lines->count || !is_frame(&lines->of[k]))
		return false;
	bool is_java = str_starts_with(first->text, STR("Exception in thread "));
	if (k > at + 1 && !is_java && !shape_is_exception(first->text))
		return false; /* an exception begins further below */
	*ret = (struct shape){.rank = shape_is_noise(first) ? SHAPE_NOISE : SHAPE_REASON,
			      .from = at,
			      .to = k,
			      .head = clean_head(first->text)};
	ret->end = take_frames(lines, k, ret);
	take_properties(lines, k, ret->end, ret);
	return true;
}
