#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/schema/decimal.h"

static struct decimal read_number(const char *text)
{
	struct decimal d;
	if (!decimal_read(str_of(text), &d))
		fail_msg("%s is not read", text);
	return d;
}

static void same_numbers_are_the_same(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
	    {"1", "1.0"},
	    {"100", "1e2"},
	    {"0.01", "1E-2"},
	    {"0", "-0.0e99999999999999999999"},
	    {"12345678901234567890", "1234567890123456789.0e1"},
	    {"-1200.00", "-12e+2"},
	    {"1e0000000000000000000000002", "100"},
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct decimal a = read_number(pairs[i][0]), b = read_number(pairs[i][1]);
		if (decimal_compare(&a, &b) != 0 || decimal_hash(&a) != decimal_hash(&b))
			fail_msg("%s and %s", pairs[i][0], pairs[i][1]);
	}
}

/* In ascending order; many of them are the same as doubles. */
static void order_is_exact(void **state)
{
	(void)state;
	static const char *const numbers[] = {
	    "-1e999999999999999",
	    "-12345678901234567891",
	    "-12345678901234567890",
	    "-1.1",
	    "-1",
	    "-0.1",
	    "0",
	    "1e-999999999999999",
	    "0.1",
	    "0.10000000000000000000001",
	    "0.9",
	    "1",
	    "1.00000000000000000000000001",
	    "9007199254740992",
	    "9007199254740993",
	    "1e308",
	    "1e309",
	    "1.1e309",
	};
	size_t count = sizeof(numbers) / sizeof(numbers[0]);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			struct decimal a = read_number(numbers[i]), b = read_number(numbers[j]);
			int order = decimal_compare(&a, &b);
			if ((order > 0) != (i > j) || (order < 0) != (i < j))
				fail_msg("%s and %s: %d", numbers[i], numbers[j], order);
		}
}

static void integers_and_counts(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool integer, is_count;
		uint64_t count;
	} rows[] = {
	    {"0", true, true, 0},
	    {"-0.0", true, true, 0},
	    {"3.000", true, true, 3},
	    {"1e3", true, true, 1000},
	    {"12.5", false, false, 0},
	    {"1.25e1", false, false, 0},
	    {"1.25e2", true, true, 125},
	    {"-3", true, false, 0},
	    {"1e308", true, true, UINT64_MAX},
	    {"18446744073709551615", true, true, UINT64_MAX},
	    {"18446744073709551614", true, true, UINT64_MAX - 1},
	    {"1e-999999999999999", false, false, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct decimal d = read_number(rows[i].text);
		uint64_t count = 0;
		assert_int_equal(decimal_is_integer(&d), rows[i].integer);
		if (decimal_to_count(&d, &count) != rows[i].is_count || count != rows[i].count)
			fail_msg("%s: %llu", rows[i].text, (unsigned long long)count);
	}
}

static void multiples_are_exact(void **state)
{
	(void)state;
	static const struct {
		const char *number, *divisor;
		bool is_multiple;
	} rows[] = {
	    {"4.5", "1.5", true},
	    {"0.0075", "0.0001", true},
	    {"0.00751", "0.0001", false},
	    {"19.99", "0.01", true},
	    {"1e308", "0.123456789", false},
	    {"1e308", "0.5", true},
	    {"1", "1e308", false},
	    {"3e308", "1e308", true},
	    {"0", "1e308", true},
	    {"-9", "3", true},
	    {"7", "2", false},
	    {"12391239123", "1e-8", true},
	    {"1e999999999999999", "7", false},
	    {"1e999999999999999", "8", true},
	    {"123456789012345678901234567890", "999999999999999999", false},
	    {"999999999999999999000000000000000000", "999999999999999999", true},
	    {"10", "1e1", true},
	    {"15", "1e1", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct decimal number = read_number(rows[i].number), divisor = read_number(rows[i].divisor);
		if (decimal_is_multiple(&number, &divisor) != rows[i].is_multiple)
			fail_msg("%s by %s", rows[i].number, rows[i].divisor);
	}
}

static void exponents_beyond_are_refused(void **state)
{
	(void)state;
	struct decimal d;
	assert_false(decimal_read(STR("1e1000000000000000"), &d));
	assert_false(decimal_read(STR("1e-99999999999999999999999999"), &d));
	assert_true(decimal_read(STR("1e-999999999999999"), &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same_numbers_are_the_same),    cmocka_unit_test(order_is_exact),
	    cmocka_unit_test(integers_and_counts),          cmocka_unit_test(multiples_are_exact),
	    cmocka_unit_test(exponents_beyond_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
