/* A case's file: what is taken and what refused; and a result beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/cases/test_case.h"

#include <stdlib.h>

static int parse(const char *text, struct test_case *ret, struct error *err)
{
	return test_case_parse("tests/one.json", str_dup(str_of(text)), strlen(text), ret, err);
}

static void test_defaults(void **state)
{
	(void)state;
	struct test_case test;
	struct error err;
	assert_int_equal(parse(" {} ", &test, &err), 0);
	assert_string_equal(test.name, "one");
	assert_true(str_eq(test.input, STR("{}")));
	assert_null(test.output.p);
	assert_null(test.error_code);
	test_case_free(&test);
	assert_int_equal(
	    parse("{\"name\":\"n\",\"input\":[1.50],\"env\":{\"A\":\"\",\"B\":\"\xc3\xa9\"},\"output\":null}",
		  &test, &err),
	    0);
	assert_string_equal(test.name, "n");
	assert_true(str_eq(test.input, STR("[1.50]")));
	assert_int_equal(test.env_count, 2);
	assert_string_equal(test.env[1].value, "\xc3\xa9");
	assert_true(str_eq(test.output, STR("null")));
	test_case_free(&test);
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		const char *text, *words;
	} cases[] = {
	    {"{\"ouput\":1}", "tests/one.json: unknown field 'ouput'; did you mean 'output'?"},
	    {"{\"input\":1,\"input\":1}", "there twice"},
	    {"{\"error\":\"x\"}", "beside 'error_code' only"},
	    {"{\"output\":1,\"error_code\":\"timeout\"}", "both there"},
	    {"{\"env\":[]}", "'env' is to be an object of texts, not []"},
	    {"{\"env\":{\"PATH\":\"x\"}}", "environment variable 'PATH' can't be set"},
	    {"{\"files\":[null]}", "each a text, not null"},
	    {"3", "a case is a JSON object"},
	    {"{", "invalid JSON"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_case test;
		struct error err;
		assert_int_equal(parse(cases[i].text, &test, &err), -1);
		if (!strstr(err.message, cases[i].words))
			fail_msg("%s: %s", cases[i].text, err.message);
	}
}

static void judges(const char *text, const char *result, const char *wanted)
{
	struct test_case test;
	struct differences found = {0};
	struct error err;
	struct buffer paths = BUFFER(1024);
	assert_int_equal(parse(text, &test, &err), 0);
	assert_int_equal(test_case_judge(&test, str_of(result), &found, &err), 0);
	for (size_t i = 0; i < found.count; i++)
		buffer_appendf(&paths, "%s%s", i ? " " : "", found.items[i].path);
	assert_string_equal(paths.data ? paths.data : "", wanted);
	buffer_free(&paths);
	differences_free(&found);
	test_case_free(&test);
}

static void test_judging(void **state)
{
	(void)state;
	static const char good[] =
	    "{\"status\":\"success\",\"output\":{\"a\":1},\"files_list\":[\"x\",\"y\"],"
	    "\"logs\":\"said \\u00e9\",\"error\":null}";
	static const char bad[] = "{\"status\":\"failed\",\"error\":\"container exited with code 1: no\","
				  "\"error_code\":\"exit_nonzero\"}";
	judges("{}", good, "");
	judges("{\"output\":{\"a\":1.0},\"files\":[\"y\",\"x\"],\"log_has\":\"\xc3\xa9\"}", good, "");
	judges("{\"output\":{\"a\":2},\"files\":[\"x\",\"z\"],\"log_has\":\"shout\"}", good,
	       "output.a files files log");
	judges("{\"error_code\":\"timeout\"}", good, "error_code");
	judges("{}", bad, "status error");
	judges("{\"error_code\":\"exit_nonzero\",\"error\":\"code 1: no\"}", bad, "");
	judges("{\"error_code\":\"exit_nonzero\",\"error\":\"yes\",\"files\":[\"x\"]}", bad, "error files");
	judges("{\"error_code\":\"timeout\"}", bad, "error_code error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults), cmocka_unit_test(test_refusals),
					   cmocka_unit_test(test_judging)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
