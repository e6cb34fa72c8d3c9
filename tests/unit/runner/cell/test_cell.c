/* A cell between its parts: what is started with what, which way it ends, and what is to be watched. The
 * parts that start processes or look at files are the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "runner/cell/cell.h"
#include "runner/system/descriptor.h"
#include "runner/system/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* The parts: they note what was asked of them, and fail where the test says so */

static struct {
	struct spawn_request request; /* of the last run_park or run_start */
	bool park_open_fails, run_park_fails, park_read_fails, fits, start_parked_fails, unpark_fails,
	    start_fails;
	bool end_fails, collect_fails;
	int status;  /* of run_read_status */
	bool ended;  /* the next tree_reap finds it */
	bool left;   /* then, others live */
	bool writes; /* the next run_read_logs finds something */
	int64_t linger_deadline_us;
	unsigned park_closes, unparks, hooks, starts, ends, kills;
	bool hook_fails;
	enum frame_exit_reason why;
} parts;

void run_init(struct run *run, struct logs *logs)
{
	*run = (struct run){.logs = logs, .logs_epoll = -1, .oom_fd = -1};
}

void run_free(struct run *run)
{
	(void)run;
}

int run_park(struct run *run, const struct spawn_request *request, struct error *err)
{
	parts.request = *request;
	if (parts.run_park_fails)
		return error_set(err, ERR_IO, "fork failed");
	run->child.pid = 17;
	return 0;
}

int run_unpark(struct run *run, struct echo *echo, struct error *err)
{
	(void)echo;
	parts.unparks++;
	run->child.pid = 0;
	return parts.unpark_fails ? error_set(err, ERR_INTERNAL, "it can't be ended") : 0;
}

int run_start(struct run *run, const struct spawn_request *request, uint32_t timeout_ms, uint32_t max_logs,
	      struct error *err)
{
	parts.request = *request;
	parts.starts++;
	assert_int_equal(timeout_ms, 5000);
	assert_int_equal(max_logs, 300);
	if (parts.start_fails)
		return error_set(err, ERR_IO, "fork failed");
	run->child.pid = 18;
	return 0;
}

int run_start_parked(struct run *run, struct park *park, const struct job *job, struct echo *echo,
		     struct error *err)
{
	(void)run;
	(void)park;
	(void)job;
	(void)echo;
	return parts.start_parked_fails ? error_set(err, ERR_UNAVAILABLE, "not ready") : 0;
}

void run_read_logs(struct run *run, struct echo *echo)
{
	(void)echo;
	if (parts.writes)
		parts.linger_deadline_us = INT64_MAX;
	run->heard_us++;
}

void run_linger(struct run *run)
{
	run->lingers = true;
}

int64_t run_deadline_us(const struct run *run)
{
	return run->lingers ? parts.linger_deadline_us : run->deadline_us;
}

int run_read_status(struct run *run, const char **ret_reason, struct error *err)
{
	(void)run;
	*ret_reason = "lockdown_failed";
	return parts.status < 0 ? error_set(err, ERR_INTERNAL, "apply Landlock") : parts.status;
}

int run_end(struct run *run, struct echo *echo, enum frame_exit_reason why, struct frame_exit *ret,
	    const char **ret_reason, struct error *err)
{
	(void)run;
	(void)echo;
	parts.ends++;
	parts.why = why;
	*ret_reason = "no_interpreter";
	*ret = (struct frame_exit){.reason = why, .exit_code = 6};
	return parts.end_fails ? error_set(err, ERR_NOT_FOUND, "it never ran") : 0;
}

struct park_language {
	const char *name;
};
static const struct park_language python = {"python"};

void park_init(struct park *park)
{
	*park = (struct park){.channel_fd = -1};
}

const char *park_name(const struct park *park)
{
	return park->language ? park->language->name : NULL;
}

int park_open(struct park *park, const struct place *place, const char *search, int *ret_child_fd,
	      struct error *err)
{
	(void)place;
	assert_string_equal(search, "/bin");
	if (parts.park_open_fails)
		return error_set(err, ERR_IO, "write sitecustomize.py");
	park->channel_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	*ret_child_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return 0;
}

void park_close(struct park *park)
{
	parts.park_closes++;
	descriptor_close(&park->channel_fd);
}

int park_hook_cold(const struct place *place, const char *interpreter, struct environment *environment,
		   struct error *err)
{
	(void)place;
	(void)environment;
	assert_int_equal(parts.hooks++, parts.starts); /* before each start */
	return parts.hook_fails ? error_set(err, ERR_IO, "make %s", interpreter) : 0;
}

int park_read(struct park *park, struct error *err)
{
	assert_true(park_is_open(park));
	return parts.park_read_fails ? error_set(err, ERR_UNAVAILABLE, "it has ended") : 0;
}

bool park_fits(const struct park *park, const struct job *job)
{
	(void)job;
	return parts.fits && park_is_open(park);
}

bool tree_reap(pid_t watched, int *ret_status, bool *ret_ended)
{
	(void)ret_status;
	*ret_ended = *ret_ended || (parts.ended && watched > 0);
	return parts.left || !parts.ended;
}

int tree_end(pid_t watched, int *ret_status, bool *ret_ended, struct error *err)
{
	(void)ret_status;
	(void)ret_ended;
	(void)err;
	assert_true(watched > 0);
	parts.kills++;
	return 0;
}

int collect(int sandbox_fd, uint64_t max_bytes, uint32_t max_count, struct collection *ret, struct error *err)
{
	assert_int_equal(sandbox_fd, -1);
	assert_true(max_bytes == 1234);
	assert_int_equal(max_count, 56);
	if (parts.collect_fails)
		return error_set(err, ERR_IO, "read a directory");
	*ret = (struct collection){.output_fd = -1, .files_fd = -1, .skipped = 2, .over_limit = true};
	return 0;
}

struct str collection_path(const struct collection *collection, size_t index)
{
	(void)collection;
	(void)index;
	return (struct str){NULL, 0};
}

void collection_free(struct collection *collection)
{
	(void)collection;
}

/* The cell */

struct fixture {
	struct interpreters interpreters;
	struct lockdown lockdown;
	struct echo echo;
	int log[2];
	struct cell cell;
	struct error err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f || pipe2(f->log, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	memset(&parts, 0, sizeof(parts));
	snprintf(f->interpreters.path[0], sizeof(f->interpreters.path[0]), "/usr/bin/python3");
	echo_init(&f->echo, f->log[1]);
	cell_init(&f->cell, &(struct cell_services){&f->interpreters, &f->lockdown, "/bin", &f->echo});
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	cell_clear(&f->cell);
	echo_free(&f->echo);
	close(f->log[0]);
	close(f->log[1]);
	free(f);
	return 0;
}

static void expect_log(struct fixture *f, const char *want)
{
	char got[512] = "";
	ssize_t n = read(f->log[0], got, sizeof(got) - 1);
	got[n > 0 ? n : 0] = '\0';
	assert_string_equal(got, want);
}

static void expect_failed(const struct fixture *f, const char *reason, const char *message)
{
	assert_int_equal(cell_state(&f->cell), FRAME_STATE_FINISHED);
	assert_true(f->cell.result.finished);
	assert_string_equal(f->cell.result.failed_reason, reason);
	assert_string_equal(f->cell.result.failed_message, message);
}

/* As after a START. */
static void give_job(struct fixture *f)
{
	struct job *job = &f->cell.job;
	job->state = FRAME_STATE_LOADING;
	job->wanted = true;
	job->interpreter = f->interpreters.path[0];
	job->timeout_ms = 5000;
	job->max_logs = 300;
	job->max_output = 77;
	job->max_files_bytes = 1234;
	job->max_files_count = 56;
	job->begun_us = clock_monotonic_us(&clock_system) - 1000;
	snprintf(job->script, sizeof(job->script), "/sandbox/scripts/main.py");
}

static enum cell_watch start(struct fixture *f)
{
	enum cell_watch watch;
	if (cell_start(&f->cell, &watch, &f->err) != 0)
		fail_msg("%s", f->err.message);
	assert_int_equal(cell_state(&f->cell), FRAME_STATE_RUNNING);
	f->cell.run.deadline_us = INT64_MAX;
	return watch;
}

static void park(struct fixture *f)
{
	enum cell_watch watch;
	f->cell.park.language = &python;
	assert_int_equal(cell_park(&f->cell, &watch, &f->err), 0);
	assert_int_equal(watch, CELL_WATCH_PARK);
}

static void test_init_and_clear(void **state)
{
	struct fixture *f = *state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(cell_state(&f->cell), FRAME_STATE_WAITING);
		assert_int_equal(f->cell.place.fd, -1);
		assert_false(park_is_open(&f->cell.park));
		assert_ptr_equal(f->cell.run.logs, &f->cell.logs);
		assert_ptr_equal(f->cell.job.load.place, &f->cell.place);
		assert_false(f->cell.result.started || f->cell.result.finished);
		assert_string_equal(f->cell.services.search, "/bin");
		give_job(f);
		start(f);
		assert_int_equal(logs_init(&f->cell.logs, 10, &f->err), 0);
		f->cell.place.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		int fd = f->cell.place.fd;
		cell_clear(&f->cell);
		assert_int_equal(fcntl(fd, F_GETFD), -1);
	}
	assert_int_equal(parts.kills, 0);
}

static void test_nothing_to_park(void **state)
{
	struct fixture *f = *state;
	enum cell_watch watch = CELL_WATCH_RUN;
	assert_int_equal(cell_park(&f->cell, &watch, &f->err), 0);
	assert_int_equal(watch, CELL_WATCH_NOTHING);
	assert_int_equal(f->cell.run.child.pid, 0);
}

static void test_park(void **state)
{
	struct fixture *f = *state;
	park(f);
	assert_string_equal(parts.request.interpreter, "/usr/bin/python3");
	assert_ptr_equal(parts.request.script, f->cell.park.script);
	assert_ptr_equal(parts.request.lockdown, &f->lockdown);
	assert_true(parts.request.channel_fd > 0);
	assert_int_equal(fcntl(parts.request.channel_fd, F_GETFD), -1); /* the child has its own */
	assert_int_equal(cell_state(&f->cell), FRAME_STATE_WAITING);
	cell_read_park(&f->cell);
	assert_true(park_is_open(&f->cell.park));
	expect_log(f, "");
}

static void test_park_that_fails(void **state)
{
	struct fixture *f = *state;
	enum cell_watch watch;
	f->cell.park.language = &python;
	parts.run_park_fails = true;
	assert_int_equal(cell_park(&f->cell, &watch, &f->err), -1);
	assert_string_equal(f->err.message, "fork failed");
	cell_lose_parked(&f->cell, &f->err);
	expect_log(f, "skillbox-runner: parked python: fork failed\n");
	assert_false(park_is_open(&f->cell.park));
	parts.park_open_fails = true;
	assert_int_equal(cell_park(&f->cell, &watch, &f->err), -1);
	f->interpreters.path[0][0] = '\0';
	assert_int_equal(cell_park(&f->cell, &watch, &f->err), -1);
	assert_string_equal(f->err.message, "the image has none");
	assert_int_equal(cell_state(&f->cell), FRAME_STATE_WAITING); /* and no job fails for it */
}

static void test_parked_process_that_ends(void **state)
{
	struct fixture *f = *state;
	park(f);
	parts.park_read_fails = true;
	cell_read_park(&f->cell);
	expect_log(f, "skillbox-runner: parked python: it has ended\n");
	assert_false(park_is_open(&f->cell.park));
	cell_read_park(&f->cell); /* an event that was under way */
	expect_log(f, "");
	parts.ended = true;
	cell_reap(&f->cell);
	assert_int_equal(parts.ends, 0); /* that was no run */
}

/* The child knows better than the socket why it gave up. */
static void test_parked_process_that_gives_up(void **state)
{
	struct fixture *f = *state;
	park(f);
	parts.park_read_fails = true;
	parts.status = -1;
	cell_read_park(&f->cell);
	expect_log(f, "skillbox-runner: parked python: apply Landlock\n");
}

static void test_start_cold(void **state)
{
	struct fixture *f = *state;
	give_job(f);
	assert_int_equal(start(f), CELL_WATCH_RUN);
	assert_string_equal(parts.request.interpreter, "/usr/bin/python3");
	assert_string_equal(parts.request.script, "/sandbox/scripts/main.py");
	assert_int_equal(parts.request.channel_fd, 0);
	assert_int_equal(parts.unparks, 0);
	assert_false(f->cell.result.started); /* its status is not known yet */
	assert_int_equal(f->cell.result.max_output, 77);
	assert_true(f->cell.result.load_us >= 1000);
	parts.status = 0;
	cell_read_status(&f->cell);
	assert_false(f->cell.result.started);
	parts.status = 1;
	cell_read_status(&f->cell);
	assert_true(f->cell.result.started);
}

static void test_start_cold_without_its_hook(void **state)
{
	struct fixture *f = *state;
	give_job(f);
	snprintf(f->cell.job.interpreter_name, sizeof(f->cell.job.interpreter_name), "node");
	parts.hook_fails = true;
	assert_int_equal(start(f), CELL_WATCH_RUN);
	assert_int_equal(parts.starts, 1);
	expect_log(f, "skillbox-runner: node: make node\n");
}

static void test_start_in_the_parked_process(void **state)
{
	struct fixture *f = *state;
	park(f);
	parts.fits = true;
	give_job(f);
	assert_int_equal(start(f), CELL_WATCH_NOTHING);
	assert_int_equal(parts.hooks, 0);
	assert_true(f->cell.result.started);
	assert_int_equal(parts.starts, 0);
	assert_int_equal(parts.unparks, 0);
}

static void test_parked_process_that_does_not_fit(void **state)
{
	struct fixture *f = *state;
	park(f);
	give_job(f);
	assert_int_equal(start(f), CELL_WATCH_RUN);
	assert_int_equal(parts.unparks, 1); /* ended before, not beside */
	assert_int_equal(parts.starts, 1);
	assert_false(park_is_open(&f->cell.park));
	expect_log(f, "");
}

static void test_parked_process_that_does_not_take_it(void **state)
{
	struct fixture *f = *state;
	park(f);
	parts.fits = parts.start_parked_fails = true;
	give_job(f);
	assert_int_equal(start(f), CELL_WATCH_RUN);
	expect_log(f, "skillbox-runner: parked python: not ready\n");
	assert_int_equal(parts.unparks, 1);
	assert_int_equal(parts.starts, 1);
}

static void test_start_that_fails(void **state)
{
	struct fixture *f = *state;
	enum cell_watch watch;
	give_job(f);
	parts.start_fails = true;
	assert_int_equal(cell_start(&f->cell, &watch, &f->err), -1);
	cell_abort(&f->cell, "io", &f->err);
	assert_int_equal(parts.kills, 0); /* nobody was started */
	expect_failed(f, "io", "fork failed");
}

static void test_parked_process_that_cannot_be_ended(void **state)
{
	struct fixture *f = *state;
	enum cell_watch watch;
	park(f);
	give_job(f);
	parts.unpark_fails = true;
	assert_int_equal(cell_start(&f->cell, &watch, &f->err), -1);
	assert_int_equal(parts.starts, 0); /* never beside it */
}

static void test_abort_ends_what_lives(void **state)
{
	struct fixture *f = *state;
	give_job(f);
	start(f);
	error_set(&f->err, ERR_IO, "epoll_ctl");
	cell_abort(&f->cell, "io", &f->err);
	assert_int_equal(parts.kills, 1);
	assert_int_equal(parts.ends, 0);
	expect_failed(f, "io", "epoll_ctl");
}

static void test_child_that_gives_up(void **state)
{
	struct fixture *f = *state;
	parts.status = -1;
	cell_read_status(&f->cell); /* nothing runs: of no one */
	assert_int_equal(cell_state(&f->cell), FRAME_STATE_WAITING);
	give_job(f);
	start(f);
	cell_read_status(&f->cell);
	assert_int_equal(parts.kills, 1);
	expect_failed(f, "lockdown_failed", "apply Landlock");
}

static void test_exit(void **state)
{
	struct fixture *f = *state;
	give_job(f);
	start(f);
	cell_reap(&f->cell); /* another child's end */
	assert_int_equal(parts.ends, 0);
	parts.ended = true;
	cell_reap(&f->cell);
	assert_int_equal(parts.ends, 1);
	const struct result *result = &f->cell.result;
	assert_int_equal(cell_state(&f->cell), FRAME_STATE_FINISHED);
	assert_true(result->started && result->finished);
	assert_null(result->failed_reason);
	assert_int_equal(result->exit.reason, FRAME_EXITED);
	assert_int_equal(result->exit.exit_code, 6);
	assert_int_equal(result->exit.files_skipped, 2);
	assert_true(result->exit.files_over_limit);
	cell_reap(&f->cell);
	assert_int_equal(parts.ends, 1); /* once */
}

static void test_end_that_fails(void **state)
{
	struct fixture *f = *state;
	give_job(f);
	start(f);
	parts.end_fails = true;
	cell_end(&f->cell, FRAME_CANCELLED);
	assert_int_equal(parts.why, FRAME_CANCELLED);
	expect_failed(f, "no_interpreter", "it never ran");
}

static void test_results_that_cannot_be_read(void **state)
{
	struct fixture *f = *state;
	give_job(f);
	start(f);
	parts.collect_fails = true;
	cell_end(&f->cell, FRAME_EXITED);
	expect_failed(f, "io", "read a directory");
}

static void test_deadline(void **state)
{
	struct fixture *f = *state;
	f->cell.run.deadline_us = 0;
	assert_int_equal(cell_check_deadline(&f->cell), -1); /* nothing runs */
	assert_int_equal(parts.ends, 0);
	give_job(f);
	start(f);
	assert_int_equal(cell_check_deadline(&f->cell), INT_MAX); /* cut, not wrapped */
	f->cell.run.deadline_us = clock_monotonic_us(&clock_system) + 3600 * 1000000ll;
	int left_ms = cell_check_deadline(&f->cell);
	assert_true(left_ms > 3500 * 1000 && left_ms <= 3600 * 1000);
	f->cell.run.deadline_us = clock_monotonic_us(&clock_system);
	assert_int_equal(cell_check_deadline(&f->cell), -1);
	assert_int_equal(parts.why, FRAME_TIMED_OUT);
	assert_int_equal(parts.ends, 1);
	assert_int_equal(cell_check_deadline(&f->cell), -1);
	assert_int_equal(parts.ends, 1);
}

static void test_exit_at_the_deadline(void **state)
{
	struct fixture *f = *state;
	give_job(f);
	start(f);
	f->cell.run.deadline_us = 0;
	parts.ended = true;
	assert_int_equal(cell_check_deadline(&f->cell), -1);
	assert_int_equal(parts.why, FRAME_EXITED);
	assert_int_equal(parts.ends, 1);
}

/* What it left in the background gets its time, and is looked at once more before that is over. */
static void test_exit_that_leaves_writers(void **state)
{
	struct fixture *f = *state;
	give_job(f);
	start(f);
	parts.ended = parts.left = true;
	parts.linger_deadline_us = INT64_MAX;
	cell_reap(&f->cell);
	assert_int_equal(parts.ends, 0);
	assert_int_equal(cell_state(&f->cell), FRAME_STATE_RUNNING);
	assert_int_equal(cell_check_deadline(&f->cell), INT_MAX);
	parts.linger_deadline_us = 0;
	parts.writes = true;
	assert_int_equal(cell_check_deadline(&f->cell), INT_MAX); /* it had just written */
	parts.left = false;
	cell_reap(&f->cell);
	assert_int_equal(parts.why, FRAME_EXITED);
	assert_int_equal(parts.ends, 1);
}

static void test_writers_that_do_not_end(void **state)
{
	struct fixture *f = *state;
	give_job(f);
	start(f);
	parts.ended = parts.left = true;
	parts.linger_deadline_us = 0;
	cell_reap(&f->cell);
	assert_int_equal(cell_check_deadline(&f->cell), -1);
	assert_int_equal(parts.ends, 1);
	assert_int_equal(cell_state(&f->cell), FRAME_STATE_FINISHED);
}

/* A reason is looked for only where a script failed by itself. */
static void test_reason(void **state)
{
	struct fixture *f = *state;
	static const enum frame_exit_reason rows[] = {FRAME_EXITED, FRAME_TIMED_OUT, FRAME_CANCELLED};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		give_job(f);
		start(f);
		assert_int_equal(logs_init(&f->cell.logs, 100, &f->err), 0);
		logs_append(&f->cell.logs,
			    STR("Traceback (most recent call last):\n  File \"x\"\nKeyError: 1\n"), true);
		cell_end(&f->cell, rows[i]);
		struct str want = rows[i] == FRAME_EXITED ? STR("KeyError: 1") : STR("");
		assert_true(str_eq(buffer_str(&f->cell.result.reason), want));
		cell_clear(&f->cell);
	}
}

/* Its places can't be emptied (there are none): then no other job may come here. */
static void test_forget_that_fails(void **state)
{
	struct fixture *f = *state;
	give_job(f);
	cell_forget_job(&f->cell);
	expect_failed(f, "io", "empty the directories of the skill: Bad file descriptor");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_init_and_clear),
	    TEST(test_nothing_to_park),
	    TEST(test_park),
	    TEST(test_park_that_fails),
	    TEST(test_parked_process_that_ends),
	    TEST(test_parked_process_that_gives_up),
	    TEST(test_start_cold),
	    TEST(test_start_cold_without_its_hook),
	    TEST(test_start_in_the_parked_process),
	    TEST(test_parked_process_that_does_not_fit),
	    TEST(test_parked_process_that_does_not_take_it),
	    TEST(test_start_that_fails),
	    TEST(test_parked_process_that_cannot_be_ended),
	    TEST(test_abort_ends_what_lives),
	    TEST(test_child_that_gives_up),
	    TEST(test_exit),
	    TEST(test_end_that_fails),
	    TEST(test_results_that_cannot_be_read),
	    TEST(test_deadline),
	    TEST(test_exit_at_the_deadline),
	    TEST(test_exit_that_leaves_writers),
	    TEST(test_writers_that_do_not_end),
	    TEST(test_reason),
	    TEST(test_forget_that_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
