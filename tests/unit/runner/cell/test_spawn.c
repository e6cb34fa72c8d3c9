/* The child from fork to exec, with real children; the lock-down is the test's, which makes each step of it
 * fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/cell/spawn.h"
#include "runner/system/descriptor.h"
#include "tests/unit/runner/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS 20000

static int failing_step; /* of the lock-down, or -1 */

int lockdown_apply(const struct lockdown *lockdown, enum lockdown_step *ret_step)
{
	(void)lockdown;
	if (failing_step < 0)
		return 0;
	*ret_step = (enum lockdown_step)failing_step;
	errno = EPERM;
	return -1;
}

struct fixture {
	struct directory directory;
	char script[128];
	struct lockdown lockdown;
	struct spawn_request request;
	struct spawned child;
	int status;
	char out[4096], err_text[4096];
	const char *reason;
	struct error err;
};

static char *const no_environment[] = {NULL};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f || directory_make(&f->directory) != 0)
		return -1;
	failing_step = -1;
	snprintf(f->script, sizeof(f->script), "%s/script", f->directory.path);
	f->request = (struct spawn_request){
	    .interpreter = "/bin/sh",
	    .script = f->script,
	    .environment = no_environment,
	    .directory = f->directory.path,
	    .lockdown = &f->lockdown,
	};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int r = directory_remove(&f->directory);
	free(f);
	return r;
}

static void wait_readable(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&pollfd, 1, DEADLINE_MS), 1);
}

static void read_all(int fd, char *buffer, size_t size)
{
	size_t length = 0;
	for (;;) {
		assert_true(length < size - 1);
		wait_readable(fd);
		ssize_t n = read(fd, buffer + length, size - 1 - length);
		assert_true(n >= 0);
		if (n == 0)
			break;
		length += (size_t)n;
	}
	buffer[length] = '\0';
}

/* Starts it, hears what the child says of itself, and sees it to its end. */
static int start(struct fixture *f)
{
	assert_int_equal(spawn_start(&f->request, &f->child, &f->err), 0);
	wait_readable(f->child.status_fd);
	int r = spawn_read_status(f->child.status_fd, &f->reason, &f->err);
	read_all(f->child.stdout_fd, f->out, sizeof(f->out));
	read_all(f->child.stderr_fd, f->err_text, sizeof(f->err_text));
	assert_int_equal(waitpid(f->child.pid, &f->status, 0), f->child.pid);
	close(f->child.stdout_fd);
	close(f->child.stderr_fd);
	close(f->child.status_fd);
	return r;
}

static void write_script(struct fixture *f, const char *source)
{
	int fd = open(f->script, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, source, strlen(source)), (ssize_t)strlen(source));
	close(fd);
}

static void test_it_becomes_the_script(void **state)
{
	struct fixture *f = *state;
	char *const environment[] = {"GREETING=hello", NULL};
	f->request.environment = environment;
	/* argv, environment, directory, an empty stdin, and no descriptor but the three */
	write_script(f, "echo \"$GREETING $#\"; echo oops >&2; pwd -P; cat; ls /proc/self/fd; exit 7\n");
	assert_int_equal(start(f), 1);
	assert_true(WIFEXITED(f->status));
	assert_int_equal(WEXITSTATUS(f->status), 7);
	char expected[256];
	snprintf(expected, sizeof(expected), "hello 0\n%s\n0\n1\n2\n3\n",
		 f->directory.path); /* 3: ls's own */
	assert_string_equal(f->out, expected);
	assert_string_equal(f->err_text, "oops\n");
}

static void test_the_channel_is_passed_on(void **state)
{
	struct fixture *f = *state;
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	f->request.channel_fd = pair[1];
	write_script(f, "echo through the channel >/proc/self/fd/1000 2>/dev/null || ls /proc/self/fd\n");
	assert_int_equal(start(f), 1);
	char expected[64];
	snprintf(expected, sizeof(expected), "0\n1\n%d\n2\n3\n",
		 SPAWN_CHANNEL); /* a socket can't be opened by path */
	assert_string_equal(f->out, expected);
	close(pair[0]);
	close(pair[1]);
}

/* PID 1 ignores SIGPIPE and blocks others; a script that inherited that would hang in its pipes. */
static void test_signals_are_as_a_program_expects_them(void **state)
{
	struct fixture *f = *state;
	sigset_t blocked, before;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &before), 0);
	void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);
	write_script(f, "grep -E 'Sig(Blk|Ign)' /proc/self/status\n");
	assert_int_equal(start(f), 1);
	signal(SIGPIPE, pipe_before);
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	assert_string_equal(f->out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void gives_up(struct fixture *f, const char *reason, const char *words)
{
	write_script(f, "echo it ran\n");
	assert_int_equal(start(f), -1);
	assert_string_equal(f->reason, reason);
	assert_non_null(strstr(f->err.message, words));
	assert_string_equal(f->out, "");
	assert_int_equal(WEXITSTATUS(f->status), 127);
}

static void test_no_step_of_the_lockdown_is_passed_over(void **state)
{
	struct fixture *f = *state;
	static const char *const words[LOCKDOWN_STEP_COUNT] = {
	    [LOCKDOWN_NAMESPACES] = "enter the namespaces", [LOCKDOWN_SESSION] = "start a session",
	    [LOCKDOWN_LIMITS] = "set the resource limits",  [LOCKDOWN_NO_NEW_PRIVS] = "set no_new_privs",
	    [LOCKDOWN_LANDLOCK] = "apply Landlock",         [LOCKDOWN_SECCOMP] = "apply the seccomp filter",
	};
	for (failing_step = 0; failing_step < LOCKDOWN_STEP_COUNT; failing_step++) {
		gives_up(f, "lockdown_failed", words[failing_step]);
		assert_non_null(strstr(f->err.message, strerror(EPERM)));
	}
}

static void test_what_can_not_be_started(void **state)
{
	struct fixture *f = *state;
	f->request.interpreter = "/no/such/interpreter";
	gives_up(f, "no_interpreter", "execute the interpreter");
	f->request.interpreter = "/bin/sh";
	f->request.directory = "/dev/null";
	gives_up(f, "io", "enter /sandbox");
	f->request.directory = f->directory.path;
	f->request.channel_fd = SPAWN_CHANNEL - 1; /* not open */
	gives_up(f, "io", "pass the socket on");
}

static void test_an_environment_that_is_too_large(void **state)
{
	struct fixture *f = *state;
	char *large = malloc(200 * 1024); /* MAX_ARG_STRLEN of Linux is 128 KiB */
	assert_non_null(large);
	memset(large, 'x', 200 * 1024 - 1);
	large[200 * 1024 - 1] = '\0';
	char *const environment[] = {large, NULL};
	f->request.environment = environment;
	gives_up(f, "bad_job", "the environment is too large");
	free(large);
}

static void test_a_report_that_is_none(void **state)
{
	struct fixture *f = *state;
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(spawn_read_status(fds[0], &f->reason, &f->err), 0); /* not known yet */
	static const int reports[][2] = {{-1, 0}, {1000, 0}};
	for (size_t i = 0; i < sizeof(reports) / sizeof(*reports); i++) {
		f->reason = NULL;
		assert_int_equal(write(fds[1], reports[i], sizeof(reports[i])), (ssize_t)sizeof(reports[i]));
		assert_int_equal(spawn_read_status(fds[0], &f->reason, &f->err), -1);
		assert_string_equal(f->reason, "io");
	}
	f->reason = NULL;
	assert_int_equal(write(fds[1], "abc", 3), 3); /* cut short */
	assert_int_equal(spawn_read_status(fds[0], &f->reason, &f->err), -1);
	assert_string_equal(f->reason, "io");
	assert_non_null(strstr(f->err.message, "can't be read"));
	close(fds[1]);
	assert_int_equal(spawn_read_status(fds[0], &f->reason, &f->err), 1);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_it_becomes_the_script, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_the_channel_is_passed_on, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_signals_are_as_a_program_expects_them, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_no_step_of_the_lockdown_is_passed_over, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_can_not_be_started, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_an_environment_that_is_too_large, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_report_that_is_none, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
