/* What to do about one SandboxPool: a pure function of what was observed, as plan.h is for an Execution. */
#ifndef SKILLBOX_CONTROLLER_POOL_PLAN_H
#define SKILLBOX_CONTROLLER_POOL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_MAX_AGE_MS (60 * 60 * 1000) /* a sandbox that nobody wanted for so long is made anew */
#define POOL_IMAGE_GRACE_MS 20000
#define POOL_MAX_STREAM_LOSSES 8
#define POOL_STREAM_BACKOFF_MS 250 /* doubled with each loss */
#define POOL_BACKOFF_MS 1000       /* after a sandbox that never got ready, doubled with each */
#define POOL_BACKOFF_MAX_MS 60000
#define POOL_REFUSED_MAX_MS 10000 /* after a Pod that could not even be created: to ask again is cheap */
#define POOL_HELD_MS 2000         /* so long Executions wait for a pool that may make none */
#define POOL_MESSAGE_SIZE 1280
/* The reason of one that is not ready, and nothing keeps it from being. */
#define POOL_FILLING "Filling"

enum member_state {
	MEMBER_EXPECTED, /* created; the watch has not shown it */
	MEMBER_STARTING, /* its container does not run yet */
	MEMBER_OPENING,  /* the stream is being opened, or an interpreter starts */
	MEMBER_READY,    /* waits for an Execution */
	MEMBER_LOST,     /* its stream broke */
	MEMBER_CLAIMED,  /* has an Execution, which decides over it */
	MEMBER_USED,     /* had one */
	MEMBER_ENDED,    /* the container ended */
	MEMBER_DELETED,  /* is going */
};

struct member_view {
	enum member_state state;
	bool fits;               /* made from the template as it is now */
	bool reached;            /* was ready once */
	int64_t age_ms, lost_ms; /* since its creation; since the stream's loss */
	unsigned losses;
	/* What keeps its Pod from starting, for programs and for people; NULL: nothing that is known. */
	const char *trouble, *trouble_message;
	/* It may heal, but not for long: an image or a container that can't be had. */
	bool waits_in_vain;
};

struct pool_observation {
	const char *invalid;        /* why the spec can't be served, or not now; NULL */
	const char *invalid_reason; /* the same in one word */
	int64_t replicas, waiting;  /* asked for; Executions that wait for a sandbox of it */
	int64_t room;               /* so many may start, beside those that start elsewhere */
	int64_t tenant_starting;    /* sandboxes of its tenant that start elsewhere */
	int64_t start_timeout_ms;
	const char *problem;        /* what the last one that failed suffered from; NULL or "" : not known */
	const char *problem_reason; /* the same in one word; NULL: there is none */
	bool refused;               /* that one could not even be created */
	unsigned failures;          /* sandboxes in a row that never got ready … */
	int64_t failed_ms;          /* … and how long ago the last was given up */
	const struct member_view *members;
	size_t member_count;
};

enum member_action {
	MEMBER_KEEP,
	MEMBER_OPEN,
	MEMBER_DELETE,
	MEMBER_GIVE_UP /* delete, and count a failure */
};

struct pool_plan {
	int64_t creates;
	bool is_held;       /* it would make more if more might start at once */
	int64_t requeue_ms; /* look again after this; -1: only when something changes */
	int64_t unclaimed, ready, claimed;
	bool is_ready;
	const char *reason; /* of the condition Ready */
	char message[POOL_MESSAGE_SIZE];
};

/* ret_actions: one for each member. */
void pool_plan(const struct pool_observation *seen, enum member_action *ret_actions, struct pool_plan *ret);

#endif
