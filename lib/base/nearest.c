#include "lib/base/nearest.h"

#define NAME_MAX_BYTES 48 /* of what is compared; longer ones are near to nothing */
#define PREFIX_MIN 3      /* bytes that "the same with something appended" needs in common */

/* Case and separators are how a name is written, not what it is. */
static char plain(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c + ('a' - 'A'));
	return c == '-' || c == ' ' || c == '.' ? '_' : c;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The changes (a letter more, less, another one, two swapped) that make one of the other. */
static size_t distance(struct str a, struct str b)
{
	size_t rows[3][NAME_MAX_BYTES + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b.n; j++)
		above[j] = before[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			bool same = plain(a.p[i - 1]) == plain(b.p[j - 1]);
			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (same ? 0 : 1));
			if (i > 1 && j > 1 && plain(a.p[i - 1]) == plain(b.p[j - 2]) &&
			    plain(a.p[i - 2]) == plain(b.p[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		size_t *free_row = before;
		before = above;
		above = row;
		row = free_row;
	}
	return above[b.n];
}

/* Is one the other with something appended? */
static bool is_extended(struct str a, struct str b)
{
	size_t n = least(a.n, b.n);
	if (n < PREFIX_MIN)
		return false;
	for (size_t i = 0; i < n; i++)
		if (plain(a.p[i]) != plain(b.p[i]))
			return false;
	return true;
}

const char *nearest_name(struct str given, const char *const *names, size_t count)
{
	const char *found = NULL;
	size_t best = 0;
	if (given.n == 0 || given.n > NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		struct str name = str_of(names[i]);
		if (name.n == 0 || name.n > NAME_MAX_BYTES)
			continue;
		size_t changes = distance(given, name), longer = given.n > name.n ? given.n : name.n;
		size_t allowed = longer >= 6 ? 2 : longer >= 3 ? 1 : 0;
		if (changes > allowed && !is_extended(given, name))
			continue;
		if (!found || changes < best) {
			found = names[i];
			best = changes;
		}
	}
	return found;
}
