#include "lib/schema/decimal.h"

#define EXPONENT_DIGITS_MAX 15

/* "-012" behind the e. */
static bool read_exponent(struct str s, int64_t *ret)
{
	bool negative = s.n && s.p[0] == '-';
	size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
	int64_t value = 0;
	while (i < s.n && s.p[i] == '0')
		i++;
	if (s.n - i > EXPONENT_DIGITS_MAX)
		return false;
	for (; i < s.n; i++)
		value = value * 10 + (s.p[i] - '0');
	*ret = negative ? -value : value;
	return true;
}

bool decimal_read(struct str number, struct decimal *ret)
{
	struct decimal d = {0};
	size_t i = 0, last = 0, seen = 0, behind_point = 0, behind_last = 0;
	bool point = false;
	if (number.n && number.p[0] == '-') {
		d.negative = true;
		i++;
	}
	for (; i < number.n && number.p[i] != 'e' && number.p[i] != 'E'; i++) {
		if (number.p[i] == '.') {
			point = true;
			continue;
		}
		behind_point += point;
		if (number.p[i] == '0' && seen == 0)
			continue;
		if (seen++ == 0)
			d.text.p = number.p + i;
		if (number.p[i] != '0') {
			last = seen;
			behind_last = behind_point;
			d.text.n = (size_t)(number.p + i + 1 - d.text.p);
		}
	}
	int64_t written = 0;
	if (last == 0) { /* 0, 0.00, 0e99999999999999999999 */
		*ret = (struct decimal){0};
		return true;
	}
	if (i < number.n && !read_exponent((struct str){number.p + i + 1, number.n - i - 1}, &written))
		return false;
	d.count = last;
	d.exponent = written - (int64_t)behind_last;
	/* Zeros between the last digit and the point. */
	if (behind_last == 0)
		d.exponent += (int64_t)(seen - last - behind_point);
	*ret = d;
	return true;
}

/* The digit at *at, which moves on; 0 behind the last one. */
static int next_digit(const struct decimal *d, size_t *at)
{
	if (*at < d->text.n && d->text.p[*at] == '.')
		++*at;
	return *at < d->text.n ? d->text.p[(*at)++] - '0' : 0;
}

static int compare_sizes(const struct decimal *a, const struct decimal *b)
{
	int64_t top_a = a->exponent + (int64_t)a->count, top_b = b->exponent + (int64_t)b->count;
	if (top_a != top_b)
		return top_a < top_b ? -1 : 1;
	size_t more = a->count > b->count ? a->count : b->count;
	for (size_t i = 0, at_a = 0, at_b = 0; i < more; i++) {
		int digit_a = next_digit(a, &at_a), digit_b = next_digit(b, &at_b);
		if (digit_a != digit_b)
			return digit_a < digit_b ? -1 : 1;
	}
	return 0;
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
	if (a->count == 0 && b->count == 0)
		return 0;
	if (a->count == 0)
		return b->negative ? 1 : -1;
	if (b->count == 0)
		return a->negative ? -1 : 1;
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? -compare_sizes(a, b) : compare_sizes(a, b);
}

bool decimal_is_integer(const struct decimal *d)
{
	return d->count == 0 || d->exponent >= 0;
}

uint64_t decimal_hash(const struct decimal *d)
{
	const uint64_t prime = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t hash = ((uint64_t)d->exponent * 2 + d->negative) * prime;
	for (size_t i = 0, at = 0; i < d->count; i++)
		hash = (hash ^ (uint64_t)(next_digit(d, &at) + 1)) * prime;
	return d->count ? hash : 0;
}

bool decimal_to_count(const struct decimal *d, uint64_t *ret)
{
	uint64_t value = 0;
	if (!decimal_is_integer(d) || d->negative)
		return false;
	size_t at = 0;
	for (uint64_t i = 0; d->count && i < d->count + (uint64_t)d->exponent; i++) {
		uint64_t digit = (uint64_t)next_digit(d, &at);
		if (value > (UINT64_MAX - digit) / 10) {
			value = UINT64_MAX;
			break;
		}
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}

static uint64_t multiply_modulo(uint64_t a, uint64_t b, uint64_t modulus)
{
	return (uint64_t)((unsigned __int128)a * b % modulus);
}

bool decimal_is_multiple(const struct decimal *d, const struct decimal *divisor)
{
	uint64_t modulus = 0, rest = 0, power = 10;
	if (d->count == 0)
		return true;
	/* The last digit of d is not 0: it is no multiple of 10, and so of nothing that has a zero more. */
	if (d->exponent < divisor->exponent)
		return false;
	for (size_t i = 0, at = 0; i < divisor->count; i++)
		modulus = modulus * 10 + (uint64_t)next_digit(divisor, &at);
	for (size_t i = 0, at = 0; i < d->count; i++)
		rest = (multiply_modulo(rest, 10, modulus) + (uint64_t)next_digit(d, &at)) % modulus;
	power %= modulus;
	for (uint64_t zeros = (uint64_t)(d->exponent - divisor->exponent); zeros; zeros >>= 1) {
		if (zeros & 1)
			rest = multiply_modulo(rest, power, modulus);
		power = multiply_modulo(power, power, modulus);
	}
	return rest == 0;
}
