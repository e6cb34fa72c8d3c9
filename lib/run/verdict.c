#include "lib/run/verdict.h"

#include "lib/base/clock.h"

#include <stdio.h>

/* Something is missing of a run that failed by itself. */
static void add_not_stored(const struct run_result *result, const char *error_code, char *message,
			   size_t size)
{
	size_t n = strlen(message);
	if (result->not_stored && strcmp(error_code, "no_capacity") != 0)
		snprintf(message + n, size - n, "; and its result could not be stored: %s",
			 result->not_stored);
}

/* error_code and message of a result; NULL code for success. Checked in this order: what ended the script
 * comes before what it wrote. */
static const char *judge(const struct run_result *result, int64_t timeout_ms, int64_t memory, char *message,
			 size_t size)
{
	char duration[DURATION_SIZE];
	const char *separator = result->reason_text && result->reason_text[0] ? ": " : "";
	const char *reason = separator[0] ? result->reason_text : "";
	if (result->failure) {
		snprintf(message, size, "%s", result->failure);
		return result->failure_code;
	}
	switch (result->reason) {
	case FRAME_TIMED_OUT:
		duration_format(timeout_ms, duration);
		snprintf(message, size, "execution timed out after %s", duration);
		return "timeout";
	case FRAME_CANCELLED:
		snprintf(message, size, "the execution was cancelled");
		return "cancelled";
	case FRAME_OOM:
		snprintf(message, size, "container exited with code %lld: out of memory (limit %lld MiB)",
			 (long long)result->exit_code, (long long)(memory >> 20));
		return "oom_killed";
	case FRAME_EXITED:
	case FRAME_SIGNALED:
		break;
	}
	if (result->exit_code != 0) {
		snprintf(message, size, "container exited with code %lld%s%s", (long long)result->exit_code,
			 separator, reason);
		return "exit_nonzero";
	}
	if (result->output_too_large) {
		snprintf(
		    message, size,
		    "output.json has %lld bytes, more than %lld, the limit (SKILLBOX_MAX_OUTPUT_SIZE): write "
		    "large results as files into SANDBOX_FILES_DIR",
		    (long long)result->output_size, (long long)result->output_limit);
		return "output_too_large";
	}
	if (result->output_problem) {
		snprintf(message, size, "output.json: %s", result->output_problem);
		return "output_invalid";
	}
	if (result->not_stored) {
		snprintf(message, size, "the script ended, but its result could not be stored: %s",
			 result->not_stored);
		return "no_capacity";
	}
	snprintf(message, size, "the script ended with exit code 0");
	return NULL;
}

const char *verdict_of(const struct run_result *result, int64_t timeout_ms, int64_t memory,
		       char ret_message[VERDICT_SIZE])
{
	const char *error_code = judge(result, timeout_ms, memory, ret_message, VERDICT_SIZE);
	if (error_code)
		add_not_stored(result, error_code, ret_message, VERDICT_SIZE);
	return error_code;
}
