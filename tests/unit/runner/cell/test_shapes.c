/* Single lines, Go's blocks, and where a message ends: what each is worth, and what belongs to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/cell/shapes.h"

static struct lines lines;

/* Of the first line of `text`: its rank, the line behind it and the one behind its message. */
static void expect(const char *text, enum shape_rank rank, size_t end, size_t to)
{
	lines_read(str_of(text), &lines);
	struct shape shape = shape_at(&lines, 0);
	if (shape.rank != rank || shape.end != end || shape.to != to)
		fail_msg("\"%s\": rank %d, end %zu, to %zu", text, (int)shape.rank, shape.end, shape.to);
}

static void test_lines(void **state)
{
	(void)state;
	static const struct {
		enum shape_rank rank;
		const char *text;
	} rows[] = {
	    {SHAPE_NOISE, " "},
	    {SHAPE_NOISE, "Node.js v20.19.2"},
	    {SHAPE_NOISE, "    at f (/a.js:1:1)"},
	    {SHAPE_NOISE, "\t... 1 more"},
	    {SHAPE_NOISE, "\tfrom main.rb:5:in `<main>'"},
	    {SHAPE_NOISE, "   ^~~^"},
	    {SHAPE_NOISE, "-------------"},
	    {SHAPE_NOISE, "Execution halted"},
	    {SHAPE_NOISE, "WARNING:root:disk"},
	    {SHAPE_NOISE, "main.c:3:1: warning: unused"},
	    {SHAPE_NOISE, "100%|##| 3/3 [00:01<00:00, 3it/s]"},
	    {SHAPE_NOISE, "Try 'main.py --help' for help."},
	    {SHAPE_NOISE, "INFO:root:shutting down"},
	    {SHAPE_NOISE, "2026-11-30 12:00:00 INFO pipeline: 0 failed"},
	    {SHAPE_NOISE, "Hint: push the skill again"},
	    {SHAPE_REASON, "ValueError: level INFO is unknown"},
	    {SHAPE_LINE, "information"},
	    {SHAPE_LINE, "seen: 3"},
	    {SHAPE_LINE, "at first"},
	    {SHAPE_LINE, "rows: 3"},
	    {SHAPE_LINE, "+ cat /no/such: missing"},
	    {SHAPE_LINE, "Error"},
	    {SHAPE_LINE, "0 errors"},
	    {SHAPE_ERROR_LINE, "cat: /no/such: No such file or directory"},
	    {SHAPE_ERROR_LINE, "2026-11-30 ERROR rows"},
	    {SHAPE_ERROR_LINE, "main.sh: line 3: x: command not found"},
	    {SHAPE_ERROR_LINE, "Killed"},
	    {SHAPE_REASON, "Error: no price"},
	    {SHAPE_REASON, "ERROR: no price"},
	    {SHAPE_REASON, "fatal: no price"},
	    {SHAPE_REASON, "Fatal Python error: Segmentation fault"},
	    {SHAPE_REASON, "main.py: error: no price"},
	    {SHAPE_REASON, "java.lang.Exception: no price"},
	    {SHAPE_REASON, "Error [ERR_BAD]: no price"},
	    {SHAPE_REASON, "a.B"
			   "Error"},
	    {SHAPE_REASON, "MemoryError"},
	    {SHAPE_REASON, "Error in f() : no price"},
	    {SHAPE_REASON, "thread 'main' panicked at a.rs:1:1: no price"},
	    {SHAPE_REASON, "no price at main.pl line 3."},
	    {SHAPE_REASON, "main.sh: line 3: syntax error near unexpected token `fi'"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(rows[i].text, rows[i].rank, 1, 1);
}

static void test_blocks(void **state)
{
	(void)state;
	expect("/a.py:1: UserWarning: careful\n  x()\nlast", SHAPE_NOISE, 2, 1);
	expect("panic: p\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1\n\ngoroutine 2 [select]:\ncreated "
	       "by main\nlast",
	       SHAPE_REASON, 8, 1);
	expect("fatal error: f\n\ngoroutine 1 [running]:\n", SHAPE_REASON, 3, 1);
	expect("m: line 1: syntax error\nm: line 1: `fi'\nlast", SHAPE_REASON, 2, 2);
	expect("lua: x\nstack traceback:\n\t[C]: in ?\n\tmain.lua:1\nlast", SHAPE_REASON, 4, 1);
	expect("x\nStack trace:\n#0 {main}\nlast", SHAPE_REASON, 3, 1);
	expect("m: line 1: x\nm: line 2: y\n", SHAPE_ERROR_LINE, 1, 1);
	expect("Error: a\n\nCaused by:\n    b\n    c\nlast", SHAPE_REASON, 5, 1);
}

static void expect_end(const char *text, size_t want)
{
	lines_read(str_of(text), &lines);
	assert_int_equal(shape_message_end(&lines, 0), want);
}

static void test_message_end(void **state)
{
	(void)state;
	expect_end("a", 1);
	expect_end("a\nb\nc\n", 1);
	expect_end("a\n  b\nc\n", 2);
	expect_end("a\nb\n  c\nd\n", 3);
	expect_end("a:\nb\nc\n\nd\n", 3);
	expect_end("a:\n\nb\n", 3);
	expect_end("a\n}\nb\n", 2);
	expect_end("a\nTraceback (most recent call last):\n  b\n", 1);
	expect_end("  a\n  b\n    c\n", 3);
	cleanup_free char *many = calloc(200, 3);
	for (size_t i = 0; i < 199; i++)
		memcpy(many + 3 * i, " a\n", 3);
	many[0] = 'b';
	expect_end(many, SHAPE_MESSAGE_LINES);
}

static void test_more_is_bounded(void **state)
{
	(void)state;
	struct shape shape = {0};
	for (size_t i = 0; i < SHAPE_MORE; i++)
		shape_add_more(&shape, STR("one {"));
	shape_add_more(&shape, STR("last"));
	assert_int_equal(shape.more_count, SHAPE_MORE);
	assert_true(str_eq(shape.more[0], STR("one")));
	assert_true(str_eq(shape.more[SHAPE_MORE - 1], STR("last")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_blocks),
	    cmocka_unit_test(test_message_end),
	    cmocka_unit_test(test_more_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
