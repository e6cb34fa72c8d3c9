/* lib/base/buffer.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/buffer.h"

#include <stdlib.h>

static void appends_and_stays_a_c_string(void **state)
{
	(void)state;
	cleanup_buffer struct buffer b = BUFFER(100);
	assert_int_equal(buffer_append_c(&b, "ab"), 0);
	assert_int_equal(buffer_append_byte(&b, 'c'), 0);
	assert_int_equal(buffer_append_str(&b, STR("de")), 0);
	assert_int_equal(buffer_appendf(&b, "%d-%s", 12, "x"), 0);
	assert_string_equal(b.data, "abcde12-x");
	assert_int_equal(b.len, 9);
	assert_int_equal(buffer_str(&b).n, 9);
}

static void never_grows_beyond_its_maximum(void **state)
{
	(void)state;
	cleanup_buffer struct buffer b = BUFFER(10);
	assert_int_equal(buffer_append_c(&b, "0123456789"), 0);
	assert_false(b.failed);
	assert_int_equal(buffer_append_byte(&b, 'x'), -1);
	assert_true(b.failed);
	assert_string_equal(b.data, "0123456789");
	assert_true(b.cap <= 11);
	buffer_reset(&b);
	assert_false(b.failed);
	assert_int_equal(buffer_append_c(&b, "01234567890"), -1);
	assert_int_equal(b.len, 0);
	assert_int_equal(buffer_appendf(&b, "%s", "0123456789a"), -1);
	assert_int_equal(b.len, 0);
	assert_null(buffer_reserve(&b, SIZE_MAX));
	assert_null(buffer_steal(&b));
}

static void grows_in_many_steps(void **state)
{
	(void)state;
	cleanup_buffer struct buffer b = BUFFER(100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buffer_append_byte(&b, (char)('a' + i % 26)), 0);
	assert_int_equal(b.len, 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	assert_int_equal(b.data[b.len], '\0');
}

static void consumes_from_the_front(void **state)
{
	(void)state;
	cleanup_buffer struct buffer b = BUFFER(100);
	buffer_consume(&b, 5);
	buffer_append_c(&b, "hello world");
	buffer_consume(&b, 6);
	assert_string_equal(b.data, "world");
	buffer_consume(&b, 0);
	buffer_consume(&b, 99);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
}

static void gives_its_data_away(void **state)
{
	(void)state;
	struct buffer b = BUFFER(100);
	cleanup_free char *empty = buffer_steal(&b);
	assert_string_equal(empty, "");
	buffer_append_c(&b, "mine");
	cleanup_free char *data = buffer_steal(&b);
	assert_string_equal(data, "mine");
	assert_null(b.data);
	assert_int_equal(buffer_append_c(&b, "again"), 0);
	buffer_free(&b);
	buffer_free(&b);
	assert_int_equal(buffer_append_c(&b, "after free"), 0);
	buffer_free(&b);
}

/* A full buffer is the data's fault, a lack of memory is not: callers tell their peers which it was. */
static void says_why_it_failed(void **state)
{
	(void)state;
	struct error err = {0};
	cleanup_buffer struct buffer full = BUFFER(3);
	assert_int_equal(buffer_check(&full, "the text", &err), 0);
	buffer_append_c(&full, "four");
	assert_false(full.no_memory);
	assert_int_equal(buffer_check(&full, "the text", &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_string_equal(err.message, "the text does not fit into 3 bytes");
	buffer_reset(&full);
	assert_int_equal(buffer_check(&full, "the text", &err), 0);

	/* more than the address space */
	cleanup_buffer struct buffer huge = BUFFER(SIZE_MAX / 2 - 1);
	assert_null(buffer_reserve(&huge, (size_t)1 << 60));
	assert_true(huge.failed && huge.no_memory);
	assert_int_equal(buffer_check(&huge, "the text", &err), -1);
	assert_int_equal(err.code, ERR_NO_MEMORY);
	assert_string_equal(err.message, "out of memory");
	buffer_reset(&huge);
	assert_false(huge.failed || huge.no_memory);
}

static void secrets_are_wiped(void **state)
{
	(void)state;
	struct buffer b = BUFFER(100);
	buffer_append_c(&b, "hunter2");
	buffer_wipe(&b);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	buffer_wipe(&b);
}

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(appends_and_stays_a_c_string),
	    cmocka_unit_test(never_grows_beyond_its_maximum),
	    cmocka_unit_test(grows_in_many_steps),
	    cmocka_unit_test(consumes_from_the_front),
	    cmocka_unit_test(gives_its_data_away),
	    cmocka_unit_test(says_why_it_failed),
	    cmocka_unit_test(secrets_are_wiped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
