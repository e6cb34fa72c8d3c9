#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/frame/frame.h"

static void test_table(void **state)
{
	(void)state;
	static const struct {
		struct str path;
		bool valid;
	} rows[] = {
	    {STR("main.py"), true},
	    {STR("scripts/main.py"), true},
	    {STR("a/b/c/d"), true},
	    {STR("..."), true},
	    {STR("..a/b.."), true},
	    {STR(".hidden"), true},
	    {STR("with space/und \xc3\xbc/\xff"), true},
	    {STR("back\\slash"), true}, /* an ordinary byte on Linux; archives refuse it elsewhere */
	    {STR(""), false},
	    {STR("/"), false},
	    {STR("/etc/passwd"), false},
	    {STR("a/"), false},
	    {STR("a//b"), false},
	    {STR("."), false},
	    {STR(".."), false},
	    {STR("a/./b"), false},
	    {STR("a/../b"), false},
	    {STR("../a"), false},
	    {STR("a/.."), false},
	    {STR("a\0b"), false},
	    {STR("a/\0"), false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (frame_path_is_valid(rows[i].path) != rows[i].valid)
			fail_msg("row %zu: \"%.*s\"", i, (int)rows[i].path.n, rows[i].path.p);
	assert_false(frame_path_is_valid((struct str){NULL, 0}));
}

static void test_length(void **state)
{
	(void)state;
	char path[FRAME_MAX_PATH + 1];
	memset(path, 'a', sizeof(path));
	assert_true(frame_path_is_valid((struct str){path, FRAME_MAX_PATH}));
	assert_false(frame_path_is_valid((struct str){path, FRAME_MAX_PATH + 1}));
}

static void test_depth(void **state)
{
	(void)state;
	char path[2 * FRAME_MAX_PATH_DEPTH + 1];
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '/' : 'a';
	assert_true(frame_path_is_valid((struct str){path, 2 * FRAME_MAX_PATH_DEPTH - 1}));
	assert_false(frame_path_is_valid((struct str){path, 2 * FRAME_MAX_PATH_DEPTH + 1}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_length),
	    cmocka_unit_test(test_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
