/* What a sandbox is sent, as frames made piece by piece as the stream has room. A whole job: JOB and ENV, the
 * bundle's frames, INPUT and its DATA, START; or the bundle's frames alone, ahead of any job. Large parts
 * come from files by pread; no more than a block is in memory. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_JOB_H
#define SKILLBOX_CONTROLLER_SANDBOX_JOB_H

#include "controller/config.h"
#include "controller/sandbox/shape.h"
#include "lib/api/execution.h"
#include "lib/api/skill.h"
#include "lib/base/buffer.h"
#include "lib/frame/frame.h"
#include "lib/run/bundle.h"

#include <stdbool.h>
#include <stdint.h>

/* What is still to be sent. */
enum send_stage { SEND_NOTHING, SEND_AHEAD, SEND_HEAD, SEND_BUNDLE, SEND_INPUT, SEND_TAIL, SEND_ALL_SENT };

struct job {
	const struct controller_config *config;
	char *execution_id;
	/* The run's shape, for a controller that finds the sandbox later. */
	char note[FRAME_MAX_TEXT + 1];
	int64_t timeout_ms;
	/* References; NULL before job_begin, and when they were sent; packages: also of a skill without. */
	struct bundle *bundle, *packages;
	/* The input's text, or NULL: it is in input_fd (owned; -1: none). */
	char *input;
	int input_fd;
	int64_t input_size;
	/* Encoded ENV frames. */
	struct buffer env;
	enum send_stage stage;
	/* What goes out next; the sender consumes it. */
	struct buffer out;
	/* Bytes of the stage's source that were taken already. */
	int64_t sent;
};

/* No job: nothing is sent, and job_clear does nothing. What is zeroed only owns descriptor 0. */
#define JOB_NONE ((struct job){.input_fd = -1})

/* More of an input that was read for the job doesn't stay in memory until it is sent. */
#define JOB_MAX_WAITING_INPUT 65536

/* The job of an execution: its id, environment and inline input; skill may be NULL (no instructions then). Of
 * outlines what is missing comes with job_take_data and job_take_instructions. Nothing is sent before
 * job_begin. job_clear also on failure. */
int job_init(struct job *job, const struct execution *execution, const struct skill *skill,
	     const struct run_shape *shape, const struct controller_config *config, struct error *err);

/* Of a whole execution: input and variables. */
int job_take_data(struct job *job, const struct execution *execution, struct error *err);
/* Of the skill; NULL or "": none. */
int job_take_instructions(struct job *job, const char *instructions, struct error *err);
/* A large input that is in memory goes to a file. */
int job_put_input_aside(struct job *job, struct error *err);

/* No job yet, but the bundles' frames; job_next gives them at once. Takes the references; packages may be
 * NULL. */
void job_init_ahead(struct job *job, struct bundle *bundle, struct bundle *packages);

/* The input of an execution that has it by reference; takes the descriptor. */
void job_take_input(struct job *job, int fd, int64_t size);

/* All of it is here: job_next gives the frames from now on. Takes the references; a bundle_outline of each
 * when the sandbox has the files. packages may be NULL. */
void job_begin(struct job *job, struct bundle *bundle, struct bundle *packages);

/* Fill `out` with what comes next, until stage is SEND_ALL_SENT. */
int job_next(struct job *job, struct error *err);

static inline bool job_is_sent(const struct job *job)
{
	return job->stage == SEND_ALL_SENT && job->out.len == 0;
}

/* Leaves JOB_NONE. */
void job_clear(struct job *job);

#endif
