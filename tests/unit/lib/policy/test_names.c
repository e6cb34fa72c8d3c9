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
					      "0.9",
					      "1.0.0-1",
					      "1.0.0-2",
					      "1.0.0-10",
					      "1-alpha",
					      "1.0.0-alpha.1",
					      "v1.0-alpha.2",
					      "1.0.0-alpha.10",
					      "1.0.0-alpha.b",
					      "1.0.0-alpha-x",
					      "1.0.0-beta",
					      "1.0.0",
					      "1.0+a",
					      "1.0.0+a.2",
					      "1.0.0+a.10",
					      "1.0.1",
					      "1.2",
					      "v1.10.0",
					      "2",
					      "2.0.0+7",
					      "10.0.0",
					      "2024.05",
					      "2024.05.17",
					      "99999999999999999999.0.0",
					      "100000000000000000000.0.0",
					      /* and what is no version */ "",
					      "1.x",
					      "latest"};
	size_t count = sizeof(ordered) / sizeof(ordered[0]);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < count; k++) {
			int order = skill_version_compare(str_of(ordered[i]), str_of(ordered[k]));
			if ((order > 0) - (order < 0) != (i > k) - (i < k))
				fail_msg("%s and %s: %d", ordered[i], ordered[k], order);
		}
	}
}

static void test_versions_that_are_the_same(void **state)
{
	(void)state;
	static const char *const same[][2] = {
	    {"1.0", "1.0.0"},         {"1", "1.0.0"},    {"v1.2.3", "1.2.3"},         {"1.01.0", "1.1"},
	    {"1-rc.1", "1.0.0-rc.1"}, {"1+b", "v1.0+b"}, {"1.0.0-rc.01", "1.0-rc.1"}, {"0", "0.0"}};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_int_equal(skill_version_compare(str_of(same[i][0]), str_of(same[i][1])), 0);
		assert_int_equal(skill_version_compare(str_of(same[i][1]), str_of(same[i][0])), 0);
	}
}

static void test_versions_that_are_tried_out(void **state)
{
	(void)state;
	static const char *const dev[] = {"1.0.0-dev.0a1b2c3", "1-dev.x", "v2.1-dev.9f+b"};
	static const char *const others[] = {"1.0.0",         "1.0.0-dev",      "1.0.0-dev.",
					     "1.0.0-dev.a.b", "1.0.0-rc.dev.a", "1.0.0-develop.1",
					     "1.0.0+dev.a",   "dev.a",          ""};
	for (size_t i = 0; i < sizeof(dev) / sizeof(dev[0]); i++)
		assert_true(skill_version_is_dev(str_of(dev[i])));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(skill_version_is_dev(str_of(others[i])));
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
	static const char *const versions[] = {
	    "0.0.0",         "1.10.0", "01.2.3",      "1.0.0-rc.1", "1.0.0-.",
	    "1.0.0-a-b",     "1",      "1.0",         "v1",         "v1.2.3",
	    "1.2.3+build.7", "1-2-3",  "1.0-rc.1+7a", "2024-05-17", "99999999999999999999.0.0"};
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		assert_true(skill_version_is_valid(str_of(versions[i])));
	static const char *const bad_versions[] = {"",       "1.",     "1.0.", "1.0.0.0",  "1.0.0-",
						   "V1.0.0", "vv1",    "1..0", "1.0.0+",   "1.0.0-a_b",
						   "1.0.0 ", "latest", ".1.0", "1.0.0-+b", "1+b+c",
						   "v",      "-rc.1",  "1.x",  "1.0.0/a"};
	for (size_t i = 0; i < sizeof(bad_versions) / sizeof(bad_versions[0]); i++)
		assert_false(skill_version_is_valid(str_of(bad_versions[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_version_order),
	    cmocka_unit_test(test_versions_that_are_the_same),
	    cmocka_unit_test(test_versions_that_are_tried_out),
	    cmocka_unit_test(test_names_and_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
