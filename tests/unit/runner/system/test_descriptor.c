#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/system/descriptor.h"
#include "tests/unit/runner/directory.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

static void test_close(void **state)
{
	(void)state;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), copy = fd;
	descriptor_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(copy, F_GETFD), -1);
	descriptor_close(&fd); /* once more is nothing */
	assert_int_equal(fd, -1);
}

/* What a child does, because it is done to all of a process: its exit code says which check failed. */
static int in_child(int (*check)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(check());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int check_close_from(void)
{
	int low = open("/dev/null", O_RDONLY), high = fcntl(low, F_DUPFD, 500);
	descriptor_close_from((unsigned)low + 1);
	if (fcntl(low, F_GETFD) < 0)
		return 1;
	return fcntl(high, F_GETFD) < 0 ? 0 : 2;
}

static int check_cloexec_from(void)
{
	int low = open("/dev/null", O_RDONLY), high = fcntl(low, F_DUPFD, 500);
	descriptor_cloexec_from((unsigned)low + 1);
	if (fcntl(low, F_GETFD) != 0)
		return 1;
	return fcntl(high, F_GETFD) == FD_CLOEXEC ? 0 : 2; /* marked, and still open */
}

static int check_fill_standard(void)
{
	close(0);
	close(2);
	if (descriptor_fill_standard() != 0)
		return 1;
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return 2;
	return fcntl(0, F_GETFL) == fcntl(2, F_GETFL) && (fcntl(2, F_GETFL) & O_ACCMODE) == O_RDWR ? 0 : 3;
}

static void test_many_at_once(void **state)
{
	(void)state;
	assert_int_equal(in_child(check_close_from), 0);
	assert_int_equal(in_child(check_cloexec_from), 0);
	assert_int_equal(in_child(check_fill_standard), 0);
}

static void test_nonblocking(void **state)
{
	(void)state;
	int fds[2];
	char byte;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(descriptor_set_nonblocking(fds[0]), 0);
	assert_int_equal(read(fds[0], &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(descriptor_set_nonblocking(-1), -1);
}

static void test_read_file(void **state)
{
	(void)state;
	struct directory d;
	char text[8];
	assert_int_equal(directory_make(&d), 0);
	assert_int_equal(directory_write(d.fd, "short", "1234567", 7), 0);
	assert_int_equal(directory_write(d.fd, "long", "1234567890", 10), 0);
	assert_int_equal(directory_write(d.fd, "empty", "", 0), 0);
	assert_int_equal(descriptor_read_file(d.fd, "short", text, sizeof(text)), 7);
	assert_string_equal(text, "1234567");
	assert_int_equal(descriptor_read_file(d.fd, "long", text, sizeof(text)), 7); /* its beginning */
	assert_string_equal(text, "1234567");
	assert_int_equal(descriptor_read_file(d.fd, "empty", text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(descriptor_read_file(d.fd, "none", text, sizeof(text)), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(descriptor_read_file(d.fd, ".", text, sizeof(text)), -1);
	assert_int_equal(directory_remove(&d), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_close),
	    cmocka_unit_test(test_many_at_once),
	    cmocka_unit_test(test_nonblocking),
	    cmocka_unit_test(test_read_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
