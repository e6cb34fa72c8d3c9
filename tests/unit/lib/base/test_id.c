/* lib/base/id.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/id.h"

static void uuids_are_random_version_4(void **state)
{
	(void)state;
	char a[ID_UUID_SIZE], b[ID_UUID_SIZE];
	for (int i = 0; i < 1000; i++) {
		id_uuid4(a);
		id_uuid4(b);
		assert_int_equal(strlen(a), 36);
		assert_true(id_is_uuid(str_of(a)));
		assert_int_equal(a[14], '4');
		assert_non_null(strchr("89ab", a[19]));
		assert_string_not_equal(a, b);
	}
}

static void knows_uuids(void **state)
{
	(void)state;
	assert_true(id_is_uuid(STR("00000000-0000-0000-0000-000000000000")));
	assert_true(id_is_uuid(STR("ABCDEFab-cdef-1234-5678-9ABCDEF01234")));
	static const char *const bad[] = {
	    "",
	    "00000000-0000-0000-0000-00000000000",
	    "00000000-0000-0000-0000-0000000000000",
	    "00000000000000000000000000000000----",
	    "0000000000000-0000-0000-000000000000",
	    "g0000000-0000-0000-0000-000000000000",
	    "{0000000-0000-0000-0000-00000000000}",
	    "../00000-0000-0000-0000-000000000000",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(id_is_uuid(str_of(bad[i])));
}

static void writes_and_knows_hex(void **state)
{
	(void)state;
	char hex[9];
	id_hex("\x00\x1f\xff\xa0", 4, hex);
	assert_string_equal(hex, "001fffa0");
	id_hex("", 0, hex);
	assert_string_equal(hex, "");
	assert_true(id_is_hex(STR("09af"), 4));
	assert_false(id_is_hex(STR("09af"), 5));
	assert_false(id_is_hex(STR("09AF"), 4));
	assert_false(id_is_hex(STR("09ag"), 4));
	assert_true(id_is_hex((struct str){NULL, 0}, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(uuids_are_random_version_4),
	    cmocka_unit_test(knows_uuids),
	    cmocka_unit_test(writes_and_knows_hex),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
