/* The job of a run as the frames that a sandbox takes, made piece by piece as the stream has room: JOB and
 * ENV, the bundle's frames, INPUT and its DATA, START. Large parts come from files by pread; no more than a
 * block is in memory. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_JOB_H
#define SKILLBOX_CONTROLLER_SANDBOX_JOB_H

#include "controller/config.h"
#include "controller/sandbox/bundle.h"
#include "lib/api/execution.h"
#include "lib/api/skill.h"

#include <stdint.h>

/* What is still to be sent. */
enum send_stage { SEND_NOTHING, SEND_AHEAD, SEND_HEAD, SEND_BUNDLE, SEND_INPUT, SEND_TAIL, SEND_ALL_SENT };

struct job {
	const struct controller_config *config;
	char *execution_id;
	char note[FRAME_MAX_TEXT + 1]; /* the run's shape, for a controller that finds the sandbox later */
	int64_t timeout_ms;
	struct bundle *bundle; /* a reference; NULL until it is loaded */
	char *input;           /* the input's text, or NULL: input_fd */
	int input_fd;          /* owned; -1: none */
	int64_t input_size;
	struct buffer env; /* encoded ENV frames */
	enum send_stage stage;
	struct buffer out; /* what goes out next; the sender consumes it */
	int64_t sent;      /* bytes of the stage's source already taken */
};

/* Execution id, environment and an inline input; skill may be NULL (no instructions then). job_clear in any
 * case. */
int job_init(struct job *job, const struct execution *execution, const struct skill *skill,
	     int64_t timeout_ms, const struct controller_config *config, struct error *err);
void job_clear(struct job *job);

/* Before there is a job: begin to send the bundle's frames and nothing else, up to SEND_ALL_SENT. `job` is
 * zeroed but for the bundle; job_clear and job_init follow. */
void job_begin_ahead(struct job *job);

/* Fill `out` with what comes next, until stage is SEND_ALL_SENT. Set stage to SEND_HEAD to begin; bundle and
 * input must be there. */
int job_next(struct job *job, struct error *err);

#endif
