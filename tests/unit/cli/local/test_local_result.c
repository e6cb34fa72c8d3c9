/* What came of a run on this machine, in the words of a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/local/local_run.h"

#include <stdlib.h>

static char *shown(const struct local_result *result)
{
	struct buffer out = BUFFER(65536);
	struct error err;
	assert_int_equal(local_result_render(result, &out, &err), 0);
	return buffer_steal(&out);
}

static void test_results(void **state)
{
	(void)state;
	char *paths[] = {(char *)"a/b.txt", (char *)"c"};
	struct local_result result = {
	    .execution_id = "e-1",
	    .run = {.run_us = 2500,
		    .output = (char *)"{\"n\":1.50}",
		    .files = paths,
		    .file_count = 2,
		    .timings = {0, 1, 2, 2.5, 0, 6}},
	    .logs = {.data = (char *)"hello\n", .len = 6},
	    .timeout_ms = 5000,
	    .memory = 64 << 20,
	};
	char *text = shown(&result);
	assert_string_equal(
	    text, "{\"execution_id\":\"e-1\",\"status\":\"success\",\"output\":{\"n\":1.50},"
		  "\"files_list\":[\"a/b.txt\",\"c\"],\"logs\":\"hello\\n\",\"exit_code\":0,"
		  "\"duration_ms\":2,\"timings\":{\"queue\":0.000,\"sandbox\":1.000,\"start\":2.000,"
		  "\"run\":2.500,\"collect\":0.000,\"total\":6.000},\"warm\":false,\"error\":null}");
	free(text);
	result.run = (struct run_result){.reason = FRAME_TIMED_OUT, .exit_code = 137};
	result.logs = (struct buffer){0};
	text = shown(&result);
	assert_non_null(strstr(text, "\"status\":\"timeout\",\"exit_code\":137,\"duration_ms\":1,"));
	assert_non_null(
	    strstr(text, "\"error\":\"execution timed out after 5s\",\"error_code\":\"timeout\"}"));
	free(text);
	result.run = (struct run_result){.failure = (char *)"bad_job: no",
					 .failure_code = (char *)"sandbox_start_failed"};
	text = shown(&result);
	assert_null(strstr(text, "exit_code"));
	assert_non_null(strstr(text, "\"error\":\"bad_job: no\",\"error_code\":\"sandbox_start_failed\"}"));
	assert_string_equal(local_result_error_code(&result), "sandbox_start_failed");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_results)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
