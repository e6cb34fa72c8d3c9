/* How a use case ended that tells of an execution. */
#ifndef TESTS_UNIT_APISERVER_EXECUTION_OUTCOME_H
#define TESTS_UNIT_APISERVER_EXECUTION_OUTCOME_H

#include "apiserver/object/shared_execution.h"

#include <stdio.h>

struct outcome {
	unsigned calls;
	/* Of the execution; "": there was a failure. */
	char id[64], status[16], output[64];
	enum error_code code;
	char message[512];
};

/* submit_cb, execution_found_cb */
static inline void outcome_is(void *context, const struct shared_execution *shared,
			      const struct error *failure)
{
	struct outcome *outcome = context;
	unsigned calls = outcome->calls + 1;
	*outcome = (struct outcome){.calls = calls};
	if (failure) {
		outcome->code = failure->code;
		snprintf(outcome->message, sizeof(outcome->message), "%s", failure->message);
		return;
	}
	const struct execution *execution = shared->execution;
	snprintf(outcome->id, sizeof(outcome->id), "%s", execution_id(execution));
	snprintf(outcome->status, sizeof(outcome->status), "%s", execution_rest_status(execution));
	if (execution->status.output)
		snprintf(outcome->output, sizeof(outcome->output), "%s", execution->status.output);
}

#define assert_failed(outcome, expected_code, words)                                                         \
	do {                                                                                                 \
		assert_int_equal((outcome)->calls, 1);                                                       \
		assert_int_equal((outcome)->code, expected_code);                                            \
		if (!strstr((outcome)->message, words))                                                      \
			fail_msg("\"%s\" lacks \"%s\"", (outcome)->message, words);                          \
	} while (0)

#define assert_ended(outcome, expected_status)                                                               \
	do {                                                                                                 \
		assert_int_equal((outcome)->calls, 1);                                                       \
		assert_string_equal((outcome)->message, "");                                                 \
		assert_string_equal((outcome)->status, expected_status);                                     \
	} while (0)

#endif
