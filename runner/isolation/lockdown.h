/* What the runner puts around the script: namespaces, a session, limits, no_new_privs, Landlock and a seccomp
 * filter. */
#ifndef SKILLBOX_RUNNER_ISOLATION_LOCKDOWN_H
#define SKILLBOX_RUNNER_ISOLATION_LOCKDOWN_H

#include "lib/base/error.h"
#include "runner/isolation/enclosure.h"
#include "runner/system/interpreter.h"

#include <stdbool.h>

struct lockdown {
	bool own_kernel; /* gVisor's */
	/* Are namespaces let, and which of their mounts not: as a probe found it (runner/isolation/probe.h).
	 */
	bool namespaces;
	enclosure_failures failed_mounts;
	int landlock_abi; /* 0: the kernel has none, landlock_error says why */
	int landlock_error;
	int landlock_fd; /* the ruleset, or -1 */
	bool seccomp_filter;
	int seccomp_error; /* why the kernel has no filters */
};

/* The steps of lockdown_apply. */
enum lockdown_step {
	LOCKDOWN_NAMESPACES,
	LOCKDOWN_SESSION,
	LOCKDOWN_LIMITS,
	LOCKDOWN_NO_NEW_PRIVS,
	LOCKDOWN_LANDLOCK,
	LOCKDOWN_SECCOMP,
	LOCKDOWN_STEP_COUNT
};

/* What the kernel offers but can't be made ready is an error; what it doesn't offer is left out, and
 * reported (runner/isolation/layers.h). Namespaces are layers_find's to find out. */
int lockdown_prepare(struct lockdown *ret, const struct interpreters *interpreters, struct error *err);

/* In the child, shortly before exec: whatever was prepared must succeed. -1 with errno and the step. Only
 * chdir, execve, write and _exit are sure to work after it. */
int lockdown_apply(const struct lockdown *lockdown, enum lockdown_step *ret_step);

/* Are the limits of this process at most those that lockdown_apply sets? */
bool lockdown_limits_hold(void);

#endif
