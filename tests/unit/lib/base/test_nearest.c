#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/nearest.h"

static const char *const names[] = {"skill", "version", "input", "env", "timeout", "async"};

static const char *near(const char *given)
{
	return nearest_name(str_of(given), names, sizeof(names) / sizeof(names[0]));
}

static void test_slips(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
	    {"inputs", "input"},
	    {"inptu", "input"},
	    {"Input", "input"},
	    {"imput", "input"},
	    {"skil", "skill"},
	    {"skills", "skill"},
	    {"SKILL", "skill"},
	    {"skill_name", "skill"},
	    {"skillName", "skill"},
	    {"time-out", "timeout"},
	    {"timeoutSeconds", "timeout"},
	    {"tiemout", "timeout"},
	    {"vresion", "version"},
	    {"versoin", "version"},
	    {"envs", "env"},
	    {"environment", "env"},
	    {"asinc", "async"},
	    {"input_data", "input"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *found = near(rows[i][0]);
		if (!found || strcmp(found, rows[i][1]) != 0)
			fail_msg("%s: %s, not %s", rows[i][0], found ? found : "none", rows[i][1]);
	}
}

static void test_strangers(void **state)
{
	(void)state;
	static const char *const rows[] = {"",  "x",    "args",    "parameters", "in",
					   "e", "body", "command", "\xff"};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (near(rows[i]))
			fail_msg("%s: %s", rows[i], near(rows[i]));
	char long_name[1000];
	memset(long_name, 'i', sizeof(long_name));
	assert_null(nearest_name((struct str){long_name, sizeof(long_name)}, names, 6));
	assert_null(nearest_name(STR("input"), NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_slips),
	    cmocka_unit_test(test_strangers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
