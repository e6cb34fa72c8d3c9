/* How much memory a sandbox on this machine has in use: its processes and its file systems in memory. */
#ifndef SKILLBOX_CLI_LOCAL_MEMORY_H
#define SKILLBOX_CLI_LOCAL_MEMORY_H

#include "lib/base/str.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>

struct memory_use {
	int64_t bytes;
	unsigned processes;
	/* The one that has most, of those that may be killed; 0: there is none. */
	int64_t largest_pid, largest_bytes;
};

/* proc: a /proc of the sandbox's processes alone. Who is entered from outside (the relay) and PID 1 count,
 * and are not to be killed. folders: the file systems in memory. Where a rough look, which counts shared
 * pages once for each process, already finds no more than `enough`, that is the answer. */
void memory_look(DIR *proc, const char *const *folders, size_t folder_count, int64_t enough,
		 struct memory_use *ret);
/* SIGKILL to a process of that /proc. False: it is gone. */
bool memory_kill(DIR *proc, int64_t pid);

/* Bytes in memory, from the text of /proc/PID/statm. */
bool memory_parse_statm(struct str text, int64_t page, int64_t *ret_bytes);
/* The parent, from the text of /proc/PID/stat: what the process calls itself may hold anything. */
bool memory_parse_parent(struct str text, int64_t *ret_parent);
/* "KEY:   123 kB" of /proc/PID/smaps_rollup or /proc/PID/status, in bytes; 0 if it isn't there. */
int64_t memory_parse_field(struct str text, struct str key);
/* The sum of a column of numbers, from the text of /proc/sysvipc/shm or msg; the first column is 0. */
int64_t memory_parse_column(struct str text, int column);

#endif
