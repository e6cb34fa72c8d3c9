/* Every verb, each defined in a file of its own; commands.c puts them into order. */
#ifndef SKILLBOX_CLI_COMMANDS_H
#define SKILLBOX_CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command version_command;

#endif
