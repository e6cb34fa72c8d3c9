#include "lib/base/quantity.h"

#include <inttypes.h>
#include <stdio.h>

typedef unsigned __int128 wide;

/* value = mantissa * 2^binary * 10^decimal, a little less than the text says if `more` is set. */
struct quantity {
	wide mantissa;
	int binary, decimal;
	bool more;
};

struct suffix {
	const char *name;
	int binary, decimal;
};

static const struct suffix suffixes[] = {
    {"", 0, 0},    {"n", 0, -9},  {"u", 0, -6},  {"m", 0, -3},  {"k", 0, 3},   {"M", 0, 6},
    {"G", 0, 9},   {"T", 0, 12},  {"P", 0, 15},  {"E", 0, 18},  {"Ki", 10, 0}, {"Mi", 20, 0},
    {"Gi", 30, 0}, {"Ti", 40, 0}, {"Pi", 50, 0}, {"Ei", 60, 0},
};

/* Digits with at most one point; the number of bytes taken, 0 if there is no number. */
static size_t take_digits(struct str s, struct quantity *q)
{
	const wide limit = (wide)1000000000 * 1000000000;
	size_t i = 0, digits = 0;
	bool point = false;
	for (; i < s.n; i++) {
		char c = s.p[i];
		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9')
			break;
		digits++;
		if (q->mantissa < limit) {
			q->mantissa = q->mantissa * 10 + (unsigned)(c - '0');
			q->decimal -= point ? 1 : 0;
		} else { /* 19 digits are there: the rest only counts as "a little more" */
			q->more |= c != '0';
			q->decimal += point ? 0 : q->decimal < 1000 ? 1 : 0;
		}
	}
	return digits ? i : 0;
}

static bool take_suffix(struct str s, struct quantity *q)
{
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (str_eq(s, str_of(suffixes[i].name))) {
			q->binary = suffixes[i].binary;
			q->decimal += suffixes[i].decimal;
			return true;
		}
	}
	if (s.n < 2 || (s.p[0] != 'e' && s.p[0] != 'E'))
		return false;
	struct str digits = {s.p + 1, s.n - 1};
	if (digits.p[0] == '+')
		digits = (struct str){digits.p + 1, digits.n - 1};
	int64_t exponent;
	if ((digits.n && digits.p[0] == '-' && s.p[1] == '+') || !str_to_i64(digits, -1000, 1000, &exponent))
		return false;
	q->decimal += (int)exponent;
	return true;
}

/* ceil(q), or 0 if it is beyond int64_t. q is not zero. */
static int64_t round_up(struct quantity q)
{
	wide value = q.mantissa;
	if (q.more)
		value++; /* the 20th digit of a quantity: nothing real is lost */
	for (; q.binary > 0; q.binary--)
		if (__builtin_mul_overflow(value, (wide)2, &value))
			return 0;
	for (; q.decimal > 0; q.decimal--)
		if (__builtin_mul_overflow(value, (wide)10, &value))
			return 0;
	for (; q.decimal < 0; q.decimal++)
		value = value / 10 + (value % 10 != 0 ? 1 : 0);
	return value > INT64_MAX ? 0 : (int64_t)value;
}

static int parse(struct str s, int scale, const char *what, const char *examples, int64_t *ret,
		 struct error *err)
{
	struct quantity q = {0};
	int shown = s.n > 64 ? 64 : (int)s.n;
	const char *text = s.n ? s.p : "";
	struct str rest = s;
	bool negative = rest.n > 0 && rest.p[0] == '-';
	if (rest.n > 0 && (rest.p[0] == '-' || rest.p[0] == '+'))
		rest = (struct str){rest.p + 1, rest.n - 1};
	size_t taken = take_digits(rest, &q);
	if (taken == 0 || !take_suffix((struct str){rest.p + taken, rest.n - taken}, &q))
		return error_set(err, ERR_BAD_REQUEST,
				 "invalid %s quantity \"%.*s\": must be a number such as %s", what, shown,
				 text, examples);
	if (negative || q.mantissa == 0)
		return error_set(err, ERR_BAD_REQUEST, "invalid %s quantity \"%.*s\": must be more than 0",
				 what, shown, text);
	q.decimal += scale;
	int64_t value = round_up(q);
	if (value == 0)
		return error_set(err, ERR_BAD_REQUEST, "invalid %s quantity \"%.*s\": too large", what, shown,
				 text);
	*ret = value;
	return 0;
}

int quantity_parse_cpu(struct str s, int64_t *ret_millicores, struct error *err)
{
	return parse(s, 3, "CPU", "\"500m\", \"0.5\" or \"2\"", ret_millicores, err);
}

int quantity_parse_memory(struct str s, int64_t *ret_bytes, struct error *err)
{
	return parse(s, 0, "memory", "\"256Mi\", \"1Gi\" or \"500M\"", ret_bytes, err);
}

void quantity_format_cpu(int64_t millicores, char ret[QUANTITY_SIZE])
{
	if (millicores % 1000 == 0)
		snprintf(ret, QUANTITY_SIZE, "%" PRId64, millicores / 1000);
	else
		snprintf(ret, QUANTITY_SIZE, "%" PRId64 "m", millicores);
}

void quantity_format_memory(int64_t bytes, char ret[QUANTITY_SIZE])
{
	static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
	size_t unit = 0;
	while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		unit++;
	}
	snprintf(ret, QUANTITY_SIZE, "%" PRId64 "%s", bytes, units[unit]);
}
