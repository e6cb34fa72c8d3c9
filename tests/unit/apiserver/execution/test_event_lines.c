#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/event_lines.h"

#include <string.h>

/* The events of `log`, added in pieces of that size; the last line ends with the log. */
static void gives(struct str log, const char *expected)
{
	static const size_t pieces[] = {1, 2, 3, 7, 1 << 20};
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct event_lines lines = {.text = BUFFER(1 << 20)};
		struct buffer out = BUFFER(1 << 20);
		for (size_t at = 0; at < log.n; at += pieces[i]) {
			size_t n = log.n - at < pieces[i] ? log.n - at : pieces[i];
			assert_int_equal(event_lines_add(&lines, (struct str){log.p + at, n}), 0);
			while (event_lines_next(&lines, false, &out))
				;
		}
		while (event_lines_next(&lines, true, &out))
			;
		assert_int_equal(event_lines_waiting(&lines), 0);
		assert_string_equal(out.data ? out.data : "", expected);
		buffer_free(&out);
		buffer_free(&lines.text);
	}
}

static void test_lines(void **state)
{
	(void)state;
	gives(STR(""), "");
	gives(STR("a"), "data: a\n\n");
	gives(STR("a\n"), "data: a\n\n");
	gives(STR("\n\nb"), "data: \n\ndata: \n\ndata: b\n\n");
	gives(STR("a\r\nb\rc\r\n"), "data: a\n\ndata: b\ndata: c\n\n");
	gives(STR("\r\r\n"), "data: \ndata: \n\n");
	gives(STR("event: end\ndata: x\n"),
	      "data: event: end\n\ndata: data: x\n\n"); /* a log can't make events */
	gives(STR("x\xff\0y\xc3\xa9\n"), "data: x\xef\xbf\xbd\xef\xbf\xbdy\xc3\xa9\n\n");
}

static void test_an_unfinished_line_waits(void **state)
{
	(void)state;
	struct event_lines lines = {.text = BUFFER(100)};
	struct buffer out = BUFFER(100);
	event_lines_add(&lines, STR("one\ntw"));
	assert_true(event_lines_next(&lines, false, &out));
	assert_false(event_lines_next(&lines, false, &out));
	assert_int_equal(lines.lines, 1);
	assert_int_equal(event_lines_waiting(&lines), 2);
	event_lines_drop(&lines);
	assert_false(event_lines_next(&lines, true, &out));
	assert_int_equal(lines.lines, 1);
	assert_string_equal(out.data, "data: one\n\n");
	buffer_free(&out);
	buffer_free(&lines.text);
}

static void test_bounds(void **state)
{
	(void)state;
	static char big[EVENT_LINE_MAX + 10];
	struct event_lines lines = {.text = BUFFER(2 * EVENT_LINE_MAX)};
	struct buffer out = BUFFER(EVENT_MAX);
	memset(big, '\r', sizeof(big)); /* what becomes the longest event */
	assert_int_equal(event_lines_add(&lines, (struct str){big, sizeof(big)}), 0);
	assert_true(event_lines_next(&lines, false, &out));
	assert_false(out.failed);
	assert_int_equal(event_lines_waiting(&lines), 10);
	assert_int_equal(lines.lines, 0); /* the line has not ended */
	event_lines_drop(&lines);
	buffer_reset(&out);
	memset(big, '\xff', sizeof(big));
	assert_int_equal(event_lines_add(&lines, (struct str){big, sizeof(big)}), 0);
	assert_true(event_lines_next(&lines, false, &out));
	assert_false(out.failed);
	assert_int_equal(event_lines_add(&lines, (struct str){big, sizeof(big)}), 0);
	assert_int_equal(event_lines_add(&lines, (struct str){big, sizeof(big)}), -1);
	buffer_free(&out);
	buffer_free(&lines.text);
}

/* What was taken makes room. */
static void test_a_long_log_in_a_small_buffer(void **state)
{
	(void)state;
	struct event_lines lines = {.text = BUFFER(64)};
	struct buffer out = BUFFER(1000);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(event_lines_add(&lines, STR("0123456789\n")), 0);
		buffer_reset(&out);
		assert_true(event_lines_next(&lines, false, &out));
		assert_string_equal(out.data, "data: 0123456789\n\n");
	}
	assert_int_equal(lines.lines, 1000);
	buffer_free(&out);
	buffer_free(&lines.text);
}

static void test_skip(void **state)
{
	(void)state;
	assert_true(str_eq(event_lines_skip(STR("a\nb\nc"), 0), STR("a\nb\nc")));
	assert_true(str_eq(event_lines_skip(STR("a\nb\nc"), 2), STR("c")));
	assert_true(str_eq(event_lines_skip(STR("a\nb\nc"), 3), STR("")));
	assert_true(str_eq(event_lines_skip(STR("a\n"), UINT64_MAX), STR("")));
	assert_true(str_eq(event_lines_skip(STR(""), 5), STR("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),  cmocka_unit_test(test_an_unfinished_line_waits),
	    cmocka_unit_test(test_bounds), cmocka_unit_test(test_a_long_log_in_a_small_buffer),
	    cmocka_unit_test(test_skip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
