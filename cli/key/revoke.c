#include "cli/commands.h"
#include "cli/output/print.h"
#include "cli/remote/http.h"

#include <string.h>

static int run(const struct call *call, struct error *err)
{
	const char *id = call_argument(call, 0);
	cleanup_buffer struct buffer path = BUFFER(4096);
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	if (strcmp(id, ".") == 0 || strcmp(id, "..") == 0 || str_starts_with(str_of(id), STR("sk-")))
		return call_usage(err, "that is no key's id: 'skillbox key list' shows them");
	cleanup_http struct http *http = http_open(call, err);
	buffer_append_c(&path, "/v1/keys/");
	http_escape(&path, str_of(id));
	if (!http || buffer_check(&path, "the id", err) != 0)
		return COMMAND_ERROR;
	struct http_request request = {.method = "DELETE", .path = path.data};
	if (http_send(http, &request, &answer, err) != 0 || print_text(err, "Revoked key %s", id) != 0)
		return COMMAND_ERROR;
	return print_flush(err);
}

const struct command key_revoke_command = {
    .path = "key revoke",
    .summary = "end a key: it is refused from then on",
    .arguments = {{"id", "the key's id, as 'key list' shows it", .complete = COMPLETE_KEY}},
    .run = run,
};
