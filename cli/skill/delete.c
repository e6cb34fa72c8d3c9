#include "cli/commands.h"
#include "cli/skill/remote.h"

static int run(const struct call *call, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(4096);
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_http struct http *http = http_open(call, err);
	if (!http || skill_path(call_argument(call, 0), call_argument(call, 1), &path, err) != 0)
		return COMMAND_ERROR;
	struct http_request request = {.method = "DELETE", .path = path.data};
	if (http_send(http, &request, &answer, err) != 0 ||
	    print_text(err, "Deleted skill \"%s\" version %s", call_argument(call, 0),
		       call_argument(call, 1)) != 0)
		return COMMAND_ERROR;
	return print_flush(err);
}

const struct command skill_delete_command = {
    .path = "skill delete",
    .summary = "delete a version of a skill",
    .text = "Executions of it keep their records.",
    .arguments = {{"name", "the skill's name", .complete = COMPLETE_SKILL},
		  {"version", "which version", .complete = COMPLETE_VERSION}},
    .run = run,
};
