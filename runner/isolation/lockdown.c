#include "runner/isolation/lockdown.h"

#include "runner/isolation/landlock.h"
#include "runner/isolation/seccomp/filter.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* No RLIMIT_NPROC on the node's kernel: without a user namespace it counts every process of the uid on the
 * node, those of other sandboxes too. The Pod's limit of processes (pids cgroup) holds instead. In gVisor
 * that one is the end of the whole kernel, since its own threads count, and the other counts only what is in
 * the sandbox. */
#define OWN_KERNEL_PROCESSES 200
static const struct {
	__rlimit_resource_t resource;
	rlim_t value;
} limits[] = {
    {RLIMIT_CORE, 0},
    {RLIMIT_NOFILE, 1024},
    /* the memory of the Pod is the real bound; this one stops a runaway sparse file */
    {RLIMIT_FSIZE, 1ull << 30},
};

int lockdown_prepare(struct lockdown *ret, const struct interpreters *interpreters, struct error *err)
{
	*ret = (struct lockdown){.landlock_fd = -1};
	ret->own_kernel = enclosure_kernel_is_gvisor();
	ret->landlock_abi = landlock_abi();
	ret->landlock_error = ret->landlock_abi ? 0 : errno;
	ret->seccomp_filter = seccomp_filter_is_supported();
	ret->seccomp_error = ret->seccomp_filter ? 0 : errno;
	if (ret->landlock_abi == 0)
		return 0;
	ret->landlock_fd = landlock_prepare(ret->landlock_abi, interpreters, err);
	return ret->landlock_fd < 0 ? -1 : 0;
}

static int set_limits(bool own_kernel)
{
	const struct rlimit processes = {OWN_KERNEL_PROCESSES, OWN_KERNEL_PROCESSES};
	if (own_kernel && setrlimit(RLIMIT_NPROC, &processes) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit;
		if (getrlimit(limits[i].resource, &limit) != 0)
			return -1;
		if (limit.rlim_max > limits[i].value)
			limit.rlim_max = limits[i].value;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		if (limits[i].resource == RLIMIT_NOFILE)
			limit.rlim_cur = limit.rlim_max;
		if (setrlimit(limits[i].resource, &limit) != 0)
			return -1;
	}
	return 0;
}

bool lockdown_limits_hold(void)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit;
		if (getrlimit(limits[i].resource, &limit) != 0 || limit.rlim_max > limits[i].value)
			return false;
	}
	return true;
}

static int enter_namespaces(const struct lockdown *lockdown)
{
	bool entered;
	enclosure_failures failed;
	if (enclosure_enter(&entered, &failed) != 0)
		return -1;
	errno = EPERM;
	return (failed & ~lockdown->failed_mounts) == 0 ? 0 : -1;
}

int lockdown_apply(const struct lockdown *lockdown, enum lockdown_step *ret_step)
{
	*ret_step = LOCKDOWN_NAMESPACES;
	if (lockdown->namespaces && enter_namespaces(lockdown) != 0)
		return -1;
	*ret_step = LOCKDOWN_SESSION;
	/* The new session takes the child out of any terminal; if PID 1 dies the kernel ends the namespace,
	 * and this says the same where the runner is not PID 1 of one. */
	if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return -1;
	*ret_step = LOCKDOWN_LIMITS;
	if (set_limits(lockdown->own_kernel) != 0)
		return -1;
	*ret_step = LOCKDOWN_NO_NEW_PRIVS;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	*ret_step = LOCKDOWN_LANDLOCK;
	if (lockdown->landlock_fd >= 0 && landlock_restrict(lockdown->landlock_fd) != 0)
		return -1;
	*ret_step = LOCKDOWN_SECCOMP;
	return lockdown->seccomp_filter ? seccomp_filter_install() : 0;
}
