#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/system/oom.h"

static void test_oom(void **state)
{
	(void)state;
	assert_int_equal(oom_parse("low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 1\n"), 3);
	assert_int_equal(oom_parse("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"), 5);
	assert_int_equal(oom_parse("oom 2\n"), 0);
	assert_int_equal(oom_parse("oom_kill x\n"), 0);
	assert_int_equal(oom_parse(""), 0);
	assert_int_equal(oom_kills(-1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_oom),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
