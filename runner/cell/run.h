/* The script while it runs, and its end. */
#ifndef SKILLBOX_RUNNER_CELL_RUN_H
#define SKILLBOX_RUNNER_CELL_RUN_H

#include "lib/frame/frame.h"
#include "runner/cell/echo.h"
#include "runner/cell/logs.h"
#include "runner/cell/park.h"
#include "runner/cell/spawn.h"

struct run {
	struct spawned child; /* descriptors are -1 when closed */
	/* Watches the script's stdout and stderr: events come in the order of first arrival. */
	int logs_epoll;
	struct logs *logs;             /* the cell's: they outlive the run, as part of its result */
	bool begun;                    /* the child runs the script: what it writes is the job's log */
	bool parked;                   /* it had waited for it */
	int64_t start_us, deadline_us; /* clock_system */
	bool executed;                 /* the interpreter runs */
	bool ended;                    /* the main process was collected, `status` is its wait status */
	int status;
	/* It has ended, and processes that it left are given time to write what they have. */
	bool lingers;
	int64_t ended_us, heard_us; /* then: since when, and when one of them wrote last */
	int oom_fd;
	uint64_t oom_before;
};

void run_init(struct run *run, struct logs *logs);
void run_free(struct run *run);

/* Start a process that waits for its script (park.h). What it writes until then goes to the echo alone. */
int run_park(struct run *run, const struct spawn_request *request, struct error *err);
/* End the process that waits, and all that it started. */
int run_unpark(struct run *run, struct echo *echo, struct error *err);

/* The script begins: in a new process … */
int run_start(struct run *run, const struct spawn_request *request, uint32_t timeout_ms, uint32_t max_logs,
	      struct error *err);
/* … or in the one that waits. -1: it has not begun, and may begin elsewhere once run_unpark has ended that.
 */
int run_start_parked(struct run *run, struct park *park, const struct job *job, struct echo *echo,
		     struct error *err);

/* logs_epoll is readable: take one piece of each pipe that has something. */
void run_read_logs(struct run *run, struct echo *echo);

/* child.status_fd is readable: as spawn_read_status, and remembers. */
int run_read_status(struct run *run, const char **ret_reason, struct error *err);

/* The script has ended, and left processes: writers in the background, as "… | tee log.txt" has them. They
 * get until they end or say nothing for RUN_QUIET_MS, at most RUN_LINGER_MS and never beyond the script's own
 * time. */
#define RUN_QUIET_MS 250
#define RUN_LINGER_MS 2000
void run_linger(struct run *run);

/* When the run has to be ended at the latest, as far as is known now; clock_system. */
int64_t run_deadline_us(const struct run *run);

/* End the whole process tree, take what is left in the pipes and say how it went. `why`: FRAME_EXITED when
 * the script ended by itself (which holds for one that lingers), FRAME_TIMED_OUT or FRAME_CANCELLED. On -1
 * *ret_reason is the reason of a FAILED frame. */
int run_end(struct run *run, struct echo *echo, enum frame_exit_reason why, struct frame_exit *ret,
	    const char **ret_reason, struct error *err);

#endif
