#include "cli/commands.h"
#include "cli/skill/remote.h"

static int run(const struct call *call, struct error *err)
{
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_http struct http *http = http_open(call, err);
	struct http_request request = {.method = "GET", .path = "/v1/skills"};
	if (!http || http_send(http, &request, &answer, err) != 0)
		return COMMAND_ERROR;
	return print_list(buffer_str(&answer.body), &skill_listing, settings_output(call, OUTPUT_TABLE), err);
}

const struct command skill_list_command = {
    .path = "skill list",
    .summary = "every version of every skill",
    .run = run,
};
