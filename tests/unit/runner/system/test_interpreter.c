#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/system/interpreter.h"
#include "tests/unit/runner/directory.h"

static void make_program(struct directory *d, const char *path, mode_t mode)
{
	assert_int_equal(directory_write(d->fd, path, "#!", 2), 0);
	assert_int_equal(fchmodat(d->fd, path, mode, 0), 0);
}

static void test_interpreters(void **state)
{
	(void)state;
	struct directory d;
	assert_int_equal(directory_make(&d), 0);
	assert_int_equal(mkdirat(d.fd, "one", 0755), 0);
	assert_int_equal(mkdirat(d.fd, "two", 0755), 0);
	assert_int_equal(mkdirat(d.fd, "one/bash", 0755), 0); /* a directory is no program */
	make_program(&d, "one/node", 0644);                   /* nor is what can't be executed */
	make_program(&d, "two/node", 0755);
	make_program(&d, "one/python3", 0755);
	static struct interpreters found;
	char search[256], want[256];
	snprintf(search, sizeof(search), "relative::%s/missing:%s/one:%s/two", d.path, d.path, d.path);
	interpreters_find(search, &found);
	snprintf(want, sizeof(want), "%s/one/python3", d.path);
	assert_string_equal(interpreters_path(&found, STR("python")), want);
	snprintf(want, sizeof(want), "%s/two/node", d.path);
	assert_string_equal(interpreters_path(&found, STR("node")), want);
	assert_null(interpreters_path(&found, STR("bash")));
	assert_null(interpreters_path(&found, STR("ruby")));
	assert_null(interpreters_path(&found, STR("")));
	make_program(&d, "two/python", 0755); /* the plain name wins wherever it is */
	interpreters_find(search, &found);
	snprintf(want, sizeof(want), "%s/two/python", d.path);
	assert_string_equal(interpreters_path(&found, STR("python")), want);
	assert_int_equal(directory_remove(&d), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_interpreters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
