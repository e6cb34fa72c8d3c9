/* How what happened is written into an Execution: a table of results, and what is told of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/execution/outcome.h"

#include <stdlib.h>

#define NOW_MS INT64_C(1764000000000)

static struct execution execution = {.meta = {.namespace = (char *)"ns",
					      .name = (char *)"a",
					      .uid = (char *)"uid",
					      .resource_version = (char *)"7",
					      .generation = 3}};
static const struct run_shape shape = {.image = "bash:5",
				       .skill_version = "1.2.3",
				       .skill_digest = "sha256:d",
				       .timeout_ms = 90000,
				       .memory = 64 << 20};

static struct observation seen_with(const struct run_result *result)
{
	return (struct observation){.execution = &execution,
				    .result = result,
				    .now_ms = NOW_MS,
				    .started_ms = NOW_MS - 500,
				    .queue_ms = 1,
				    .sandbox_ms = 2,
				    .total_ms = 9,
				    .warm = true};
}

static void test_results(void **state)
{
	(void)state;
	static const struct {
		struct run_result result;
		const char *code, *reason, *message;
	} cases[] = {
	    {{.reason = FRAME_EXITED}, NULL, "Succeeded", "the script ended with exit code 0"},
	    {{.reason = FRAME_EXITED, .exit_code = 3, .reason_text = (char *)"no such thing"},
	     "exit_nonzero",
	     "Failed",
	     "container exited with code 3: no such thing"},
	    {{.reason = FRAME_EXITED, .exit_code = 3, .reason_text = (char *)""},
	     "exit_nonzero",
	     "Failed",
	     "container exited with code 3"},
	    {{.reason = FRAME_SIGNALED, .exit_code = 139},
	     "exit_nonzero",
	     "Failed",
	     "container exited with code 139"},
	    {{.reason = FRAME_TIMED_OUT, .exit_code = 137},
	     "timeout",
	     "TimedOut",
	     "execution timed out after 1m30s"},
	    {{.reason = FRAME_CANCELLED}, "cancelled", "Cancelled", "the execution was cancelled"},
	    {{.reason = FRAME_OOM, .exit_code = 137},
	     "oom_killed",
	     "Failed",
	     "container exited with code 137: out of memory (limit 64 MiB)"},
	    {{.reason = FRAME_EXITED,
	      .output_too_large = true,
	      .output_size = 2000000,
	      .output_limit = 1048576},
	     "output_too_large",
	     "Failed",
	     "output.json has 2000000 bytes, more than 1048576, the limit (SKILLBOX_MAX_OUTPUT_SIZE): write "
	     "large "
	     "results as files into SANDBOX_FILES_DIR"},
	    {{.reason = FRAME_EXITED, .output_problem = (char *)"byte 5: ','"},
	     "output_invalid",
	     "Failed",
	     "output.json: byte 5: ','"},
	    {{.reason = FRAME_EXITED, .not_stored = (char *)"the limit"},
	     "no_capacity",
	     "Failed",
	     "the script ended, but its result could not be stored: the limit"},
	    {{.reason = FRAME_EXITED, .exit_code = 1, .not_stored = (char *)"the limit"},
	     "exit_nonzero",
	     "Failed",
	     "container exited with code 1; and its result could not be stored: the limit"},
	    /* what ended the script comes before what it wrote */
	    {{.reason = FRAME_EXITED, .exit_code = 1, .output_problem = (char *)"bad"},
	     "exit_nonzero",
	     "Failed",
	     "container exited with code 1"},
	    /* and what kept it from being run before all */
	    {{.reason = FRAME_TIMED_OUT,
	      .failure = (char *)"no script",
	      .failure_code = (char *)"no_entrypoint"},
	     "no_entrypoint",
	     "Failed",
	     "no script"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err;
		struct observation seen = seen_with(&cases[i].result);
		struct execution *wish = outcome_of_result(&seen, &shape, &err);
		assert_non_null(wish);
		const struct condition *condition = &wish->status.succeeded;
		assert_string_equal(condition->status, cases[i].code ? "False" : "True");
		assert_string_equal(condition->reason, cases[i].reason);
		assert_string_equal(condition->message, cases[i].message);
		assert_int_equal(condition->observed_generation, 3);
		if (cases[i].code) {
			assert_string_equal(wish->status.error_code, cases[i].code);
			assert_string_equal(wish->status.error, cases[i].message);
		} else {
			assert_null(wish->status.error_code);
			assert_null(wish->status.error);
		}
		assert_int_equal(wish->status.has_exit_code, cases[i].result.failure == NULL);
		assert_int_equal(wish->status.completed_ms, NOW_MS);
		assert_true(wish->status.warm);
		assert_string_equal(wish->status.image, "bash:5");
		assert_string_equal(wish->status.skill_digest, "sha256:d");
		assert_string_equal(wish->meta.resource_version, "7");
		assert_int_equal(wish->status.duration_ms, 1); /* at least one once it ended */
		execution_free(wish);
	}
}

/* Byte for byte, and by reference where it was too long. */
static void test_what_came_back(void **state)
{
	(void)state;
	char *files[] = {(char *)"a.txt", (char *)"b/c"};
	struct run_result result = {
	    .reason = FRAME_EXITED,
	    .run_us = 2500000,
	    .output = (char *)"{\"n\":1234567890123456789012}",
	    .logs = (char *)"log\n",
	    .logs_truncated = true,
	    .logs_ref = {.digest = (char *)"sha256:l", .size = 7},
	    .files = files,
	    .file_count = 2,
	    .files_ref = {.digest = (char *)"sha256:f", .size = 8},
	    .timings = {.start = 3, .run = 4, .collect = -1, .queue = -1, .sandbox = -1}};
	struct pod pod = {.meta = {.name = (char *)"skx-uid-0"}, .image_id = (char *)"bash@sha256:i"};
	struct error err;
	struct observation seen = seen_with(&result);
	seen.pod = &pod;
	struct execution *wish = outcome_of_result(&seen, &shape, &err);
	assert_non_null(wish);
	assert_string_equal(wish->status.output, "{\"n\":1234567890123456789012}");
	assert_string_equal(wish->status.logs, "log\n");
	assert_true(wish->status.logs_truncated);
	assert_string_equal(wish->status.logs_ref.digest, "sha256:l");
	assert_int_equal(wish->status.file_count, 2);
	assert_string_equal(wish->status.files[1], "b/c");
	assert_int_equal(wish->status.files_ref.size, 8);
	assert_int_equal(wish->status.duration_ms, 2500);
	assert_string_equal(wish->status.pod_name, "skx-uid-0");
	assert_string_equal(wish->status.image_id, "bash@sha256:i");
	const struct execution_timings *t = &wish->status.timings;
	assert_true(t->queue == 1 && t->sandbox == 2 && t->start == 3 && t->run == 4 && t->collect == 0 &&
		    t->total == 9);
	execution_free(wish);
}

/* The time of a transition is that of the first: a progress that says the same again does not move it. */
static void test_transitions(void **state)
{
	(void)state;
	struct error err;
	struct execution before = execution;
	before.status.succeeded.status = (char *)"Unknown";
	before.status.succeeded.transition_ms = 5;
	struct execution *wish = outcome_progress(&before, "Running", "the script runs", NOW_MS, &err);
	assert_non_null(wish);
	assert_int_equal(wish->status.succeeded.transition_ms, 5);
	assert_string_equal(wish->status.succeeded.reason, "Running");
	assert_int_equal(wish->status.completed_ms, 0);
	execution_free(wish);
	wish = outcome_failure_of(&before, "sandbox_lost", "gone", NOW_MS, &err);
	assert_non_null(wish);
	assert_int_equal(wish->status.succeeded.transition_ms, NOW_MS);
	assert_int_equal(wish->status.duration_ms, 1);
	execution_free(wish);
	before.status.started_ms = NOW_MS - 40;
	wish = outcome_failure_of(&before, "sandbox_lost", "gone", NOW_MS, &err);
	assert_non_null(wish);
	assert_int_equal(wish->status.duration_ms, 40);
	execution_free(wish);
}

/* Of one that has ended nothing changes but the spec that was seen; figures of its end are not written again,
 * which would round them. */
static void test_a_spec_that_came_after_the_end(void **state)
{
	(void)state;
	struct error err;
	struct execution before = execution;
	before.meta.generation = 2;
	before.status.succeeded = (struct condition){(char *)"True", (char *)"Succeeded", (char *)"m", 5, 1};
	before.status.completed_ms = 7;
	before.status.output = (char *)"[]";
	struct execution *wish = outcome_observed(&before, &err);
	assert_non_null(wish);
	struct buffer patch = BUFFER(4096);
	assert_int_equal(execution_status_patch(wish, false, &patch, &err), 0);
	assert_string_equal(patch.data,
			    "{\"status\":{\"conditions\":[{\"type\":\"Succeeded\",\"status\":\"True\","
			    "\"observedGeneration\":2,\"lastTransitionTime\":\"1970-01-01T00:00:00Z\","
			    "\"reason\":\"Succeeded\",\"message\":\"m\"}]}}");
	assert_int_equal(wish->status.succeeded.transition_ms, 5);
	buffer_free(&patch);
	execution_free(wish);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_results),
	    cmocka_unit_test(test_what_came_back),
	    cmocka_unit_test(test_transitions),
	    cmocka_unit_test(test_a_spec_that_came_after_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
