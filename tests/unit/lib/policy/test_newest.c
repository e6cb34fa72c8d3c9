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
	expect("1.1", skills, 3, NULL);
	expect(NULL, skills, 0, NULL);
}

static void a_version_is_found_however_it_is_written(void **state)
{
	(void)state;
	const struct skill skills[] = {upload("a", "1.0", 10), upload("b", "v1.0.0", 30),
				       upload("c", "1.0.0+build", 40), upload("d", "1.0.0-rc.1", 50)};
	expect("1.0.0", skills, 4, &skills[1]);
	expect("1", skills, 4, &skills[1]);
	expect("v1.0", skills, 1, &skills[0]);
	expect("1.0+build", skills, 4, &skills[2]);
	expect("1.0-rc.1", skills, 4, &skills[3]);
	expect("1.0.0+other", skills, 4, NULL);
}

static void what_is_tried_out_is_never_latest(void **state)
{
	(void)state;
	const struct skill skills[] = {upload("a", "1.0.0", 10), upload("b", "1.1.0-dev.0a1b2c3", 30)};
	expect("latest", skills, 2, &skills[0]);
	expect("", skills, 2, &skills[0]);
	expect("latest", skills + 1, 1, NULL);
	expect("1.1.0-dev.0a1b2c3", skills, 2, &skills[1]);
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
	    cmocka_unit_test(a_version_is_found_however_it_is_written),
	    cmocka_unit_test(what_is_tried_out_is_never_latest),
	    cmocka_unit_test(two_of_one_moment_have_an_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
