/* From argv to a call: which command, with which options and arguments. */
#ifndef SKILLBOX_CLI_PARSE_H
#define SKILLBOX_CLI_PARSE_H

#include "cli/command.h"
#include "lib/base/str.h"

enum parse_result {
	PARSE_CALL,    /* *ret is a call */
	PARSE_HELP,    /* help was asked for: of `topic` */
	PARSE_NOTHING, /* a word that only groups commands, or nothing at all: `topic` */
	PARSE_VERSION,
	PARSE_WRONG /* err says what; `topic` is where the help for it is */
};

/* topic: the words of a command ("skill push"), of a group ("skill"), or "". */
#define PARSE_TOPIC_SIZE 64

/* ret: call_free. Reorders nothing of argv; ret points into it. */
enum parse_result parse_command_line(int argc, char **argv, struct call *ret,
				     char ret_topic[PARSE_TOPIC_SIZE], struct error *err);
void call_free(struct call *call);

/* The command with that path or alias, or NULL. */
const struct command *command_find(struct str path);
/* Is it the first word of some command's path, and no command itself? */
bool command_is_group(struct str word);
/* The option of the command, or the global one; NULL: there is none. */
const struct option_spec *command_option(const struct command *command, struct str name);

#endif
