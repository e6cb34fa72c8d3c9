#include "cli/commands.h"
#include "cli/result.h"
#include "lib/base/clock.h"

static int run(const struct call *call, struct error *err)
{
	const char *timeout = call_text(call, "timeout"), *folder = call_text(call, "download");
	int64_t ms = 0;
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	if (timeout && duration_parse(str_of(timeout), &ms, err) != 0)
		return call_usage(err, "--timeout is '%s', and must be a duration like 500ms, 30s or 1m30s",
				  timeout);
	cleanup_http struct http *http = http_open(call, err);
	if (!http)
		return COMMAND_ERROR;
	if (ms > 0)
		http_set_deadline(http, clock_monotonic_us(&clock_system) + ms * 1000);
	int status = execution_wait(http, call_argument(call, 0), "waiting", &answer, err);
	if (status != 0)
		return status;
	int code = result_report(call, &answer, true, err);
	if (code >= 0 && folder)
		status = result_download(http, &answer, folder, err);
	return status != 0 ? status : code;
}

const struct command exec_wait_command = {
    .path = "exec wait",
    .summary = "wait until an execution has ended, and print its record",
    .text = "The program ends with 2 if the execution failed or timed out.",
    .arguments = {{"id", "the execution's id", .complete = COMPLETE_EXECUTION}},
    .options = {{"timeout", 0, VALUE_TEXT, "DURATION", "wait no longer than this, like 30s or 5m",
		 COMPLETE_NOTHING},
		{"download", 'd', VALUE_TEXT, "FOLDER", "fetch the files that it made into this folder",
		 COMPLETE_FOLDER}},
    .run = run,
};
