#include "cli/commands.h"
#include "cli/key/key.h"
#include "cli/remote/http.h"

static const struct column columns[] = {{"ID", "id", 0},
					{"NAME", "name", 30},
					{"TENANT", "tenant", 20},
					{"SCOPES", "scopes", 30},
					{"CREATED", "created_at", 0},
					{"LAST USED", "last_used_at", 0},
					{0}};
const struct listing key_listing = {columns, "id", NULL, "There are no keys"};

static int run(const struct call *call, struct error *err)
{
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_http struct http *http = http_open(call, err);
	struct http_request request = {.method = "GET", .path = "/v1/keys"};
	if (!http || http_send(http, &request, &answer, err) != 0)
		return COMMAND_ERROR;
	return print_list(buffer_str(&answer.body), &key_listing, settings_output(call, OUTPUT_TABLE), err);
}

const struct command key_list_command = {
    .path = "key list",
    .summary = "the tenant's keys, without their secrets",
    .run = run,
};
