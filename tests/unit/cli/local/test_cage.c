/* Who a sandbox on this machine can be: as the kernel's maps of ids say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/local/cage.h"

static void test_maps(void **state)
{
	(void)state;
	static const struct {
		const char *map;
		bool has;
	} cases[] = {
	    {"         0          0 4294967295\n", true},
	    {"         0       1000          1\n", false},
	    {"         0       1000          1\n         1     100000      65536\n", true},
	    {"     65534       1000          1\n", true},
	    {"     65535       1000          1\n", false},
	    {"         0          0      65534\n", false},
	    {"", false},
	    {"0 0", false},
	    {"0 0 x\n", false},
	    {"x 0 99999\n", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(cage_map_has(str_of(cases[i].map), 65534), cases[i].has);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_maps)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
