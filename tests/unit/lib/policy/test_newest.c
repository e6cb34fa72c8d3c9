/* lib/policy/newest.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/policy/newest.h"

static struct skill upload(const char *object, const char *version, int64_t uploaded_ms)
{
	return (struct skill){.meta.name = (char *)(uintptr_t)object,
			      .spec.version = (char *)(uintptr_t)version,
			      .uploaded_ms = uploaded_ms};
}

/* In whatever order the uploads are visited. */
static void expect(const char *version, const struct skill *skills, size_t count, const struct skill *newest)
{
	struct newest_skill forward = newest_skill(str_of(version)), backward = newest_skill(str_of(version));
	for (size_t i = 0; i < count; i++) {
		assert_true(newest_skill_visit(&forward, &skills[i]));
		assert_true(newest_skill_visit(&backward, &skills[count - 1 - i]));
	}
	assert_ptr_equal(forward.found, newest);
	assert_ptr_equal(backward.found, newest);
}

static void the_newest_upload_counts_not_the_highest_version(void **state)
{
	(void)state;
	const struct skill skills[] = {upload("a", "2.0.0", 10), upload("b", "1.0.0", 30),
				       upload("c", "1.0.0", 20)};
	expect("latest", skills, 3, &skills[1]);
	expect("", skills, 3, &skills[1]);
	expect("1.0.0", skills, 3, &skills[1]);
	expect("2.0.0", skills, 3, &skills[0]);
	expect("3.0.0", skills, 3, NULL);
	expect("1.0", skills, 3, NULL);
	expect(NULL, skills, 0, NULL);
}

static void two_of_one_moment_have_an_order(void **state)
{
	(void)state;
	const struct skill skills[] = {upload("b", "1.0.0", 10), upload("c", "1.0.0", 10),
				       upload("a", "1.0.0", 10)};
	expect("latest", skills, 3, &skills[1]);
	assert_true(skill_is_newer(&skills[1], &skills[0]));
	assert_false(skill_is_newer(&skills[0], &skills[1]));
	assert_false(skill_is_newer(&skills[0], &skills[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_newest_upload_counts_not_the_highest_version),
	    cmocka_unit_test(two_of_one_moment_have_an_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
