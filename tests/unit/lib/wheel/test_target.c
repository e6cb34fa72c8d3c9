/* lib/wheel/target.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/wheel/target.h"

#include <stdio.h>

static struct wheel_target parse(const char *text)
{
	struct wheel_target target;
	struct error err;
	if (wheel_target_parse(str_of(text), &target, &err) != 0)
		fail_msg("%s", err.message);
	return target;
}

static void reads_and_writes_targets(void **state)
{
	(void)state;
	static const char *const good[] = {
	    "cp312-manylinux_2_36_x86_64", "cp38-manylinux_2_5_i686",     "cp313-manylinux_2_17_aarch64",
	    "cp312-musllinux_1_2_x86_64",  "cp310-musllinux_1_0_ppc64le", "cp399-manylinux_2_99_loongarch64"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char text[WHEEL_TARGET_SIZE];
		struct wheel_target target = parse(good[i]);
		wheel_target_format(&target, text);
		assert_string_equal(text, good[i]);
	}
	char text[WHEEL_PLATFORM_SIZE];
	struct wheel_target target = parse("cp312-musllinux_1_2_x86_64");
	assert_int_equal(target.major, 3);
	assert_int_equal(target.minor, 12);
	assert_true(target.is_musl);
	assert_int_equal(target.libc_major, 1);
	assert_int_equal(target.libc_minor, 2);
	assert_string_equal(target.machine, "x86_64");
	wheel_target_version(&target, text);
	assert_string_equal(text, "3.12");
	wheel_target_abi(&target, text);
	assert_string_equal(text, "cp312");
}

static void bad_targets_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} bad[] = {
	    {"",
	     "it must begin with cp3 and the minor version of CPython, from 3.8 on, such as cp312 for 3.12"},
	    {"cp3-manylinux_2_36_x86_64", "it must begin with cp3"},
	    {"cp37-manylinux_2_36_x86_64", "it must begin with cp3"},
	    {"cp313t-manylinux_2_36_x86_64", "it must begin with cp3"},
	    {"cp3012-manylinux_2_36_x86_64", "it must begin with cp3"},
	    {"pp310-manylinux_2_36_x86_64", "it must begin with cp3"},
	    {"cp312", "behind the first \"-\" must be manylinux_2_MINOR_MACHINE"},
	    {"cp312-linux_x86_64", "behind the first \"-\""},
	    {"cp312-manylinux2014_x86_64", "behind the first \"-\""},
	    {"cp312-manylinux_3_36_x86_64", "the version of the C library"},
	    {"cp312-manylinux_2_036_x86_64", "the version of the C library"},
	    {"cp312-musllinux_2_36_x86_64", "the version of the C library"},
	    {"cp312-manylinux_2_36", "the machine must be one of x86_64, aarch64"},
	    {"cp312-manylinux_2_36_amd64", "the machine must be one of"},
	    {"cp312-manylinux_2_36_x86_64 ", "the machine must be one of"},
	    {"cp312-manylinux_2_4_x86_64", "there are no wheels for so old a glibc"},
	    {"cp312-manylinux_2_16_aarch64", "there are no wheels for so old a glibc"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char wanted[512];
		struct error err = {0};
		struct wheel_target untouched = {.minor = 77};
		snprintf(wanted, sizeof(wanted),
			 "\"%s\" is no target, such as cp312-manylinux_2_36_x86_64: %s", bad[i].text,
			 bad[i].why);
		assert_int_equal(wheel_target_parse(str_of(bad[i].text), &untouched, &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_memory_equal(err.message, wanted, strlen(wanted));
		assert_int_equal(untouched.minor, 77);
	}
}

static void expect_platforms(const char *target, const char *const *tags, size_t count)
{
	struct wheel_platforms platforms;
	struct wheel_target parsed = parse(target);
	wheel_target_platforms(&parsed, &platforms);
	for (size_t i = 0; i < platforms.count && i < count; i++)
		assert_string_equal(platforms.tags[i], tags[i]);
	assert_int_equal(platforms.count, count);
}

/* As packaging.tags gives them, which pip asks. */
static void platforms_come_best_first(void **state)
{
	(void)state;
	static const char *const glibc[] = {
	    "manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64",
	    "manylinux_2_16_x86_64", "manylinux_2_15_x86_64", "manylinux_2_14_x86_64",
	    "manylinux_2_13_x86_64", "manylinux_2_12_x86_64", "manylinux2010_x86_64",
	    "manylinux_2_11_x86_64", "manylinux_2_10_x86_64", "manylinux_2_9_x86_64",
	    "manylinux_2_8_x86_64",  "manylinux_2_7_x86_64",  "manylinux_2_6_x86_64",
	    "manylinux_2_5_x86_64",  "manylinux1_x86_64",     "linux_x86_64",
	};
	static const char *const arm[] = {"manylinux_2_18_aarch64", "manylinux_2_17_aarch64",
					  "manylinux2014_aarch64", "linux_aarch64"};
	static const char *const musl[] = {"musllinux_1_2_x86_64", "musllinux_1_1_x86_64",
					   "musllinux_1_0_x86_64", "linux_x86_64"};
	expect_platforms("cp312-manylinux_2_18_x86_64", glibc, sizeof(glibc) / sizeof(glibc[0]));
	expect_platforms("cp312-manylinux_2_18_aarch64", arm, sizeof(arm) / sizeof(arm[0]));
	expect_platforms("cp312-musllinux_1_2_x86_64", musl, sizeof(musl) / sizeof(musl[0]));
	struct wheel_platforms most;
	struct wheel_target newest[] = {parse("cp312-manylinux_2_99_i686"),
					parse("cp312-musllinux_1_99_i686")};
	for (size_t i = 0; i < 2; i++) {
		wheel_target_platforms(&newest[i], &most);
		assert_true(most.count <= WHEEL_PLATFORMS_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_and_writes_targets),
	    cmocka_unit_test(bad_targets_are_named),
	    cmocka_unit_test(platforms_come_best_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
