#include "cli/commands.h"
#include "cli/output/print.h"
#include "cli/remote/events.h"
#include "cli/remote/executions.h"
#include "cli/running.h"

static int run(const struct call *call, struct error *err)
{
	const char *id = call_argument(call, 0);
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_http struct http *http = http_open(call, err);
	if (!http)
		return COMMAND_ERROR;
	if (call_flag(call, "follow"))
		return events_follow(http, id, running_log_line, stdout, err);
	if (execution_read(http, id, "/logs", &answer, err) != 0 ||
	    print_bytes(buffer_str(&answer.body), err) != 0)
		return COMMAND_ERROR;
	return print_flush(err);
}

const struct command exec_logs_command = {
    .path = "exec logs",
    .summary = "what a skill printed",
    .arguments = {{"id", "the execution's id", .complete = COMPLETE_EXECUTION}},
    .options = {{"follow", 'f', VALUE_NONE, NULL, "as it comes, until the execution has ended",
		 COMPLETE_NOTHING}},
    .run = run,
};
