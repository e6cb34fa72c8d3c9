/* lib/base/json_write.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/json_write.h"

#include "lib/base/jsontext.h"

static void writers_place_commas(void **state)
{
	(void)state;
	cleanup_buffer struct buffer out = BUFFER(4096);
	json_open(&out, '{');
	json_put_string(&out, "s", "ends with [");
	json_put_string(&out, "absent", NULL);
	json_put_int(&out, "i", -9007199254740993);
	json_put_bool(&out, "b", false);
	json_put_number(&out, "n", 1.0 / 3);
	json_put_raw(&out, "r", "[1e400]");
	json_put_time(&out, "t", 1795517904123, false);
	json_key(&out, "l");
	json_open(&out, '[');
	json_element_string(&out, "{");
	json_element_string(&out, "\"\x01");
	json_open(&out, '{');
	json_close(&out, '}');
	json_close(&out, ']');
	json_close(&out, '}');
	assert_string_equal(
	    out.data, "{\"s\":\"ends with [\",\"i\":-9007199254740993,\"b\":false,\"n\":0.333,\"r\":[1e400],"
		      "\"t\":\"2026-11-24T10:58:24Z\",\"l\":[\"{\",\"\\\"\\u0001\",{}]}");
	assert_int_equal(jsontext_check(buffer_str(&out), &(struct jsontext_rules){0}, NULL), 0);
}

static void texts_that_do_not_fit_are_told(void **state)
{
	(void)state;
	struct error err = {0};
	cleanup_buffer struct buffer small = BUFFER(8);
	json_open(&small, '{');
	json_put_string(&small, "key", "value");
	assert_int_equal(buffer_check(&small, "the thing", &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_string_equal(err.message, "the thing does not fit into 8 bytes");

	cleanup_buffer struct buffer out = BUFFER(64);
	json_open(&out, '{');
	assert_int_equal(json_put_text(&out, "value", "ab\xff", &err), -1);
	assert_string_equal(err.message, "value: not UTF-8 at byte 2");
	json_put_message(&out, "m", "abc\xc3\xa9\xc3\xa9\xc3\xa9",
			 8); /* 9 bytes: cut in the middle of a character */
	json_close(&out, '}');
	assert_string_equal(out.data, "{\"m\":\"abc\xc3\xa9\xe2\x80\xa6\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writers_place_commas),
	    cmocka_unit_test(texts_that_do_not_fit_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
