/* JSON numbers as the decimal numbers that they are written as, of any length: nothing is rounded. */
#ifndef SKILLBOX_SCHEMA_DECIMAL_H
#define SKILLBOX_SCHEMA_DECIMAL_H

#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* ±DIGITS × 10^exponent, where the first and the last digit are not 0; count 0 is zero. */
struct decimal {
	struct str text; /* from the first digit on; a point may be among the digits */
	size_t count;
	int64_t exponent;
	bool negative;
};

/* Of a JSON number. False: its exponent has more than 15 digits, beyond what is compared here. */
bool decimal_read(struct str number, struct decimal *ret);

int decimal_compare(const struct decimal *a, const struct decimal *b); /* <0, 0, >0 */
bool decimal_is_integer(const struct decimal *d);
uint64_t decimal_hash(const struct decimal *d); /* equal numbers have the same */

/* A whole number that is not negative; one that is larger than UINT64_MAX gives that. False: it is none. */
bool decimal_to_count(const struct decimal *d, uint64_t *ret);

/* Is d a whole multiple of a divisor, which is above zero and has at most DECIMAL_DIVISOR_DIGITS digits? */
#define DECIMAL_DIVISOR_DIGITS 18
bool decimal_is_multiple(const struct decimal *d, const struct decimal *divisor);

#endif
