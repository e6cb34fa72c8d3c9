/* lib/base/str.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/str.h"

static void compares_without_case(void **state)
{
	(void)state;
	assert_true(str_eq_ignore_case(STR("Bearer"), STR("bEARER")));
	assert_false(str_eq_ignore_case(STR("Bearer"), STR("Bearer ")));
	assert_false(str_eq_ignore_case(STR("["), STR("{"))); /* differ by 0x20 only */
	assert_true(str_starts_with_ignore_case(STR("X-Request-ID"), STR("x-req")));
	assert_false(str_starts_with_ignore_case(STR("X"), STR("x-req")));
}

static void prefix_and_suffix(void **state)
{
	(void)state;
	assert_true(str_starts_with(STR("abc"), STR("")));
	assert_true(str_starts_with((struct str){NULL, 0}, STR("")));
	assert_false(str_starts_with(STR("ab"), STR("abc")));
	assert_true(str_ends_with(STR("main.py"), STR(".py")));
	assert_false(str_ends_with(STR("y"), STR(".py")));
	assert_true(str_ends_with(STR("y"), STR("")));
}

static void trims(void **state)
{
	(void)state;
	assert_true(str_eq(str_trim(STR(" \t\r\n a b \n")), STR("a b")));
	assert_int_equal(str_trim(STR(" \t ")).n, 0);
	assert_int_equal(str_trim((struct str){NULL, 0}).n, 0);
}

static void splits_once(void **state)
{
	(void)state;
	struct str head, tail;
	assert_true(str_split_once(STR("a=b=c"), '=', &head, &tail));
	assert_true(str_eq(head, STR("a")));
	assert_true(str_eq(tail, STR("b=c")));
	assert_true(str_split_once(STR("a="), '=', &head, &tail));
	assert_int_equal(tail.n, 0);
	assert_false(str_split_once(STR("abc"), '=', &head, &tail));
	assert_true(str_eq(head, STR("abc")));
	assert_int_equal(tail.n, 0);
	assert_false(str_split_once((struct str){NULL, 0}, '=', &head, &tail));
}

static void reads_integers_within_a_range(void **state)
{
	(void)state;
	int64_t v = 7;
	assert_true(str_to_i64(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &v));
	assert_true(v == INT64_MIN);
	assert_true(str_to_i64(STR("9223372036854775807"), INT64_MIN, INT64_MAX, &v));
	assert_true(v == INT64_MAX);
	v = 7;
	static const char *const bad[] = {"",
					  "-",
					  "+1",
					  " 1",
					  "1 ",
					  "0x1",
					  "1e3",
					  "9223372036854775808",
					  "-9223372036854775809",
					  "99999999999999999999999",
					  "1\0002"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(
		    str_to_i64(i == 10 ? (struct str){bad[i], 3} : str_of(bad[i]), INT64_MIN, INT64_MAX, &v));
	assert_false(str_to_i64(STR("0"), 1, 65535, &v));
	assert_false(str_to_i64(STR("65536"), 1, 65535, &v));
	assert_int_equal(v, 7);
	assert_true(str_to_i64(STR("65535"), 1, 65535, &v));
	assert_int_equal(v, 65535);
}

static void duplicates_and_compares_secrets(void **state)
{
	(void)state;
	cleanup_free char *copy = str_dup((struct str){"abcdef", 3});
	assert_string_equal(copy, "abc");
	cleanup_free char *empty = str_dup((struct str){NULL, 0});
	assert_string_equal(empty, "");
	assert_true(str_eq_constant_time(STR("secret"), STR("secret")));
	assert_false(str_eq_constant_time(STR("secret"), STR("secreT")));
	assert_false(str_eq_constant_time(STR("secret"), STR("secre")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(compares_without_case),
	    cmocka_unit_test(prefix_and_suffix),
	    cmocka_unit_test(trims),
	    cmocka_unit_test(splits_once),
	    cmocka_unit_test(reads_integers_within_a_range),
	    cmocka_unit_test(duplicates_and_compares_secrets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
