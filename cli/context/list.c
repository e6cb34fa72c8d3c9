#include "cli/commands.h"
#include "cli/config/config.h"
#include "cli/context/account.h"
#include "cli/output/print.h"
#include "lib/base/json_write.h"

#include <string.h>

#define LIST_MAX ((size_t)4 << 20)

static const struct column columns[] = {{"NAME", "name", 0},       {"SERVER", "server", 0},
					{"TENANT", "tenant", 0},   {"KEY", "key", 0},
					{"CURRENT", "current", 0}, {0}};
static const struct listing listing = {columns, "name", NULL,
				       "There are no contexts: 'skillbox login' makes one"};

static int run(const struct call *call, struct error *err)
{
	cleanup_config struct config config = {0};
	cleanup_buffer struct buffer json = BUFFER(LIST_MAX);
	if (config_load(&config, err) != 0)
		return COMMAND_ERROR;
	json_open(&json, '[');
	for (size_t i = 0; i < config.count; i++) {
		const struct context *context = &config.contexts[i];
		char shown[ACCOUNT_SHOWN_SIZE];
		json_open(&json, '{');
		json_put_string(&json, "name", context->name);
		json_put_string(&json, "server", context->server);
		json_put_string(&json, "tenant", context->tenant);
		json_put_string(&json, "key", account_show_key(context->api_key, shown));
		json_put_bool(&json, "current", strcmp(context->name, config.current) == 0);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	if (buffer_check(&json, "the list", err) != 0)
		return COMMAND_ERROR;
	return print_list(buffer_str(&json), &listing, settings_output(call, OUTPUT_TABLE), err);
}

const struct command context_list_command = {
    .path = "context list",
    .summary = "the servers that one is logged in to",
    .run = run,
};
