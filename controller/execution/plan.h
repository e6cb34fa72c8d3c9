/* What to do about one Execution: a pure function of what was observed. No clock, no network, no memory of
 * its own. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_PLAN_H
#define SKILLBOX_CONTROLLER_EXECUTION_PLAN_H

#include "controller/config.h"
#include "controller/pool/demand.h"
#include "controller/sandbox/run_result.h"
#include "controller/sandbox/session.h"
#include "controller/sandbox/shape.h"
#include "lib/api/execution.h"
#include "lib/api/pod.h"
#include "lib/api/skill.h"

#include <stdbool.h>
#include <stdint.h>

#define PLAN_MAX_ATTEMPTS 3      /* sandboxes tried before sandbox_lost */
#define PLAN_MAX_STREAM_LOSSES 8 /* streams tried into one sandbox */
#define PLAN_STREAM_BACKOFF_MS                                                                               \
	250 /* before the second try, doubled each time: a Pod that ended says so meanwhile */
#define PLAN_STREAM_BACKOFF_MAX_MS 2000
#define PLAN_IMAGE_GRACE_MS 20000   /* an image error may heal within this */
#define PLAN_CANCEL_GRACE_MS 5000   /* CANCEL sent → result, else we give up on logs */
#define PLAN_COLLECT_GRACE_MS 60000 /* beyond the run's timeout, for the way there and back */
#define PLAN_STORE_GRACE_MS 600000  /* the blob store may be away this long */
#define PLAN_STORE_RETRY_MS 1000
#define PLAN_POOL_WAIT_MS                                                                                    \
	300000 /* a pool says when it has a sandbox, or won't have one; this is in case it doesn't */
#define PLAN_RUNNING_PATCH_MS 1000 /* runs shorter than this are written once, at the end */

struct observation {
	const struct execution *execution;
	bool namespace_is_tenant;
	const struct skill *skill;     /* resolved; NULL if there is none */
	const struct run_shape *shape; /* of the sandbox that was made for it; NULL if none was made */
	const struct pod *pod;         /* of the current attempt; NULL if there is none */
	bool claimed;                  /* that Pod is of a pool, and was given to this Execution */
	bool warm;                     /* it was given a waiting sandbox */
	bool pod_lost;                 /* it was given one that is there no more */
	int64_t sandbox_age_ms;        /* since the Pod's creation, or since it was given to this Execution */
	enum pool_offer pool;          /* asked only while there is no Pod */
	bool pod_expected;             /* we created it and the watch has not shown it yet */
	const char *pod_create_problem;    /* message of the last refused creation, NULL if none */
	int64_t tenant_starting, starting; /* sandboxes not ready yet: the tenant's, everybody's */
	int64_t tenant_sandboxes;          /* sandboxes that the tenant has now, this one not counted */
	enum session_state session;
	const struct run_result *result; /* in SESSION_DONE */
	const char *session_problem;     /* in SESSION_LOST, SESSION_STORE_FAILED */
	int64_t store_failed_ms;         /* wall clock of the first failure to store the result, 0 if none */
	int64_t store_tried_ms;          /* of the last one */
	int64_t lost_ms;                 /* wall clock of the stream's loss, in SESSION_LOST */
	unsigned stream_losses;          /* into this sandbox */
	int64_t started_ms;              /* wall clock of the script's start, 0 if not started */
	int64_t cancel_sent_ms;          /* wall clock, 0 if not sent */
	double queue_ms, sandbox_ms, total_ms; /* timings so far; from the objects' own times, to the second,
						  if another controller began it */
	bool archived;                         /* the end is in the database, or none is configured */
	bool archiving;                        /* that is under way */
	int64_t now_ms;
};

enum action {
	ACTION_CREATE_POD = 1 << 0,
	ACTION_DELETE_POD = 1 << 1,
	ACTION_OPEN_SESSION = 1 << 2,
	ACTION_CANCEL_SESSION = 1 << 3,
	ACTION_CLOSE_SESSION = 1 << 4,
	ACTION_RETRY_STORE = 1 << 5,
	ACTION_PATCH_STATUS = 1 << 6,
	ACTION_DELETE_EXECUTION = 1 << 7,
	ACTION_ARCHIVE = 1 << 8,
	ACTION_CLAIM = 1 << 9, /* a sandbox of a pool, with its session */
};

struct plan {
	unsigned actions; /* set of enum action; applied in the order of the enum's values, PATCH_STATUS
			     before DELETE_POD */
	struct execution
	    *wish; /* with ACTION_PATCH_STATUS: meta of the observed object and the whole new status; owned */
	struct run_shape
	    shape; /* of the run, with whatever needs one: a Pod, a claim, a session, waiting for a pool */
	int64_t requeue_ms;       /* look again after this many ms; -1: only when something changes */
	bool waiting;             /* for a place to start a sandbox */
	bool waits_for_pool;      /* for a sandbox of one to get ready */
	const char *event_reason; /* an Event to record, NULL for none */
	const char *event_type;   /* "Normal" or "Warning" */
	char event_note[512];
};

int plan_execution(const struct observation *seen, const struct controller_config *config, struct plan *ret,
		   struct error *err);
void plan_clear(struct plan *plan);

#endif
