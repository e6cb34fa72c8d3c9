#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/dependencies/target.h"

#include <string.h>

static void expect(const char *text, const char *full, const char *platforms)
{
	struct python_target target;
	struct error err = {0};
	cleanup_buffer struct buffer out = BUFFER(16384);
	if (python_target_parse(text, &target, &err) != 0)
		fail_msg("%s", err.message);
	assert_string_equal(target.text, full);
	python_target_platforms(&target, ' ', &out);
	assert_string_equal(out.data, platforms);
}

/* The oldest glibc with tags of its own is 2.5, where there were machines of that time, else 2.17; the older
 * names stand behind what they stand for. */
static void test_platforms(void **state)
{
	(void)state;
	expect("cp312-manylinux_2_18_aarch64", "cp312-manylinux_2_18_aarch64",
	       "manylinux_2_18_aarch64 manylinux_2_17_aarch64 manylinux2014_aarch64 linux_aarch64 ");
	expect("cp39-manylinux2010_i686", "cp39-manylinux_2_12_i686",
	       "manylinux_2_12_i686 manylinux2010_i686 manylinux_2_11_i686 manylinux_2_10_i686 "
	       "manylinux_2_9_i686 manylinux_2_8_i686 manylinux_2_7_i686 manylinux_2_6_i686 "
	       "manylinux_2_5_i686 manylinux1_i686 linux_i686 ");
	expect("cp313-musllinux_1_2_x86_64", "cp313-musllinux_1_2_x86_64",
	       "musllinux_1_2_x86_64 musllinux_1_1_x86_64 musllinux_1_0_x86_64 linux_x86_64 ");
}

static void test_short_form(void **state)
{
	struct python_target target;
	char machine[32], wanted[96];
	(void)state;
	assert_int_equal(python_target_machine(machine, sizeof(machine), NULL), 0);
	assert_int_equal(python_target_parse("3.12", &target, NULL), 0);
	assert_int_equal(target.minor, 12);
	snprintf(wanted, sizeof(wanted), "cp312-manylinux_2_28_%s", machine);
	assert_string_equal(target.text, wanted);
}

static void test_what_is_none(void **state)
{
	static const char *const texts[] = {"",
					    "3",
					    "3.",
					    "3.5",
					    "3.100",
					    "cp312",
					    "cp312-",
					    "cp312-any",
					    "cp312-manylinux_2_36_",
					    "cp312-manylinux_1_36_x86_64",
					    "cp312-musllinux_2_1_x86_64",
					    "cp312-manylinux_2_999_x86_64",
					    "cp312-manylinux_2_36_x86-64",
					    "cp312t-manylinux_2_36_x86_64"};
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct python_target target;
		struct error err = {0};
		assert_int_equal(python_target_parse(texts[i], &target, &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_platforms),
					   cmocka_unit_test(test_short_form),
					   cmocka_unit_test(test_what_is_none)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
