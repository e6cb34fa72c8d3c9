/* lib/policy/signing_key.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/policy/signing_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEY "0123456789abcdef0123456789abcdef"

static int read_text(const char *text, struct buffer *ret, struct error *err)
{
	char path[] = "/tmp/skillbox-key-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	int result = signing_key_read(path, ret, err);
	unlink(path);
	return result;
}

static void test_a_key_is_trimmed_and_long_enough(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "\n", "  short  ", "0123456789abcdef0123456789abcde\n"};
	struct error err;
	cleanup_buffer struct buffer key = BUFFER(SIGNING_KEY_MAX);
	assert_int_equal(read_text(" " KEY "\r\n", &key, &err), 0);
	assert_string_equal(key.data, KEY);
	assert_int_equal(key.len, strlen(KEY));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buffer_reset(&key);
		assert_int_equal(read_text(bad[i], &key, &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_non_null(strstr(err.message, "it needs 32 to 4096 (make one: openssl rand -hex 32)"));
	}
	buffer_reset(&key);
	assert_int_equal(signing_key_read("/nowhere/at/all", &key, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_key_is_trimmed_and_long_enough)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
