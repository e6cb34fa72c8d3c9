#include "lib/skill/frontmatter.h"

#include "lib/base/utf8.h"
#include "lib/skill/manifest.h"

#define BYTE_ORDER_MARK STR("\xef\xbb\xbf")

/* One line without its end ("\n" or "\r\n"); moves *rest behind it. */
static bool next_line(struct str *rest, struct str *ret)
{
	if (rest->n == 0)
		return false;
	str_split_once(*rest, '\n', ret, rest);
	if (ret->n && ret->p[ret->n - 1] == '\r')
		ret->n--;
	return true;
}

static bool is_fence(struct str line)
{
	return str_starts_with(line, STR("---")) && str_trim(line).n == 3;
}

static bool is_text(struct str text, struct problems *problems)
{
	size_t bad;
	if (!utf8_is_valid(text, &bad)) {
		problems_add(problems, "SKILL.md is not UTF-8 (byte %zu): save it as UTF-8", bad + 1);
		return false;
	}
	if (text.n && memchr(text.p, '\0', text.n)) {
		problems_add(problems, "SKILL.md has a NUL character: save it as UTF-8 text");
		return false;
	}
	return true;
}

bool frontmatter_split(struct str text, struct frontmatter *ret, struct problems *problems)
{
	struct str rest = text, line = {0};
	size_t number = 1;
	if (str_starts_with(rest, BYTE_ORDER_MARK))
		rest = (struct str){rest.p + BYTE_ORDER_MARK.n, rest.n - BYTE_ORDER_MARK.n};
	if (!is_text(text, problems))
		return false;
	bool more = next_line(&rest, &line);
	for (; more && str_trim(line).n == 0; number++)
		more = next_line(&rest, &line);
	if (!more || !is_fence(line)) {
		problems_add(problems, "SKILL.md must start with YAML frontmatter between two lines of ---");
		return false;
	}
	const char *start = rest.p;
	while (next_line(&rest, &line)) {
		if (!is_fence(line))
			continue;
		*ret = (struct frontmatter){{start, (size_t)(line.p - start)}, rest, number + 1};
		if (ret->yaml.n <= MANIFEST_MAX_FRONTMATTER)
			return true;
		problems_add(problems, "the frontmatter of SKILL.md has %zu bytes, at most %d are allowed",
			     ret->yaml.n, MANIFEST_MAX_FRONTMATTER);
		return false;
	}
	problems_add(problems, "the frontmatter of SKILL.md has no closing line of ---");
	return false;
}
