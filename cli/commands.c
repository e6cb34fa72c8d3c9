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

const struct command *const commands[] = {
    &run_command,

    &exec_get_command,    &exec_logs_command, &exec_list_command,
    &exec_cancel_command, &exec_wait_command, &exec_files_command,

    &health_command,      &version_command,   NULL,
};
