#include "runner/cell/cell.h"

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "runner/cell/reason.h"
#include "runner/system/descriptor.h"
#include "runner/system/tree.h"

#include <limits.h>

void cell_init(struct cell *cell, const struct cell_services *services)
{
	cell->services = *services;
	place_init(&cell->place);
	park_init(&cell->park);
	job_init(&cell->job, &cell->place);
	cell->logs = (struct logs){0};
	run_init(&cell->run, &cell->logs);
	result_init(&cell->result);
}

void cell_clear(struct cell *cell)
{
	const struct cell_services services = cell->services;
	result_free(&cell->result);
	run_free(&cell->run);
	logs_free(&cell->logs);
	park_close(&cell->park);
	job_free(&cell->job);
	place_free(&cell->place);
	cell_init(cell, &services);
}

/* The end */

void cell_fail(struct cell *cell, const char *reason, const struct error *err)
{
	cell->job.state = FRAME_STATE_FINISHED;
	result_fail(&cell->result, reason, err->message);
}

void cell_abort(struct cell *cell, const char *reason, const struct error *err)
{
	struct run *run = &cell->run;
	struct error ignored; /* the child has nothing left to do but end */
	if (run->child.pid > 0)
		tree_end(run->child.pid, &run->status, &run->ended, &ignored);
	cell_fail(cell, reason, err);
}

void cell_end(struct cell *cell, enum frame_exit_reason why)
{
	struct error err = {0};
	struct result *result = &cell->result;
	const struct job *job = &cell->job;
	const char *reason = NULL;
	struct frame_exit exit;
	if (run_end(&cell->run, cell->services.echo, why, &exit, &reason, &err) != 0) {
		cell_fail(cell, reason, &err);
		return;
	}
	if (collect(cell->place.fd, job->max_files_bytes, job->max_files_count, &result->collection, &err) !=
	    0) {
		cell_fail(cell, "io", &err);
		return;
	}
	bool by_itself = exit.reason == FRAME_EXITED || exit.reason == FRAME_SIGNALED;
	if (by_itself && exit.exit_code != 0 &&
	    reason_find(logs_end(&cell->logs, true), logs_end(&cell->logs, false), &result->reason, &err) !=
		0) {
		cell_fail(cell, "io", &err);
		return;
	}
	exit.files_skipped = result->collection.skipped;
	exit.files_over_limit = result->collection.over_limit;
	result->exit = exit;
	result->started = result->finished = true;
	cell->job.state = FRAME_STATE_FINISHED;
}

/* A parked interpreter */

static void say(struct cell *cell, const char *what, const struct error *err)
{
	char line[sizeof(err->message) + FRAME_MAX_NAME + 64];
	int n = snprintf(line, sizeof(line), "skillbox-runner: %s: %s\n", what, err->message);
	if (n > 0)
		echo_write(cell->services.echo, (struct str){line, strlen(line)});
}

void cell_lose_parked(struct cell *cell, const struct error *err)
{
	char what[FRAME_MAX_NAME];
	snprintf(what, sizeof(what), "parked %s", park_name(&cell->park));
	say(cell, what, err);
	park_close(&cell->park);
}

void cell_read_park(struct cell *cell)
{
	struct error err = {0};
	const char *reason;
	if (!park_is_open(&cell->park) || park_read(&cell->park, &err) == 0)
		return;
	run_read_status(&cell->run, &reason, &err); /* it may know better why */
	cell_lose_parked(cell, &err);
}

int cell_park(struct cell *cell, enum cell_watch *ret, struct error *err)
{
	cell->park.has_packages = cell->job.load.have_packages;
	const struct cell_services *services = &cell->services;
	const char *name = park_name(&cell->park);
	cleanup_close int child_fd = -1;
	if (!name) {
		*ret = CELL_WATCH_NOTHING;
		return 0;
	}
	struct spawn_request request = {
	    .interpreter = interpreters_path(services->interpreters, str_of(name)),
	    .script = cell->park.script,
	    .environment = cell->park.environment.entries,
	    .directory = cell->place.path,
	    .lockdown = services->lockdown,
	};
	if (!request.interpreter)
		return error_set(err, ERR_NOT_FOUND, "the image has none");
	if (park_open(&cell->park, &cell->place, services->search, &child_fd, err) != 0)
		return -1;
	request.channel_fd = child_fd;
	if (run_park(&cell->run, &request, err) != 0)
		return -1;
	*ret = CELL_WATCH_PARK;
	return 0;
}

/* The job, and the script's start */

int cell_take(struct cell *cell, const struct frame *frame, struct error *err)
{
	const struct job_context context = {cell->services.interpreters, cell->services.search};
	return job_take(&cell->job, &context, frame, err);
}

void cell_forget_job(struct cell *cell)
{
	struct error err = {0};
	if (job_discard(&cell->job, &err) != 0) /* then this cell is of no use for another */
		cell_fail(cell, "io", &err);
}

static bool start_parked(struct cell *cell)
{
	struct error err = {0};
	if (!park_fits(&cell->park, &cell->job))
		return false;
	if (run_start_parked(&cell->run, &cell->park, &cell->job, cell->services.echo, &err) == 0)
		return true;
	cell_lose_parked(cell, &err);
	return false;
}

/* That something of the hook's is missing is no reason to run nothing. */
static void hook_cold(struct cell *cell)
{
	struct job *job = &cell->job;
	struct error err = {0};
	if (park_hook_cold(&cell->place, job->interpreter_name, &job->environment, &err) != 0)
		say(cell, job->interpreter_name, &err);
}

static int start_cold(struct cell *cell, struct error *err)
{
	const struct job *job = &cell->job;
	park_close(&cell->park);
	if (cell->run.child.pid > 0 && run_unpark(&cell->run, cell->services.echo, err) != 0)
		return -1;
	hook_cold(cell);
	const struct spawn_request request = {
	    .interpreter = job->interpreter,
	    .script = job->script,
	    .environment = job->environment.entries,
	    .directory = cell->place.path,
	    .lockdown = cell->services.lockdown,
	};
	return run_start(&cell->run, &request, job->timeout_ms, job->max_logs, err);
}

int cell_start(struct cell *cell, enum cell_watch *ret, struct error *err)
{
	struct job *job = &cell->job;
	cell->result.load_us = (uint64_t)(clock_monotonic_us(&clock_system) - job->begun_us);
	cell->result.max_output = job->max_output;
	cell->result.started = start_parked(cell);
	if (!cell->result.started && start_cold(cell, err) != 0)
		return -1;
	*ret = cell->result.started ? CELL_WATCH_NOTHING : CELL_WATCH_RUN;
	job->state = FRAME_STATE_RUNNING;
	return 0;
}

/* While it runs */

void cell_read_status(struct cell *cell)
{
	struct error err = {0};
	const char *reason;
	if (cell->job.state != FRAME_STATE_RUNNING)
		return;
	int r = run_read_status(&cell->run, &reason, &err);
	if (r > 0)
		cell->result.started = true;
	else if (r < 0)
		cell_abort(cell, reason, &err);
}

void cell_reap(struct cell *cell)
{
	struct run *run = &cell->run;
	bool was_running = cell->job.state == FRAME_STATE_RUNNING;
	bool left = tree_reap(run->child.pid, &run->status, &run->ended);
	if (!was_running || !run->ended)
		return;
	if (left)
		run_linger(run);
	else
		cell_end(cell, FRAME_EXITED);
}

static int64_t time_left_us(const struct cell *cell)
{
	return run_deadline_us(&cell->run) - clock_monotonic_us(&clock_system);
}

int cell_check_deadline(struct cell *cell)
{
	if (cell->job.state != FRAME_STATE_RUNNING)
		return -1;
	int64_t left_us = time_left_us(cell);
	if (left_us <= 0) {
		/* It may have ended, or said something, just now: PID 1 may have been kept waiting itself. */
		cell_reap(cell);
		if (cell->job.state == FRAME_STATE_RUNNING && cell->run.lingers) {
			run_read_logs(&cell->run, cell->services.echo);
			left_us = time_left_us(cell);
		}
	}
	if (cell->job.state != FRAME_STATE_RUNNING)
		return -1;
	if (left_us <= 0) {
		cell_end(cell, FRAME_TIMED_OUT);
		return -1;
	}
	int64_t left_ms = (left_us + 999) / 1000;
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}
