#include "runner/cell/shapes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define INFO_BEGINNING 48u /* of a line, with the time and the level */
#define GO_LINES 8u        /* between a panic and the first goroutine */

bool shape_has(struct str s, const char *what)
{
	return s.n > 0 && memmem(s.p, s.n, what, strlen(what)) != NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool starts(struct str s, const char *prefix)
{
	return str_starts_with(s, str_of(prefix));
}

static bool starts_any_case(struct str s, const char *prefix)
{
	return str_starts_with_ignore_case(s, str_of(prefix));
}

/* `what` is in lower case. */
static bool has_any_case(struct str s, const char *what)
{
	char upper = what[0] >= 'a' && what[0] <= 'z' ? (char)(what[0] - 'a' + 'A') : what[0];
	for (; s.n > 0; s.p++, s.n--)
		if ((s.p[0] == what[0] || s.p[0] == upper) && starts_any_case(s, what))
			return true;
	return false;
}

static bool ends(struct str s, const char *suffix)
{
	return str_ends_with(s, str_of(suffix));
}

/* Is the test true of s and one of the words? */
static bool any(bool (*test)(struct str s, const char *word), struct str s, const char *const *words,
		size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (test(s, words[i]))
			return true;
	return false;
}
#define ANY(test, s, words) any(test, s, words, COUNT(words))

bool shape_is_exception(struct str s)
{
	static const char *const endings[] = {"Error", "Exception", "Interrupt", "Failure", "Fault", "Exit"};
	size_t n = 0;
	while (n < s.n &&
	       (is_letter(s.p[n]) || is_digit(s.p[n]) || s.p[n] == '.' || s.p[n] == '_' || s.p[n] == '$'))
		n++;
	struct str name = {s.p, n}, rest = {s.p + n, s.n - n};
	if (rest.n > 0 && rest.p[0] != ':' && !starts(rest, " ["))
		return false;
	if (rest.n == 0 && !shape_has(name, ".") && n < strlen("OSError"))
		return false; /* the word alone says nothing */
	return ANY(ends, name, endings);
}

bool shape_is_help(struct str s)
{
	static const char *const help[] = {"For further information visit", "For more information",
					   "(Background on this error", "Require stack:", "(Use `node --"};
	return ANY(starts, s, help);
}

/* Rules, and what points at a place in a line: nothing but signs. */
static bool is_signs(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr(" \t^~-=_*#+|.<>", s.p[i]) || s.p[i] == '\0')
			return false;
	return true;
}

/* "FILE:3: DeprecationWarning: …", "(node:7) Warning: …", "Warning: …" */
static bool is_warning(struct str s)
{
	return starts(s, "(node:") || starts_any_case(s, "warning:") || starts_any_case(s, "warning ") ||
	       shape_has(s, "Warning: ") || has_any_case(s, ": warning: ") || starts_any_case(s, "[warn") ||
	       starts(s, "WARN");
}

/* A line of a log below the levels of errors and warnings. */
static bool is_info(struct str s)
{
	static const char *const levels[] = {"info", "debug", "trace"};
	for (size_t i = 0; i < COUNT(levels); i++) {
		size_t n = strlen(levels[i]);
		if (starts_any_case(s, levels[i]) && s.n > n &&
		    (s.p[n] == ':' || s.p[n] == ']' || s.p[n] == ' '))
			return true;
	}
	if (shape_is_exception(s))
		return false;
	s.n = s.n < INFO_BEGINNING ? s.n : INFO_BEGINNING;
	return shape_has(s, " INFO ") || shape_has(s, "[INFO]") || shape_has(s, " DEBUG ") ||
	       shape_has(s, "[DEBUG]") || shape_has(s, "\"level\":\"info\"") || shape_has(s, "level=info");
}

/* Where to look for help. */
static bool is_advice(struct str s)
{
	static const char *const begins[] = {"hint:", "help:",     "note:",       "usage:",   "see ",
					     "try ",  "for more ", "please see ", "more info"};
	return ANY(starts_any_case, s, begins);
}

static bool is_frame(const struct line *line)
{
	return line->indent > 0 &&
	       (starts(line->text, "at ") || starts(line->text, "from ") || starts(line->text, "... "));
}

bool shape_is_noise(const struct line *line)
{
	static const char *const noise[] = {"Node.js v",
					    "Execution halted",
					    "exit status ",
					    "Calls: ",
					    "goroutine ",
					    "[Previous line",
					    "The above exception was",
					    "During handling of the above",
					    "error: compilation failed",
					    "stack backtrace:",
					    "Object allocated at",
					    "BEGIN failed--",
					    "Compilation failed in ",
					    "1 error",
					    "error: could not compile",
					    "A complete log of",
					    "npm ERR! A complete log",
					    "npm error A complete log"};
	struct str s = line->text;
	return s.n == 0 || line->is_bar || is_frame(line) || is_signs(s) || is_warning(s) || is_info(s) ||
	       is_advice(s) || shape_is_help(s) || ANY(starts, s, noise);
}

/* A line with which another block begins. */
static bool begins_another(const struct line *line)
{
	static const char *const begins[] = {
	    "Traceback (most recent", "Exception ignored",    "Exception in thread",
	    "Error in atexit",        "Error in sys.",        "--- Logging error",
	    "Task exception was",     "Future exception was", "Caused by:"};
	return ANY(starts, line->text, begins) ||
	       (shape_is_noise(line) && !shape_is_help(line->text) && !is_signs(line->text));
}

size_t shape_message_end(const struct lines *lines, size_t at)
{
	struct str first = lines_text(lines, at);
	unsigned base = lines->of[at].indent;
	bool all = first.n > 0 && first.p[first.n - 1] == ':';
	size_t end = at + 1;
	for (size_t k = at + 1; k < lines->count && k - at < SHAPE_MESSAGE_LINES; k++) {
		const struct line *line = &lines->of[k];
		if (line->text.n == 0 && all && end == at + 1)
			continue;
		if (line->text.n == 0 || begins_another(line))
			break;
		bool is_data = strchr("{}])", line->text.p[0]) || starts(line->text, "[SQL:");
		if (all || line->indent > base || is_data)
			end = k + 1;
	}
	return end;
}

void shape_add_more(struct shape *shape, struct str text)
{
	if (str_ends_with(text, STR(" {")))
		text = str_trim((struct str){text.p, text.n - 2});
	if (shape->more_count == SHAPE_MORE)
		shape->more_count--;
	shape->more[shape->more_count++] = text;
}

/* Go. What follows are its goroutines, however many. */
static bool shape_go(const struct lines *lines, size_t at, struct shape *ret)
{
	struct str s = lines_text(lines, at);
	size_t k = at + 1;
	if (lines->of[at].indent > 0 || (!starts(s, "panic: ") && !starts(s, "fatal error: ")))
		return false;
	while (k < lines->count && k - at < GO_LINES && !starts(lines_text(lines, k), "goroutine "))
		k++;
	if (!starts(lines_text(lines, k), "goroutine "))
		return false;
	for (; k < lines->count; k++) {
		const struct line *line = &lines->of[k];
		bool is_stack = line->text.n == 0 || line->indent > 0 || starts(line->text, "goroutine ") ||
				starts(line->text, "created by ") || str_ends_with(line->text, STR(")"));
		if (!is_stack)
			break;
	}
	*ret = (struct shape){
	    .rank = SHAPE_REASON, .from = at, .to = shape_message_end(lines, at), .head = s, .end = k};
	return true;
}

/* bash: "main.sh: line 3: …"; *ret_rest is what follows that. */
static bool is_of_bash(struct str s, struct str *ret_rest)
{
	const char *line = s.n ? memmem(s.p, s.n, ": line ", 7) : NULL;
	if (!line)
		return false;
	struct str number, rest = {line + 7, (size_t)(s.p + s.n - line - 7)};
	int64_t value;
	return str_split_once(rest, ':', &number, ret_rest) && str_to_i64(number, 1, INT32_MAX, &value);
}

/* perl: "… at FILE line 3." */
static bool is_of_perl(struct str s)
{
	const char *line = s.n ? memmem(s.p, s.n, " line ", 6) : NULL;
	return line && line + 6 < s.p + s.n && is_digit(line[6]) && shape_has(s, " at ") &&
	       s.p[s.n - 1] == '.';
}

/* ruby: "FILE:1:in `f': … (TypeError)" */
static bool is_of_ruby(struct str s)
{
	return (shape_has(s, ":in `") || shape_has(s, ":in '")) &&
	       (str_ends_with(s, STR("Error)")) || str_ends_with(s, STR("Exception)")));
}

static bool is_reason(struct str s)
{
	static const char *const begins[] = {
	    "error:", "exception in thread ", "panic:", "uncaught ", "unhandled ",
	    "fatal:", "fatal error",          "fatal ", "fatal]"};
	static const char *const inside[] = {": error: ", ": fatal: ", ": fatal error: ", ": syntax error",
					     " panicked at "};
	/* R; rustc */
	return ANY(starts_any_case, s, begins) || ANY(has_any_case, s, inside) || starts(s, "Error in ") ||
	       starts(s, "error[E") || shape_is_exception(s) || is_of_ruby(s) || is_of_perl(s);
}

static bool tells_of_an_error(struct str s)
{
	static const char *const words[] = {"error:",
					    "error ",
					    "error]",
					    "exception",
					    "fatal",
					    "critical",
					    "failed",
					    "failure",
					    "no such ",
					    "not found",
					    "denied",
					    "cannot ",
					    "can't ",
					    "could not ",
					    "couldn't ",
					    "unable to",
					    "invalid ",
					    "missing",
					    "not permitted",
					    "unbound variable",
					    "segmentation fault",
					    "out of memory",
					    "no space left",
					    "refused",
					    "timed out",
					    "aborted",
					    "killed",
					    "unknown option",
					    "unrecognized",
					    "not recognized",
					    "is required",
					    "unexpected ",
					    "must be ",
					    "too many ",
					    "bad "};
	struct str rest;
	if (starts(s, "+ ")) /* a shell tells what it does */
		return false;
	return is_of_bash(s, &rest) || ANY(has_any_case, s, words);
}

/* anyhow and its like: "Error: …", a blank line, "Caused by:", and the causes, indented. */
static void take_causes(const struct lines *lines, struct shape *shape)
{
	size_t k = shape->end;
	while (k < lines->count && lines_text(lines, k).n == 0)
		k++;
	if (!str_eq(lines_text(lines, k), STR("Caused by:")))
		return;
	for (k++; k < lines->count && lines->of[k].indent > 0; k++) {
		struct str text = lines_text(lines, k), number, rest;
		int64_t value;
		if (str_split_once(text, ':', &number, &rest) && str_to_i64(number, 0, INT32_MAX, &value))
			text = str_trim(rest);
		shape_add_more(shape, text);
	}
	shape->more_word = "caused by ";
	shape->end = k;
}

/* Lua and others: what is wrong, then a line that says that a stack follows. */
static bool heads_stack(const struct lines *lines, size_t at, size_t *ret_end)
{
	static const char *const heads[] = {"stack traceback:", "stack trace:", "backtrace:"};
	struct str next = lines_text(lines, at + 1);
	for (size_t i = 0; i < COUNT(heads); i++) {
		if (!str_eq_ignore_case(next, str_of(heads[i])))
			continue;
		size_t k = at + 2;
		while (k < lines->count && (lines->of[k].indent > 0 || starts(lines->of[k].text, "#")))
			k++;
		*ret_end = k;
		return true;
	}
	return false;
}

static struct shape shape_line(const struct lines *lines, size_t at)
{
	struct str s = lines_text(lines, at), rest;
	struct shape shape = {.from = at, .to = at + 1, .end = at + 1, .head = s};
	if (shape_is_noise(&lines->of[at])) {
		shape.rank = SHAPE_NOISE;
		/* a warning of Python has the line that it is about below it */
		if (is_warning(s) && at + 1 < lines->count && lines->of[at + 1].indent > 0 &&
		    !is_frame(&lines->of[at + 1]))
			shape.end++;
	} else if (heads_stack(lines, at, &shape.end)) {
		shape.rank = SHAPE_REASON;
	} else if (is_reason(s)) {
		shape.rank = SHAPE_REASON;
		shape.to = shape.end = shape_message_end(lines, at);
		take_causes(lines, &shape);
	} else {
		shape.rank = tells_of_an_error(s) ? SHAPE_ERROR_LINE : SHAPE_LINE;
	}
	/* bash says what is wrong in one line and shows the place in the next: "main.sh: line 4: `fi'" */
	if (is_of_bash(s, &rest) && is_of_bash(lines_text(lines, at + 1), &rest) &&
	    starts(str_trim(rest), "`"))
		shape.to = shape.end = at + 2;
	return shape;
}

struct shape shape_at(const struct lines *lines, size_t at)
{
	struct shape shape;
	if (shape_python(lines, at, &shape) || shape_node(lines, at, &shape) || shape_go(lines, at, &shape) ||
	    shape_stack(lines, at, &shape))
		return shape;
	return shape_line(lines, at);
}
