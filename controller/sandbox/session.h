/* How far one sandbox is: its session opens the link, has the job sent and the result collected. It acts on
 * its own and says when its state changed; what follows from a state is the plan's business. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_SESSION_H
#define SKILLBOX_CONTROLLER_SANDBOX_SESSION_H

#include "controller/sandbox/services.h"
#include "controller/sandbox/shape.h"
#include "lib/api/execution.h"
#include "lib/api/pod.h"
#include "lib/api/skill.h"
#include "lib/base/error.h"
#include "lib/run/run_result.h"

#include <stdint.h>

enum session_state {
	/* There is no session. */
	SESSION_NONE,
	/* Nobody's yet: the sandbox of a pool said hello. */
	SESSION_PARKED,
	/* Stream and job are on their way. */
	SESSION_OPENING,
	/* The script runs. */
	SESSION_RUNNING,
	/* It ended; the result arrives or is being stored. */
	SESSION_COLLECTING,
	/* The result is here, but the blob store didn't take it: try again. */
	SESSION_STORE_FAILED,
	/* The result is complete. */
	SESSION_DONE,
	/* The stream broke; the sandbox may hold the job or the result. */
	SESSION_LOST,
};

struct session;

/* With the sandbox of an Execution. pod, skill, execution are read during the call only. skill may be NULL
 * when the sandbox has its job already (a skill that was deleted meanwhile); should the sandbox turn out to
 * wait, the run has failed for that reason. changed is called from the loop, and not from inside
 * session_start. */
struct session *session_start(const struct session_services *services, const struct execution *execution,
			      const struct skill *skill, const struct run_shape *shape, const struct pod *pod,
			      const char *tenant, void (*changed)(void *context), void *context,
			      struct error *err);

/* With a sandbox of a pool, before it is anybody's: opens the stream and awaits the HELLO; then it is
 * SESSION_PARKED. skill, of that tenant: the sandbox gets its files first, and is parked when it says that it
 * has them all; only Executions of just this skill may be assigned to it. NULL: it gets none. */
struct session *session_park(const struct session_services *services, const struct pod *pod,
			     const struct skill *skill, const char *tenant, void (*changed)(void *context),
			     void *context, struct error *err);

/* What the sandbox of a parked session turned out to run already, when another controller gave it a job: the
 * id of an Execution; its stream is closed then. NULL: it waits. */
const char *session_found_execution(const struct session *session);
/* The shape of that run; NULL if it is not known. */
const struct run_shape *session_found_shape(const struct session *session);

/* Give a parked session an Execution; from here on it is as one from session_start. -1 with err: it is
 * of no use any more, free it. */
int session_assign(struct session *session, const struct execution *execution, const struct skill *skill,
		   const struct run_shape *shape, const char *tenant, void (*changed)(void *context),
		   void *context, struct error *err);

/* NULL-safe; returns NULL. Not from inside changed. */
struct session *session_free(struct session *session);

/* Tell the runner to kill the script's processes and send what there is. Once; nothing without a stream. */
void session_cancel(struct session *session);

/* Store the result again; only in SESSION_STORE_FAILED. */
void session_retry_store(struct session *session);

enum session_state session_state(const struct session *session);
/* Why, in SESSION_LOST and SESSION_STORE_FAILED. */
const char *session_problem(const struct session *session);
/* In SESSION_DONE; the session's. */
const struct run_result *session_result(const struct session *session);
/* Monotonic time of the runner's HELLO; 0 before it. */
int64_t session_opened_us(const struct session *session);
/* Wall clock; 0: it did not happen. The script's start, our CANCEL, the stream's loss, and the first and the
 * last time that the result could not be stored. */
int64_t session_started_ms(const struct session *session);
int64_t session_cancel_sent_ms(const struct session *session);
int64_t session_lost_ms(const struct session *session);
int64_t session_store_failed_ms(const struct session *session);
int64_t session_store_tried_ms(const struct session *session);

#endif
