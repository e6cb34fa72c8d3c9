/* lib/policy/names.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/policy/names.h"

static void test_version_order(void **state)
{
	(void)state;
	/* Each comes before all that follow. */
	static const char *const ordered[] = {"0.0.1",
					      "0.9.0",
					      "1.0.0-alpha",
					      "1.0.0-alpha.1",
					      "1.0.0-alpha.2",
					      "1.0.0-alpha.10",
					      "1.0.0-beta",
					      "1.0.0",
					      "1.0.1",
					      "1.2.0",
					      "1.10.0",
					      "2.0.0",
					      "10.0.0",
					      "99999999999999999999.0.0",
					      "100000000000000000000.0.0"};
	size_t count = sizeof(ordered) / sizeof(ordered[0]);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < count; k++) {
			int order = skill_version_compare(ordered[i], ordered[k]);
			assert_int_equal(order < 0 ? -1 : order > 0, i < k ? -1 : i > k);
		}
	}
}

static void test_versions_that_mean_the_same_still_have_an_order(void **state)
{
	(void)state;
	int order = skill_version_compare("1.01.0", "1.1.0");
	assert_int_not_equal(order, 0);
	assert_int_equal(order<0, skill_version_compare("1.1.0", "1.01.0")> 0);
	assert_int_equal(skill_version_compare("1.00.0", "1.00.0"), 0);
}

static void test_names_and_versions(void **state)
{
	(void)state;
	char name[130];
	memset(name, 'a', sizeof(name));
	assert_true(skill_name_is_valid((struct str){name, 128}));
	assert_false(skill_name_is_valid((struct str){name, 129}));
	assert_true(skill_name_is_valid(STR("9")));
	static const char *const bad_names[] = {"", ".a", "_a", "-a", "a b", "a/b", "a\n", "\xc3\xa9"};
	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++)
		assert_false(skill_name_is_valid(str_of(bad_names[i])));
	assert_false(skill_name_is_valid((struct str){"a\0b", 3}));
	static const char *const versions[] = {"0.0.0",      "1.10.0",  "01.2.3",
					       "1.0.0-rc.1", "1.0.0-.", "99999999999999999999.0.0"};
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		assert_true(skill_version_is_valid(str_of(versions[i])));
	static const char *const bad_versions[] = {"",       "1",      "1.0",  "1.0.",     "1.0.0.0",
						   "1.0.0-", "v1.0.0", "1..0", "1.0.0+b",  "1.0.0-a_b",
						   "1.0.0 ", "latest", ".1.0", "1.0.0-a-b"};
	for (size_t i = 0; i < sizeof(bad_versions) / sizeof(bad_versions[0]); i++)
		assert_false(skill_version_is_valid(str_of(bad_versions[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_version_order),
	    cmocka_unit_test(test_versions_that_mean_the_same_still_have_an_order),
	    cmocka_unit_test(test_names_and_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
