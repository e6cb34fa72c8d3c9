#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/install.h"
#include "tests/unit/runner/directory.h"

#include <string.h>

static void test_copy(void **state)
{
	(void)state;
	struct directory d;
	struct error err = {0};
	assert_int_equal(directory_make(&d), 0);
	char source[128], destination[128];
	static char content[200000];
	memset(content, 'c', sizeof(content));
	snprintf(source, sizeof(source), "%s/source", d.path);
	snprintf(destination, sizeof(destination), "%s/destination", d.path);
	assert_int_equal(directory_write(d.fd, "source", content, sizeof(content)), 0);
	assert_int_equal(install_copy(source, destination, &err), 0);
	struct stat st;
	assert_int_equal(stat(destination, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0755);
	assert_int_equal(st.st_size, sizeof(content));
	assert_int_equal(install_copy(source, destination, &err), 0); /* over an older one */
	assert_int_equal(install_copy("/nowhere", destination, &err), -1);
	assert_non_null(strstr(err.message, "open /nowhere"));
	assert_int_equal(install_copy(source, "/nowhere/x", &err), -1);
	snprintf(destination, sizeof(destination), "%s/destination.tmp", d.path);
	assert_int_equal(stat(destination, &st), -1);
	assert_int_equal(directory_remove(&d), 0);
}

static void test_copy_through_a_link(void **state)
{
	(void)state;
	struct directory d;
	struct error err = {0};
	assert_int_equal(directory_make(&d), 0);
	char destination[128];
	snprintf(destination, sizeof(destination), "%s/x", d.path);
	assert_int_equal(symlinkat("elsewhere", d.fd, "x.tmp"), 0);
	assert_int_equal(install_copy("/proc/self/exe", destination, &err), -1);
	struct stat st;
	assert_int_equal(fstatat(d.fd, "elsewhere", &st, 0), -1);
	assert_int_equal(directory_remove(&d), 0);
}

static void test_hook(void **state)
{
	(void)state;
	struct directory d;
	struct error err = {0};
	char destination[128], hook[128];
	struct stat st;
	assert_int_equal(directory_make(&d), 0);
	snprintf(destination, sizeof(destination), "%s/runner", d.path);
	snprintf(hook, sizeof(hook), "%s/park.cjs", d.path);
	assert_int_equal(install_hook(destination, &err), 0);
	assert_int_equal(stat(hook, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_true(st.st_size > 100);
	assert_int_equal(install_hook(destination, &err), 0); /* over an older one */
	assert_int_equal(install_hook("/nowhere/runner", &err), -1);
	assert_non_null(strstr(err.message, "write /nowhere/park.cjs"));
	assert_int_equal(directory_remove(&d), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_copy),
	    cmocka_unit_test(test_copy_through_a_link),
	    cmocka_unit_test(test_hook),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
