/* What a terminal shows at last of what was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/buffer.h"
#include "runner/cell/lines.h"

static struct lines lines;

/* `want`: the lines, each behind its indentation, and '*' before a bar. */
static void expect(struct str bytes, const char *const *want)
{
	lines_read(bytes, &lines);
	for (size_t i = 0; want[i] || i < lines.count; i++) {
		char got[256] = "(none)";
		if (i < lines.count)
			snprintf(got, sizeof(got), "%s%u %.*s", lines.of[i].is_bar ? "*" : "",
				 lines.of[i].indent, (int)lines.of[i].text.n,
				 lines.of[i].text.n ? lines.of[i].text.p : "");
		if (!want[i] || strcmp(got, want[i]) != 0)
			fail_msg("%.*s, line %zu: \"%s\", not \"%s\"", (int)bytes.n, bytes.p, i, got,
				 want[i] ? want[i] : "(none)");
	}
}

#define WANT(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_lines(void **state)
{
	(void)state;
	lines_read((struct str){NULL, 0}, &lines);
	assert_int_equal(lines.count, 0);
	expect(STR("\n"), WANT("0 "));
	expect(STR("one\ntwo"), WANT("0 one", "0 two"));
	expect(STR("  one \t\r\n\n\ttwo\r\n"), WANT("2 one", "0 ", "1 two"));
	assert_int_equal(lines_text(&lines, 7).n, 0);
}

static void test_what_is_written_over(void **state)
{
	(void)state;
	expect(STR("  1%\r  2%\rthree\n"), WANT("0 three"));
	expect(STR("working\r       \r\n"), WANT("0 "));
	expect(STR("working\r\x1b[Kdone\r\n"), WANT("0 done"));
	expect(STR("working\x1b[2K\rdone"), WANT("0 done"));
	expect(STR("spin |\b/\b-\b\xc3\xa4\b!\n"), WANT("0 spin !"));
	expect(STR("\b\b\bx\n\b\by"), WANT("0 x", "0 y"));
	expect(STR("kept\r"), WANT("0 kept"));
}

static void test_controls(void **state)
{
	(void)state;
	expect(STR("\x1b[1;31mred\x1b[0m \x1b]8;;http://a\alink\x1b]8;;\x1b\\ "
		   "\x1b(Bplain\x1b\n\x1b[31\nnext\x1b[\x1b]title"),
	       WANT("0 red link Bplain", "0 ", "0 next"));
	expect(STR("a\0\x01\x7f"
		   "b\n"),
	       WANT("0 ab"));
	expect(STR("caf\xc3\xa9 \xff\n"), WANT("0 caf\xc3\xa9 \xff"));
}

static void test_bars(void **state)
{
	(void)state;
	expect(STR("  5%|#   | 5/100 [00:01<00:19, 5.00it/s]\n"),
	       WANT("*2 5%|#   | 5/100 [00:01<00:19, 5.00it/s]"));
	expect(STR("5it [00:01, 5.00it/s] no price"), WANT("0 no price"));
	expect(STR("2it [00:09, 4.50s/it]no price"), WANT("0 no price"));
	expect(STR("load: 100%|##| 2/2 [00:01<00:00, 1it/s, loss=1]no price"), WANT("0 no price"));
	expect(STR("50%|#  no bar"), WANT("0 50%|#  no bar"));
}

/* Of too much, the end. */
static void test_bounds(void **state)
{
	(void)state;
	cleanup_buffer struct buffer text = BUFFER(1 << 20);
	for (unsigned i = 0; i < 5000; i++)
		buffer_appendf(&text, "%u\n", i);
	lines_read(buffer_str(&text), &lines);
	assert_true(lines.count >= LINES_MAX / 2 && lines.count <= LINES_MAX);
	for (size_t i = 0; i < lines.count; i++) {
		int64_t number;
		assert_true(str_to_i64(lines.of[i].text, 0, 5000, &number));
		assert_int_equal(number, 5000 - lines.count + i);
	}
	buffer_reset(&text);
	buffer_append_c(&text, "first\n");
	for (unsigned i = 0; i < LINES_TEXT_MAX; i++)
		buffer_append_byte(&text, 'x');
	lines_read(buffer_str(&text), &lines);
	assert_int_equal(lines.count, 1);
	assert_int_equal(lines.of[0].text.n, LINES_TEXT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),    cmocka_unit_test(test_what_is_written_over),
	    cmocka_unit_test(test_controls), cmocka_unit_test(test_bars),
	    cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
