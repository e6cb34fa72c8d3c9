#include "cli/commands.h"
#include "cli/files/folder.h"
#include "cli/skill/remote.h"
#include "lib/base/jsontext.h"

static int report(const struct call *call, const struct http_answer *answer, struct error *err)
{
	struct str body = str_trim(buffer_str(&answer->body));
	enum output output = settings_output(call, OUTPUT_TABLE);
	cleanup_buffer struct buffer name = BUFFER(1024);
	if (output != OUTPUT_TABLE)
		return print_object(body, &skill_listing, output, err);
	if (jsontext_check(body, NULL, err) != 0 || jsontext_kind_of(body) != JSONTEXT_OBJECT)
		return error_set(err, ERR_PROTOCOL, "the answer makes no sense: it is not a JSON object");
	json_member_text(body, "name", &name);
	if (name.len == 0)
		return error_set(err, ERR_PROTOCOL, "the answer makes no sense: 'name' is missing");
	if (print_text(err, "Pushed skill \"%s\" successfully", name.data) != 0)
		return -1;
	return print_flush(err);
}

static int run(const struct call *call, struct error *err)
{
	const char *path = call_argument(call, 0);
	cleanup_buffer struct buffer what = BUFFER(256);
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_close int fd = -1;
	int64_t size;
	cleanup_http struct http *http = http_open(call, err);
	buffer_appendf(&what, "pushing %.100s", path);
	if (!http || skill_zip_open(path, &fd, &size, err) != 0 ||
	    skill_upload(http, "/v1/skills", fd, size, what.data, &answer, err) != 0)
		return COMMAND_ERROR;
	return report(call, &answer, err);
}

const struct command skill_push_command = {
    .path = "skill push",
    .alias = "push",
    .summary = "bring a skill to the server",
    .text = "It can be run at once. The same name and version again replaces what was there and becomes the "
	    "latest.",
    .example = "skillbox skill push ./greet\n"
	       "skillbox skill push greet-1.0.0.zip",
    .arguments = {{"folder", "the skill's folder, or a zip", .complete = COMPLETE_FILE}},
    .run = run,
};
