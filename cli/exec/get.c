#include "cli/commands.h"
#include "cli/result.h"

static int run(const struct call *call, struct error *err)
{
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_http struct http *http = http_open(call, err);
	if (!http || execution_read(http, call_argument(call, 0), "", &answer, err) != 0)
		return COMMAND_ERROR;
	return result_report(call, &answer, false, err);
}

const struct command exec_get_command = {
    .path = "exec get",
    .summary = "the record of an execution",
    .arguments = {{"id", "the execution's id", .complete = COMPLETE_EXECUTION}},
    .run = run,
};
