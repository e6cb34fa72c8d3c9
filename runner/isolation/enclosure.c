#include "runner/isolation/enclosure.h"

#include "lib/base/cleanup.h"
#include "runner/system/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define HARDENED (MS_NOSUID | MS_NODEV)
#define SECUREBITS                                                                                           \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |     \
	 SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)
#define CAPABILITY_NUMBERS 64 /* two words of 32 */

/* In this order: a directory gets a mount of its own before the one that it is in is changed. */
static const struct {
	const char *path;
	bool is_mount; /* of the Pod's: it need not be made one */
	bool may_lack;
	unsigned long flags;
	const char *what;
} mounts[] = {
    /* The archive's programs and compiled modules may run, and nobody can write them. */
    {PATH_SCRIPTS, false, false, HARDENED | MS_RDONLY, "mount read-only: " PATH_SCRIPTS},
    {PATH_PACKAGES, false, false, HARDENED | MS_RDONLY, "mount read-only: " PATH_PACKAGES},
    {PATH_OUT, false, false, HARDENED | MS_NOEXEC, "mount noexec: " PATH_OUT},
    {PATH_SANDBOX, true, false, HARDENED | MS_NOEXEC | MS_RDONLY, "mount read-only: " PATH_SANDBOX},
    {PATH_TMP, true, false, HARDENED | MS_NOEXEC, "mount noexec: " PATH_TMP},
    {PATH_SHM, true, false, HARDENED | MS_NOEXEC, "mount noexec: " PATH_SHM},
    /* A file of the node that everybody may write, for words that nobody reads here. */
    {"/dev/termination-log", true, true, HARDENED | MS_NOEXEC | MS_RDONLY,
     "mount read-only: /dev/termination-log"},
};
#define MOUNT_COUNT (sizeof(mounts) / sizeof(mounts[0]))

bool enclosure_kernel_is_gvisor(void)
{
	/* Releases name themselves; the date is that of every version since the first. */
	struct utsname name;
	return uname(&name) == 0 && (strstr(name.release, "gvisor") ||
				     strcmp(name.version, "#1 SMP Sun Jan 10 15:06:54 PST 2016") == 0);
}

static int write_text(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

/* The ids stay what they are; all others are nobody's. */
static int map_ids(uid_t uid, gid_t gid)
{
	char users[64], groups[64];
	snprintf(users, sizeof(users), "%u %u 1", uid, uid);
	snprintf(groups, sizeof(groups), "%u %u 1", gid, gid);
	/* These files belong to root while the process is not dumpable. Nothing of the user runs yet. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
		return -1;
	int r = write_text("/proc/self/setgroups", "deny");
	if (r == 0)
		r = write_text("/proc/self/uid_map", users);
	if (r == 0)
		r = write_text("/proc/self/gid_map", groups);
	int error = errno;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return -1;
	errno = error;
	return r;
}

static int make_mount(size_t i)
{
	const char *path = mounts[i].path;
	if (mounts[i].may_lack && access(path, F_OK) != 0)
		return 0;
	if (!mounts[i].is_mount && mount(path, path, NULL, MS_BIND, NULL) != 0)
		return -1;
	return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | mounts[i].flags, NULL);
}

static int give_up_capabilities(void)
{
	/* gVisor refuses: it knows no securebits that could be set. What is in force is looked at later. */
	prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0);
	for (unsigned long number = 0; number < CAPABILITY_NUMBERS; number++)
		if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0 && errno != EINVAL)
			return -1;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return -1;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	return (int)syscall(SYS_capset, &header, none);
}

int enclosure_enter(bool *ret_entered, enclosure_failures *ret_failures)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	*ret_failures = 0;
	*ret_entered = unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) == 0;
	if (!*ret_entered || map_ids(uid, gid) != 0)
		return -1;
	for (size_t i = 0; i < MOUNT_COUNT; i++)
		if (make_mount(i) != 0)
			*ret_failures |= 1u << i;
	return give_up_capabilities();
}

const char *enclosure_failure(enclosure_failures failures)
{
	for (size_t i = 0; i < MOUNT_COUNT; i++)
		if (failures & 1u << i)
			return mounts[i].what;
	return NULL;
}
