/* Taking apart a text that nobody has checked. Brackets are counted, not matched: a part with the wrong ones
 * is its reader's to refuse, and the parts around it come through. */
#include "lib/base/jsontext.h"
#include "lib/base/jsontext_internal.h"

/* The comma or closing bracket that ends the part at i; s.n if there is none. */
static size_t find_end(struct str s, size_t i)
{
	size_t depth = 0;
	while (i < s.n) {
		char c = s.p[i];
		if (c == '"') {
			i = jsontext_skip_string(s, i);
			continue;
		}
		if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			return i;
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		i++;
	}
	return s.n;
}

/* From the beginning, or from behind a part, to where the next one starts. */
static enum jsontext_split next_part(struct str s, char open, size_t *i)
{
	bool first = *i == 0;
	char close = open == '{' ? '}' : ']';
	size_t at = first ? jsontext_skip_blanks(s, 0) : *i;
	if (at >= s.n || (first && s.p[at] != open))
		return JSONTEXT_BROKEN;
	bool more = !first && s.p[at] == ',';
	if (first || more)
		at = jsontext_skip_blanks(s, at + 1);
	if (more || (first && at < s.n && s.p[at] != close)) {
		*i = at;
		return JSONTEXT_PART;
	}
	bool closed = at < s.n && s.p[at] == close && jsontext_skip_blanks(s, at + 1) == s.n;
	return closed ? JSONTEXT_END : JSONTEXT_BROKEN;
}

static enum jsontext_split take_value(struct str s, size_t start, size_t *position, struct str *ret_value)
{
	size_t end = find_end(s, start);
	if (end >= s.n)
		return JSONTEXT_BROKEN;
	*ret_value = str_trim((struct str){s.p + start, end - start});
	*position = end;
	return JSONTEXT_PART;
}

enum jsontext_split jsontext_split_element(struct str array, size_t *position, struct str *ret_value)
{
	size_t start = *position;
	enum jsontext_split next = next_part(array, '[', &start);
	return next == JSONTEXT_PART ? take_value(array, start, position, ret_value) : next;
}

enum jsontext_split jsontext_split_member(struct str object, size_t *position, struct str *ret_raw_key,
					  struct str *ret_value)
{
	size_t key = *position;
	enum jsontext_split next = next_part(object, '{', &key);
	if (next != JSONTEXT_PART)
		return next;
	if (key >= object.n || object.p[key] != '"')
		return JSONTEXT_BROKEN;
	size_t key_end = jsontext_skip_string(object, key);
	size_t colon = jsontext_skip_blanks(object, key_end);
	if (colon >= object.n || object.p[colon] != ':') /* so the string before it was closed */
		return JSONTEXT_BROKEN;
	next = take_value(object, colon + 1, position, ret_value);
	if (next == JSONTEXT_PART)
		*ret_raw_key = (struct str){object.p + key + 1, key_end - key - 2};
	return next;
}

bool jsontext_split_find(struct str object, struct str raw_key, struct str *ret_value)
{
	bool found = false;
	size_t position = 0;
	struct str key, value;
	while (jsontext_split_member(object, &position, &key, &value) == JSONTEXT_PART) {
		if (!str_eq(key, raw_key))
			continue;
		*ret_value = value;
		found = true;
	}
	return found;
}
