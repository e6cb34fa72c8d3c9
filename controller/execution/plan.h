/* What to do about one Execution: a pure function of what was observed. No clock, no network, no memory of
 * its own. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_PLAN_H
#define SKILLBOX_CONTROLLER_EXECUTION_PLAN_H

#include "controller/config.h"
#include "controller/execution/observation.h"

#include <stdbool.h>
#include <stdint.h>

/* sandboxes tried before sandbox_lost */
#define PLAN_MAX_ATTEMPTS 3
/* streams tried into one sandbox */
#define PLAN_MAX_STREAM_LOSSES 8
/* before the second try, doubled each time: a Pod that ended says so meanwhile */
#define PLAN_STREAM_BACKOFF_MS 250
#define PLAN_STREAM_BACKOFF_MAX_MS 2000
/* an image error may heal within this, counted from the making of the Pod, and was told that long: a registry
 * that doesn't answer shows itself late */
#define PLAN_IMAGE_GRACE_MS 20000
#define PLAN_IMAGE_TOLD_MS 5000
/* CANCEL sent → result, else we give up on logs */
#define PLAN_CANCEL_GRACE_MS 5000
/* beyond the run's timeout, for the way there and back */
#define PLAN_COLLECT_GRACE_MS 60000
/* the blob store may be away this long */
#define PLAN_STORE_GRACE_MS 600000
#define PLAN_STORE_RETRY_MS 1000
/* a pool says when it has a sandbox, or won't have one; meanwhile what keeps it from that may change */
#define PLAN_POOL_WAIT_MS 5000
/* runs shorter than this are written once, at the end */
#define PLAN_RUNNING_PATCH_MS 1000

/* a run that goes as it should is told of when it has not begun by then: most have ended */
#define PLAN_SILENCE_MS 2000
/* figures in the words of whoever refuses change with each try */
#define PLAN_REPORT_AGAIN_MS 30000
/* a scheduler may find a node a moment later */
#define PLAN_UNSCHEDULABLE_MS 500
/* the Pod was deleted, and is not gone */
#define PLAN_GOING_MS 60000
/* for a place to start a sandbox */
#define PLAN_QUEUE_MS (24 * 60 * 60 * 1000)

/* of an Event */
#define PLAN_NOTE_SIZE 1024

/* In the order in which they are carried out: apply.c has one table of them, and docs/architecture.md shows
 * it. */
enum action {
	/* for a place to start a sandbox */
	ACTION_WAIT = 1 << 0,
	/* for a sandbox of a pool to get ready */
	ACTION_WAIT_IN_LINE = 1 << 1,
	/* a sandbox of a pool, with its session */
	ACTION_CLAIM = 1 << 2,
	ACTION_CREATE_POD = 1 << 3,
	ACTION_CANCEL_SESSION = 1 << 4,
	ACTION_CLOSE_SESSION = 1 << 5,
	ACTION_OPEN_SESSION = 1 << 6,
	ACTION_RETRY_STORE = 1 << 7,
	ACTION_PATCH_STATUS = 1 << 8,
	/* with ACTION_PATCH_STATUS: once that is written */
	ACTION_DELETE_POD = 1 << 9,
	ACTION_ARCHIVE = 1 << 10,
	ACTION_DELETE_EXECUTION = 1 << 11,
};
#define ACTION_COUNT 12

struct plan {
	/* name of the rule that decided; never NULL */
	const char *rule;
	/* set of enum action */
	unsigned actions;
	/* with ACTION_PATCH_STATUS: meta of the observed object and the whole new status; owned */
	struct execution *wish;
	/* of the run, with whatever needs one: a Pod, a claim, a session, waiting in line */
	struct run_shape shape;
	/* look again after this many ms; -1: only when something changes */
	int64_t requeue_ms;
	/* an Event to record before all else: type ("Normal" or "Warning"), reason (NULL: none), note */
	const char *event_type, *event_reason;
	char event_note[PLAN_NOTE_SIZE];
};

/* The rules are asked one after another; the first that has something to say decides. */
int plan_execution(const struct observation *seen, const struct controller_config *config, struct plan *ret,
		   struct error *err);
void plan_clear(struct plan *plan);

/* The rules' names, in the order in which they are asked. NULL: there are no more. */
const char *plan_rule_name(size_t index);

#endif
