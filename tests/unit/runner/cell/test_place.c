#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/cell/place.h"
#include "runner/system/paths.h"
#include "tests/unit/runner/directory.h"

#include <stdbool.h>
#include <string.h>

struct fixture {
	struct directory directory;
	char path[128]; /* of the place, in `directory`; not made yet */
	struct place place;
	struct error err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f || directory_make(&f->directory) != 0)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/place", f->directory.path);
	place_init(&f->place);
	f->place.path = f->path;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	place_free(&f->place);
	int r = directory_remove(&f->directory);
	free(f);
	return r;
}

static bool is_directory(const struct fixture *f, const char *path)
{
	struct stat st;
	return fstatat(f->directory.fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static void refuse(struct fixture *f, const char *words)
{
	assert_int_equal(place_make(&f->place, &f->err), -1);
	if (!strstr(f->err.message, words))
		fail_msg("%s lacks %s", f->err.message, words);
	place_free(&f->place);
}

static void test_init_opens_nothing(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	assert_int_equal(place.fd, -1);
	assert_int_equal(place.scripts_fd, -1);
	assert_string_equal(place.path, "/sandbox");
}

static void test_make(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdirat(f->directory.fd, "place", 0755), 0);
	assert_int_equal(place_make(&f->place, &f->err), 0);
	assert_true(is_directory(f, "place/scripts"));
	assert_true(is_directory(f, "place/out/files"));
	assert_int_equal(directory_write(f->place.fd, "input.json", "1", 1), 0);
	assert_int_equal(directory_write(f->place.scripts_fd, "main.py", "1", 1), 0);
	assert_int_equal(faccessat(f->directory.fd, "place/input.json", F_OK, 0), 0);
	assert_int_equal(faccessat(f->directory.fd, "place/scripts/main.py", F_OK, 0), 0);
	place_free(&f->place);
	assert_int_equal(f->place.fd, -1);
	assert_int_equal(f->place.scripts_fd, -1);
	assert_int_equal(place_make(&f->place, &f->err), 0); /* all of it is there: taken as it is */
	assert_int_equal(faccessat(f->place.scripts_fd, "main.py", F_OK, 0), 0);
}

static void test_no_volume(void **state)
{
	struct fixture *f = *state;
	refuse(f, "open ");
	assert_false(is_directory(f, "place")); /* it is not made up */
}

/* Links in the way lead nowhere, wherever they point to. */
static void test_links_are_not_followed(void **state)
{
	static const char *const paths[] = {"place/scripts", "place/out", "place/out/files"};
	struct fixture *f = *state;
	assert_int_equal(mkdirat(f->directory.fd, "place", 0755), 0);
	assert_int_equal(mkdirat(f->directory.fd, "elsewhere", 0755), 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		/* what the call before has made */
		unlinkat(f->directory.fd, "place/out/files", AT_REMOVEDIR);
		unlinkat(f->directory.fd, paths[i], AT_REMOVEDIR);
		if (i == 2)
			assert_int_equal(mkdirat(f->directory.fd, "place/out", 0755), 0);
		assert_int_equal(symlinkat(f->directory.path, f->directory.fd, paths[i]), 0);
		refuse(f, "place: open ");
		assert_int_equal(unlinkat(f->directory.fd, paths[i], 0), 0);
	}
	assert_int_equal(place_make(&f->place, &f->err), 0);
}

static void test_a_file_in_the_way(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdirat(f->directory.fd, "place", 0755), 0);
	assert_int_equal(directory_write(f->directory.fd, "place/out", "", 0), 0);
	refuse(f, "open out: Not a directory");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_init_opens_nothing), TEST(test_make),
	    TEST(test_no_volume),          TEST(test_links_are_not_followed),
	    TEST(test_a_file_in_the_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
