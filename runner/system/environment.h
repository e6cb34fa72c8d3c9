/* The environment of the script: a list of NAME=VALUE, each name once, the last value wins. */
#ifndef SKILLBOX_RUNNER_SYSTEM_ENVIRONMENT_H
#define SKILLBOX_RUNNER_SYSTEM_ENVIRONMENT_H

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/frame/frame.h"

#define ENVIRONMENT_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define ENVIRONMENT_MAX (FRAME_MAX_ENV + 16u) /* the caller's and the runner's own */

struct environment {
	char *entries[ENVIRONMENT_MAX + 1]; /* NULL-terminated: an envp */
	unsigned count;
};

int environment_set(struct environment *environment, struct str name, struct str value, struct error *err);
void environment_free(struct environment *environment);

/* This process's own: no variable is left, nor a trace of one where /proc shows it. */
int environment_wipe(struct error *err);

#endif
