/* What the controller remembers of an Execution between two looks: what state it is in, its session, calls on
 * their way. Everything here can be lost (restart) without harm; the truth is in the cluster. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_STATE_H
#define SKILLBOX_CONTROLLER_EXECUTION_STATE_H

#include "controller/execution/services.h"
#include "controller/pool/demand.h"
#include "controller/sandbox/session.h"
#include "controller/sandbox/shape.h"
#include "controller/sandbox/trouble.h"

/* States of an Execution that is tracked. tracked_move is the only function that changes one; each state has
 * a list of those that are in it. Looks (observe → plan → apply) are one at a time, and find one of the first
 * six, or TRACKED_SETTLED. */
enum tracked_state {
	/* It has no sandbox and waits in no line: it was seen just now, its skill is missing, the sandbox was
	 * lost, it ended and its Pod is gone. The next look decides. Whatever else goes wrong leads back
	 * here.
	 */
	TRACKED_IDLE,
	/* It waits for a place to start a sandbox, since its tenant has as many as it may, or too many start.
	 * It is woken when a place becomes free and it is the next (capacity.h), and stays in this state
	 * until the look that follows. */
	TRACKED_WAITING,
	/* It waits for a sandbox of the pools (demand.h) and holds nothing of its own. A pool wakes it: it is
	 * TRACKED_WOKEN then, or TRACKED_IDLE if it had better look for another way. */
	TRACKED_IN_LINE,
	/* A pool has a sandbox for it, and counts on the look that takes it. That look ends this state,
	 * whatever it finds. */
	TRACKED_WOKEN,
	/* A Pod is being made for it, or was and its container does not run yet. It counts as one that
	 * starts. From here to TRACKED_READY, or back when the Pod ended or is gone. */
	TRACKED_STARTING,
	/* It has a sandbox that runs: its own Pod, or one that it claimed. It stays here until its Pod ends
	 * or goes, or its last status is written. */
	TRACKED_READY,
	/* Its last status is being written. What it held before it still holds (`before`), and has again if
	 * the write fails. */
	TRACKED_ENDING,
	/* The same, and the watch has shown that status before the write was answered. With the answer
	 * nothing is left to remember, and it is dropped. */
	TRACKED_END_SHOWN,
	/* Its last status was written, and the watch has not shown it yet. It holds nothing. When the watch
	 * does, it is dropped without another look. */
	TRACKED_SETTLED,
	TRACKED_STATE_COUNT
};

struct pass;

/* UIDs of Kubernetes have 36 characters. */
#define TRACKED_UID_SIZE 64

struct tracked {
	struct map_node node; /* key: "namespace/name" */
	struct executions *executions;
	char *namespace, *uid;

	/* by tracked_move only */
	enum tracked_state state;
	/* in TRACKED_ENDING, TRACKED_END_SHOWN: the state before these */
	enum tracked_state before;
	/* in the list of its state */
	TAILQ_ENTRY(tracked) link;
	struct capacity_place place;
	/* in TRACKED_IN_LINE, TRACKED_WOKEN */
	struct demand demand;

	/* The plan that is being applied; NULL: none is. */
	struct pass *pass;
	/* The stream into its sandbox, and the UID of the Pod that it leads to. */
	struct session *session;
	char *session_pod_uid;
	/* name of the Pod of a pool that it was given; NULL: none */
	char *claimed_pod;
	/* UID of the Pod that it has, made for it or claimed: no other of the same name is its own. "": none
	 * that is known */
	char pod_uid[TRACKED_UID_SIZE];
	/* streams lost into this sandbox */
	unsigned stream_losses;
	/* of the run in the sandbox that it has, or that is being made for it; see tracked_shape */
	struct run_shape shape;
	/* monotonic: first seen; Pod created or claimed; 0: unknown */
	int64_t seen_us, created_us;
	/* wall clock of our create; 0: none that the watch has not shown */
	int64_t pod_created_ms;
	/* Why the last create was refused, NULL: it was not; wall clock of the first in a row, how many there
	 * were, and wall clock of the next try. */
	struct trouble *refusal;
	int64_t refused_ms, retry_ms;
	unsigned refusals;
	/* wall clock since when another namespace is said to be its tenant's, too; 0: none is */
	int64_t rival_ms;
	/* wall clock of our last report on what it waits for */
	int64_t reported_ms;
	/* the Pod that we deleted last */
	char *deleted_pod_uid;
	/* the object as our last status patch left it, until the watch shows it */
	struct execution *written;
	int64_t written_ms;
};

TAILQ_HEAD(tracked_list, tracked);

/* All of them. */
struct executions {
	struct execution_services services;
	/* unfinished ones that we work on, by "namespace/name" */
	struct map tracked;
	struct tracked_list by_state[TRACKED_STATE_COUNT];
	/* plans being applied */
	LIST_HEAD(, pass) passes;
};

/* services is copied. */
struct executions *executions_new(const struct execution_services *services, struct error *err);
/* No pass may be under way: apply_forget. NULL-safe; returns NULL. */
struct executions *executions_free(struct executions *executions);

/* By what they hold. */
struct capacity_counts executions_count(const struct executions *executions);
/* Is it known that this Execution has another sandbox of a pool than that Pod? */
bool executions_have_another(const struct executions *executions, struct str key, const char *pod_name);

struct tracked *tracked_find(const struct executions *executions, struct str key);
/* Made if absent, in TRACKED_IDLE. NULL with err. */
struct tracked *tracked_get(struct executions *executions, struct str key, const char *uid,
			    struct error *err);
void tracked_move(struct tracked *tracked, enum tracked_state state);
/* For logs and tests. */
const char *tracked_state_name(enum tracked_state state);
/* Is its last status being written? */
bool tracked_is_ending(const struct tracked *tracked);
/* NULL: it has no sandbox, and none is being made. */
const struct run_shape *tracked_shape(const struct tracked *tracked);
/* shape NULL: none. */
void tracked_set_shape(struct tracked *tracked, const struct run_shape *shape);
/* To create its Pod was refused; it is tried again, later each time. */
void tracked_note_refusal(struct tracked *tracked, const struct trouble *trouble);
/* It was its tenant's quota that refused it: the tenant's next try may be its own, or another's. */
void tracked_wait_for_quota(struct tracked *tracked);
void tracked_forget_refusal(struct tracked *tracked);
/* This Pod is its own from now on. One with a UID that is too long is nobody's. */
void tracked_know_pod(struct tracked *tracked, const char *uid);
bool tracked_owns_pod(const struct tracked *tracked, const struct pod *pod);
/* Another sandbox is to be made. */
void tracked_forget_sandbox(struct tracked *tracked);
/* Not while a plan is being applied. */
void tracked_drop(struct tracked *tracked);

#endif
