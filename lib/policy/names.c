#include "lib/policy/names.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool skill_name_is_valid(struct str name)
{
	if (name.n == 0 || name.n > SKILL_NAME_MAX || !is_alphanumeric(name.p[0]))
		return false;
	for (size_t i = 1; i < name.n; i++)
		if (!is_alphanumeric(name.p[i]) && (name.p[i] == '\0' || !strchr("._-", name.p[i])))
			return false;
	return true;
}

/* A version in its pieces; all in the text that it was taken from. */
struct version {
	struct str numbers[3]; /* n = 0: left out */
	struct str pre, build; /* n = 0: none */
};

static bool take(struct str *rest, char c)
{
	if (rest->n == 0 || rest->p[0] != c)
		return false;
	*rest = (struct str){rest->p + 1, rest->n - 1};
	return true;
}

static struct str take_while(struct str *rest, bool (*fits)(char c))
{
	struct str start = *rest;
	while (rest->n > 0 && fits(rest->p[0]))
		take(rest, rest->p[0]);
	return (struct str){start.p, start.n - rest->n};
}

static bool is_suffix(char c)
{
	return is_alphanumeric(c) || c == '.' || c == '-';
}

static bool split(struct str text, struct version *ret)
{
	struct version v = {0};
	take(&text, 'v');
	for (int i = 0; i < 3; i++) {
		if (i > 0 && !take(&text, '.'))
			break;
		v.numbers[i] = take_while(&text, is_digit);
		if (v.numbers[i].n == 0)
			return false;
	}
	if (take(&text, '-') && (v.pre = take_while(&text, is_suffix)).n == 0)
		return false;
	if (take(&text, '+') && (v.build = take_while(&text, is_suffix)).n == 0)
		return false;
	*ret = v;
	return text.n == 0;
}

bool skill_version_is_valid(struct str version)
{
	struct version v;
	return version.n <= SKILL_VERSION_MAX && split(version, &v);
}

static int compare_texts(struct str a, struct str b)
{
	size_t shorter = a.n < b.n ? a.n : b.n;
	int order = shorter ? memcmp(a.p, b.p, shorter) : 0;
	return order ? order : a.n < b.n ? -1 : a.n > b.n;
}

static int compare_numbers(struct str a, struct str b)
{
	while (a.n > 0 && a.p[0] == '0')
		take(&a, '0');
	while (b.n > 0 && b.p[0] == '0')
		take(&b, '0');
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return compare_texts(a, b);
}

static bool is_number(struct str s)
{
	struct str rest = s;
	take_while(&rest, is_digit);
	return s.n > 0 && rest.n == 0;
}

/* Numbers as numbers and before words; of two that begin the same, the shorter one first. */
static int compare_identifiers(struct str a, struct str b)
{
	for (bool more_a = true, more_b = true; more_a || more_b;) {
		struct str left = {0}, right = {0};
		if (!more_a || !more_b)
			return more_a ? 1 : -1;
		more_a = str_split_once(a, '.', &left, &a);
		more_b = str_split_once(b, '.', &right, &b);
		bool number_left = is_number(left), number_right = is_number(right);
		int order = number_left != number_right ? (number_left ? -1 : 1)
			    : number_left               ? compare_numbers(left, right)
							: compare_texts(left, right);
		if (order != 0)
			return order;
	}
	return 0;
}

int skill_version_compare(struct str a, struct str b)
{
	struct version left, right;
	bool valid_a = split(a, &left), valid_b = split(b, &right);
	if (!valid_a || !valid_b) /* only what the schema let through: any order will do, if it is one */
		return valid_a != valid_b ? (valid_a ? -1 : 1) : compare_texts(a, b);
	int order = 0;
	for (int i = 0; i < 3 && order == 0; i++)
		order = compare_numbers(left.numbers[i], right.numbers[i]);
	if (order == 0 && (left.pre.n == 0 || right.pre.n == 0))
		order = (left.pre.n == 0) - (right.pre.n == 0);
	else if (order == 0)
		order = compare_identifiers(left.pre, right.pre);
	if (order == 0 && (left.build.n == 0 || right.build.n == 0))
		return (right.build.n == 0) - (left.build.n == 0);
	return order != 0 ? order : compare_identifiers(left.build, right.build);
}

bool skill_version_is_dev(struct str version)
{
	struct version v;
	struct str prefix = STR("dev.");
	if (!split(version, &v) || !str_starts_with(v.pre, prefix))
		return false;
	struct str hash = {v.pre.p + prefix.n, v.pre.n - prefix.n}, rest = hash;
	take_while(&rest, is_alphanumeric);
	return hash.n > 0 && rest.n == 0;
}
