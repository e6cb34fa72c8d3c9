/* Tracebacks of Python: where they begin and end, and which ended nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/runner/cell/shape_rows.h"

#define TRACEBACK "Traceback (most recent call last):\n  File \"a\", line 1\n    a()\n    ~^^\n"

static void test_tracebacks(void **state)
{
	(void)state;
	static const struct shape_row rows[] = {
	    {TRACEBACK "KeyError: 'a'\nlast\n", SHAPE_REASON, 5, "KeyError: 'a'", 0},
	    {TRACEBACK "KeyError: 'a'\n  more\nlast\n", SHAPE_REASON, 6, "KeyError: 'a'", 0},
	    {"  Traceback (most recent call last):\n    File\n  MyOwn: 'a'\n", SHAPE_REASON, 3, "MyOwn: 'a'",
	     0},
	    {"  row 7" TRACEBACK "KeyError: 'a'\n", SHAPE_REASON, 5, "KeyError: 'a'", 0},
	    {TRACEBACK, 0, 0, NULL, 0},
	    {TRACEBACK "\nKeyError: 'a'\n", 0, 0, NULL, 0},
	    {"KeyError: 'a'\n", 0, 0, NULL, 0},
	    {"Exception ignored in: <x>\n" TRACEBACK "KeyError: 'a'\n", SHAPE_IGNORED, 6, "KeyError: 'a'", 0},
	    {"Exception ignored in: <x>\nlast\n", SHAPE_IGNORED, 1, "Exception ignored in: <x>", 0},
	    {"Exception in thread T (f):\n" TRACEBACK "KeyError: 'a'\n", SHAPE_ASIDE, 6, "KeyError: 'a'", 0},
	    {"Task exception was never retrieved\nfuture: <x>\n" TRACEBACK "KeyError: 'a'\n", SHAPE_ASIDE, 7,
	     "KeyError: 'a'", 0},
	    {"Exception in thread \"main\" a.B: c\n\tat d\n", 0, 0, NULL, 0},
	    {"Process is over\n", 0, 0, NULL, 0},
	};
	EXPECT_SHAPES(rows, shape_python);
}

#define GROUP                                                                                                \
	"  + Exception Group Traceback (most recent call last):\n  |   File \"a\", line 1\n  |     a()\n"

static void test_groups(void **state)
{
	(void)state;
	static const struct shape_row rows[] = {
	    {GROUP "  | ExceptionGroup: g\n  +-+---- 1 ----\n    | KeyError: 'a'\n    +---- 2 ----\n    | "
		   "Traceback (most recent call "
		   "last):\n    |   File \"a\"\n    | OSError: b\n    +------\nlast\n",
	     SHAPE_REASON, 11, "ExceptionGroup: g", 2},
	    {GROUP
	     "  | ExceptionGroup: g\n  +-+---- 1 ----\n    | Exception Group Traceback (most recent call "
	     "last):\n    |   File "
	     "\"a\"\n    | ExceptionGroup: h\n    +-+---- 1 ----\n      | KeyError: 'a'\n      +------\n",
	     SHAPE_REASON, 11, "ExceptionGroup: g", 2},
	    {GROUP, 0, 0, NULL, 0},
	    {"Exception in thread T (f):\n" GROUP "  | ExceptionGroup: g\n", SHAPE_ASIDE, 5,
	     "ExceptionGroup: g", 0},
	};
	EXPECT_SHAPES(rows, shape_python);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tracebacks),
	    cmocka_unit_test(test_groups),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
