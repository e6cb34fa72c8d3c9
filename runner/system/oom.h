/* How often the kernel's out-of-memory killer struck in this container (cgroup v2 or v1). */
#ifndef SKILLBOX_RUNNER_SYSTEM_OOM_H
#define SKILLBOX_RUNNER_SYSTEM_OOM_H

#include <stdint.h>

int oom_open(void);         /* the file that tells, or -1 if the sandbox shows none (gVisor) */
uint64_t oom_kills(int fd); /* 0 if fd is -1 or can't be read */

/* The number behind "oom_kill " on a line of its own; 0 if there is none. */
uint64_t oom_parse(const char *text);

#endif
