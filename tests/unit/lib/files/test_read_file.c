/* lib/files/read_file.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/files/read_file.h"

#include <stdlib.h>
#include <unistd.h>

static void test_a_file_is_read_whole_or_not(void **state)
{
	(void)state;
	char path[] = "/tmp/skillbox-read-XXXXXX";
	char text[10000];
	int fd = mkstemp(path);
	struct error err;
	memset(text, 'x', sizeof(text));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	close(fd);
	cleanup_buffer struct buffer whole = BUFFER(sizeof(text)), small = BUFFER(sizeof(text) - 1);
	assert_int_equal(read_file(path, &whole, &err), 0);
	assert_int_equal(whole.len, sizeof(text));
	assert_memory_equal(whole.data, text, sizeof(text));
	assert_int_equal(read_file(path, &small, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_non_null(strstr(err.message, "more than 9999 bytes"));
	assert_int_equal(truncate(path, 0), 0);
	cleanup_buffer struct buffer nothing = BUFFER(1);
	assert_int_equal(read_file(path, &nothing, &err), 0);
	assert_string_equal(nothing.data, "");
	unlink(path);
	assert_int_equal(read_file(path, &small, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.message, path));
	assert_int_equal(read_file("/tmp", &small, &err), -1);
	assert_non_null(strstr(err.message, "can't read /tmp"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_file_is_read_whole_or_not)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
