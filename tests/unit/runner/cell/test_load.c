#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/cell/load.h"
#include "tests/unit/runner/directory.h"

#include <dirent.h>
#include <errno.h>

struct fixture {
	struct directory sandbox;
	int scripts_fd, packages_fd;
	struct place place;
	struct load load;
	struct error err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f || directory_make(&f->sandbox) != 0 || mkdirat(f->sandbox.fd, "scripts", 0755) != 0 ||
	    mkdirat(f->sandbox.fd, "packages", 0755) != 0)
		return -1;
	f->packages_fd = openat(f->sandbox.fd, "packages", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->scripts_fd = openat(f->sandbox.fd, "scripts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->place =
	    (struct place){.fd = f->sandbox.fd, .scripts_fd = f->scripts_fd, .packages_fd = f->packages_fd};
	load_init(&f->load, &f->place);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	load_free(&f->load);
	close(f->scripts_fd);
	close(f->packages_fd);
	int r = directory_remove(&f->sandbox);
	free(f);
	return r;
}

static int put_sized(struct fixture *f, struct str path, struct str content, uint64_t size)
{
	struct frame_file file = {path, 0644, size};
	if (load_file(&f->load, &file, false, &f->err) != 0)
		return -1;
	return content.n ? load_data(&f->load, content, &f->err) : 0;
}

static int put(struct fixture *f, struct str path, struct str content)
{
	return put_sized(f, path, content, content.n);
}

static void refuse(struct fixture *f, int result, enum error_code code, const char *word)
{
	assert_int_equal(result, -1);
	if (f->err.code != code || !strstr(f->err.message, word))
		fail_msg("got %d \"%s\", want %d and \"%s\"", f->err.code, f->err.message, code, word);
	f->err = (struct error){0};
}

static unsigned mode_of(struct fixture *f, const char *path)
{
	struct stat st;
	assert_int_equal(fstatat(f->sandbox.fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode;
}

static void assert_content(struct fixture *f, const char *path, struct str want)
{
	char got[256];
	int fd = openat(f->sandbox.fd, path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t n = read(fd, got, sizeof(got));
	close(fd);
	assert_true(n >= 0 && str_eq((struct str){got, (size_t)n}, want));
}

static void test_whole_job(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(put(f, STR("main.py"), STR("print()")), 0);
	assert_int_equal(put(f, STR("a/b/c.txt"), STR("abc")), 0);
	assert_int_equal(put(f, STR("a/empty"), STR("")), 0);
	struct frame_file tool = {STR("a/tool"), 0100, 4};
	assert_int_equal(load_file(&f->load, &tool, false, &f->err), 0);
	assert_int_equal(load_data(&f->load, STR("ab"), &f->err), 0);
	assert_int_equal(load_data(&f->load, STR("cd"), &f->err), 0);
	assert_int_equal(load_input(&f->load, 2, &f->err), 0);
	assert_int_equal(load_data(&f->load, STR("{}"), &f->err), 0);
	struct frame_start start = {4, 16};
	assert_int_equal(load_finish(&f->load, &start, &f->err), 0);
	assert_content(f, "scripts/main.py", STR("print()"));
	assert_content(f, "scripts/a/b/c.txt", STR("abc"));
	assert_content(f, "scripts/a/tool", STR("abcd"));
	assert_content(f, "input.json", STR("{}"));
	assert_true(str_eq(buffer_str(&f->load.input), STR("{}")));
	assert_int_equal(mode_of(f, "scripts"), S_IFDIR | 0555);
	assert_int_equal(mode_of(f, "scripts/a"), S_IFDIR | 0555);
	assert_int_equal(mode_of(f, "scripts/a/b"), S_IFDIR | 0555);
	assert_int_equal(mode_of(f, "scripts/main.py"), S_IFREG | 0444);
	assert_int_equal(mode_of(f, "scripts/a/tool"), S_IFREG | 0555);
	assert_int_equal(mode_of(f, "input.json"), S_IFREG | 0444);
}

static void test_paths_that_escape(void **state)
{
	struct fixture *f = *state;
	static const struct str paths[] = {
	    STR(""),  STR("/x"),   STR("../x"), STR("a/../../x"), STR("a/.."),
	    STR("."), STR("a//b"), STR("a/"),   STR("a\0b"),
	};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		refuse(f, put(f, paths[i], STR("1")), ERR_BAD_REQUEST, "not allowed");
	struct stat st;
	assert_int_equal(fstatat(f->sandbox.fd, "x", &st, 0), -1);
}

/* Somebody put symlinks where the files go: they are neither followed nor replaced. */
static void test_symlinks_in_the_way(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(symlinkat("..", f->scripts_fd, "up"), 0);
	assert_int_equal(symlinkat("/tmp/skillbox-test-nowhere", f->scripts_fd, "main.py"), 0);
	assert_int_equal(symlinkat("../input.json", f->scripts_fd, "in"), 0);
	refuse(f, put(f, STR("up/x"), STR("1")), ERR_BAD_REQUEST, "create up/x");
	refuse(f, put(f, STR("main.py"), STR("1")), ERR_BAD_REQUEST, "File exists");
	refuse(f, put(f, STR("in"), STR("1")), ERR_BAD_REQUEST, "File exists");
	struct stat st;
	assert_int_equal(fstatat(f->sandbox.fd, "x", &st, 0), -1);
	assert_int_equal(symlinkat("elsewhere", f->sandbox.fd, "input.json"), 0);
	refuse(f, load_input(&f->load, 1, &f->err), ERR_IO, "create input.json");
}

static void test_names_twice(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(put(f, STR("a"), STR("1")), 0);
	refuse(f, put(f, STR("a"), STR("2")), ERR_BAD_REQUEST, "File exists");
	refuse(f, put(f, STR("a/b"), STR("2")), ERR_BAD_REQUEST, "create a/b");
	assert_int_equal(put(f, STR("d/x"), STR("1")), 0);
	refuse(f, put(f, STR("d"), STR("2")), ERR_BAD_REQUEST, "create d");
	assert_content(f, "scripts/a", STR("1"));
}

static void test_long_names(void **state)
{
	struct fixture *f = *state;
	char name[256];
	memset(name, 'n', sizeof(name));
	assert_int_equal(put(f, (struct str){name, 255}, STR("1")), 0);
	refuse(f, put(f, (struct str){name, 256}, STR("1")), ERR_BAD_REQUEST, "File name too long");
}

static void test_sizes(void **state)
{
	struct fixture *f = *state;
	refuse(f, load_data(&f->load, STR("x"), &f->err), ERR_PROTOCOL, "without a FILE");
	refuse(f, put_sized(f, STR("long"), STR("abc"), 2), ERR_PROTOCOL, "long: more bytes");
	load_discard(&f->load, &f->err);
	assert_int_equal(put_sized(f, STR("short"), STR("abc"), 5), 0);
	refuse(f, put(f, STR("next"), STR("x")), ERR_PROTOCOL, "short: 2 bytes are missing");
	refuse(f, load_input(&f->load, 1, &f->err), ERR_PROTOCOL, "short: 2 bytes");
	struct frame_start start = {1, 5};
	refuse(f, load_finish(&f->load, &start, &f->err), ERR_PROTOCOL, "short: 2 bytes");
	assert_int_equal(load_data(&f->load, STR("de"), &f->err), 0);
	refuse(f, load_data(&f->load, STR("f"), &f->err), ERR_PROTOCOL, "without a FILE");
}

static void test_totals(void **state)
{
	struct fixture *f = *state;
	struct frame_file huge = {STR("huge"), 0644, FRAME_MAX_BUNDLE_BYTES + 1};
	refuse(f, load_file(&f->load, &huge, false, &f->err), ERR_BAD_REQUEST, "more than 805306368 bytes");
	assert_int_equal(put(f, STR("one"), STR("1")), 0);
	huge.size = FRAME_MAX_BUNDLE_BYTES;
	refuse(f, load_file(&f->load, &huge, false, &f->err), ERR_BAD_REQUEST, "more than 805306368 bytes");
	f->load.file_count = FRAME_MAX_BUNDLE_FILES;
	refuse(f, put(f, STR("two"), STR("1")), ERR_BAD_REQUEST, "more than 24096 files");
	refuse(f, load_input(&f->load, FRAME_MAX_INPUT + 1, &f->err), ERR_BAD_REQUEST, "the input");
}

static void test_counts_of_start(void **state)
{
	struct fixture *f = *state;
	struct frame_start start = {1, 2};
	assert_int_equal(put(f, STR("a"), STR("1")), 0);
	refuse(f, load_finish(&f->load, &start, &f->err), ERR_PROTOCOL, "START without INPUT");
	assert_int_equal(load_input(&f->load, 1, &f->err), 0);
	assert_int_equal(load_data(&f->load, STR("1"), &f->err), 0);
	refuse(f, load_input(&f->load, 1, &f->err), ERR_PROTOCOL, "INPUT twice");
	refuse(f, put(f, STR("b"), STR("1")), ERR_PROTOCOL, "FILE after INPUT");
	refuse(f, load_finish(&f->load, &(struct frame_start){2, 2}, &f->err), ERR_PROTOCOL, "2 files");
	refuse(f, load_finish(&f->load, &(struct frame_start){1, 1}, &f->err), ERR_PROTOCOL, "1 bytes");
	assert_int_equal(load_finish(&f->load, &start, &f->err), 0);
}

static void test_discard(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(put(f, STR("a/b/c/d.txt"), STR("1")), 0);
	assert_int_equal(put(f, STR("e"), STR("1")), 0);
	assert_int_equal(load_input(&f->load, 3, &f->err), 0);
	assert_int_equal(load_data(&f->load, STR("1"), &f->err), 0);
	assert_int_equal(load_discard(&f->load, &f->err), 0);
	struct stat st;
	assert_int_equal(fstatat(f->sandbox.fd, "input.json", &st, 0), -1);
	DIR *dir = fdopendir(dup(f->scripts_fd));
	unsigned entries = 0;
	while (readdir(dir))
		entries++;
	closedir(dir);
	assert_int_equal(entries, 2); /* "." and ".." */
	assert_int_equal(f->load.file_count, 0);
	assert_true(f->load.byte_count == 0);
	test_whole_job(state);
}

static void test_large_input_is_not_kept(void **state)
{
	struct fixture *f = *state;
	static char big[LOAD_ENV_INPUT_MAX + 1];
	assert_int_equal(load_input(&f->load, sizeof(big), &f->err), 0);
	for (size_t at = 0; at < sizeof(big);) {
		size_t n = sizeof(big) - at < FRAME_DATA_SIZE ? sizeof(big) - at : FRAME_DATA_SIZE;
		assert_int_equal(load_data(&f->load, (struct str){big + at, n}, &f->err), 0);
		at += n;
	}
	assert_int_equal(f->load.input.len, 0);
	assert_int_equal(load_finish(&f->load, &(struct frame_start){0, sizeof(big)}, &f->err), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	umask(022);
	const struct CMUnitTest tests[] = {
	    TEST(test_whole_job),
	    TEST(test_paths_that_escape),
	    TEST(test_symlinks_in_the_way),
	    TEST(test_names_twice),
	    TEST(test_long_names),
	    TEST(test_sizes),
	    TEST(test_totals),
	    TEST(test_counts_of_start),
	    TEST(test_discard),
	    TEST(test_large_input_is_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
