#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/jsontext.h"

static const char *const names[] = {"name", "tenant", "scopes"};

static void takes(const char *object)
{
	struct error err;
	struct str values[3];
	if (jsontext_read_fields(str_of(object), names, 3, values, &err) != 0)
		fail_msg("%s: %s", object, err.message);
}

static void refuses(const char *object, const char *message)
{
	struct error err = {0};
	struct str values[3];
	assert_int_equal(jsontext_read_fields(str_of(object), names, 3, values, &err), -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_string_equal(err.message, message);
}

static void test_values(void **state)
{
	(void)state;
	struct error err;
	struct str values[3];
	assert_int_equal(
	    jsontext_read_fields(STR("{ \"scopes\" : [1, 2] , \"n\\u0061me\":null}"), names, 3, values, &err),
	    0);
	assert_true(str_eq(values[0], STR("null")));
	assert_null(values[1].p);
	assert_true(str_eq(values[2], STR("[1, 2]")));
}

static void test_known_ones(void **state)
{
	(void)state;
	takes("{}");
	takes("{\"name\":1}");
	takes("{ \"scopes\" : {\"other\":1,\"other\":2} , \"tenant\":[], \"n\\u0061me\":null}");
}

static void test_unknown_ones(void **state)
{
	(void)state;
	refuses("{\"name\":1,\"scope\":2}", "unknown field 'scope'; did you mean 'scopes'?");
	refuses("{\"Tenant\":1}", "unknown field 'Tenant'; did you mean 'tenant'?");
	refuses("{\"color\":1}", "unknown field 'color'; the fields are 'name', 'tenant', 'scopes'");
	refuses("{\"\":1}", "unknown field ''; the fields are 'name', 'tenant', 'scopes'");
	refuses("{\"\\ud800\":1}", "unknown field '\xed\xa0\x80'; the fields are 'name', 'tenant', 'scopes'");
}

static void test_twice(void **state)
{
	(void)state;
	refuses("{\"name\":1,\"name\":1}", "the field 'name' is there twice: send it once");
	refuses("{\"name\":1,\"tenant\":2,\"n\\u0061me\":null}",
		"the field 'name' is there twice: send it once");
}

/* A name that is cut is cut between characters. */
static void test_long_names(void **state)
{
	(void)state;
	struct error err;
	struct str values[3];
	cleanup_buffer struct buffer object = BUFFER(1 << 16);
	buffer_append_c(&object, "{\"x");
	for (int i = 0; i < 1000; i++)
		buffer_append_c(&object, "\xe2\x82\xac");
	buffer_append_c(&object, "\":1}");
	assert_int_equal(jsontext_read_fields(buffer_str(&object), names, 3, values, &err), -1);
	assert_non_null(strstr(err.message, "\xe2\x82\xac'; the fields are"));
	assert_true(strlen(err.message) < 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known_ones),   cmocka_unit_test(test_values),
	    cmocka_unit_test(test_unknown_ones), cmocka_unit_test(test_twice),
	    cmocka_unit_test(test_long_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
