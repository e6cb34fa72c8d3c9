#include "runner/isolation/enclosure.h"

#include "lib/base/cleanup.h"
#include "runner/system/descriptor.h"
#include "runner/system/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define HARDENED (MS_NOEXEC | MS_NOSUID | MS_NODEV)
#define SHM_SIZE (64ull << 20) /* what a Pod's /dev/shm has elsewhere */
#define SECUREBITS                                                                                           \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |     \
	 SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)
#define CAPABILITY_NUMBERS 64 /* two words of 32 */

bool enclosure_kernel_is_gvisor(void)
{
	/* Releases name themselves; the date is that of every version since the first. */
	struct utsname name;
	return uname(&name) == 0 && (strstr(name.release, "gvisor") ||
				     strcmp(name.version, "#1 SMP Sun Jan 10 15:06:54 PST 2016") == 0);
}

static void note(struct enclosure *enclosure, const char *what, const char *where)
{
	if (!enclosure->problem[0])
		snprintf(enclosure->problem, sizeof(enclosure->problem), "%s %s: %s", what, where,
			 strerror(errno));
}

static int write_text(const char *path, const char *text, struct error *err)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return error_errno(err, "write %s", path);
	return 0;
}

/* The ids stay what they are; all others are nobody's. */
static int map_ids(uid_t uid, gid_t gid, struct error *err)
{
	char users[64], groups[64];
	snprintf(users, sizeof(users), "%u %u 1", uid, uid);
	snprintf(groups, sizeof(groups), "%u %u 1", gid, gid);
	/* These files belong to root while the process is not dumpable. Nothing of the user runs yet. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
		return error_errno(err, "set dumpable");
	int r = write_text("/proc/self/setgroups", "deny", err);
	if (r == 0)
		r = write_text("/proc/self/uid_map", users, err);
	if (r == 0)
		r = write_text("/proc/self/gid_map", groups, err);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return error_errno(err, "set not dumpable");
	return r;
}

static void harden(struct enclosure *enclosure, const char *path, unsigned long more)
{
	if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | HARDENED | more, NULL) != 0)
		note(enclosure, "remount", path);
}

static int mount_shm(void)
{
	struct statvfs fs; /* of the one that is there, which may have no limit */
	unsigned long long size =
	    statvfs(PATH_SHM, &fs) == 0 ? (unsigned long long)fs.f_blocks * fs.f_frsize : 0;
	if (size == 0 || size > SHM_SIZE)
		size = SHM_SIZE;
	char options[64];
	snprintf(options, sizeof(options), "mode=1777,size=%llu", size);
	return mount("tmpfs", PATH_SHM, "tmpfs", HARDENED, options);
}

static void harden_places(struct enclosure *enclosure, bool in_shm)
{
	if (!in_shm) {
		harden(enclosure, PATH_SANDBOX, 0);
		harden(enclosure, PATH_TMP, 0);
		harden(enclosure, PATH_SHM, 0);
	} else if (mount_shm() != 0) {
		note(enclosure, "mount", PATH_SHM);
		harden(enclosure, PATH_SHM, 0);
	}
	/* A file of the node that everybody may write, for words that nobody reads here. */
	if (access("/dev/termination-log", F_OK) == 0)
		harden(enclosure, "/dev/termination-log", MS_RDONLY);
}

int enclosure_enter(bool in_shm, struct enclosure *ret, struct error *err)
{
	*ret = (struct enclosure){0};
	if (descriptor_read_file(AT_FDCWD, "/proc/self/uid_map", ret->uid_map, sizeof(ret->uid_map)) < 0)
		ret->uid_map[0] = '\0';
	uid_t uid = geteuid();
	gid_t gid = getegid();
	/* Where exec joins the namespaces of PID 1, as runc's does, the relay would look for the socket in
	 * the new network namespace; gVisor's doesn't. */
	bool network = enclosure_kernel_is_gvisor();
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | (network ? CLONE_NEWNET : 0)) != 0) {
		note(ret, "unshare", "is refused");
		return 0;
	}
	ret->entered = true;
	ret->has_network = network;
	if (map_ids(uid, gid, err) != 0)
		return -1;
	harden_places(ret, in_shm);
	return 0;
}

/* The script's view: everything read-only but out. */
static void hide(struct enclosure *enclosure, const char *directory)
{
	char out[PATH_MAX];
	snprintf(out, sizeof(out), "%s/" NAME_OUT, directory);
	if (mount(out, out, NULL, MS_BIND, NULL) != 0) {
		note(enclosure, "bind", out); /* and read-only it would be of no use */
		return;
	}
	harden(enclosure, out, 0);
	if (mount(directory, directory, NULL, MS_BIND | MS_REC, NULL) != 0) {
		note(enclosure, "bind", directory);
		return;
	}
	harden(enclosure, directory, MS_RDONLY);
}

static int give_up_capabilities(struct error *err)
{
	/* gVisor refuses: it knows no securebits that could be set. What is in force is looked at later. */
	prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0);
	for (unsigned long number = 0; number < CAPABILITY_NUMBERS; number++)
		if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0 && errno != EINVAL)
			return error_errno(err, "drop capability %lu", number);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return error_errno(err, "clear the ambient capabilities");
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	if (syscall(SYS_capset, &header, none) != 0)
		return error_errno(err, "give up the capabilities");
	return 0;
}

int enclosure_seal(struct enclosure *enclosure, const char *directory, struct error *err)
{
	if (!enclosure->entered)
		return 0;
	hide(enclosure, directory);
	return give_up_capabilities(err);
}
