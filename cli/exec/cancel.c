#include "cli/commands.h"
#include "cli/output/print.h"
#include "cli/remote/executions.h"

static int run(const struct call *call, struct error *err)
{
	const char *id = call_argument(call, 0);
	struct execution_facts facts;
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_http struct http *http = http_open(call, err);
	if (!http || execution_cancel(http, id, &answer, err) != 0)
		return COMMAND_ERROR;
	if (answer.status == 202 || execution_facts(&answer, &facts, err) != 0)
		print_text(err, "Cancelled execution %s", id);
	else
		print_text(err, "Execution %s had ended before: %s", id, facts.status);
	return print_flush(err);
}

const struct command exec_cancel_command = {
    .path = "exec cancel",
    .summary = "stop an execution",
    .text = "What it made so far is kept.",
    .arguments = {{"id", "the execution's id", .complete = COMPLETE_EXECUTION}},
    .run = run,
};
