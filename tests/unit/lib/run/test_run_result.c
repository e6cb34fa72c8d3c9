/* A result owns all that it has, and nothing after it was cleared; AddressSanitizer counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/str.h"
#include "lib/run/run_result.h"

#include <stdlib.h>

static char *text(void)
{
	char *copy = str_dup(STR("text"));
	assert_non_null(copy);
	return copy;
}

static void test_clear(void **state)
{
	(void)state;
	struct run_result result = {0};
	struct isolation *layers = isolation_new(1, NULL);
	assert_non_null(layers);
	run_result_clear(&result); /* of nothing */
	result = (struct run_result){.exit_code = 1,
				     .failure = text(),
				     .failure_code = text(),
				     .output = text(),
				     .output_ref = {text(), 4},
				     .output_problem = text(),
				     .logs = text(),
				     .logs_ref = {text(), 4},
				     .reason_text = text(),
				     .files = calloc(2, sizeof(char *)),
				     .file_count = 2,
				     .files_ref = {text(), 4},
				     .isolation = isolation_ref(layers)};
	assert_non_null(result.files);
	result.files[0] = text();
	result.files[1] = text();
	run_result_clear(&result);
	assert_null(result.failure);
	assert_null(result.logs);
	assert_null(result.files);
	assert_null(result.isolation);
	assert_int_equal(result.file_count, 0);
	assert_int_equal(result.exit_code, 0);
	assert_int_equal(layers->references, 1); /* ours */
	run_result_clear(&result);
	isolation_unref(layers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_clear)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
