#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/system/environment.h"

static void test_environment(void **state)
{
	(void)state;
	struct environment e = {0};
	struct error err = {0};
	assert_int_equal(environment_set(&e, STR("A"), STR("1"), &err), 0);
	assert_int_equal(environment_set(&e, STR("AB"), STR("2"), &err), 0);
	assert_int_equal(environment_set(&e, STR("B"), (struct str){NULL, 0}, &err), 0);
	assert_int_equal(environment_set(&e, STR("A"), STR("3=4"), &err), 0);
	assert_int_equal(e.count, 3);
	assert_string_equal(e.entries[0], "A=3=4");
	assert_string_equal(e.entries[1], "AB=2");
	assert_string_equal(e.entries[2], "B=");
	assert_null(e.entries[3]);
	char name[16];
	while (e.count < ENVIRONMENT_MAX) {
		snprintf(name, sizeof(name), "N%u", e.count);
		assert_int_equal(environment_set(&e, str_of(name), STR("x"), &err), 0);
	}
	assert_int_equal(environment_set(&e, STR("ONE_MORE"), STR("x"), &err), -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_int_equal(environment_set(&e, STR("A"), STR("last"), &err), 0); /* replacing still works */
	assert_null(e.entries[ENVIRONMENT_MAX]);
	environment_free(&e);
	assert_int_equal(e.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
