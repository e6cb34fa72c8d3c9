#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/list_cursor.h"

#define ID1 "11111111-2222-4333-8444-555555555555"
#define ID2 "21111111-2222-4333-8444-555555555555"

static void test_there_and_back(void **state)
{
	(void)state;
	struct list_cursor cursor = {INT64_MAX, ID1}, again;
	struct error err;
	char text[LIST_CURSOR_SIZE];
	list_cursor_format(&cursor, text);
	assert_int_equal(list_cursor_parse(str_of(text), &again, &err), 0);
	assert_int_equal(list_cursor_compare(&cursor, &again), 0);
	assert_string_equal(again.id, ID1);
}

static void test_what_is_no_cursor(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    "",        "!",      "1",          "1_",         "_" ID1,
	    "-1_" ID1, "x_" ID1, "1_" ID1 "0", "1_" ID1 "_", "99999999999999999999_" ID1,
	    " 1_" ID1, "1 _" ID1};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct list_cursor cursor = {5, "untouched"};
		struct error err;
		assert_int_equal(list_cursor_parse(str_of(texts[i]), &cursor, &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_int_equal(cursor.created_ms, 5);
	}
}

static void test_order(void **state)
{
	(void)state;
	struct list_cursor old = {1, ID2}, new = {2, ID1}, other = {2, ID2};
	assert_true(list_cursor_compare(&new, &old) < 0);
	assert_true(list_cursor_compare(&old, &new) > 0);
	assert_true(list_cursor_compare(&other, &new) < 0);
	assert_true(list_cursor_compare(&new, &other) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_there_and_back),
	    cmocka_unit_test(test_what_is_no_cursor),
	    cmocka_unit_test(test_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
