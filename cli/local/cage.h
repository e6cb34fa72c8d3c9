/* A sandbox on this machine, for one run: what a Pod is on a cluster, made of namespaces. In it the real
 * skillbox-runner is PID 1, with the user, the paths and the root file system of a sandbox; a relay, entered
 * from outside as pods/exec enters one, is the stream to it.
 *
 *	this process ── keeper ─┬─ PID 1: /skillbox/runner
 *	                        └─ relay: /skillbox/runner relay
 *
 * The keeper is in all the namespaces but that of the processes. It watches how much memory they use. Whoever
 * of the three ends, the others end, too; all that was made is in memory and goes with the last of them. */
#ifndef SKILLBOX_CLI_LOCAL_CAGE_H
#define SKILLBOX_CLI_LOCAL_CAGE_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* As podPidsLimit of a node. */
#define CAGE_MAX_PROCESSES 512

struct cage_wish {
	const char *runner; /* path of skillbox-runner */
	const char *token;  /* PID 1's */
	int64_t memory;     /* bytes, of all its processes and files */
	/* Readable when the user wants to stop (-1: nothing is): making the cage ends, too. */
	int interrupt_fd;
};

struct cage {
	pid_t keeper;
	int stream_fd;  /* both ways, to the relay; non-blocking */
	int log_fd;     /* what PID 1 shows of the script's log; non-blocking */
	int words_fd;   /* what runner and relay complain of; non-blocking */
	int control_fd; /* readable when a process was killed for the memory, and when the keeper has ended */
};

void cage_init(struct cage *cage);
/* ERR_UNAVAILABLE: this machine doesn't let it; the message says what to do. */
int cage_open(struct cage *cage, const struct cage_wish *wish, struct error *err);
/* What came over control_fd. False: the keeper has ended. */
bool cage_read_control(struct cage *cage, bool *ret_memory_exceeded);
/* Is the id in the text of /proc/PID/uid_map or gid_map? */
bool cage_map_has(struct str map, int64_t id);
/* Ends all of it, and waits until it has. */
void cage_close(struct cage *cage);

#endif
