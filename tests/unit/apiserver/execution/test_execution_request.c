#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/execution_request.h"
#include "lib/base/buffer.h"

static void input_is(struct str body, const char *input)
{
	struct execution_request request;
	struct error err;
	if (execution_request_parse(body, &request, &err) != 0)
		fail_msg("%s", err.message);
	assert_true(str_eq(request.input, str_of(input)));
	execution_request_clear(&request);
}

static void fails(struct str body, enum error_code code, const char *word)
{
	struct execution_request request;
	struct error err = {0};
	assert_int_equal(execution_request_parse(body, &request, &err), -1);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, word))
		fail_msg("\"%s\" lacks \"%s\"", err.message, word);
}

static void test_defaults(void **state)
{
	(void)state;
	struct execution_request request;
	struct error err;
	assert_int_equal(execution_request_parse(STR("\n {\"skill\":\"x\"}\n"), &request, &err), 0);
	assert_string_equal(request.skill, "x");
	assert_string_equal(request.version, "latest");
	assert_true(str_eq(request.input, STR("{}")));
	assert_int_equal(request.env_count, 0);
	assert_int_equal(request.timeout_ms, 0);
	assert_false(request.async);
	execution_request_clear(&request);
}

static void test_everything(void **state)
{
	(void)state;
	struct execution_request request;
	struct error err;
	struct str body =
	    STR("{\"skill\":\"\\u0061.b-C_1\",\"version\":\"1.2.3-rc.1\",\"input\":[1],\"timeout\":\"1m30s\","
		"\"async\":true,"
		"\"env\":{\"A\":\"2\",\"B\":\"\\u00e9\\n\"}}");
	assert_int_equal(execution_request_parse(body, &request, &err), 0);
	assert_string_equal(request.skill, "a.b-C_1");
	assert_string_equal(request.version, "1.2.3-rc.1");
	assert_int_equal(request.timeout_ms, 90000);
	assert_true(request.async);
	assert_int_equal(request.env_count, 2);
	assert_string_equal(request.env[0].name, "A");
	assert_string_equal(request.env[0].value, "2");
	assert_string_equal(request.env[1].value, "\xc3\xa9\n");
	execution_request_clear(&request);
}

static void test_nulls_are_absent(void **state)
{
	(void)state;
	input_is(STR("{\"skill\":\"x\",\"version\":null,\"input\":null,\"env\":null,\"timeout\":null,"
		     "\"async\":null}"),
		 "{}");
}

/* The input is handed on as it was sent, but for blanks around it. */
static void test_input_byte_for_byte(void **state)
{
	(void)state;
	input_is(
	    STR("{\"skill\":\"x\",\"input\": {\"b\" : 1.0,\"a\":1e400, \"b\":12345678901234567890123 } }"),
	    "{\"b\" : 1.0,\"a\":1e400, \"b\":12345678901234567890123 }");
	input_is(STR("{\"input\":\t\"\\u0000\\ud83d\\ude00\\/\" , \"skill\":\"x\"}"),
		 "\"\\u0000\\ud83d\\ude00\\/\"");
	input_is(STR("{\"skill\":\"x\",\"input\":-0}"), "-0");
	input_is(STR("{\"skill\":\"x\",\"input\":false}"), "false");
	input_is(STR("{\"skill\":\"x\",\"\\u0069nput\":\"escaped key\"}"), "\"escaped key\"");
	input_is(STR("{\"skill\":\"x\",\"input\":{\"inputs\":1,\"inputs\":2}}"),
		 "{\"inputs\":1,\"inputs\":2}");
}

static void test_bad_bodies(void **state)
{
	(void)state;
	fails(STR(""), ERR_BAD_REQUEST, "empty");
	fails(STR(" \r\n"), ERR_BAD_REQUEST, "empty");
	fails(STR("{"), ERR_BAD_REQUEST, "byte");
	fails(STR("null"), ERR_BAD_REQUEST,
	      "must be a JSON object such as {\"skill\":\"NAME\",\"input\":{}}, not null");
	fails(STR("{\"skill\":\"x\",\"input\":[NaN]}"), ERR_BAD_REQUEST,
	      "(line 1, column 23): NaN is no JSON: write null or a string");
	fails(STR("{}"), ERR_BAD_REQUEST, "'skill' is required");
	fails(STR("{\"skill\":null}"), ERR_BAD_REQUEST, "'skill' is required");
	fails(STR("{\"skill\":[]}"), ERR_BAD_REQUEST, "'skill' must be a string such as \"hello\", not []");
	fails(STR("{\"skill\":\"-x\"}"), ERR_BAD_REQUEST, "\"-x\"");
	fails(STR("{\"skill\":\"x\\u0000\"}"), ERR_BAD_REQUEST, "'skill' must not contain a NUL");
	fails(STR("{\"skill\":\"\\ud800\"}"), ERR_BAD_REQUEST, "skill");
	fails(STR("{\"skill\":\"x\",\"version\":\"1.x\"}"), ERR_BAD_REQUEST, "'version'");
	fails(STR("{\"skill\":\"x\",\"timeout\":\"25h\"}"), ERR_BAD_REQUEST, "\"25h\"");
	fails(STR("{\"skill\":\"x\",\"timeout\":\"\"}"), ERR_BAD_REQUEST, "'timeout'");
	fails(STR("{\"skill\":\"x\",\"timeout\":30}"), ERR_BAD_REQUEST,
	      "'timeout' must be a string such as \"30s\", not 30");
	fails(STR("{\"skill\":\"x\",\"async\":1}"), ERR_BAD_REQUEST, "'async'");
	fails(STR("{\"skill\":\"x\",\"env\":\"A=1\"}"), ERR_BAD_REQUEST, "'env' must be an object");
	fails(STR("{\"skill\":\"x\",\"env\":{\"A\":null}}"), ERR_BAD_REQUEST,
	      "'env.A' must be a string, not null");
}

static void test_fields(void **state)
{
	(void)state;
	fails(STR("{\"skill\":\"x\",\"inputs\":{}}"), ERR_BAD_REQUEST,
	      "unknown field 'inputs'; did you mean 'input'?");
	fails(STR("{\"Skill\":\"x\"}"), ERR_BAD_REQUEST, "unknown field 'Skill'; did you mean 'skill'?");
	fails(STR("{\"skill\":\"x\",\"stdin\":1}"), ERR_BAD_REQUEST,
	      "unknown field 'stdin'; the fields are 'skill', 'version', 'input', 'env', 'timeout', 'async'");
	fails(STR("{\"skill\":\"x\",\"input\":1,\"input\":2}"), ERR_BAD_REQUEST,
	      "the field 'input' is there twice");
	fails(STR("{\"skill\":\"x\",\"skill\":\"x\"}"), ERR_BAD_REQUEST, "the field 'skill' is there twice");
	fails(STR("{\"skill\":\"x\",\"env\":{\"A\":\"1\",\"\\u0041\":\"1\"}}"), ERR_BAD_REQUEST,
	      "'env' has A twice");
}

static void test_env_refusals(void **state)
{
	(void)state;
	fails(STR("{\"skill\":\"x\",\"env\":{\"OK\":\"\",\"PATH\":\"\",\"pip_x\":\"\",\"\":\"\"}}"),
	      ERR_INVALID_ENV, "\"PATH\", \"pip_x\", \"\"");
	fails(STR("{\"skill\":\"x\",\"env\":{\"A\\u0000B\":\"\"}}"), ERR_INVALID_ENV, "\"A");
	fails(STR("{\"skill\":\"x\",\"env\":{\"A\":\"\\u0000\"}}"), ERR_INVALID_ENV, "NUL");
	struct buffer body = BUFFER(4 << 20);
	buffer_append_c(&body, "{\"skill\":\"x\",\"env\":{\"A\":\"");
	for (int i = 0; i < 130817; i++)
		buffer_append_byte(&body, 'x');
	buffer_append_c(&body, "\"}}");
	fails(buffer_str(&body), ERR_INVALID_ENV, "130817 bytes, more than 130816, the limit");
	buffer_reset(&body);
	buffer_append_c(&body, "{\"skill\":\"x\",\"env\":{\"A\":\"\"");
	for (unsigned i = 0; i < EXECUTION_REQUEST_MAX_ENV; i++)
		buffer_appendf(&body, ",\"V%u\":\"\"", i);
	buffer_append_c(&body, "}}");
	fails(buffer_str(&body), ERR_INVALID_ENV, "more than 128 variables, the limit");
	buffer_reset(&body);
	buffer_append_c(&body, "{\"skill\":\"x\",\"env\":{");
	for (int i = 0; i < 5; i++) {
		buffer_appendf(&body, "%s\"V%d\":\"", i ? "," : "", i);
		for (int n = 0; n < 105000; n++)
			buffer_append_byte(&body, 'x');
		buffer_append_byte(&body, '"');
	}
	buffer_append_c(&body, "}}");
	fails(buffer_str(&body), ERR_INVALID_ENV, "more than 524288 bytes, the limit");
	/* A list of refused names that has no end is cut, and says so. */
	buffer_reset(&body);
	buffer_append_c(&body, "{\"skill\":\"x\",\"env\":{\"PATH\":\"\"");
	for (int i = 0; i < 500; i++)
		buffer_appendf(&body, ",\"SKILL_%d\":\"\"", i);
	buffer_append_c(&body, "}}");
	fails(buffer_str(&body), ERR_INVALID_ENV, "and more");
	buffer_free(&body);
}

static void test_prefer(void **state)
{
	(void)state;
	assert_true(prefer_is_async(STR("respond-async")));
	assert_true(prefer_is_async(STR("wait=10 , Respond-ASYNC ; x=y")));
	assert_false(prefer_is_async(STR("")));
	assert_false(prefer_is_async(STR("respond-asynchronously")));
	assert_false(prefer_is_async(STR("return=minimal")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),         cmocka_unit_test(test_everything),
	    cmocka_unit_test(test_nulls_are_absent), cmocka_unit_test(test_input_byte_for_byte),
	    cmocka_unit_test(test_bad_bodies),       cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_env_refusals),     cmocka_unit_test(test_prefer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
