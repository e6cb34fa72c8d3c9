/* Paths below a directory: no symbolic link leads out of it, neither on the way nor at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/frame/frame.h"
#include "runner/system/beneath.h"
#include "tests/unit/runner/directory.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

struct fixture {
	struct directory top;
	int fd; /* of "in" in it; "out" is beside */
	struct buffer made;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f || directory_make(&f->top) != 0 || mkdirat(f->top.fd, "in", 0755) != 0 ||
	    mkdirat(f->top.fd, "out", 0755) != 0 || directory_write(f->top.fd, "out/secret", "x", 1) != 0)
		return -1;
	f->fd = openat(f->top.fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->made = BUFFER(1 << 16);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	buffer_free(&f->made);
	close(f->fd);
	int r = directory_remove(&f->top);
	free(f);
	return r;
}

static void expect_error(int fd, int error)
{
	int got = errno;
	if (fd >= 0 || got != error)
		fail_msg("%d, %s", fd, strerror(got));
}

static void create(struct fixture *f, const char *path)
{
	int fd = beneath_create(f->fd, str_of(path), 0644, &f->made);
	assert_true(fd >= 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	close(fd);
}

static void test_create_and_open(void **state)
{
	static const char want[] = "a\0a/b\0c";
	struct fixture *f = *state;
	create(f, "a/b/file");
	create(f, "a/other"); /* makes nothing again */
	create(f, "c/file");
	create(f, "plain");
	assert_int_equal(f->made.len, sizeof(want));
	assert_memory_equal(f->made.data, want, sizeof(want));
	int fd = beneath_open(f->fd, STR("a/b/file"), O_RDONLY, 0);
	assert_true(fd >= 0);
	close(fd);
	expect_error(beneath_create(f->fd, STR("a/b/file"), 0644, &f->made), EEXIST);
	expect_error(beneath_create(f->fd, STR("a/b/file/x"), 0644, &f->made), ENOTDIR);
	expect_error(beneath_create(f->fd, STR("a"), 0644, &f->made), EEXIST);
	expect_error(beneath_open(f->fd, STR("a/none"), O_RDONLY, 0), ENOENT);
	expect_error(beneath_open(f->fd, STR("none/x"), O_RDONLY, 0), ENOENT);
}

static void test_links(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(symlinkat("../out", f->fd, "link"), 0);
	assert_int_equal(symlinkat("../out/secret", f->fd, "file"), 0);
	assert_int_equal(symlinkat("../out/new", f->fd, "dangling"), 0);
	assert_int_equal(mkdirat(f->fd, "d", 0755), 0);
	assert_int_equal(symlinkat("../../out", f->fd, "d/link"), 0);
	expect_error(beneath_open(f->fd, STR("link/secret"), O_RDONLY, 0), ELOOP);
	expect_error(beneath_open(f->fd, STR("d/link/secret"), O_RDONLY, 0), ELOOP);
	expect_error(beneath_open(f->fd, STR("file"), O_RDONLY, 0), ELOOP);
	expect_error(beneath_open_directory(f->fd, "link"), ELOOP);
	expect_error(beneath_create(f->fd, STR("link/new"), 0644, &f->made), ELOOP);
	expect_error(beneath_create(f->fd, STR("dangling"), 0644, &f->made), EEXIST);
	assert_int_equal(f->made.len, 0);
	assert_int_equal(faccessat(f->top.fd, "out/new", F_OK, 0), -1);
}

static void test_what_is_no_directory(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkfifoat(f->fd, "fifo", 0644), 0);
	assert_int_equal(directory_write(f->fd, "file", "x", 1), 0);
	expect_error(beneath_open_directory(f->fd, "fifo"), ENOTDIR); /* and nobody waits for a writer */
	expect_error(beneath_open_directory(f->fd, "file"), ENOTDIR);
	expect_error(beneath_open(f->fd, STR("fifo/x"), O_RDONLY, 0), ENOTDIR);
}

static void test_long_names(void **state)
{
	struct fixture *f = *state;
	char name[NAME_MAX + 2];
	memset(name, 'n', sizeof(name));
	int fd = beneath_create(f->fd, (struct str){name, NAME_MAX}, 0644, &f->made);
	assert_true(fd >= 0);
	close(fd);
	expect_error(beneath_create(f->fd, (struct str){name, NAME_MAX + 1}, 0644, &f->made), ENAMETOOLONG);
}

/* The list of what was made is full: an error, not a directory that nobody knows of. */
static void test_no_room_for_the_list(void **state)
{
	struct fixture *f = *state;
	f->made.max = 3;
	create(f, "a/x");
	expect_error(beneath_create(f->fd, STR("bc/x"), 0644, &f->made), ENOMEM);
}

static void test_empty(void **state)
{
	struct fixture *f = *state;
	create(f, "a/b/file");
	create(f, "plain");
	assert_int_equal(symlinkat("../out", f->fd, "link"), 0);
	assert_int_equal(symlinkat("../../out/secret", f->fd, "a/link"), 0);
	assert_int_equal(mkfifoat(f->fd, "fifo", 0644), 0);
	assert_int_equal(beneath_empty(f->fd), 0);
	assert_int_equal(unlinkat(f->top.fd, "in", AT_REMOVEDIR), 0); /* so it is empty */
	assert_int_equal(faccessat(f->top.fd, "out/secret", F_OK, 0), 0);
	assert_int_equal(mkdirat(f->top.fd, "in", 0755), 0);
}

/* Deeper than anything that is unpacked: refused, and the stack stays small. */
static void test_empty_too_deep(void **state)
{
	struct fixture *f = *state;
	int at = dup(f->fd);
	for (unsigned i = 0; i < FRAME_MAX_PATH_DEPTH + 2; i++) {
		assert_int_equal(mkdirat(at, "d", 0755), 0);
		int next = beneath_open_directory(at, "d");
		close(at);
		at = next;
	}
	close(at);
	expect_error(beneath_empty(f->fd), ELOOP);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	umask(022);
	const struct CMUnitTest tests[] = {
	    TEST(test_create_and_open),      TEST(test_links),
	    TEST(test_what_is_no_directory), TEST(test_long_names),
	    TEST(test_no_room_for_the_list), TEST(test_empty),
	    TEST(test_empty_too_deep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
