/* lib/base/temporary.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/temporary.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void has_no_name(void **state)
{
	(void)state;
	int fd = temporary_file(NULL);
	assert_true(fd >= 0);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	char back[5];
	assert_int_equal(write(fd, "hello", 5), 5);
	assert_int_equal(pread(fd, back, 5, 0), 5);
	assert_memory_equal(back, "hello", 5);
	close(fd);
}

static void the_directory_is_told_when_it_fails(void **state)
{
	(void)state;
	struct error err;
	setenv("TMPDIR", "/nowhere/at/all", 1);
	assert_int_equal(temporary_file(&err), -1);
	assert_string_equal(err.message, "temporary file in /nowhere/at/all: No such file or directory");
	setenv("TMPDIR", "/proc/self",
	       1); /* a file system without O_TMPFILE: the named way is tried, and fails as well */
	assert_int_equal(temporary_file(&err), -1);
	assert_int_equal(err.code, ERR_IO);
	setenv("TMPDIR", "", 1);
	int fd = temporary_file(&err);
	assert_true(fd >= 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(has_no_name),
	    cmocka_unit_test(the_directory_is_told_when_it_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
