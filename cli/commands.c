#include "cli/commands.h"

#include "cli/command.h"

const struct option_spec global_options[] = {
    {"server", 's', VALUE_TEXT, "URL", "where Skillbox is (SKILLBOX_SERVER_URL; else http://localhost:8080)",
     COMPLETE_NOTHING},
    {"api-key", 'k', VALUE_TEXT, "KEY",
     "the key; other users of this machine can see it: better in SKILLBOX_API_KEY, or by login",
     COMPLETE_NOTHING},
    {"tenant", 't', VALUE_TEXT, "TENANT", "the key's tenant, to be sure of it (SKILLBOX_TENANT_ID)",
     COMPLETE_NOTHING},
    {"output", 'o', VALUE_TEXT, "json|jsonl|table|name", "how results are printed", COMPLETE_CHOICE},
    {"help", 'h', VALUE_NONE, NULL, "this text", COMPLETE_NOTHING},
    {0}};

/* clang-format off */
const struct command *const commands[] = {
    &run_command,
    &dev_command,
    &test_command,

    &skill_init_command,
    &skill_lint_command,
    &skill_push_command,
    &skill_list_command,
    &skill_get_command,
    &skill_delete_command,
    &skill_package_command,
    &skill_validate_command,

    &exec_list_command,
    &exec_get_command,
    &exec_logs_command,
    &exec_files_command,
    &exec_wait_command,
    &exec_cancel_command,

    &login_command,
    &whoami_command,
    &context_list_command,
    &context_use_command,
    &context_delete_command,

    &key_create_command,
    &key_list_command,
    &key_revoke_command,

    &mcp_config_command,
    &api_command,
    &health_command,
    &completion_command,
    &version_command,

    &complete_command,
    &manual_command,
    NULL,
};
/* clang-format on */
