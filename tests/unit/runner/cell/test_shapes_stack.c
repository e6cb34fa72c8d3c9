/* Exceptions above a stack: what node prints when one ends it, and what anybody prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/runner/cell/shape_rows.h"

#define PLACE "/a.js:1\nthrow e\n      ^\n"

static void test_node(void **state)
{
	(void)state;
	static const struct shape_row rows[] = {
	    {PLACE "\nError: a\n    at b\n\nNode.js v20\nlast\n", SHAPE_REASON, 8, "Error: a", 0},
	    {PLACE "Uncaught:\n'a'\n(Use `node --trace-uncaught ...` to show)\n\nNode.js v20\n", SHAPE_REASON,
	     8, "'a'", 0},
	    {PLACE "\n[Error: a] {\n  code: 'B'\n}\n\nNode.js v20\n", SHAPE_REASON, 9, "Error: a", 0},
	    {PLACE "\nError: a\n    at b {\n  [cause]: Error: c\n      at d\n}\n\nNode.js v20\n",
	     SHAPE_REASON, 11, "Error: a", 1},
	    {PLACE "\nAggregateError: a\n    at b {\n  [errors]: [\n    Error: c\n        at d,\n    Error: "
		   "e\n        at f\n  ]\n}\n\n"
		   "Node.js v20\n",
	     SHAPE_REASON, 15, "AggregateError: a", 2},
	    {PLACE "\nError: a\n    at b\n", 0, 0, NULL, 0},
	    {PLACE "\nNode.js v20\n", 0, 0, NULL, 0},
	    {"/a.js\nthrow e\n^\n\nError: a\n\nNode.js v20\n", 0, 0, NULL, 0},
	    {"/a.js:1\nthrow e\n-\n\nError: a\n\nNode.js v20\n", 0, 0, NULL, 0},
	    {" /a.js:1\nthrow e\n^\n\nError: a\n\nNode.js v20\n", 0, 0, NULL, 0},
	};
	EXPECT_SHAPES(rows, shape_node);
}

static void test_code(void **state)
{
	(void)state;
	static struct lines lines;
	struct shape shape = {0};
	lines_read(
	    STR("Error: a\n    at b {\n  code: 'E_A',\n  [cause]: Error: c {\n    code: 'E_C'\n  }\n}\nlast"),
	    &lines);
	assert_true(shape_stack(&lines, 0, &shape));
	assert_true(str_eq(shape.code, STR("E_A")));
	assert_int_equal(shape.end, 7);
}

static void test_stacks(void **state)
{
	(void)state;
	static const struct shape_row rows[] = {
	    {"Error: a\n    at b\n    at c\nlast\n", SHAPE_REASON, 3, "Error: a", 0},
	    {"whatever\n    at b\n", SHAPE_REASON, 2, "whatever", 0},
	    {"Error: a\nits end\n    at b\n", SHAPE_REASON, 3, "Error: a", 0},
	    {"words\nError: a\n    at b\n", 0, 0, NULL, 0},
	    {"Trace: here\n    at b\n", 0, 0, NULL, 0},
	    {"(node:7) Warning: a\n    at b\n", SHAPE_NOISE, 2, "(node:7) Warning: a", 0},
	    {"Error: a\n\n    at b\n", 0, 0, NULL, 0},
	    {"Error: a\n", 0, 0, NULL, 0},
	    {"  Error: a\n    at b\n", 0, 0, NULL, 0},
	    {"Exception in thread \"main\" a.B: c\n\tat d\n", SHAPE_REASON, 2, "a.B: c", 0},
	    {"a.BException: c\n\tat d\nCaused by: e\nf\n\tat g\n\t... 3 more\nlast\n", SHAPE_REASON, 6,
	     "a.BException: c", 1},
	    {"a.BException: c\n\tat d\n\tSuppressed: e\n\t\tat f\nlast\n", SHAPE_REASON, 4, "a.BException: c",
	     0},
	    {"a.BException: c\n\tat d\nCaused by: e\n\n\tat g\n", SHAPE_REASON, 3, "a.BException: c", 1},
	};
	EXPECT_SHAPES(rows, shape_stack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_node),
	    cmocka_unit_test(test_code),
	    cmocka_unit_test(test_stacks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
