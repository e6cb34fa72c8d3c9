#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/skill/skills.h"

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

static void test_images(void **state)
{
	(void)state;
	assert_string_equal(skill_image("own:1", "python"), "own:1");
	assert_string_equal(skill_image("", "python"), "python:3.12-slim");
	assert_string_equal(skill_image(NULL, "bash"), "bash:5");
	assert_string_equal(skill_image("", ""), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_version_order),
	    cmocka_unit_test(test_versions_that_mean_the_same_still_have_an_order),
	    cmocka_unit_test(test_images),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
