/* One run, from its job to its result, with all that it owns. A sandbox has one of these.
 *
 * It knows no peer and no event loop: whoever has it watches the descriptors of `run` and `park`, and calls
 * what belongs to each. Everything is done on the caller's thread. */
#ifndef SKILLBOX_RUNNER_CELL_CELL_H
#define SKILLBOX_RUNNER_CELL_CELL_H

#include "runner/cell/echo.h"
#include "runner/cell/job.h"
#include "runner/cell/logs.h"
#include "runner/cell/park.h"
#include "runner/cell/place.h"
#include "runner/cell/result.h"
#include "runner/cell/run.h"

/* What a cell needs of its sandbox. The caller's, and must stay. */
struct cell_services {
	const struct interpreters *interpreters;
	const struct lockdown *lockdown;
	const char *search; /* the image's PATH */
	struct echo *echo;
};

struct cell {
	struct cell_services services;
	struct place place; /* made by the caller (place_make, place_enter) before any frame is taken */
	struct park park;   /* configured by the caller (park_configure) before cell_park */
	struct job job;     /* with the state */
	struct run run;
	struct logs logs;
	struct result result;
};

/* What the caller has to watch after cell_park or cell_start. */
enum cell_watch {
	/* No new process, or the parked one, whose descriptors are watched already. */
	CELL_WATCH_NOTHING,
	/* run.logs_epoll and park.channel_fd */
	CELL_WATCH_PARK,
	/* run.logs_epoll and run.child.status_fd */
	CELL_WATCH_RUN
};

/* A cell without a job. cell_clear ends nothing that runs: it frees, and leaves a cell as after cell_init. */
void cell_init(struct cell *cell, const struct cell_services *services);
void cell_clear(struct cell *cell);

static inline enum frame_state cell_state(const struct cell *cell)
{
	return cell->job.state;
}

/* Start the interpreter that `park` asks for, if it asks for one. That there is none in the end is no error:
 * the script starts cold then. So the caller gives what is wrong to cell_lose_parked, and goes on. */
int cell_park(struct cell *cell, enum cell_watch *ret, struct error *err);
/* Say why in the container's log, and wait for no parked interpreter any more. */
void cell_lose_parked(struct cell *cell, const struct error *err);
/* park.channel_fd is readable. */
void cell_read_park(struct cell *cell);

/* One frame of a job: as job_take. */
int cell_take(struct cell *cell, const struct frame *frame, struct error *err);
/* After job_take's 1: run the script, in the parked interpreter or in a new one. RUNNING, or -1: then
 * cell_abort is the caller's next call. */
int cell_start(struct cell *cell, enum cell_watch *ret, struct error *err);
/* The stream of a job that has not reached START is lost: be as if there had been none. */
void cell_forget_job(struct cell *cell);

/* FINISHED without a run: the result is `reason` (of a FAILED frame) and the message of `err`. */
void cell_fail(struct cell *cell, const char *reason, const struct error *err);
/* The same after something was started: what lives of it is ended first. */
void cell_abort(struct cell *cell, const char *reason, const struct error *err);
/* End a run; FINISHED with its result, or with why there is none. */
void cell_end(struct cell *cell, enum frame_exit_reason why);

/* run.child.status_fd is readable. */
void cell_read_status(struct cell *cell);
/* A child may have ended: collect all that have. If the script is among them, that is the end of the run, at
 * once unless it left processes (run_linger). */
void cell_reap(struct cell *cell);
/* Milliseconds until the deadline of what runs or lingers, rounded up; -1: there is none. Ends the run if it
 * has passed. */
int cell_check_deadline(struct cell *cell);

#endif
