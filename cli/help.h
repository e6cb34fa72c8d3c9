/* What --help says, made from the table. */
#ifndef SKILLBOX_CLI_HELP_H
#define SKILLBOX_CLI_HELP_H

#include "cli/command.h"
#include "lib/base/buffer.h"

#define HELP_MAX ((size_t)256 * 1024)

/* Of a command, of a group of commands ("skill"), or of all (""). */
void help_write(const char *topic, struct buffer *out);

/* "skillbox skill push <folder> [--strict]": the command with its arguments; options as "[options]". */
void help_synopsis(const struct command *command, struct buffer *out);
/* "-f, --follow" or "    --input JSON" */
void help_option_form(const struct option_spec *option, struct buffer *out);

/* A summary as a sentence: a capital letter and a full stop. */
void help_sentence(const char *summary, struct buffer *out);

#endif
