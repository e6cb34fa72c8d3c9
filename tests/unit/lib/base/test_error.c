/* lib/base/error.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/error.h"

#include "lib/base/str.h"
#include "lib/base/utf8.h"

#include <errno.h>

static void carries_code_and_message(void **state)
{
	(void)state;
	struct error err;
	assert_int_equal(error_set(&err, ERR_NOT_FOUND, "skill not found: %s@%s", "a", "1.0.0"), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.message, "skill not found: a@1.0.0");
	assert_int_equal(error_wrap(&err, "execution %d", 7), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.message, "execution 7: skill not found: a@1.0.0");
}

static void names_errno(void **state)
{
	(void)state;
	struct error err;
	errno = ENOENT;
	assert_int_equal(error_errno(&err, "open %s", "/x"), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.message, "open /x: No such file or directory");
	assert_int_equal(errno, ENOENT);
	errno = ENOMEM;
	error_errno(&err, "mmap");
	assert_int_equal(err.code, ERR_NO_MEMORY);
	error_no_memory(&err);
	assert_string_equal(err.message, "out of memory");
}

static void null_means_do_not_tell(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, ERR_IO, "x"), -1);
	assert_int_equal(error_wrap(NULL, "x"), -1);
	errno = EIO;
	assert_int_equal(error_errno(NULL, "x"), -1);
	assert_int_equal(error_no_memory(NULL), -1);
}

static void cuts_long_messages_between_characters(void **state)
{
	(void)state;
	struct error err;
	char text[4001];
	for (size_t shift = 0; shift < 3; shift++) {
		memset(text, 'x', sizeof(text));
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 3);
		text[sizeof(text) - 1] = '\0';
		error_set(&err, ERR_IO, "%s", text);
		assert_true(strlen(err.message) >= sizeof(err.message) - 4);
		assert_true(utf8_is_valid(str_of(err.message), NULL));
		error_wrap(&err, "a");
		assert_true(strlen(err.message) >= sizeof(err.message) - 4);
		assert_true(utf8_is_valid(str_of(err.message), NULL));
		errno = EIO;
		error_errno(&err, "%s", text);
		assert_true(utf8_is_valid(str_of(err.message), NULL));
	}
}

static void every_code_has_a_name_and_a_status(void **state)
{
	(void)state;
	for (int code = 0; code < ERR_CODE_COUNT; code++) {
		assert_non_null(error_code_name((enum error_code)code));
		int status = error_code_http_status((enum error_code)code);
		assert_true(status == 200 ? code == ERR_NONE : status >= 400 && status < 600);
	}
	assert_string_equal(error_code_name(ERR_INVALID_SKILL), "invalid_skill");
	assert_string_equal(error_code_name(ERR_IO), "internal_error");
	assert_string_equal(error_code_name((enum error_code)999), "internal_error");
	assert_int_equal(error_code_http_status((enum error_code)999), 500);
	assert_int_equal(error_code_http_status(ERR_INPUT_SCHEMA_MISMATCH), 422);
	static const int same[] = {401, 403, 404, 405, 409, 413, 415, 429, 503};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_int_equal(error_code_http_status(error_code_from_http_status(same[i])), same[i]);
	assert_int_equal(error_code_from_http_status(410), ERR_GONE);
	assert_int_equal(error_code_from_http_status(422), ERR_BAD_REQUEST);
	assert_int_equal(error_code_from_http_status(500), ERR_INTERNAL);
	assert_int_equal(error_code_from_http_status(504), ERR_TIMEOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(carries_code_and_message),
	    cmocka_unit_test(names_errno),
	    cmocka_unit_test(null_means_do_not_tell),
	    cmocka_unit_test(cuts_long_messages_between_characters),
	    cmocka_unit_test(every_code_has_a_name_and_a_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
