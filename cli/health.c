#include "cli/commands.h"
#include "cli/output/print.h"
#include "cli/remote/http.h"

static const struct column columns[] = {{"STATUS", "status", 0}, {"CHECKS", "checks", 0}, {0}};
static const struct listing listing = {columns, "status", NULL, NULL};

static int run(const struct call *call, struct error *err)
{
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_http struct http *http = http_open(call, err);
	bool asks_ready = call_flag(call, "ready");
	struct http_request request = {
	    .method = "GET", .path = asks_ready ? "/ready" : "/health", .is_bare = true};
	if (!http)
		return COMMAND_ERROR;
	/* 503 with the check that fails is the answer, and not a failure to get one. */
	int status = asks_ready ? http_send_raw(http, &request, &answer, err)
				: http_send(http, &request, &answer, err);
	if (status != 0)
		return status;
	if (print_object(buffer_str(&answer.body), &listing, settings_output(call, OUTPUT_JSON), err) != 0)
		return COMMAND_ERROR;
	return answer.status == 200 ? EXIT_GOOD : EXIT_ERROR;
}

const struct command health_command = {
    .path = "health",
    .summary = "does the server answer?",
    .options = {{"ready", 0, VALUE_NONE, NULL, "whether it can take work, and what is missing otherwise",
		 COMPLETE_NOTHING}},
    .run = run,
};
