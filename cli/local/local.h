/* A skill on this machine, opened once and run as often as one likes: what here.h offers is made of it. */
#ifndef SKILLBOX_CLI_LOCAL_LOCAL_H
#define SKILLBOX_CLI_LOCAL_LOCAL_H

#include "cli/command.h"
#include "cli/local/local_run.h"
#include "cli/local/local_skill.h"
#include "cli/local/machine.h"

#include <stdbool.h>
#include <stdio.h>

/* Without these nothing runs, unless --allow-missing names them. */
#define LOCAL_REQUIRED_LAYERS                                                                                \
	"non_root,no_capabilities,no_new_privs,not_dumpable,seccomp_filter,landlock,no_network,"             \
	"read_only_root,rlimits,descriptors,session"

struct local {
	struct local_skill skill;
	char runner[PATH_MAX];
	struct interpreter interpreter;
	struct layer_set required;
	bool is_quiet; /* the layers have been told, or are not wanted */
};

/* Takes --allow-missing from the call, and what gather.h does. is_again: what is to be said of it was said
 * before. 0, COMMAND_ERROR, COMMAND_USAGE or COMMAND_INTERRUPTED. */
int local_open(const struct call *call, const char *path, bool is_again, struct local *ret,
	       struct error *err);
void local_close(struct local *local);
#define cleanup_local __attribute__((cleanup(local_close)))

struct local_wish {
	struct str input; /* n 0: none */
	const struct variable *env;
	size_t env_count;
	int64_t timeout_ms; /* may only shorten; 0: the skill's */
	FILE *log;          /* where its log goes as it comes; NULL: it stays in the result */
};

/* Tells the layers on standard error before the first one. 0 with a result (local_result_free, in any case),
 * COMMAND_ERROR or COMMAND_INTERRUPTED: Ctrl-C before there was one. */
int local_execute(struct local *local, const struct local_wish *wish, struct local_result *ret,
		  struct error *err);

#endif
