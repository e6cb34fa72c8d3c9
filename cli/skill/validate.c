#include "cli/commands.h"
#include "cli/dependencies/requirements.h"
#include "cli/skill/remote.h"
#include "cli/skill/report.h"
#include "cli/skill/source.h"
#include "lib/base/jsontext.h"

#include <stdio.h>

static void print_lines(struct str body, const char *key, const char *word)
{
	struct str list, item;
	size_t position = 0;
	if (!jsontext_member(body, str_of(key), &list) || jsontext_kind_of(list) != JSONTEXT_ARRAY)
		return;
	while (jsontext_next_element(list, &position, &item)) {
		cleanup_buffer struct buffer text = BUFFER(65536);
		if (jsontext_kind_of(item) == JSONTEXT_STRING &&
		    jsontext_decode_string(item, &text, NULL) == 0)
			report_line(stdout, word, buffer_str(&text));
	}
}

static int report(const struct call *call, struct str body, struct error *err)
{
	struct str valid = STR("");
	enum output output = settings_output(call, OUTPUT_TABLE);
	if (jsontext_check(body, NULL, err) != 0 || jsontext_kind_of(body) != JSONTEXT_OBJECT ||
	    !jsontext_member(body, STR("valid"), &valid))
		return error_set(err, ERR_PROTOCOL, "the answer makes no sense: 'valid' is missing");
	int status = 0;
	if (output == OUTPUT_TABLE || output == OUTPUT_NAME) {
		print_lines(body, "problems", "FAIL");
		print_lines(body, "warnings", "WARN");
		if (str_eq(valid, STR("true")))
			status = print_text(err, "All checks passed");
	} else {
		status = print_json(body, output, err);
	}
	if (status != 0 || print_flush(err) != 0)
		return -1;
	return str_eq(valid, STR("true")) ? EXIT_GOOD : EXIT_ERROR;
}

static int run(const struct call *call, struct error *err)
{
	const char *path = call_argument(call, 0);
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_skill_source struct skill_source source = SKILL_SOURCE;
	cleanup_buffer struct buffer packages = BUFFER(4096);
	cleanup_close int fd = -1;
	int64_t size;
	struct folder_packing how = {.without = NULL};
	cleanup_http struct http *http = http_open(call, err);
	if (!http || skill_source_open(path, &source, err) != 0 ||
	    (source.is_folder && gather_describe(&source.folder, &packages, err) != 0))
		return COMMAND_ERROR;
	/* Its packages are not at hand, so that the server would say that they are missing. */
	if (packages.len > 0) {
		how.without = REQUIREMENTS_NAME;
		fprintf(stderr, "%s; they are not checked here\n", packages.data);
	}
	if (skill_source_zip(&source, &how, &fd, &size, err) != 0 ||
	    skill_upload(http, "/v1/skills/validate", fd, size, "checking", &answer, err) != 0)
		return COMMAND_ERROR;
	return report(call, str_trim(buffer_str(&answer.body)), err);
}

const struct command skill_validate_command = {
    .path = "skill validate",
    .summary = "check a skill by the server's rules, without storing it",
    .text = "What requirements.txt or package.json asks for is not brought for that, and not checked.",
    .arguments = {{"folder", "the skill's folder, or a zip", .complete = COMPLETE_FILE}},
    .run = run,
};
