/* Skills on this machine, for the commands that offer it. A build for another system, or without the runner,
 * has only the answer that it can't. */
#ifndef SKILLBOX_CLI_HERE_H
#define SKILLBOX_CLI_HERE_H

#include "cli/command.h"
#include "cli/variable.h"
#include "lib/base/buffer.h"
#include "lib/base/str.h"

/* The options that each such command has, for its table. */
#define HERE_OPTIONS                                                                                         \
	{"local", 0, VALUE_NONE, NULL, "on this machine instead of a server (Linux)", COMPLETE_NOTHING},     \
	{                                                                                                    \
		"allow-missing", 0, VALUE_TEXTS, "LAYER",                                                    \
		    "with --local: run although this machine lacks this layer of isolation; may be given "   \
		    "many times",                                                                            \
		    COMPLETE_NOTHING                                                                         \
	}

/* `skillbox dev --local`, once; as command_fn. input: JSON text, n 0: none. is_again: what holds here has
 * been said. Of the call it takes the folder (its first argument), --env, --timeout, --download,
 * --allow-missing, and how packages are gathered. */
int here_dev(const struct call *call, struct str input, bool is_again, struct error *err);

/* A skill, opened once and run as often as one likes. */
struct here;

/* Takes --allow-missing from the call, and how packages are gathered. NULL: *ret_status is COMMAND_ERROR,
 * COMMAND_USAGE or COMMAND_INTERRUPTED. */
struct here *here_open(const struct call *call, const char *path, int *ret_status, struct error *err);
struct here *here_close(struct here *here); /* NULL-safe; returns NULL */
const char *here_skill(const struct here *here);
/* Append what came of a run: the object that the server answers with. 0, COMMAND_ERROR or
 * COMMAND_INTERRUPTED. */
int here_run(struct here *here, struct str input, const struct variable *env, size_t env_count,
	     struct buffer *ret, struct error *err);

#endif
