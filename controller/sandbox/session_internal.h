/* What session.c and session_send.c share. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_SESSION_INTERNAL_H
#define SKILLBOX_CONTROLLER_SANDBOX_SESSION_INTERNAL_H

#include "controller/sandbox/collector.h"
#include "controller/sandbox/job.h"
#include "controller/sandbox/session.h"

struct session {
	const struct session_services *services;
	void (*changed)(void *context);
	void *context;

	enum session_state state;
	struct error problem;
	char *tenant; /* NULL: parked */
	char *token;
	char *found_execution; /* that the sandbox has already; parked only */
	bool has_found_shape;
	struct run_shape found_shape; /* of that run */

	/* files that come ahead of any job; parked only */
	bool wants_files;
	struct bundle *ahead; /* the outline of those that the sandbox has; NULL: it has none */

	/* the job; until there is one, the files that go ahead of it */
	struct job job;
	bool hello_waiting;    /* the runner waits for a job */
	struct bundle *bundle; /* it is here, and not sent yet */
	struct bundle_wait *bundle_wait;
	bool input_wanted;        /* by reference: being fetched */
	struct error job_problem; /* why there is no job; code ERR_NONE: none */

	/* receiving */
	struct exec_stream *stream;
	struct buffer in;
	bool hello_seen;
	bool complete; /* the whole result came: the stream has nothing more to say */
	struct collector *collector;
	struct isolation *isolation;

	int64_t started_ms, cancel_sent_ms, store_failed_ms, store_tried_ms, lost_ms; /* wall clock */
	int64_t opened_us, job_us, started_us, exit_us;                               /* monotonic */
	struct input_fetch *fetch;
};

/* session.c */
void session_lose(struct session *session, const struct error *problem);
/* The job can't be run, and trying again would not help: that is a result. */
void session_fail(struct session *session, const char *code, const char *message);

/* session_send.c: what goes out. Preparing: the callbacks of what has to be fetched come later. */
int session_prepare_input(struct session *session, const struct execution *execution, struct error *err);
int session_load_bundle(struct session *session, const struct skill *skill, const char *tenant,
			struct error *err);
int session_prepare_bundle(struct session *session, const struct skill *skill, struct error *err);
void session_drop_input(struct session *session); /* it is not wanted any more */
int session_put_hello(const struct session *session, struct buffer *out, struct error *err);
/* Send if the runner waits and all that is to be sent is here: the files ahead of a job, or the job. */
void session_maybe_send_ahead(struct session *session);
void session_maybe_send_job(struct session *session);
void session_pump(struct session *session); /* as much as the stream takes */

#endif
