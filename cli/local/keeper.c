#include "cli/local/keeper.h"

#include "cli/local/cage.h"
#include "cli/local/memory.h"
#include "cli/local/root.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 20 /* at the memory; a page costs time, too, so that not much more comes between */
#define HOST_NAME "skillbox"
#define CAPABILITY_NUMBERS 64
#define ENTRY_BYTES 512

static const char search_path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* The children of this process, by what they are. */
struct kept {
	pid_t first; /* PID 1 of the sandbox */
	pid_t relay;
};

static void give_up(const struct keeper_task *task, const struct error *err) __attribute__((noreturn));
static void give_up(const struct keeper_task *task, const struct error *err)
{
	size_t n = strlen(err->message);
	ssize_t written = write(task->error_fd, err->message, n < KEEPER_WORDS_SIZE ? n : KEEPER_WORDS_SIZE);
	_exit(written > 0 ? 1 : 2);
}

/* When the parent ends, so does this process; again after each change of user, which forgets it. */
static int die_with_parent(pid_t parent, struct error *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return error_errno(err, "PR_SET_PDEATHSIG");
	return getppid() == parent ? 0 : error_set(err, ERR_UNAVAILABLE, "the parent has ended");
}

/* Signals as a program expects them, and none of the terminal's. */
static int leave_terminal(struct error *err)
{
	sigset_t none;
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	return setsid() >= 0 && chdir("/") == 0 ? 0 : error_errno(err, "leave the terminal");
}

static int await_maps(const struct keeper_task *task, struct error *err)
{
	char byte = KEEPER_NEEDS_MAPS;
	if (write(task->control_fd, &byte, 1) != 1 || read(task->control_fd, &byte, 1) != 1 ||
	    byte != KEEPER_HAS_MAPS)
		return error_set(err, ERR_UNAVAILABLE, "the parent has ended");
	return 0;
}

static int enter_namespaces(const struct keeper_task *task, struct error *err)
{
	/* Root's other groups would stay; others may not give theirs up, and reach nothing by them here. */
	if (task->is_root && setgroups(0, NULL) != 0)
		return error_errno(err, "give up groups");
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
		    CLONE_NEWCGROUP) != 0)
		return error_errno(err, "make namespaces");
	if (await_maps(task, err) != 0)
		return -1;
	if (setresgid(KEEPER_USER, KEEPER_USER, KEEPER_USER) != 0 ||
	    setresuid(KEEPER_USER, KEEPER_USER, KEEPER_USER) != 0)
		return error_errno(err, "become user %d", KEEPER_USER);
	if (sethostname(HOST_NAME, sizeof(HOST_NAME) - 1) != 0)
		return error_errno(err, "set the host's name");
	return die_with_parent(task->parent, err);
}

static int give_up_capabilities(void)
{
	for (unsigned long number = 0; number < CAPABILITY_NUMBERS; number++)
		if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0 && errno != EINVAL)
			return -1;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return -1;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	if (syscall(SYS_capset, &header, none) != 0)
		return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int close_others(void)
{
	return (int)syscall(SYS_close_range, 3u, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */);
}

/* What a runner that is built with sanitizers needs: it is out of reach for LeakSanitizer, too. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZERS "ASAN_OPTIONS=detect_leaks=0:handle_segv=0"
#else
#define SANITIZERS NULL
#endif

/* The runner brings itself, and node's hook beside it: what it has is what a cluster has. */
static int install_runner(const struct keeper_task *task, struct error *err)
{
	char *const arguments[] = {"skillbox-runner", "copy", ROOT_PLACE ROOT_RUNNER, NULL};
	char *const environment[] = {SANITIZERS, NULL};
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		dup2(task->error_fd, STDERR_FILENO);
		syscall(SYS_execveat, task->runner_fd, "", arguments, environment, AT_EMPTY_PATH);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return error_errno(err, "start the runner");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return error_set(err, ERR_UNAVAILABLE, "skillbox-runner can't be executed, or can't copy itself");
}

/* In a child of the keeper, until it is the program: in_fd, out_fd and words_fd become 0, 1 and 2. Returns
 * only if something failed. */
static void become(const char *mode, const char *token, int in_fd, int out_fd, int words_fd)
{
	char entry[ENTRY_BYTES];
	snprintf(entry, sizeof(entry), "SKILLBOX_TOKEN=%s", token ? token : "");
	/* The runner's own, which the script never sees; up to the first NULL. */
	char *const environment[] = {(char *)search_path, token ? entry : SANITIZERS,
				     token ? SANITIZERS : NULL, NULL};
	char *const arguments[] = {ROOT_RUNNER, (char *)mode, NULL};
	const struct rlimit processes = {CAGE_MAX_PROCESSES, CAGE_MAX_PROCESSES};
	if (dup2(in_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(words_fd, 2) < 0 || close_others() != 0)
		return;
	/* In a user namespace of its own it counts what is in there. */
	if (setrlimit(RLIMIT_NPROC, &processes) != 0 || chdir("/sandbox") != 0 ||
	    give_up_capabilities() != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return;
	execve(ROOT_RUNNER, arguments, environment);
}

/* PID 1: only who is in the namespace of processes can mount its /proc. All that is mounted counts for the
 * keeper and the relay, too, which begins when this has said that it is done. */
static void become_first(const struct keeper_task *task, int ready_fd) __attribute__((noreturn));
static void become_first(const struct keeper_task *task, int ready_fd)
{
	struct error err;
	cleanup_close int nothing = -1;
	if (root_enter(&err) != 0)
		give_up(task, &err);
	nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (nothing >= 0 && write(ready_fd, "", 1) == 1)
		become(NULL, task->token, nothing, task->log_fd, task->words_fd);
	error_errno(&err, "start the runner in the sandbox");
	give_up(task, &err);
}

static void become_relay(const struct keeper_task *task) __attribute__((noreturn));
static void become_relay(const struct keeper_task *task)
{
	struct error err;
	become("relay", NULL, task->stream_fd, task->stream_fd, task->words_fd);
	error_errno(&err, "start the relay");
	give_up(task, &err);
}

static int start_all(const struct keeper_task *task, struct kept *ret, struct error *err)
{
	int fds[2];
	char byte;
	/* From now on children are in it, and this process isn't: to them it is outside, and they can't so
	 * much as name it. */
	if (unshare(CLONE_NEWPID) != 0 || pipe2(fds, O_CLOEXEC) != 0)
		return error_errno(err, "make a namespace of processes");
	ret->first = fork();
	if (ret->first == 0)
		become_first(task, fds[1]);
	close(fds[1]);
	if (ret->first < 0)
		return error_errno(err, "fork");
	if (read(fds[0], &byte, 1) != 1)
		_exit(1); /* it has said why */
	ret->relay = fork();
	if (ret->relay == 0)
		become_relay(task);
	return ret->relay < 0 ? error_errno(err, "fork") : 0;
}

/* One look: who has most is killed if it is too much. */
static void hold_memory(const struct keeper_task *task, DIR *proc)
{
	static const char *const places[] = {"/sandbox", "/tmp", "/dev/shm"};
	struct memory_use use;
	memory_look(proc, places, sizeof(places) / sizeof(places[0]), task->memory, &use);
	/* Its processes are looked at one after the other: a fork between two of them counts their pages
	 * twice. What is really too much is so at the next look, too. */
	if (use.bytes > task->memory)
		memory_look(proc, places, sizeof(places) / sizeof(places[0]), task->memory, &use);
	if (use.bytes <= task->memory || use.largest_pid == 0 || !memory_kill(proc, use.largest_pid))
		return;
	char byte = KEEPER_MEMORY_EXCEEDED;
	if (write(task->control_fd, &byte, 1) != 1)
		_exit(1); /* nobody is there to be told */
}

static void watch(const struct keeper_task *task, const struct kept *kept) __attribute__((noreturn));
static void watch(const struct keeper_task *task, const struct kept *kept)
{
	DIR *proc = opendir("/proc");
	int pause_ms = LOOK_MS;
	if (!proc)
		_exit(1);
	for (;;) {
		struct pollfd parent = {.fd = task->control_fd, .events = POLLIN};
		/* It says nothing more: what comes is its end, and everything ends with this process. */
		if (poll(&parent, 1, pause_ms) != 0 && errno != EINTR)
			_exit(0);
		for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;)
			if (pid == kept->first)
				_exit(0);
		/* Many processes take long to look at, and the machine is the user's. */
		int64_t begun_us = clock_monotonic_us(&clock_system);
		hold_memory(task, proc);
		int64_t cost_ms = (clock_monotonic_us(&clock_system) - begun_us) / 1000;
		pause_ms = 2 * cost_ms > LOOK_MS ? (int)(2 * cost_ms) : LOOK_MS;
	}
}

/* The keeper has the sandbox's files of this process open no longer than it must. */
static void keep_only(const struct keeper_task *task)
{
	int kept = task->control_fd, nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		if (nothing < 0 || dup2(nothing, fd) < 0)
			_exit(1);
	int at = dup2(kept, 3);
	if (at < 0 || syscall(SYS_close_range, 4u, ~0u, 0u) != 0)
		_exit(1);
}

void keeper_main(const struct keeper_task *task)
{
	struct error err = {0};
	struct kept kept = {0};
	if (leave_terminal(&err) != 0 || die_with_parent(task->parent, &err) != 0 ||
	    enter_namespaces(task, &err) != 0 || root_make(task->memory, &err) != 0 ||
	    install_runner(task, &err) != 0 || start_all(task, &kept, &err) != 0)
		give_up(task, &err);
	struct keeper_task left = {.memory = task->memory, .control_fd = 3};
	keep_only(task);
	if (give_up_capabilities() != 0)
		_exit(1);
	watch(&left, &kept);
}
