#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/frame/frame.h"
#include "runner/cell/collect.h"
#include "runner/system/beneath.h"
#include "tests/unit/runner/directory.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct fixture {
	struct directory sandbox;
	int files_fd;
	struct collection got;
	struct error err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f || directory_make(&f->sandbox) != 0 || mkdirat(f->sandbox.fd, "out", 0755) != 0 ||
	    mkdirat(f->sandbox.fd, "out/files", 0755) != 0)
		return -1;
	f->files_fd = openat(f->sandbox.fd, "out/files", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->got = (struct collection){.output_fd = -1, .files_fd = -1};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	collection_free(&f->got);
	close(f->files_fd);
	int r = directory_remove(&f->sandbox);
	free(f);
	return r;
}

static void gather(struct fixture *f, uint64_t max_bytes, uint32_t max_count)
{
	collection_free(&f->got);
	if (collect(f->sandbox.fd, max_bytes, max_count, &f->got, &f->err) != 0)
		fail_msg("%s", f->err.message);
}

static void expect_paths(struct fixture *f, const char *const *paths)
{
	size_t i = 0;
	for (; paths[i]; i++) {
		assert_true(i < f->got.count);
		if (!str_eq(collection_path(&f->got, i), str_of(paths[i])))
			fail_msg("file %zu is %.*s, not %s", i, (int)collection_path(&f->got, i).n,
				 collection_path(&f->got, i).p, paths[i]);
	}
	assert_int_equal(f->got.count, i);
}

static void test_nothing(void **state)
{
	struct fixture *f = *state;
	gather(f, 1000, 10);
	expect_paths(f, (const char *[]){NULL});
	assert_int_equal(f->got.output_fd, -1);
	assert_int_equal(f->got.skipped, 0);
	assert_false(f->got.over_limit);
}

static void test_order_and_sizes(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdirat(f->files_fd, "b", 0755), 0);
	static const char *const names[] = {"z", "b/y", "b/x", "b.txt", "a", "B", "b-", "\xff", "aa"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(directory_write(f->files_fd, names[i], "12345678", i % 8), 0);
	gather(f, 1000, 100);
	/* by bytes of the whole path: '-' < '.' < '/' */
	expect_paths(f, (const char *[]){"B", "a", "aa", "b-", "b.txt", "b/x", "b/y", "z", "\xff", NULL});
	assert_true(f->got.files[5].size == 2);
}

static void set_file(struct fixture *f, const char *name, mode_t mode, time_t mtime)
{
	const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
	assert_int_equal(directory_write(f->files_fd, name, "x", 1), 0);
	assert_int_equal(fchmodat(f->files_fd, name, mode, 0), 0);
	assert_int_equal(utimensat(f->files_fd, name, times, 0), 0);
}

static void expect_file(const struct fixture *f, size_t index, bool is_executable, uint64_t mtime)
{
	assert_int_equal(f->got.files[index].is_executable, is_executable);
	assert_true(f->got.files[index].mtime == mtime);
}

static void test_modes_and_times(void **state)
{
	struct fixture *f = *state;
	set_file(f, "a", 0644, 1700000000);
	set_file(f, "b", 0700, 1);
	set_file(f, "c", 0611, 0);          /* others may execute it: the owner is who counts */
	set_file(f, "d", 0111, 1234567890); /* made readable for us, which is no change of its content */
	set_file(f, "e", 0600, -5);
	gather(f, 1000, 100);
	expect_file(f, 0, false, 1700000000);
	expect_file(f, 1, true, 1);
	expect_file(f, 2, false, 0);
	expect_file(f, 3, true, 1234567890);
	expect_file(f, 4, false, 0);
}

static void test_only_regular_files(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(directory_write(f->files_fd, "file", "x", 1), 0);
	assert_int_equal(linkat(f->files_fd, "file", f->files_fd, "hard", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", f->files_fd, "link"), 0);
	assert_int_equal(symlinkat("/etc", f->files_fd, "dirlink"), 0);
	assert_int_equal(symlinkat("nowhere", f->files_fd, "dangling"), 0);
	assert_int_equal(mkfifoat(f->files_fd, "fifo", 0644), 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/out/files/socket", f->sandbox.path);
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(s, (struct sockaddr *)&address, sizeof(address)), 0);
	close(s);
	gather(f, 1000, 100);
	expect_paths(f, (const char *[]){"file", "hard", NULL});
	assert_int_equal(f->got.skipped, 5);
}

static void test_output(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(directory_write(f->sandbox.fd, "out/output.json", "{\"a\":1}", 7), 0);
	gather(f, 0, 0);
	assert_true(f->got.output_fd >= 0);
	assert_true(f->got.output_size == 7);
	assert_int_equal(unlinkat(f->sandbox.fd, "out/output.json", 0), 0);
	assert_int_equal(mkfifoat(f->sandbox.fd, "out/output.json", 0644), 0);
	gather(f, 0, 0); /* would hang if it were opened like a file */
	assert_int_equal(f->got.output_fd, -1);
	assert_int_equal(unlinkat(f->sandbox.fd, "out/output.json", 0), 0);
	assert_int_equal(symlinkat("files", f->sandbox.fd, "out/output.json"), 0);
	gather(f, 0, 0);
	assert_int_equal(f->got.output_fd, -1);
	assert_int_equal(unlinkat(f->sandbox.fd, "out/output.json", 0), 0);
	assert_int_equal(mkdirat(f->sandbox.fd, "out/output.json", 0755), 0);
	gather(f, 0, 0);
	assert_int_equal(f->got.output_fd, -1);
}

static void test_places_that_are_symlinks(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdirat(f->sandbox.fd, "secret", 0755), 0);
	assert_int_equal(mkdirat(f->sandbox.fd, "secret/files", 0755), 0);
	assert_int_equal(directory_write(f->sandbox.fd, "secret/files/key", "x", 1), 0);
	assert_int_equal(directory_write(f->sandbox.fd, "secret/output.json", "x", 1), 0);
	assert_int_equal(unlinkat(f->sandbox.fd, "out/files", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("../secret/files", f->sandbox.fd, "out/files"), 0);
	gather(f, 1000, 10);
	expect_paths(f, (const char *[]){NULL});
	assert_int_equal(unlinkat(f->sandbox.fd, "out/files", 0), 0);
	assert_int_equal(unlinkat(f->sandbox.fd, "out", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("secret", f->sandbox.fd, "out"), 0);
	gather(f, 1000, 10);
	expect_paths(f, (const char *[]){NULL});
	assert_int_equal(f->got.output_fd, -1);
	assert_int_equal(unlinkat(f->sandbox.fd, "out", 0), 0);
	gather(f, 1000, 10); /* and without it at all */
	expect_paths(f, (const char *[]){NULL});
}

static void test_limits(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"a", "b", "c", "d"};
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(directory_write(f->files_fd, names[i], "0123456789", 10), 0);
	gather(f, 40, 4);
	assert_int_equal(f->got.count, 4);
	assert_false(f->got.over_limit);
	gather(f, 39, 4);
	expect_paths(f, (const char *[]){"a", "b", "c", NULL});
	assert_true(f->got.over_limit);
	gather(f, 40, 3);
	expect_paths(f, (const char *[]){"a", "b", "c", NULL});
	assert_true(f->got.over_limit);
	gather(f, UINT64_MAX, UINT32_MAX);
	assert_int_equal(f->got.count, 4);
	gather(f, 0, 0);
	assert_int_equal(f->got.count, 0);
	assert_true(f->got.over_limit);
}

static void test_depth(void **state)
{
	struct fixture *f = *state;
	cleanup_buffer struct buffer made = BUFFER(1 << 20);
	char path[2 * FRAME_MAX_PATH_DEPTH];
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '/' : 'd';
	int fd = beneath_create(f->files_fd, (struct str){path, sizeof(path) - 1}, 0644, &made);
	assert_true(fd >= 0); /* 32 components */
	close(fd);
	gather(f, 1000, 10);
	assert_int_equal(f->got.count, 1);
	assert_true(frame_path_is_valid(collection_path(&f->got, 0)));
	assert_int_equal(f->got.skipped, 0);
	/* one deeper, made by hand */
	fd = beneath_open(f->files_fd, (struct str){path, sizeof(path) - 3}, O_RDONLY | O_DIRECTORY, 0);
	assert_true(fd >= 0);
	assert_int_equal(mkdirat(fd, "e", 0755), 0);
	assert_int_equal(directory_write(fd, "e/too-deep", "x", 1), 0);
	close(fd);
	gather(f, 1000, 10);
	assert_int_equal(f->got.count, 1);
	assert_int_equal(f->got.skipped, 1);
}

static void test_long_paths(void **state)
{
	struct fixture *f = *state;
	/* 4 × (250 + '/') + 20 = 1024 bytes fit, one more doesn't */
	char name[251] = {0};
	memset(name, 'n', 250);
	int fd = dup(f->files_fd);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(mkdirat(fd, name, 0755), 0);
		int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	assert_int_equal(directory_write(fd, "12345678901234567890", "x", 1), 0);
	assert_int_equal(directory_write(fd, "123456789012345678901", "x", 1), 0);
	close(fd);
	gather(f, 1000, 10);
	assert_int_equal(f->got.count, 1);
	assert_int_equal(collection_path(&f->got, 0).n, FRAME_MAX_PATH);
	assert_int_equal(f->got.skipped, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_nothing),         TEST(test_order_and_sizes),
	    TEST(test_modes_and_times), TEST(test_only_regular_files),
	    TEST(test_output),          TEST(test_places_that_are_symlinks),
	    TEST(test_limits),          TEST(test_depth),
	    TEST(test_long_paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
