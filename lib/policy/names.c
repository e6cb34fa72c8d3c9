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

/* ^[0-9]+\.[0-9]+\.[0-9]+(-[a-zA-Z0-9.]+)?$ */
bool skill_version_is_valid(struct str version)
{
	size_t i = 0;
	if (version.n > SKILL_VERSION_MAX)
		return false;
	for (int part = 0; part < 3; part++) {
		size_t start = i;
		while (i < version.n && is_digit(version.p[i]))
			i++;
		if (i == start)
			return false;
		if (part < 2 && (i == version.n || version.p[i++] != '.'))
			return false;
	}
	if (i == version.n)
		return true;
	if (version.p[i++] != '-' || i == version.n)
		return false;
	for (; i < version.n; i++)
		if (!is_alphanumeric(version.p[i]) && version.p[i] != '.')
			return false;
	return true;
}

static int compare_numbers(const char **a, const char **b)
{
	while (**a == '0' && is_digit((*a)[1]))
		(*a)++;
	while (**b == '0' && is_digit((*b)[1]))
		(*b)++;
	size_t digits_a = strspn(*a, "0123456789"), digits_b = strspn(*b, "0123456789");
	int order = digits_a != digits_b ? (digits_a < digits_b ? -1 : 1) : strncmp(*a, *b, digits_a);
	*a += digits_a;
	*b += digits_b;
	return order;
}

int skill_version_compare(const char *a, const char *b)
{
	const char *whole_a = a, *whole_b = b;
	while (*a && *b) {
		if (is_digit(*a) && is_digit(*b)) {
			int order = compare_numbers(&a, &b);
			if (order != 0)
				return order;
		} else if (*a != *b) {
			/* "1.0.0-rc.1" goes before "1.0.0", and what is no number behind numbers. */
			return *a == '-' ? -1 : *b == '-' ? 1 : (unsigned char)*a - (unsigned char)*b;
		} else {
			a++;
			b++;
		}
	}
	if (*a == *b)
		return strcmp(whole_a, whole_b); /* "1.01.0" and "1.1.0" */
	if (*a == '-' || *b == '-')
		return *a == '-' ? -1 : 1;
	return *a ? 1 : -1;
}
