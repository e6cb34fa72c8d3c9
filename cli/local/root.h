/* The root file system of a sandbox on this machine: the system's programs and libraries, read-only, and the
 * places of a sandbox. Nothing of a home, of /etc beyond what programs need to start, of /run or /var. */
#ifndef SKILLBOX_CLI_LOCAL_ROOT_H
#define SKILLBOX_CLI_LOCAL_ROOT_H

#include "lib/base/error.h"

#include <stdint.h>

/* In this directory, over which a file system in memory is mounted, which only this process sees. */
#define ROOT_PLACE "/tmp"
#define ROOT_RUNNER "/skillbox/runner"

/* In a mount namespace of one's own: all but /proc. memory: the sandbox's, in bytes. */
int root_make(int64_t memory, struct error *err);
/* The namespace of processes is there: /proc, and what was made becomes "/", read-only, for all in this mount
 * namespace. */
int root_enter(struct error *err);

#endif
