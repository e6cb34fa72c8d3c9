#include "cli/commands.h"
#include "cli/skill/remote.h"
#include "cli/skill/source.h"
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
	cleanup_skill_source struct skill_source source = SKILL_SOURCE;
	cleanup_http struct http *http = http_open(call, err);
	buffer_appendf(&what, "pushing %.100s", path);
	const struct gather gather = {.call = call, .http = http};
	if (!http || skill_source_open(path, &source, err) != 0)
		return COMMAND_ERROR;
	int status = skill_source_gather(&source, &gather, err);
	if (status == 0)
		status = skill_source_push(&source, http, (struct str){NULL, 0}, what.data, &answer, err);
	if (status != 0)
		return status;
	return report(call, &answer, err);
}

const struct command skill_push_command = {
    .path = "skill push",
    .alias = "push",
    .summary = "bring a skill to the server",
    .text = "It can be run at once. The same name and version again replaces what was there and becomes the "
	    "latest.\n"
	    "What the requirements.txt of a Python skill asks for is downloaded by pip, as wheels for the\n"
	    "server's Python, and goes with it; requirements.lock, which is written into the folder, keeps\n"
	    "versions and hashes. So does npm with package.json and package-lock.json of a Node.js skill\n"
	    "(docs/dependencies.md).",
    .example = "skillbox skill push ./greet\n"
	       "skillbox skill push greet-1.0.0.zip",
    .arguments = {{"folder", "the skill's folder, or a zip", .complete = COMPLETE_FILE}},
    .options = {GATHER_OPTIONS},
    .run = run,
};
