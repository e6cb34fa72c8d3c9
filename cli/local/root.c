#include "cli/local/root.h"

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_BYTES 256
#define SHM_SIZE "size=64m"

/* The system's, where programs are and what they load; with all that is mounted below. */
static const char *const systems[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};

/* Of /etc only what says where libraries are, what a program's name leads to, and how late it is. */
static const char *const settings[] = {
    "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf",      "/etc/ld.so.conf.d",
    "/etc/localtime",    "/etc/mime.types",  "/etc/ssl/openssl.cnf", "/etc/fonts",
};

/* As in an image; a name of this machine's users is nobody's business. */
static const struct {
	const char *path, *text;
} texts[] = {
    {"/etc/passwd", "root:x:0:0:root:/root:/usr/sbin/nologin\n"
		    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
    {"/etc/group", "root:x:0:\nnogroup:x:65534:\n"},
    {"/etc/hosts", "127.0.0.1\tlocalhost\n"},
    {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
};

static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};

/* What container runtimes hide of the kernel, and what they let be read only. */
static const char *const hidden[] = {
    "/proc/acpi",          "/proc/asound",      "/proc/interrupts", "/proc/kcore",      "/proc/keys",
    "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",       "/proc/timer_list", "/proc/timer_stats"};
static const char *const readable[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
				       "/proc/sysrq-trigger"};

static const struct {
	const char *path, *target;
} links[] = {
    {"/dev/fd", "/proc/self/fd"},
    {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"},
};

/* The kernel's mount_setattr, which the C library may not know. */
struct attributes {
	uint64_t set, clear, propagation, namespace_fd;
};
#define SET_READ_ONLY 1u
#define SET_NOSUID 2u
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static int set_attributes(const char *path, uint64_t set, unsigned flags)
{
	struct attributes attributes = {.set = set};
	return (int)syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &attributes, sizeof(attributes));
}

static void place(const char *path, char ret[PATH_BYTES])
{
	snprintf(ret, PATH_BYTES, ROOT_PLACE "%s", path);
}

static int make_folder(const char *path, struct error *err)
{
	char made[PATH_BYTES];
	place(path, made);
	return mkdir(made, 0755) == 0 || errno == EEXIST ? 0 : error_errno(err, "make %s", path);
}

/* The folders above it, those of the new root. */
static int make_above(const char *path, struct error *err)
{
	char above[PATH_BYTES];
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
		if (make_folder(above, err) != 0)
			return -1;
	}
	return 0;
}

static int make_file(const char *path, const char *text, struct error *err)
{
	char made[PATH_BYTES];
	place(path, made);
	cleanup_close int fd = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	size_t n = strlen(text);
	return fd >= 0 && write(fd, text, n) == (ssize_t)n ? 0 : error_errno(err, "write %s", path);
}

static int make_tmpfs(const char *path, unsigned long flags, const char *options, struct error *err)
{
	char made[PATH_BYTES];
	place(path, made);
	if (path[0] && make_folder(path, err) != 0)
		return -1;
	return mount("tmpfs", made, "tmpfs", flags, options) == 0
		   ? 0
		   : error_errno(err, "mount a file system in memory at %s", path[0] ? path : "/");
}

/* All that is mounted there, too, becomes read-only; a plain remount would change the uppermost only. */
static int make_read_only(const char *made, const char *path, struct error *err)
{
	if (set_attributes(made, SET_READ_ONLY | SET_NOSUID, AT_RECURSIVE) == 0)
		return 0;
	return error_errno(err, "make %s read-only", path);
}

static int bind(const char *path, const char *made, bool read_only, struct error *err)
{
	if (mount(path, made, NULL, MS_BIND | MS_REC, NULL) != 0)
		return error_errno(err, "show %s", path);
	return read_only ? make_read_only(made, path, err) : 0;
}

static int copy_link(const char *path, const char *made, struct error *err)
{
	char target[PATH_BYTES];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return error_errno(err, "read %s", path);
	target[n] = '\0';
	return symlink(target, made) == 0 ? 0 : error_errno(err, "link %s", path);
}

/* What this machine has at that path; what it has not is left out. */
static int show(const char *path, bool read_only, struct error *err)
{
	char made[PATH_BYTES];
	struct stat st;
	place(path, made);
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : error_errno(err, "look at %s", path);
	if (make_above(path, err) != 0)
		return -1;
	if (S_ISLNK(st.st_mode))
		return copy_link(path, made, err);
	if (S_ISDIR(st.st_mode) ? make_folder(path, err) != 0 : make_file(path, "", err) != 0)
		return -1;
	return bind(path, made, read_only, err);
}

/* Debian's Python has one file of its standard library there. */
static int show_python_settings(struct error *err)
{
	char path[PATH_BYTES];
	for (int minor = 8; minor < 32; minor++) {
		snprintf(path, sizeof(path), "/etc/python3.%d", minor);
		if (show(path, true, err) != 0)
			return -1;
	}
	return 0;
}

static int make_devices(struct error *err)
{
	char made[PATH_BYTES];
	if (make_tmpfs("/dev", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k", err) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (show(devices[i], false, err) != 0)
			return -1;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		place(links[i].path, made);
		if (symlink(links[i].target, made) != 0)
			return error_errno(err, "link %s", links[i].path);
	}
	return make_tmpfs("/dev/shm", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777," SHM_SIZE, err);
}

/* The parts of the memory that a Pod's volumes have (controller/sandbox/pod_spec.c). */
static int make_places(int64_t memory, struct error *err)
{
	char options[64];
	snprintf(options, sizeof(options), "mode=0777,size=%lld", (long long)(memory / 4 * 3));
	if (make_tmpfs("/sandbox", MS_NOSUID | MS_NODEV, options, err) != 0)
		return -1;
	snprintf(options, sizeof(options), "mode=0777,size=%lld", (long long)(memory / 2));
	return make_tmpfs("/tmp", MS_NOSUID | MS_NODEV, options, err);
}

int root_make(int64_t memory, struct error *err)
{
	/* What is mounted here stays here. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return error_errno(err, "make the mounts private");
	if (make_tmpfs("", MS_NOSUID | MS_NODEV, "mode=0755,size=64m", err) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
		if (show(systems[i], true, err) != 0)
			return -1;
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (show(settings[i], true, err) != 0)
			return -1;
	if (make_folder("/etc", err) != 0 || show_python_settings(err) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (make_file(texts[i].path, texts[i].text, err) != 0)
			return -1;
	if (make_folder("/skillbox", err) != 0 || make_folder("/proc", err) != 0 ||
	    make_folder("/old", err) != 0)
		return -1;
	return make_devices(err) != 0 ? -1 : make_places(memory, err);
}

static int hide(const char *path, struct error *err)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return 0; /* this kernel has none */
	int status = S_ISDIR(st.st_mode) ? mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0,mode=0555")
					 : mount("/dev/null", path, NULL, MS_BIND, NULL);
	return status == 0 ? 0 : error_errno(err, "hide %s", path);
}

static int narrow_proc(struct error *err)
{
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		if (access(readable[i], F_OK) == 0 && bind(readable[i], readable[i], true, err) != 0)
			return -1;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (hide(hidden[i], err) != 0)
			return -1;
	return 0;
}

int root_enter(struct error *err)
{
	if (mount("proc", ROOT_PLACE "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
		return error_errno(err, "mount /proc");
	if (chdir(ROOT_PLACE) != 0 || syscall(SYS_pivot_root, ".", "old") != 0 || chdir("/") != 0)
		return error_errno(err, "enter the root directory");
	if (umount2("/old", MNT_DETACH) != 0 || rmdir("/old") != 0)
		return error_errno(err, "leave the machine's root directory");
	if (narrow_proc(err) != 0)
		return -1;
	if (set_attributes("/", SET_READ_ONLY, 0) != 0)
		return error_errno(err, "make the root directory read-only");
	return 0;
}
