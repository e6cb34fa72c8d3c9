/* What of this machine a local run uses: the runner's program and the interpreter. */
#ifndef SKILLBOX_CLI_LOCAL_MACHINE_H
#define SKILLBOX_CLI_LOCAL_MACHINE_H

#include "cli/dependencies/gather.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <limits.h>

#define MACHINE_VERSION_SIZE 80

struct interpreter {
	char path[PATH_MAX];
	char version[MACHINE_VERSION_SIZE]; /* "Python 3.11.2"; "": it doesn't say */
};

/* skillbox-runner: SKILLBOX_RUNNER, else beside this program, else in its libexec. */
int machine_find_runner(char ret[PATH_MAX], struct error *err);
/* "python", "node" or "bash", where the runner will look for it. ERR_NOT_FOUND says where that is. */
int machine_find_interpreter(const char *name, struct interpreter *ret, struct error *err);
/* Which packages fit it, as it says itself: as gather_here_fn. */
int machine_ask_packages(const char *name, char ret[GATHER_HERE_SIZE], struct error *err);
/* Ask it for its version; what can't be had is left "". */
void machine_ask_version(struct interpreter *interpreter);

/* "Bash 5.2.15" of "GNU bash, version 5.2.15(1)-release (…)", "Node.js 18.1.0" of "v18.1.0". */
void machine_name_version(char version[MACHINE_VERSION_SIZE]);

#endif
