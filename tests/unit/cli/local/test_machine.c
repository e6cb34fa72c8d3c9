/* What interpreters say of themselves, and what people are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/local/machine.h"
#include "lib/wheel/target.h"

#include <string.h>

static void test_versions(void **state)
{
	(void)state;
	static const struct {
		const char *said, *told;
	} cases[] = {
	    {"Python 3.11.2", "Python 3.11.2"},
	    {"v18.19.0", "Node.js 18.19.0"},
	    {"GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)", "Bash 5.2.15"},
	    {"PyPy 7", "PyPy 7"},
	    {"", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char version[MACHINE_VERSION_SIZE] = "";
		strncpy(version, cases[i].said, sizeof(version) - 1);
		machine_name_version(version);
		assert_string_equal(version, cases[i].told);
	}
}

static void test_interpreters(void **state)
{
	(void)state;
	struct interpreter found;
	struct error err;
	assert_int_equal(machine_find_interpreter("bash", &found, &err), 0);
	machine_ask_version(&found);
	assert_memory_equal(found.version, "Bash ", 5);
	assert_int_equal(machine_find_interpreter("cobol", &found, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.message, "this machine has no cobol"));
}

static void test_packages(void **state)
{
	(void)state;
	char said[GATHER_HERE_SIZE];
	struct wheel_target target;
	struct error err = {0};
	struct str cpu, libc;
	assert_int_equal(machine_ask_packages("python", said, &err), 0);
	assert_int_equal(wheel_target_parse(str_of(said), &target, &err), 0);
	assert_int_equal(machine_ask_packages("node", said, &err), 0);
	assert_true(str_split_once(str_of(said), ' ', &cpu, &libc));
	assert_true(cpu.n > 0 && (str_eq(libc, STR("glibc")) || str_eq(libc, STR("musl"))));
	assert_int_equal(machine_ask_packages("cobol", said, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_versions),
					   cmocka_unit_test(test_interpreters),
					   cmocka_unit_test(test_packages)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
