#include "apiserver/http/range.h"

/* Digits, at least one; what is too large for a size is INT64_MAX. */
static bool read_number(struct str text, int64_t *ret)
{
	int64_t number = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		int digit = text.p[i] - '0';
		number = number > (INT64_MAX - digit) / 10 ? INT64_MAX : number * 10 + digit;
	}
	*ret = number;
	return text.n > 0;
}

/* "bytes=FIRST-LAST", FIRST or LAST left out. */
static bool split(struct str header, struct str *ret_first, struct str *ret_last)
{
	struct str unit, range;
	if (!str_split_once(str_trim(header), '=', &unit, &range) ||
	    !str_eq_ignore_case(str_trim(unit), STR("bytes")) ||
	    !str_split_once(str_trim(range), '-', ret_first, ret_last))
		return false;
	*ret_first = str_trim(*ret_first);
	*ret_last = str_trim(*ret_last);
	return true;
}

enum range_wish range_read(struct str header, int64_t size, int64_t *ret_offset, int64_t *ret_length)
{
	struct str first_text, last_text;
	int64_t first, last;
	*ret_offset = 0;
	*ret_length = size;
	if (!split(header, &first_text, &last_text))
		return RANGE_WHOLE;
	if (first_text.n == 0) { /* so many at the end */
		if (!read_number(last_text, &last))
			return RANGE_WHOLE;
		if (last == 0)
			return RANGE_NONE;
		first = last < size ? size - last : 0;
		last = size - 1;
		if (size == 0)
			return RANGE_WHOLE;
	} else {
		if (!read_number(first_text, &first))
			return RANGE_WHOLE;
		last = INT64_MAX;
		if (last_text.n > 0 && (!read_number(last_text, &last) || last < first))
			return RANGE_WHOLE;
		if (first >= size)
			return RANGE_NONE;
		last = last < size ? last : size - 1;
	}
	*ret_offset = first;
	*ret_length = last - first + 1;
	return RANGE_PART;
}

bool etag_list_has(struct str header, struct str etag)
{
	struct str item, rest = header;
	for (bool more = true; more;) {
		more = str_split_once(rest, ',', &item, &rest);
		item = str_trim(item);
		if (str_starts_with(item, STR("W/")))
			item = (struct str){item.p + 2, item.n - 2};
		if (str_eq(item, etag) || str_eq(item, STR("*")))
			return true;
	}
	return false;
}
