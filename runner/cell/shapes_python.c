/* Python's tracebacks: chained ones come one after the other, so the last one counts by itself. */
#include "runner/cell/shapes.h"

static const struct str header = STR("Traceback (most recent call last):");
static const struct str group_header = STR("Exception Group Traceback (most recent call last):");

/* Lines before a traceback that say that it ended nothing, or not the program. */
static const struct {
	struct str begins;
	enum shape_rank rank;
} asides[] = {
    {STR("Exception ignored "), SHAPE_IGNORED},
    {STR("Error in atexit"), SHAPE_IGNORED},
    {STR("--- Logging error ---"), SHAPE_IGNORED},
    {STR("Task exception was never"), SHAPE_ASIDE},
    {STR("Future exception was never"), SHAPE_ASIDE},
    {STR("Exception in thread "), SHAPE_ASIDE},
    {STR("Process "), SHAPE_ASIDE},
};

/* Frames are indented; the first line that isn't has the exception. */
static bool take_traceback(const struct lines *lines, size_t at, struct shape *ret)
{
	/* Something that had no end of its line may stand before it: a counter, as a rule. */
	unsigned base = str_eq(lines_text(lines, at), header) ? lines->of[at].indent : 0;
	size_t k = at + 1;
	while (k < lines->count && lines->of[k].text.n > 0 && lines->of[k].indent > base)
		k++;
	struct str head = lines_text(lines, k);
	if (head.n == 0)
		return false; /* its end is missing */
	size_t end = shape_message_end(lines, k);
	*ret = (struct shape){.rank = SHAPE_REASON, .from = k, .to = end, .head = head, .end = end};
	return true;
}

/* A line of a group begins with '|', or with '+' where it is a rule between two exceptions. */
static bool take_group(const struct lines *lines, size_t at, struct shape *ret)
{
	bool expected = true; /* the next line that is not of a frame has an exception */
	size_t k = at + 1;
	*ret = (struct shape){.rank = SHAPE_REASON, .from = at, .to = at + 1, .more_word = ""};
	for (; k < lines->count; k++) {
		struct str s = lines_text(lines, k);
		if (s.n == 0 || (s.p[0] != '|' && s.p[0] != '+'))
			break;
		if (s.p[0] == '+' && !str_ends_with(s, group_header)) {
			expected = true;
			continue;
		}
		struct str text = str_trim((struct str){s.p + 1, s.n - 1});
		bool of_frame = text.n > 0 && text.p - s.p > 2;
		if (!expected || text.n == 0 || of_frame || str_ends_with(text, header) ||
		    str_ends_with(text, group_header))
			continue;
		if (ret->head.n == 0)
			ret->head = text;
		else
			shape_add_more(ret, text);
		expected = false;
	}
	ret->end = k;
	return ret->head.n > 0;
}

static bool take_any(const struct lines *lines, size_t at, struct shape *ret)
{
	struct str s = lines_text(lines, at);
	if (str_ends_with(s, group_header))
		return take_group(lines, at, ret);
	return str_ends_with(s, header) && take_traceback(lines, at, ret);
}

bool shape_python(const struct lines *lines, size_t at, struct shape *ret)
{
	struct str s = lines_text(lines, at);
	for (size_t i = 0; i < sizeof(asides) / sizeof(asides[0]); i++) {
		if (!str_starts_with(s, asides[i].begins))
			continue;
		bool found = false;
		for (size_t k = at + 1; !found && k < at + 4 && k < lines->count; k++)
			found = take_any(lines, k, ret);
		if (!found && asides[i].rank != SHAPE_IGNORED)
			return false; /* it may be Java's, or anything */
		if (!found)
			*ret = (struct shape){.from = at, .to = at + 1, .head = s, .end = at + 1};
		ret->rank = asides[i].rank;
		return true;
	}
	return take_any(lines, at, ret);
}
