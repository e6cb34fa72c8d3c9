/* Every verb, each defined in a file of its own; commands.c puts them into order. */
#ifndef SKILLBOX_CLI_COMMANDS_H
#define SKILLBOX_CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command run_command;
extern const struct command dev_command;
extern const struct command test_command;

extern const struct command skill_init_command;
extern const struct command skill_lint_command;
extern const struct command skill_push_command;
extern const struct command skill_list_command;
extern const struct command skill_get_command;
extern const struct command skill_delete_command;
extern const struct command skill_package_command;
extern const struct command skill_validate_command;

extern const struct command exec_get_command;
extern const struct command exec_logs_command;
extern const struct command exec_list_command;
extern const struct command exec_cancel_command;
extern const struct command exec_wait_command;
extern const struct command exec_files_command;

extern const struct command login_command;
extern const struct command whoami_command;
extern const struct command context_list_command;
extern const struct command context_use_command;
extern const struct command context_delete_command;

extern const struct command key_create_command;
extern const struct command key_list_command;
extern const struct command key_revoke_command;

extern const struct command api_command;
extern const struct command mcp_config_command;
extern const struct command health_command;
extern const struct command version_command;

extern const struct command completion_command;
extern const struct command complete_command; /* hidden, as the next one */
extern const struct command manual_command;

#endif
