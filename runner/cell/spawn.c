#include "runner/cell/spawn.h"

#include "lib/base/cleanup.h"
#include "runner/system/descriptor.h"
#include "runner/system/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum step {
	STEP_STANDARD,
	STEP_CHANNEL,
	STEP_LOCKDOWN, /* + enum lockdown_step */
	STEP_DIRECTORY = STEP_LOCKDOWN + LOCKDOWN_STEP_COUNT,
	STEP_EXEC,
	STEP_COUNT,
};

static const struct {
	const char *reason, *what;
} step_table[STEP_COUNT] = {
    [STEP_STANDARD] = {"io", "connect stdin, stdout and stderr"},
    [STEP_CHANNEL] = {"io", "pass the socket on"},
    [STEP_LOCKDOWN + LOCKDOWN_NAMESPACES] = {"lockdown_failed", "enter the namespaces"},
    [STEP_LOCKDOWN + LOCKDOWN_SESSION] = {"lockdown_failed", "start a session"},
    [STEP_LOCKDOWN + LOCKDOWN_LIMITS] = {"lockdown_failed", "set the resource limits"},
    [STEP_LOCKDOWN + LOCKDOWN_NO_NEW_PRIVS] = {"lockdown_failed", "set no_new_privs"},
    [STEP_LOCKDOWN + LOCKDOWN_LANDLOCK] = {"lockdown_failed", "apply Landlock"},
    [STEP_LOCKDOWN + LOCKDOWN_SECCOMP] = {"lockdown_failed", "apply the seccomp filter"},
    [STEP_DIRECTORY] = {"io", "enter " PATH_SANDBOX},
    [STEP_EXEC] = {"no_interpreter", "execute the interpreter"},
};

/* What a child that gives up writes into the status pipe; smaller than PIPE_BUF, so it arrives whole. */
struct give_up {
	int step, error_number;
};

/* Signals as a program expects them: PID 1 blocks some and ignores SIGPIPE, and both survive exec. */
static void reset_signals(void)
{
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL); /* fails for SIGKILL and SIGSTOP, which can't be changed anyway */
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The child, from fork to exec: system calls only. Returns the step that failed, with errno. */
static unsigned become_script(const struct spawn_request *request, int stdin_fd, int stdout_fd, int stderr_fd)
{
	if (dup2(stdin_fd, 0) < 0 || dup2(stdout_fd, 1) < 0 || dup2(stderr_fd, 2) < 0)
		return STEP_STANDARD;
	descriptor_cloexec_from(3);
	if (request->channel_fd > 0 && dup2(request->channel_fd, SPAWN_CHANNEL) < 0)
		return STEP_CHANNEL;
	reset_signals();
	enum lockdown_step lockdown_step;
	if (lockdown_apply(request->lockdown, &lockdown_step) != 0)
		return STEP_LOCKDOWN + lockdown_step;
	/* By its path, and only now: in a mount namespace of its own it is another mount. */
	if (chdir(request->directory) != 0)
		return STEP_DIRECTORY;
	char *const arguments[] = {strrchr(request->interpreter, '/') + 1, (char *)request->script, NULL};
	execve(request->interpreter, arguments, request->environment);
	return STEP_EXEC;
}

static int make_pipe(int *ret_read, int *ret_write, struct error *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) != 0)
		return error_errno(err, "make a pipe");
	*ret_read = fds[0];
	*ret_write = fds[1];
	return descriptor_set_nonblocking(fds[0]) == 0 ? 0 : error_errno(err, "make a pipe non-blocking");
}

int spawn_start(const struct spawn_request *request, struct spawned *ret, struct error *err)
{
	cleanup_close int out_read = -1, out_write = -1, err_read = -1, err_write = -1, status_read = -1,
			  status_write = -1;
	cleanup_close int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null_fd < 0)
		return error_errno(err, "open /dev/null");
	if (make_pipe(&out_read, &out_write, err) != 0 || make_pipe(&err_read, &err_write, err) != 0 ||
	    make_pipe(&status_read, &status_write, err) != 0)
		return -1;
	pid_t pid = fork();
	if (pid < 0)
		return error_errno(err, "fork");
	if (pid == 0) {
		struct give_up message;
		message.step = (int)become_script(request, null_fd, out_write, err_write);
		message.error_number = errno;
		ssize_t written = write(status_write, &message, sizeof(message));
		_exit(written == (ssize_t)sizeof(message) ? 127 : 126);
	}
	*ret = (struct spawned){pid, out_read, err_read, status_read};
	out_read = err_read = status_read = -1;
	return 0;
}

int spawn_read_status(int status_fd, const char **ret_reason, struct error *err)
{
	struct give_up message;
	ssize_t n;
	do
		n = read(status_fd, &message, sizeof(message));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return 1; /* closed by exec, or by a death before it, which wait() tells */
	if (n < 0 && errno == EAGAIN)
		return 0;
	*ret_reason = "io";
	if (n != (ssize_t)sizeof(message) || message.step < 0 || message.step >= STEP_COUNT)
		return error_set(err, ERR_INTERNAL, "the child's report can't be read");
	*ret_reason = step_table[message.step].reason;
	if (message.step == STEP_EXEC && message.error_number == E2BIG) {
		*ret_reason = "bad_job";
		return error_set(err, ERR_BAD_REQUEST, "the environment is too large for the kernel");
	}
	errno = message.error_number;
	return error_errno(err, "%s", step_table[message.step].what);
}
