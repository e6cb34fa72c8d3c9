#include "cli/commands.h"
#include "cli/context/account.h"
#include "cli/output/print.h"
#include "lib/base/json_write.h"

#include <string.h>

static const struct column columns[] = {{"SERVER", "server", 0},     {"CONTEXT", "context", 0},
					{"TENANT", "tenant", 0},     {"KEY", "key", 0},
					{"KEY FROM", "key_from", 0}, {0}};
static const struct listing listing = {columns, "server", NULL, NULL};

/* As the user would say where something came from. */
static const char *source(const char *from)
{
	return strcmp(from, "server") == 0    ? "--server"
	       : strcmp(from, "api-key") == 0 ? "--api-key"
	       : strcmp(from, "tenant") == 0  ? "--tenant"
					      : from;
}

static int run(const struct call *call, struct error *err)
{
	char shown[ACCOUNT_SHOWN_SIZE];
	cleanup_buffer struct buffer json = BUFFER(16384);
	cleanup_http struct http *http = http_open(call, err);
	int status = http ? account_check(http, err) : -1;
	if (status != 0)
		return status;
	const struct settings *settings = http_settings(http);
	json_open(&json, '{');
	json_put_string(&json, "server", settings->server);
	json_put_string(&json, "server_from", source(settings->server_from));
	json_put_string(&json, "context", settings->context);
	json_put_string(&json, "tenant", settings->tenant);
	json_put_string(&json, "key", account_show_key(settings->api_key, shown));
	json_put_string(&json, "key_from", source(settings->key_from));
	json_close(&json, '}');
	if (buffer_check(&json, "the answer", err) != 0)
		return COMMAND_ERROR;
	return print_object(buffer_str(&json), &listing, settings_output(call, OUTPUT_JSON), err);
}

const struct command whoami_command = {
    .path = "whoami",
    .summary = "which server and key are used, and where they come from",
    .text = "The server is asked whether it takes the key.",
    .run = run,
};
