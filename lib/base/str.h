/* Strings as pointer and length. A struct str owns nothing. */
#ifndef SKILLBOX_BASE_STR_H
#define SKILLBOX_BASE_STR_H

#include "lib/base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p; /* not NUL-terminated; may be NULL when n is 0 */
	size_t n;      /* bytes */
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})

static inline struct str str_of(const char *c_string) /* NULL gives the empty string */
{
	return (struct str){c_string, c_string ? strlen(c_string) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eq_ignore_case(struct str a, struct str b); /* ASCII */
bool str_starts_with(struct str s, struct str prefix);
bool str_starts_with_ignore_case(struct str s, struct str prefix); /* ASCII */
bool str_ends_with(struct str s, struct str suffix);
struct str str_trim(struct str s); /* blanks, tabs, CR, LF at both ends */

/* Split at the first `separator`: *ret_head before it, *ret_tail behind it. False (head = s, tail empty) if
 * absent. */
bool str_split_once(struct str s, char separator, struct str *ret_head, struct str *ret_tail);

/* Whole of s as a decimal integer, within the range; false otherwise (*ret untouched). */
bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *ret);

/* A NUL-terminated copy on the heap (free with free()); NULL if out of memory. */
char *str_dup(struct str s);

/* True if the two differ in no byte; takes the same time wherever they differ (for secrets of equal length).
 */
bool str_eq_constant_time(struct str a, struct str b);

#endif
