/* The job that this sandbox gets, from its first FILE or JOB to START. */
#ifndef SKILLBOX_RUNNER_CELL_JOB_H
#define SKILLBOX_RUNNER_CELL_JOB_H

#include "lib/frame/frame.h"
#include "runner/cell/load.h"
#include "runner/system/environment.h"
#include "runner/system/interpreter.h"
#include "runner/system/paths.h"

#define JOB_SCRIPTS PATH_SCRIPTS "/"

struct job {
	enum frame_state state;
	bool wanted;           /* JOB has come */
	unsigned files_before; /* FILEs that came before it */
	int64_t begun_us;
	char execution_id[FRAME_MAX_NAME + 1];
	char note[FRAME_MAX_TEXT + 1];
	char interpreter_name[FRAME_MAX_NAME + 1];
	const char *interpreter; /* its path, of struct interpreters */
	char script[sizeof(JOB_SCRIPTS) + FRAME_MAX_PATH];
	uint32_t timeout_ms, max_output, max_logs, max_files_count;
	uint64_t max_files_bytes;
	struct environment environment;
	struct load load;
};

/* `search`: the image's PATH. All are the caller's and must stay. */
struct job_context {
	const struct interpreters *interpreters;
	const char *search;
};

/* `place` is the caller's and must stay. */
void job_init(struct job *job, const struct place *place);
void job_free(struct job *job);

/* What every script's environment begins with; interpreters read some of it while they start. */
int job_base_environment(struct environment *environment, const char *search, struct error *err);

/* JOB, ENV, FILE, INPUT, DATA or START. 1: that was START and the script can run (the state is still
 * LOADING); 0: more is to come; -1: ERR_PROTOCOL if the peer broke the order of things, otherwise the job
 * can't be run. */
int job_take(struct job *job, const struct job_context *context, const struct frame *frame,
	     struct error *err);

/* Files came ahead of a JOB, and none of them is incomplete. */
bool job_has_files(const struct job *job);

/* Forget a job that has not reached START. */
int job_discard(struct job *job, struct error *err);

/* The reason of a FAILED frame for an error of job_take. */
const char *job_failed_reason(enum error_code code);

#endif
