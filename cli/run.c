#include "cli/commands.h"
#include "cli/files/input.h"
#include "cli/result.h"
#include "cli/running.h"
#include "lib/base/clock.h"

#include <string.h>

static int check_options(const struct call *call, struct error *err)
{
	const char *timeout = call_text(call, "timeout"), *key = call_text(call, "idempotency-key");
	int64_t ms;
	if (timeout && duration_parse(str_of(timeout), &ms, err) != 0)
		return call_usage(err, "--timeout is '%s', and must be a duration like 500ms, 30s or 1m30s",
				  timeout);
	if (key && (!key[0] || strlen(key) > 128))
		return call_usage(err, "--idempotency-key must have 1 to 128 characters");
	if (call_flag(call, "async") && call_flag(call, "follow"))
		return call_usage(err, "--async doesn't wait and --follow does: give one of them");
	if (call_flag(call, "async") && call_text(call, "download"))
		return call_usage(
		    err, "--async doesn't wait, so there is nothing to download yet: 'skillbox exec files' "
			 "does later");
	for (size_t n = 0; call_texts(call, "env", n); n++)
		if (!strchr(call_texts(call, "env", n), '=') || call_texts(call, "env", n)[0] == '=')
			return call_usage(err, "--env is '%s', and must be NAME=VALUE",
					  call_texts(call, "env", n));
	return 0;
}

static int run(const struct call *call, struct error *err)
{
	cleanup_buffer struct buffer input = BUFFER(INPUT_MAX), what = BUFFER(256);
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	const char *folder = call_text(call, "download");
	int status = check_options(call, err);
	if (status == 0)
		status = input_read(call_text(call, "input"), &input, err);
	if (status != 0)
		return status;
	cleanup_http struct http *http = http_open(call, err);
	if (!http)
		return COMMAND_ERROR;
	buffer_appendf(&what, "running %.100s", call_argument(call, 0));
	struct running running = {.request = {.skill = call_argument(call, 0),
					      .version = call_text(call, "version"),
					      .input = buffer_str(&input),
					      .call = call,
					      .timeout = call_text(call, "timeout"),
					      .key = call_text(call, "idempotency-key")},
				  .is_async = call_flag(call, "async"),
				  .log = call_flag(call, "follow") ? stderr : NULL,
				  .what = what.data};
	status = running_run(http, &running, &answer, err);
	if (status != 0)
		return status;
	int code = result_report(call, &answer, !running.is_async, err);
	if (code >= 0 && folder) {
		status = result_download(http, &answer, folder, err);
		return status != 0 ? status : code;
	}
	return code;
}

const struct command run_command = {
    .path = "run",
    .summary = "run a skill and print what came of it",
    .text = "The result is JSON: status, output, log, files and times. The program ends with 0 if the skill\n"
	    "succeeded, and with 2 if it failed or timed out. Ctrl-C cancels the execution.",
    .example = "skillbox run greet --input '{\"name\": \"World\"}'\n"
	       "skillbox run greet --input @input.json --follow\n"
	       "cat data.json | skillbox run data-analysis --input - --download out",
    .arguments = {{"skill", "the skill's name", .complete = COMPLETE_SKILL}},
    .options = {RUNNING_INPUT_OPTION,
		{"version", 0, VALUE_TEXT, "VERSION", "of the skill; the newest upload if left out",
		 COMPLETE_VERSION},
		RUNNING_OPTIONS,
		{"follow", 'f', VALUE_NONE, NULL, "the log on standard error while it runs",
		 COMPLETE_NOTHING},
		{"async", 0, VALUE_NONE, NULL, "don't wait: print the execution's id and status",
		 COMPLETE_NOTHING},
		{"idempotency-key", 0, VALUE_TEXT, "KEY",
		 "the same key within 24 hours gives the same execution", COMPLETE_NOTHING}},
    .run = run,
};
