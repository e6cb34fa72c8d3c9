#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/output/indent.h"

#include <string.h>

static void expect(const char *text, const char *wanted)
{
	cleanup_buffer struct buffer out = BUFFER(65536);
	struct error err = {0};
	assert_int_equal(json_indent(str_of(text), &out, &err), 0);
	assert_string_equal(out.data, wanted);
}

static void test_bytes_are_kept(void **state)
{
	(void)state;
	expect("1.10", "1.10");
	expect(" \"a\\u00e9\\\"{\" ", "\"a\\u00e9\\\"{\"");
	expect("{\"b\":1E400,\"a\":-0.0,\"a\":[]}", "{\n  \"b\": 1E400,\n  \"a\": -0.0,\n  \"a\": []\n}");
	expect("[ ]", "[]");
	expect("{ \n}", "{}");
	expect("[[],{} , [1 ,2]]", "[\n  [],\n  {},\n  [\n    1,\n    2\n  ]\n]");
	expect("{\"a\":{\"b\":[null,true,\",:[{\"]}}",
	       "{\n  \"a\": {\n    \"b\": [\n      null,\n      true,\n      \",:[{\"\n    ]\n  }\n}");
}

static void test_deep_text_is_left(void **state)
{
	(void)state;
	char text[1001];
	memset(text, '[', 500);
	memset(text + 500, ']', 500);
	text[1000] = 0;
	expect(text, text);
}

static void test_no_json(void **state)
{
	(void)state;
	static const char *const rows[] = {"", "{", "{\"a\":1", "[1,]", "nul", "1 2", "\"\x01\"", "\"\xff\""};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_buffer struct buffer out = BUFFER(65536);
		struct error err = {0};
		assert_int_equal(json_indent(str_of(rows[i]), &out, &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
}

static void test_too_large(void **state)
{
	(void)state;
	cleanup_buffer struct buffer out = BUFFER(8);
	struct error err = {0};
	assert_int_equal(json_indent(STR("[1,2,3]"), &out, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bytes_are_kept),
	    cmocka_unit_test(test_deep_text_is_left),
	    cmocka_unit_test(test_no_json),
	    cmocka_unit_test(test_too_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
