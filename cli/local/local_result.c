#include "cli/local/local_run.h"

#include "lib/api/execution_rest.h"
#include "lib/base/json_write.h"
#include "lib/run/verdict.h"

const char *local_result_error_code(const struct local_result *result)
{
	char message[VERDICT_SIZE];
	return verdict_of(&result->run, result->timeout_ms, result->memory, message);
}

static const char *reason_of(const char *error_code)
{
	if (!error_code)
		return REASON_SUCCEEDED;
	if (strcmp(error_code, "timeout") == 0)
		return REASON_TIMED_OUT;
	return strcmp(error_code, "cancelled") == 0 ? REASON_CANCELLED : REASON_FAILED;
}

int local_result_render(const struct local_result *result, struct buffer *out, struct error *err)
{
	char message[VERDICT_SIZE];
	const struct run_result *run = &result->run;
	const char *code = verdict_of(run, result->timeout_ms, result->memory, message);
	/* As the controller records it, and the API server answers with it. What it points to is the
	 * result's. */
	struct execution execution = {0};
	execution.status.succeeded.status = (char *)(code ? "False" : "True");
	execution.status.succeeded.reason = (char *)reason_of(code);
	execution.status.has_exit_code = !run->failure;
	execution.status.exit_code = run->exit_code;
	execution.status.duration_ms = run->run_us >= 1000 ? run->run_us / 1000 : 1;
	execution.status.logs_truncated = run->logs_truncated;
	execution.status.files = run->files;
	execution.status.file_count = run->file_count;
	execution.status.timings = run->timings;
	execution.status.error = code ? message : NULL;
	execution.status.error_code = (char *)code;
	json_open(out, '{');
	json_put_string(out, "execution_id", result->execution_id);
	json_put_string(out, "status", execution_rest_status(&execution));
	execution_put_output(out, run->output ? str_of(run->output) : (struct str){NULL, 0});
	execution_put_files(out, &execution, NULL);
	execution_put_logs(out, &execution, buffer_str(&result->logs));
	execution_put_end(out, &execution);
	execution_put_error(out, &execution);
	json_close(out, '}');
	return buffer_check(out, "the result", err);
}
