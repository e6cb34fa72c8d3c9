/* The end of the script's process tree. */
#ifndef SKILLBOX_RUNNER_SYSTEM_TREE_H
#define SKILLBOX_RUNNER_SYSTEM_TREE_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* Collect every child that has ended. *ret_status is set if `watched` was among them, and *ret_ended then is
 * true. Returns false once no child is left, dead or alive. */
bool tree_reap(pid_t watched, int *ret_status, bool *ret_ended);

/* Kill and collect every process of this pid namespace but PID 1 (the caller) and those that were entered
 * from outside (parent pid 0: the relay). Returns when none is left; fails if some can't be ended within
 * seconds. */
int tree_end(pid_t watched, int *ret_status, bool *ret_ended, struct error *err);

/* More than the kernel writes into /proc/PID/stat. */
#define TREE_STAT_MAX 1024

/* Parent pid and state letter of a process, from the text of /proc/PID/stat. */
bool tree_parse_stat(const char *text, pid_t *ret_parent, char *ret_state);

#endif
