#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/dependencies/target.h"

#include <string.h>

static void expect(const char *text, const char *full)
{
	struct wheel_target target;
	struct error err = {0};
	char found[WHEEL_TARGET_SIZE];
	if (target_parse(text, &target, &err) != 0)
		fail_msg("%s", err.message);
	wheel_target_format(&target, found);
	assert_string_equal(found, full);
}

static void test_targets(void **state)
{
	char machine[WHEEL_MACHINE_SIZE], wanted[96];
	(void)state;
	expect("cp313-musllinux_1_2_x86_64", "cp313-musllinux_1_2_x86_64");
	assert_int_equal(target_machine(machine, NULL), 0);
	snprintf(wanted, sizeof(wanted), "cp312-manylinux_2_28_%s", machine);
	expect("3.12", wanted);
}

static void test_what_is_none(void **state)
{
	static const char *const texts[] = {"", "3", "3.", "3.5", "3.100", "3.12.1", "312", "cp312", "py312"};
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct wheel_target target;
		struct error err = {0};
		assert_int_equal(target_parse(texts[i], &target, &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_targets),
					   cmocka_unit_test(test_what_is_none)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
