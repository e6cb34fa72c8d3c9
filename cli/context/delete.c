#include "cli/commands.h"
#include "cli/config/config.h"
#include "cli/output/print.h"

static int run(const struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	cleanup_config struct config config = {0};
	if (config_load(&config, err) != 0)
		return COMMAND_ERROR;
	struct context *context = config_find(&config, name);
	if (!context)
		return config_unknown(&config, name, err);
	config_remove(&config, context);
	if (config_save(&config, err) != 0 || print_text(err, "Deleted context \"%s\"", name) != 0)
		return COMMAND_ERROR;
	return print_flush(err);
}

const struct command context_delete_command = {
    .path = "context delete",
    .summary = "forget a context and its key",
    .text = "The key itself goes on being valid: 'skillbox key revoke' ends it.",
    .arguments = {{"context", "its name", .complete = COMPLETE_CONTEXT}},
    .run = run,
};
