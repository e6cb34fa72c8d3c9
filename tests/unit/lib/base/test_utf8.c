/* lib/base/utf8.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/utf8.h"

#include <stdlib.h>

static void knows_utf8(void **state)
{
	(void)state;
	static const char *const good[] = {"",
					   "plain",
					   "\xc2\x80",
					   "\xdf\xbf",
					   "\xe0\xa0\x80",
					   "\xed\x9f\xbf",
					   "\xee\x80\x80",
					   "\xef\xbf\xbf",
					   "\xf0\x90\x80\x80",
					   "\xf4\x8f\xbf\xbf"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(utf8_is_valid(str_of(good[i]), NULL));
		assert_int_equal(utf8_length(str_of(good[i])), i == 1 ? 1 : strlen(good[i]));
	}
	static const char *const bad[] = {
	    "\x80",
	    "\xbf",
	    "\xc0\x80",
	    "\xc1\xbf",
	    "\xc2",
	    "\xc2\x41",
	    "\xe0\x9f\xbf",
	    "\xed\xa0\x80",
	    "\xed\xbf\xbf",
	    "\xe1\x80",
	    "\xf0\x8f\xbf\xbf",
	    "\xf4\x90\x80\x80",
	    "\xf5\x80\x80\x80",
	    "\xff",
	    "\xf0\x90\x80",
	    "\xe1\x80\x41",
	    "\xf1\x80\x41\x80",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t at = 99;
		char text[16] = "ab";
		memcpy(text + 2, bad[i], strlen(bad[i]));
		assert_false(utf8_is_valid((struct str){text, 2 + strlen(bad[i])}, &at));
		assert_int_equal(at, 2);
		assert_int_equal(utf8_length(str_of(bad[i])), 0);
	}
}

static void cleans(void **state)
{
	(void)state;
	cleanup_buffer struct buffer out = BUFFER(100);
	assert_int_equal(utf8_append_clean(&out, STR("a\0b\xc3\xa9\xc3 \xff\xfe\r\n\x1b[0m\xe2\x82")), 0);
	assert_string_equal(
	    out.data, "a\xef\xbf\xbd"
		      "b\xc3\xa9\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\r\n\x1b[0m\xef\xbf\xbd\xef\xbf\xbd");
	buffer_reset(&out);
	assert_int_equal(utf8_append_clean(&out, STR("")), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(utf8_append_clean(&out, STR("nothing to do: \xf0\x9f\x90\x99")), 0);
	assert_string_equal(out.data, "nothing to do: \xf0\x9f\x90\x99");
}

/* A caller that counts with UTF8_CLEAN_GROWTH has room for the worst, and not for more. */
static void cleaned_text_is_bounded(void **state)
{
	(void)state;
	cleanup_buffer struct buffer enough = BUFFER(UTF8_CLEAN_GROWTH * 4);
	assert_int_equal(utf8_append_clean(&enough, STR("\xff\xff\0\xff")), 0);
	assert_int_equal(enough.len, enough.max);
	cleanup_buffer struct buffer small = BUFFER(UTF8_CLEAN_GROWTH * 4 - 1);
	assert_int_equal(utf8_append_clean(&small, STR("\xff\xff\0\xff")), -1);
	assert_true(small.failed);
}

static void expect_cut(struct str s, size_t max, size_t length)
{
	struct str kept = utf8_cut(s, max);
	assert_ptr_equal(kept.p, s.p);
	assert_int_equal(kept.n, length);
}

static void cuts_between_characters(void **state)
{
	(void)state;
	struct str text = STR("a\xc3\xa9\xf0\x9f\x90\x99");
	expect_cut(text, 100, 7);
	expect_cut(text, 7, 7);
	expect_cut(text, 6, 3);
	expect_cut(text, 4, 3);
	expect_cut(text, 3, 3);
	expect_cut(text, 2, 1);
	expect_cut(text, 0, 0);
	expect_cut((struct str){NULL, 0}, 0, 0);
}

static void cuts_in_place(void **state)
{
	(void)state;
	char *text = str_dup(STR("a\xc3\xa9\xf0\x9f\x90\x99")), *none = NULL;
	assert_false(utf8_cut_owned(&text, 7));
	assert_int_equal(strlen(text), 7);
	assert_true(utf8_cut_owned(&text, 6));
	assert_string_equal(text, "a\xc3\xa9");
	assert_true(utf8_cut_owned(&text, 0));
	assert_string_equal(text, "");
	assert_false(utf8_cut_owned(&none, 0));
	free(text);
}

static void shows_a_beginning(void **state)
{
	(void)state;
	char text[2 * UTF8_SHOWN_MAX];
	memset(text, 'a', sizeof(text));
	memcpy(text + UTF8_SHOWN_MAX - 1, "\xc3\xa9", 2);
	assert_int_equal(utf8_shown((struct str){text, sizeof(text)}), UTF8_SHOWN_MAX - 1);
	assert_int_equal(utf8_shown(STR("ab")), 2);
	assert_int_equal(utf8_shown((struct str){NULL, 0}), 0);
}

static void cuts_between_words(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		size_t max;
		struct str want;
	} rows[] = {
	    {STR("one two"), 7, STR("one two")},   {STR("one two "), 100, STR("one two")},
	    {STR("one two"), 6, STR("one")},       {STR("one two"), 4, STR("one")},
	    {STR("one two"), 3, STR("one")},       {STR("one two"), 2, STR("on")},
	    {STR("  longword"), 6, STR("longwo")}, {STR("a \xc3\xa9"), 3, STR("a")},
	    {STR("\xc3\xa9"), 1, STR("")},         {{NULL, 0}, 5, {NULL, 0}},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!str_eq(utf8_cut_words(rows[i].text, rows[i].max), rows[i].want))
			fail_msg("row %zu", i);
}

static void skips_the_end_of_a_character(void **state)
{
	(void)state;
	assert_true(str_eq(utf8_skip_partial(STR("\x9f\x90\x99z")), STR("z")));
	assert_true(str_eq(utf8_skip_partial(STR("z\x99")), STR("z\x99")));
	assert_true(str_eq(utf8_skip_partial(STR("\x80\x80")), STR("")));
	/* a fourth is no character's end: it stays, to be shown as what it is */
	assert_true(str_eq(utf8_skip_partial(STR("\x80\x80\x80\x80")), STR("\x80")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_utf8),
	    cmocka_unit_test(cleans),
	    cmocka_unit_test(cleaned_text_is_bounded),
	    cmocka_unit_test(cuts_between_characters),
	    cmocka_unit_test(cuts_in_place),
	    cmocka_unit_test(shows_a_beginning),
	    cmocka_unit_test(cuts_between_words),
	    cmocka_unit_test(skips_the_end_of_a_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
