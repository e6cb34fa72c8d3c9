/* Starting the script: a child that puts itself under every layer and becomes the interpreter. */
#ifndef SKILLBOX_RUNNER_CELL_SPAWN_H
#define SKILLBOX_RUNNER_CELL_SPAWN_H

#include "lib/base/error.h"
#include "runner/isolation/lockdown.h"

#include <stdbool.h>
#include <sys/types.h>

#define SPAWN_CHANNEL 1000 /* above the descriptors that an interpreter opens */

struct spawn_request {
	const char *interpreter; /* absolute path; argv[0] is its last component */
	const char *script;      /* absolute path: argv[1] */
	char *const *environment;
	const char *directory; /* absolute path of the working directory, as it is inside */
	int channel_fd;        /* becomes SPAWN_CHANNEL in the child; 0: there is none */
	const struct lockdown *lockdown;
};

struct spawned {
	pid_t pid;
	int stdout_fd, stderr_fd; /* non-blocking read ends */
	int status_fd;            /* non-blocking; see spawn_read_status */
};

int spawn_start(const struct spawn_request *request, struct spawned *ret, struct error *err);

/* When status_fd is readable: 1 the interpreter runs, 0 not known yet, -1 the child gave up. Then *ret_reason
 * is the reason of a FAILED frame ("lockdown_failed", "no_interpreter", "bad_job", "io") and err has the
 * words. */
int spawn_read_status(int status_fd, const char **ret_reason, struct error *err);

#endif
