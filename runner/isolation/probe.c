#include "runner/isolation/probe.h"

#include "lib/base/cleanup.h"
#include "runner/system/descriptor.h"
#include "runner/system/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define PATH_BYTES 64 /* of a file in one of the places */
#define INTERFACES_BYTES 1024
#define STATUS_BYTES 2048
#define DESCRIPTORS 256 /* far more than the runner has open */

/* Where a script can write (runner/isolation/landlock.c). */
static const char *const places[] = {PATH_OUT, PATH_TMP, PATH_SHM};
#define PLACE_COUNT (sizeof(places) / sizeof(places[0]))

/* What the child writes into the pipe, at once. */
struct findings {
	bool namespaces;
	int namespaces_error; /* why there are none */
	enclosure_failures failed_mounts;
	int step, step_error;          /* of lockdown_apply; error 0: all were applied */
	int mapped_error[PLACE_COUNT]; /* 0: a file of that place can be mapped as a program */
	int executed_error;            /* 0: a file of the first place can be executed */
	int scripts_error;             /* 0: a file can be added to the skill's, or its packages' */
	int socket_error;              /* 0: there are sockets for the internet */
	bool limits, descriptors, session;
	/* Their beginnings are enough. */
	char interfaces[INTERFACES_BYTES]; /* /proc/self/net/dev */
	char status[STATUS_BYTES];         /* /proc/self/status */
};
_Static_assert(sizeof(struct findings) <= PIPE_BUF, "a write of them must be whole");

static int make_file(const char *directory, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "%s/.probe", directory);
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
}

/* A program's pages come by mmap: what that refuses neither execve nor the dynamic loader can run. 0, or the
 * error that stopped it. */
static int try_to_map(const char *directory)
{
	char path[PATH_BYTES];
	cleanup_close int fd = make_file(directory, path);
	if (fd < 0)
		return errno;
	int problem = 0;
	if (ftruncate(fd, PAGE) != 0) {
		problem = errno;
	} else {
		void *mapped = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
		if (mapped == MAP_FAILED)
			problem = errno;
		else
			munmap(mapped, PAGE);
	}
	unlink(path);
	return problem;
}

static int try_to_execute(const char *directory)
{
	char path[PATH_BYTES];
	int fd = make_file(directory, path);
	if (fd < 0)
		return errno;
	close(fd); /* ETXTBSY while it is open for writing */
	/* An empty file is no program (ENOEXEC), but only who may execute it is told so. */
	char *const none[] = {NULL};
	execve(path, none, none);
	int problem = errno == ENOEXEC ? 0 : errno;
	unlink(path);
	return problem;
}

static int try_to_add(const char *directory)
{
	char path[PATH_BYTES];
	chmod(directory, 0755); /* the owner may, if nothing but permissions is against it */
	cleanup_close int fd = make_file(directory, path);
	if (fd < 0)
		return errno;
	unlink(path);
	return 0;
}

static int try_socket(void)
{
	cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? errno : 0;
}

static bool descriptors_close(void)
{
	for (int fd = 3; fd < DESCRIPTORS; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (flags >= 0 && (flags & FD_CLOEXEC) == 0)
			return false;
	}
	return true;
}

static void read_text(const char *path, char *ret, size_t size)
{
	if (descriptor_read_file(AT_FDCWD, path, ret, size) < 0)
		ret[0] = '\0';
}

/* As lockdown_apply, but that being let no namespaces is no error. `enter`: try them. */
static int lock_down(const struct lockdown *lockdown, bool enter, struct findings *ret,
		     enum lockdown_step *ret_step)
{
	struct lockdown rest = *lockdown;
	rest.namespaces = false;
	*ret_step = LOCKDOWN_NAMESPACES;
	if (enter && enclosure_enter(&ret->namespaces, &ret->failed_mounts) != 0) {
		if (ret->namespaces)
			return -1;
		ret->namespaces_error = errno;
	}
	return lockdown_apply(&rest, ret_step);
}

static void try_all(const struct lockdown *lockdown, bool enter, struct findings *ret)
{
	*ret = (struct findings){0};
	descriptor_cloexec_from(3);
	enum lockdown_step step;
	if (lock_down(lockdown, enter, ret, &step) != 0) {
		ret->step = (int)step;
		ret->step_error = errno;
		return;
	}
	for (size_t i = 0; i < PLACE_COUNT; i++)
		ret->mapped_error[i] = try_to_map(places[i]);
	ret->executed_error = try_to_execute(places[0]);
	ret->scripts_error = try_to_add(PATH_SCRIPTS);
	if (try_to_add(PATH_PACKAGES) == 0)
		ret->scripts_error = 0;
	ret->socket_error = try_socket();
	ret->limits = lockdown_limits_hold();
	ret->descriptors = descriptors_close();
	read_text("/proc/self/net/dev", ret->interfaces, sizeof(ret->interfaces));
	read_text("/proc/self/status", ret->status, sizeof(ret->status));
	cleanup_close int terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ret->session = getsid(0) == getpid() && terminal < 0;
}

/* False: the child left no findings. */
static bool run_child(const struct lockdown *lockdown, bool enter, struct findings *ret)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	cleanup_close int from = fds[0], to = fds[1];
	pid_t pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0) {
		struct findings findings;
		try_all(lockdown, enter, &findings);
		_exit(write(to, &findings, sizeof(findings)) == (ssize_t)sizeof(findings) ? 0 : 1);
	}
	descriptor_close(&to);
	ssize_t n;
	do
		n = read(from, ret, sizeof(*ret));
	while (n < 0 && errno == EINTR);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return n == (ssize_t)sizeof(*ret);
}

static void set_noexec(struct layers *layers, const struct findings *found)
{
	char open_places[64] = "";
	int other = 0;
	for (size_t i = 0; i < PLACE_COUNT; i++) {
		if (found->mapped_error[i] == 0) {
			size_t n = strlen(open_places);
			snprintf(open_places + n, sizeof(open_places) - n, "%s%s", n ? ", " : "", places[i]);
		} else if (found->mapped_error[i] != EPERM) { /* no answer to the question */
			other = found->mapped_error[i];
		}
	}
	bool executes = found->executed_error == 0;
	if (open_places[0])
		layers_set(layers, FRAME_LAYER_NOEXEC, false, "not mounted so: %s; %s", open_places,
			   executes ? "execve works there" : "execve is refused, mmap and ld.so aren't");
	else if (other)
		layers_set(layers, FRAME_LAYER_NOEXEC, false, "could not be tried: %s", strerror(other));
	else
		layers_set(layers, FRAME_LAYER_NOEXEC, !executes, "%s, %s, %s", places[0], places[1],
			   places[2]);
}

static void set_unknown(struct layers *layers, const char *why, int error)
{
	static const enum frame_layer_kind tried[] = {
	    FRAME_LAYER_NOEXEC,  FRAME_LAYER_READ_ONLY_SCRIPTS, FRAME_LAYER_RLIMITS,  FRAME_LAYER_DESCRIPTORS,
	    FRAME_LAYER_SESSION, FRAME_LAYER_SECCOMP_FILTER,    FRAME_LAYER_LANDLOCK, FRAME_LAYER_NAMESPACES,
	};
	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++)
		layers_set(layers, tried[i], false, "%s: %s", why, strerror(error));
}

static void set_simple(struct layers *layers, enum frame_layer_kind kind, bool holds, const char *active,
		       const char *absent)
{
	layers_set(layers, kind, holds, "%s", holds ? active : absent);
}

static void set_namespaces(struct layers *layers, const struct findings *found)
{
	const char *failure = enclosure_failure(found->failed_mounts);
	if (found->namespaces)
		layers_set(layers, FRAME_LAYER_NAMESPACES, true, "user, mount, network%s%s",
			   failure ? "; it can't " : "", failure ? failure : "");
	else
		layers_set(layers, FRAME_LAYER_NAMESPACES, false, "they can't be entered: %s",
			   strerror(found->namespaces_error));
}

void probe(struct layers *layers, struct lockdown *lockdown)
{
	static const char *const steps[LOCKDOWN_STEP_COUNT] = {
	    "namespaces", "session", "limits", "no_new_privs", "Landlock", "seccomp filter",
	};
	struct findings found;
	lockdown->namespaces = false;
	bool tried = run_child(lockdown, true, &found);
	/* Some nodes let the namespaces be made, and no rights be had in them (AppArmor's restriction of user
	 * namespaces): then all the rest holds without. */
	if (tried && found.step_error && found.step == LOCKDOWN_NAMESPACES) {
		int error = found.step_error;
		tried = run_child(lockdown, false, &found);
		found.namespaces_error = error;
	}
	if (!tried) {
		set_unknown(layers, "could not be tried", errno);
		return;
	}
	if (found.step_error) {
		char why[64];
		snprintf(why, sizeof(why), "applying %s failed", steps[found.step]);
		set_unknown(layers, why, found.step_error);
		return;
	}
	lockdown->namespaces = found.namespaces;
	lockdown->failed_mounts = found.failed_mounts;
	set_namespaces(layers, &found);
	layers_read_interfaces(layers, found.interfaces);
	layers_read_script_status(layers, found.status);
	set_noexec(layers, &found);
	bool read_only = found.scripts_error == EROFS || found.scripts_error == EACCES;
	set_simple(layers, FRAME_LAYER_READ_ONLY_SCRIPTS, read_only,
		   found.scripts_error == EROFS ? "mounted read-only" : "Landlock",
		   "only their permissions, which the script may change");
	if (lockdown->seccomp_filter && found.socket_error != EPERM)
		layers_set(layers, FRAME_LAYER_SECCOMP_FILTER, false, "does not refuse a socket");
	set_simple(layers, FRAME_LAYER_RLIMITS, found.limits, "core 0, 1024 open files, file size 1 GiB",
		   "are not in force");
	set_simple(layers, FRAME_LAYER_DESCRIPTORS, found.descriptors, "none but stdin, stdout, stderr",
		   "one would be inherited");
	set_simple(layers, FRAME_LAYER_SESSION, found.session, "its own, no terminal",
		   "not its own, or with a terminal");
}
