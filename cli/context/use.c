#include "cli/commands.h"
#include "cli/config/config.h"
#include "cli/output/print.h"

static int run(const struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	cleanup_config struct config config = {0};
	if (config_load(&config, err) != 0)
		return COMMAND_ERROR;
	if (!config_find(&config, name))
		return config_unknown(&config, name, err);
	if (config_set_current(&config, name, err) != 0 || config_save(&config, err) != 0 ||
	    print_text(err, "Using context \"%s\": %s", name, config_find(&config, name)->server) != 0)
		return COMMAND_ERROR;
	return print_flush(err);
}

const struct command context_use_command = {
    .path = "context use",
    .summary = "use this context from now on",
    .arguments = {{"context", "its name", .complete = COMPLETE_CONTEXT}},
    .run = run,
};
