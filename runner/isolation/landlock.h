/* Landlock: which files the script may write and execute, and that it reaches neither a socket nor a process
 * outside.
 *
 * The structures and numbers of the kernel's interface are here because the build's headers are older than
 * the kernels that the runner meets. */
#ifndef SKILLBOX_RUNNER_ISOLATION_LANDLOCK_H
#define SKILLBOX_RUNNER_ISOLATION_LANDLOCK_H

#include "lib/base/error.h"
#include "runner/system/interpreter.h"

/* ABI of the running kernel, or 0 with the reason in errno (ENOSYS, EOPNOTSUPP). */
int landlock_abi(void);

/* The ruleset as a descriptor, made with all that this ABI can do; for landlock_restrict. -1 on error. */
int landlock_prepare(int abi, const struct interpreters *interpreters, struct error *err);

/* Put the calling thread and what it starts under the ruleset. Needs no_new_privs. Async-signal-safe; errno.
 */
int landlock_restrict(int ruleset_fd);

#endif
