#include "cli/commands.h"
#include "cli/result.h"
#include "lib/base/jsontext.h"

static int print_files(const struct call *call, const struct http_answer *answer, struct error *err)
{
	enum output output = settings_output(call, OUTPUT_NAME);
	struct str list = STR("[]"), item;
	size_t position = 0;
	if (!jsontext_member(str_trim(buffer_str(&answer->body)), STR("files_list"), &list) ||
	    jsontext_kind_of(list) != JSONTEXT_ARRAY)
		list = STR("[]");
	if (output == OUTPUT_JSON)
		return print_json(list, output, err);
	while (jsontext_next_element(list, &position, &item)) {
		cleanup_buffer struct buffer name = BUFFER(65536);
		if (output == OUTPUT_JSONL || jsontext_kind_of(item) != JSONTEXT_STRING)
			buffer_append_str(&name, item);
		else
			jsontext_decode_string(item, &name, NULL);
		buffer_append_byte(&name, '\n');
		if (buffer_check(&name, "a file's name", err) != 0 ||
		    print_bytes(buffer_str(&name), err) != 0)
			return -1;
	}
	return print_flush(err);
}

static int run(const struct call *call, struct error *err)
{
	const char *folder = call_text(call, "download");
	struct execution_facts facts;
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_http struct http *http = http_open(call, err);
	if (!http || execution_read(http, call_argument(call, 0), "", &answer, err) != 0 ||
	    execution_facts(&answer, &facts, err) != 0)
		return COMMAND_ERROR;
	if (print_files(call, &answer, err) != 0)
		return COMMAND_ERROR;
	return folder ? result_download(http, &answer, folder, err) : EXIT_GOOD;
}

const struct command exec_files_command = {
    .path = "exec files",
    .summary = "the names of the files that an execution made",
    .arguments = {{"id", "the execution's id", .complete = COMPLETE_EXECUTION}},
    .options = {{"download", 'd', VALUE_TEXT, "FOLDER", "fetch them into this folder, too", COMPLETE_FOLDER}},
    .run = run,
};
