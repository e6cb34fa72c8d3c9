/* lib/wheel/version.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/wheel/version.h"

/* As packaging.version compares "==". */
static void versions_are_the_same_however_written(void **state)
{
	(void)state;
	static const char *const same[][2] = {
	    {"1.0", "1.0.0"},
	    {"1", "1.0.0"},
	    {"v1.0", "1.0"},
	    {"1.00", "1.0"},
	    {"1.0-rc1", "1.0rc1"},
	    {"1.0RC1", "1.0rc1"},
	    {"1.0.c.1", "1.0rc1"},
	    {"1.0alpha", "1.0a0"},
	    {"1.0beta_2", "1.0b2"},
	    {"1.0-1", "1.0.post1"},
	    {"1.0.rev3", "1.0.post3"},
	    {"1.0dev", "1.0.dev0"},
	    {"0!1.0", "1.0"},
	    {"2!1.0", "2!1"},
	    {"2.1", "2.1+cpu"},
	    {"2.1+cpu", "2.1+cpu"},
	    {"2.1+a-b", "2.1+a.b"},
	    {"1.10", "1.10"},
	    {"0", "0.0"},
	    {"2024a", "2024a0"},
	    {"1.0a1.post2.dev3", "1.0a1post2dev3"},
	};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (!wheel_version_matches(str_of(same[i][0]), str_of(same[i][1])))
			fail_msg("%s is not %s", same[i][0], same[i][1]);
}

static void others_differ(void **state)
{
	(void)state;
	static const char *const other[][2] = {
	    {"1.0", "1.0.1"},     {"1.1", "1.10"},  {"10", "1.0"},       {"1.0", "1.0rc1"},
	    {"1.0a1", "1.0b1"},   {"2!1.0", "1.0"}, {"2.1+cpu", "2.1"},  {"2.1+cpu", "2.1+cu118"},
	    {"1.0.post1", "1.0"}, {"1.0", ""},      {"1.0", "1.0.dev0"}, {"x", "1.0"},
	    {"1.0!1", "1.0"},     {"1..0", "1.0"},
	};
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (wheel_version_matches(str_of(other[i][0]), str_of(other[i][1])))
			fail_msg("%s is %s", other[i][0], other[i][1]);
	assert_true(wheel_version_matches(STR("nonsense"), STR("NONSENSE"))); /* letter by letter */
	assert_true(wheel_version_matches(STR(""), STR("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(versions_are_the_same_however_written),
	    cmocka_unit_test(others_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
