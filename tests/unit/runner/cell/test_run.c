/* A script from its start to its end, with real children of /bin/sh. The end of the process tree and the
 * counter of the out-of-memory killer are the test's: the real ones look at all processes there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "runner/cell/run.h"
#include "runner/system/descriptor.h"
#include "runner/system/oom.h"
#include "runner/system/tree.h"
#include "tests/unit/runner/directory.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define DEADLINE_S 20

static uint64_t oom_count;
static bool tree_is_stuck, others_live;

int oom_open(void)
{
	return -1;
}

uint64_t oom_kills(int fd)
{
	(void)fd;
	return oom_count;
}

bool tree_reap(pid_t watched, int *ret_status, bool *ret_ended)
{
	*ret_ended = *ret_ended || waitpid(watched, ret_status, WNOHANG) == watched;
	return !*ret_ended || others_live;
}

int tree_end(pid_t watched, int *ret_status, bool *ret_ended, struct error *err)
{
	if (tree_is_stuck)
		return error_set(err, ERR_INTERNAL, "it can't be ended");
	if (*ret_ended || watched <= 0)
		return 0;
	kill(watched, SIGKILL);
	*ret_ended = waitpid(watched, ret_status, 0) == watched;
	return 0;
}

struct fixture {
	struct directory directory;
	char script[128];
	struct lockdown lockdown;
	struct spawn_request request;
	struct logs logs;
	struct run run;
	struct echo echo;
	int log[2]; /* echo's: what the container's log shows */
	struct frame_exit exit;
	const char *reason;
	struct error err;
};

static char *const no_environment[] = {NULL};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f || directory_make(&f->directory) != 0 || pipe2(f->log, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	oom_count = 0;
	tree_is_stuck = others_live = false;
	f->lockdown.landlock_fd = -1;
	snprintf(f->script, sizeof(f->script), "%s/script", f->directory.path);
	f->request = (struct spawn_request){
	    .interpreter = "/bin/sh",
	    .script = f->script,
	    .environment = no_environment,
	    .directory = f->directory.path,
	    .lockdown = &f->lockdown,
	};
	echo_init(&f->echo, f->log[1]);
	run_init(&f->run, &f->logs);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	tree_is_stuck = false;
	tree_end(f->run.child.pid, &f->run.status, &f->run.ended, NULL);
	run_free(&f->run);
	logs_free(&f->logs);
	echo_free(&f->echo);
	close(f->log[0]);
	close(f->log[1]);
	int r = directory_remove(&f->directory);
	free(f);
	return r;
}

static void start(struct fixture *f, const char *source)
{
	assert_int_equal(directory_write(f->directory.fd, "script", source, strlen(source)), 0);
	if (run_start(&f->run, &f->request, 60000, 1000, &f->err) != 0)
		fail_msg("%s", f->err.message);
}

/* Until the child has become the interpreter, or said why not. */
static int await_status(struct fixture *f)
{
	struct pollfd descriptor = {.fd = f->run.child.status_fd, .events = POLLIN};
	if (poll(&descriptor, 1, DEADLINE_S * 1000) != 1)
		fail_msg("no status within %d s", DEADLINE_S);
	return run_read_status(&f->run, &f->reason, &f->err);
}

static void await_exit(struct fixture *f)
{
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)f->run.child.pid, &info, WEXITED | WNOWAIT), 0);
	tree_reap(f->run.child.pid, &f->run.status, &f->run.ended);
	assert_true(f->run.ended);
}

static void await_logs(struct fixture *f, uint64_t total)
{
	int64_t end_us = clock_monotonic_us(&clock_system) + DEADLINE_S * 1000000;
	while (f->logs.total < total) {
		struct pollfd descriptor = {.fd = f->run.logs_epoll, .events = POLLIN};
		poll(&descriptor, 1, 100);
		run_read_logs(&f->run, &f->echo);
		assert_true(clock_monotonic_us(&clock_system) < end_us);
	}
}

static void end(struct fixture *f, enum frame_exit_reason why)
{
	if (run_end(&f->run, &f->echo, why, &f->exit, &f->reason, &f->err) != 0)
		fail_msg("%s: %s", f->reason, f->err.message);
	assert_int_equal(f->run.child.stdout_fd, -1);
	assert_int_equal(f->run.child.status_fd, -1);
	assert_int_equal(f->run.logs_epoll, -1);
}

static void expect_exit(struct fixture *f, const char *source, enum frame_exit_reason reason, int code)
{
	start(f, source);
	await_exit(f);
	end(f, FRAME_EXITED);
	if (f->exit.reason != reason || f->exit.exit_code != code)
		fail_msg("%s: reason %d, code %d", source, f->exit.reason, f->exit.exit_code);
}

static void test_exit_codes(void **state)
{
	static const struct {
		const char *source;
		enum frame_exit_reason reason;
		int code;
	} rows[] = {
	    {"exit 0", FRAME_EXITED, 0},
	    {"exit 3", FRAME_EXITED, 3},
	    {"exit 255", FRAME_EXITED, 255},
	    {"kill -TERM $$", FRAME_SIGNALED, 143},
	    {"kill -KILL $$", FRAME_SIGNALED, 137},
	    {"exit 137", FRAME_EXITED, 137},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_exit(*state, rows[i].source, rows[i].reason, rows[i].code);
		assert_int_equal(tear_down(state), 0);
		assert_int_equal(set_up(state), 0);
	}
}

static void test_out_of_memory(void **state)
{
	static const struct {
		const char *source;
		uint64_t kills; /* while it ran */
		enum frame_exit_reason reason;
		int code;
	} rows[] = {
	    {"kill -KILL $$", 1, FRAME_OOM, 137},
	    {"exit 137", 1, FRAME_OOM, 137}, /* a shell whose child was killed */
	    {"kill -KILL $$", 0, FRAME_SIGNALED, 137},
	    {"exit 1", 1, FRAME_EXITED, 1}, /* another process was, and the script went on */
	    {"kill -TERM $$", 1, FRAME_SIGNALED, 143},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		oom_count = 7; /* of before */
		struct fixture *f = *state;
		start(f, rows[i].source);
		oom_count += rows[i].kills;
		await_exit(f);
		end(f, FRAME_EXITED);
		if (f->exit.reason != rows[i].reason || f->exit.exit_code != rows[i].code)
			fail_msg("row %zu: reason %d, code %d", i, f->exit.reason, f->exit.exit_code);
		assert_int_equal(tear_down(state), 0);
		assert_int_equal(set_up(state), 0);
	}
}

static void test_logs(void **state)
{
	struct fixture *f = *state;
	start(f, "echo one; exec 1>&-; printf 'two\\n' >&2; printf '%0900d' 0 >&2");
	await_exit(f);
	end(f, FRAME_EXITED); /* nothing was read before: it is all in the pipes */
	assert_int_equal(f->exit.logs_total, 908);
	assert_true(str_starts_with(logs_head(&f->logs), STR("one\ntwo\n000")));
	assert_int_equal(logs_end(&f->logs, true).n, 904);
	assert_true(str_eq(logs_end(&f->logs, false), STR("one\n")));
	char shown[2000];
	assert_int_equal(read(f->log[0], shown, sizeof(shown)), 908); /* the container's log has the same */
	assert_memory_equal(shown, "one\ntwo\n000", 11);
}

static void test_logs_come_while_it_runs(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkfifoat(f->directory.fd, "wait", 0644), 0);
	start(f, "echo first >&2; read line < wait; echo second");
	await_logs(f, 6);
	assert_true(str_eq(logs_head(&f->logs), STR("first\n")));
	end(f, FRAME_CANCELLED);
	assert_int_equal(f->exit.reason, FRAME_CANCELLED);
	assert_int_equal(f->exit.exit_code, 137);
	assert_int_equal(f->exit.logs_total, 6);
	assert_false(f->exit.parked);
}

static void test_timeout(void **state)
{
	struct fixture *f = *state;
	int64_t before_us = clock_monotonic_us(&clock_system);
	start(f, "echo begun; while :; do :; done");
	assert_true(f->run.deadline_us >= before_us + 60000000);
	assert_true(f->run.deadline_us == f->run.start_us + 60000000);
	await_logs(f, 6);
	oom_count = 1; /* what it died of is known */
	end(f, FRAME_TIMED_OUT);
	assert_int_equal(f->exit.reason, FRAME_TIMED_OUT);
	assert_int_equal(f->exit.exit_code, 137);
	assert_true(f->exit.run_us > 0 &&
		    f->exit.run_us <= (uint64_t)(clock_monotonic_us(&clock_system) - before_us));
}

/* Writers in the background: how long they get. */
static void test_linger(void **state)
{
	struct fixture *f = *state;
	start(f, "echo all of it");
	await_exit(f);
	int64_t deadline_us = f->run.deadline_us;
	assert_true(run_deadline_us(&f->run) == deadline_us);
	run_linger(&f->run);
	int64_t ended_us = f->run.ended_us;
	assert_true(run_deadline_us(&f->run) == ended_us + RUN_QUIET_MS * 1000);
	f->run.heard_us += 1700 * 1000;
	assert_true(run_deadline_us(&f->run) == ended_us + (1700 + RUN_QUIET_MS) * 1000);
	f->run.heard_us += 1700 * 1000;
	assert_true(run_deadline_us(&f->run) == ended_us + RUN_LINGER_MS * 1000);
	f->run.deadline_us = ended_us + 5;
	assert_true(run_deadline_us(&f->run) == ended_us + 5); /* never more than the script's own time */
	run_linger(&f->run);                                   /* another child's end */
	assert_true(f->run.ended_us == ended_us);
	f->run.heard_us = 0;
	run_read_logs(&f->run, &f->echo);
	assert_true(f->run.heard_us >= ended_us);
	end(f, FRAME_CANCELLED); /* too late: it has ended, and nobody is left who could lose a word */
	assert_int_equal(f->exit.reason, FRAME_EXITED);
	assert_int_equal(f->exit.exit_code, 0);
	assert_true(f->exit.run_us == (uint64_t)(ended_us - f->run.start_us));
	assert_true(str_eq(logs_head(&f->logs), STR("all of it\n")));
}

static void test_linger_that_loses(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct fixture *f = *state;
		others_live = true;
		start(f, "echo some");
		await_exit(f);
		run_linger(&f->run);
		f->run.heard_us -= i * RUN_QUIET_MS * 1000; /* the second has been quiet */
		end(f, FRAME_EXITED);
		struct str log = logs_head(&f->logs);
		assert_true(str_starts_with(log, STR("some\n")));
		assert_int_equal(log.n > 5, i == 0);
		assert_int_equal(str_ends_with(log, STR("were still writing, and were ended]\n")), i == 0);
		assert_int_equal(f->exit.logs_total, log.n);
		assert_int_equal(tear_down(state), 0);
		assert_int_equal(set_up(state), 0);
	}
}

static void test_status(void **state)
{
	struct fixture *f = *state;
	start(f, "exit 0");
	assert_int_equal(await_status(f), 1);
	assert_true(f->run.executed);
	assert_int_equal(f->run.child.status_fd, -1);
	assert_int_equal(run_read_status(&f->run, &f->reason, &f->err), 1); /* remembers */
}

static void test_no_interpreter(void **state)
{
	struct fixture *f = *state;
	f->request.interpreter = "/no/such/program";
	start(f, "");
	assert_int_equal(await_status(f), -1);
	assert_string_equal(f->reason, "no_interpreter");
	assert_non_null(strstr(f->err.message, "execute the interpreter: No such file"));
	assert_false(f->run.executed);
}

/* The child's death is heard of before its status was looked at. */
static void test_end_of_what_never_ran(void **state)
{
	struct fixture *f = *state;
	f->request.interpreter = "/no/such/program";
	start(f, "");
	await_exit(f);
	assert_int_equal(run_end(&f->run, &f->echo, FRAME_EXITED, &f->exit, &f->reason, &f->err), -1);
	assert_string_equal(f->reason, "no_interpreter");
}

static void test_environment_beyond_the_kernel(void **state)
{
	static char entry[200 * 1024];
	struct fixture *f = *state;
	memset(entry, 'x', sizeof(entry) - 1);
	entry[1] = '=';
	char *const environment[] = {entry, NULL};
	f->request.environment = environment;
	start(f, "exit 0");
	assert_int_equal(await_status(f), -1);
	assert_string_equal(f->reason, "bad_job");
	assert_non_null(strstr(f->err.message, "too large for the kernel"));
}

static void test_a_tree_that_does_not_end(void **state)
{
	struct fixture *f = *state;
	start(f, "while :; do :; done");
	tree_is_stuck = true;
	assert_int_equal(run_end(&f->run, &f->echo, FRAME_TIMED_OUT, &f->exit, &f->reason, &f->err), -1);
	assert_string_equal(f->reason, "io");
}

static void test_a_lost_exit_status(void **state)
{
	struct fixture *f = *state;
	start(f, "exit 0");
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)f->run.child.pid, &info, WEXITED),
			 0); /* somebody else collects it */
	assert_int_equal(run_end(&f->run, &f->echo, FRAME_EXITED, &f->exit, &f->reason, &f->err), -1);
	assert_non_null(strstr(f->err.message, "exit status is lost"));
	f->run.child.pid = 0;
}

/* What a parked interpreter writes is of no job; one that is not wanted leaves nothing behind. */
static void test_parked_and_not_wanted(void **state)
{
	struct fixture *f = *state;
	static const char source[] = "echo preloading; while :; do :; done";
	char shown[64];
	assert_int_equal(directory_write(f->directory.fd, "script", source, sizeof(source) - 1), 0);
	assert_int_equal(run_park(&f->run, &f->request, &f->err), 0);
	assert_int_equal(await_status(f), 1);
	struct pollfd descriptor = {.fd = f->run.logs_epoll, .events = POLLIN};
	assert_int_equal(poll(&descriptor, 1, DEADLINE_S * 1000), 1);
	run_read_logs(&f->run, &f->echo);
	assert_int_equal(read(f->log[0], shown, sizeof(shown)), 11);
	assert_int_equal(f->logs.total, 0);
	pid_t parked = f->run.child.pid;
	assert_int_equal(run_unpark(&f->run, &f->echo, &f->err), 0);
	assert_int_equal(kill(parked, 0), -1);
	assert_int_equal(f->run.child.pid, 0);
	assert_int_equal(f->run.logs_epoll, -1);
	expect_exit(f, "echo ran; exit 4", FRAME_EXITED, 4); /* the next one is not taken for it */
	assert_int_equal(f->exit.logs_total, 4);
}

static void test_parked_that_has_ended(void **state)
{
	struct fixture *f = *state;
	struct park park;
	struct place place;
	struct job job;
	place_init(&place);
	park_init(&park);
	job_init(&job, &place);
	f->run.ended = true;
	assert_int_equal(run_start_parked(&f->run, &park, &job, &f->echo, &f->err), -1);
	assert_string_equal(f->err.message, "it has ended");
	assert_false(f->run.begun);
	job_free(&job);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_exit_codes),
	    TEST(test_out_of_memory),
	    TEST(test_logs),
	    TEST(test_logs_come_while_it_runs),
	    TEST(test_timeout),
	    TEST(test_linger),
	    TEST(test_linger_that_loses),
	    TEST(test_status),
	    TEST(test_no_interpreter),
	    TEST(test_end_of_what_never_ran),
	    TEST(test_environment_beyond_the_kernel),
	    TEST(test_a_tree_that_does_not_end),
	    TEST(test_a_lost_exit_status),
	    TEST(test_parked_and_not_wanted),
	    TEST(test_parked_that_has_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
