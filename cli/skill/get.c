#include "cli/commands.h"
#include "cli/skill/remote.h"

static int run(const struct call *call, struct error *err)
{
	const char *version = call_argument(call, 1);
	cleanup_buffer struct buffer path = BUFFER(4096);
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_http struct http *http = http_open(call, err);
	if (!http || skill_path(call_argument(call, 0), version ? version : "latest", &path, err) != 0)
		return COMMAND_ERROR;
	struct http_request request = {.method = "GET", .path = path.data};
	if (http_send(http, &request, &answer, err) != 0)
		return COMMAND_ERROR;
	return print_object(buffer_str(&answer.body), &skill_listing, settings_output(call, OUTPUT_JSON),
			    err);
}

const struct command skill_get_command = {
    .path = "skill get",
    .summary = "all that the server knows of a skill",
    .arguments = {{"name", "the skill's name", .complete = COMPLETE_SKILL},
		  {"version", "the newest upload if left out", .optional = true,
		   .complete = COMPLETE_VERSION}},
    .run = run,
};
