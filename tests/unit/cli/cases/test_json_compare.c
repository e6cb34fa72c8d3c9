/* JSON values: the same by what they are worth, whatever they look like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/cases/json_compare.h"

#include "lib/base/jsontext.h"

#include <stdio.h>

static void test_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
	    {"1", "1", true},
	    {"1", "1.0", true},
	    {"1", "1.000e0", true},
	    {"100", "1e2", true},
	    {"100", "1E+2", true},
	    {"0.01", "1e-2", true},
	    {"12.5", "0.125e2", true},
	    {"12.5", "125e-1", true},
	    {"1200", "1.2e3", true},
	    {"0", "-0", true},
	    {"0", "0.000e99", true},
	    {"0", "0e-99999999999999999999", true},
	    {"1e99999999999999999999", "1e99999999999999999999", true},
	    {"1e4611686018427387904", "1e4611686018427387904", true},
	    {"123456789012345678901234567890.5", "1234567890123456789012345678905e-1", true},
	    {"10", "1", false},
	    {"1", "-1", false},
	    {"0.1", "0.10000000000000001", false},
	    {"9007199254740993", "9007199254740992", false},
	    {"1.01", "101", false},
	    {"1.01", "1.1", false},
	    {"0.01", "0.1", false},
	    {"105", "15", false},
	    {"1e99999999999999999999", "2e99999999999999999999", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (json_number_equal(str_of(cases[i].a), str_of(cases[i].b)) != cases[i].equal ||
		    json_number_equal(str_of(cases[i].b), str_of(cases[i].a)) != cases[i].equal)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
	}
}

static size_t count(const char *wanted, const char *got, struct differences *ret)
{
	struct error err;
	*ret = (struct differences){0};
	assert_int_equal(jsontext_check(str_of(wanted), NULL, &err), 0);
	assert_int_equal(jsontext_check(str_of(got), NULL, &err), 0);
	assert_int_equal(json_compare(str_of(wanted), str_of(got), "v", ret, &err), 0);
	return ret->count;
}

static void test_values(void **state)
{
	(void)state;
	struct differences found;
	assert_int_equal(
	    count("{\"a\":[1,{\"b\":\"x\"}]}", "{ \"\\u0061\" : [1.0,{\"b\":\"\\u0078\"}] }", &found), 0);
	differences_free(&found);
	assert_int_equal(count("{\"a\":1,\"b\":{\"c d\":[1,2]}}", "{\"b\":{\"c d\":[1]},\"e\":null}", &found),
			 3);
	assert_string_equal(found.items[0].path, "v.a");
	assert_string_equal(found.items[0].wanted, "1");
	assert_null(found.items[0].got);
	assert_string_equal(found.items[1].path, "v.b[\"c d\"][1]");
	assert_string_equal(found.items[2].path, "v.e");
	assert_null(found.items[2].wanted);
	assert_string_equal(found.items[2].got, "null");
	differences_free(&found);
}

/* Many differences are counted, and the first ones kept; long values are cut between characters. */
static void test_bounds(void **state)
{
	(void)state;
	struct differences found;
	struct buffer wanted = BUFFER(65536), got = BUFFER(65536);
	buffer_append_c(&wanted, "[");
	buffer_append_c(&got, "[");
	for (int i = 0; i < 50; i++) {
		buffer_appendf(&wanted, "%s\"", i ? "," : "");
		for (int k = 0; k < 120; k++)
			buffer_append_c(&wanted, "\xc3\xa9");
		buffer_append_c(&wanted, "\"");
		buffer_appendf(&got, "%s%d", i ? "," : "", i);
	}
	buffer_append_c(&wanted, "]");
	buffer_append_c(&got, "]");
	assert_int_equal(count(wanted.data, got.data, &found), 50);
	assert_int_equal(differences_kept(&found), DIFFERENCES_MAX);
	assert_string_equal(found.items[19].path, "v[19]");
	assert_int_equal(strlen(found.items[0].wanted), 1 + 2 * 99 + strlen(" \xe2\x80\xa6"));
	differences_free(&found);
	buffer_free(&wanted);
	buffer_free(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_values),
					   cmocka_unit_test(test_bounds)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
