/* What the controller remembers of an Execution between two looks: sessions and calls on their way.
 * Everything here can be lost (restart) without harm; the truth is in the cluster. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_TRACKED_H
#define SKILLBOX_CONTROLLER_EXECUTION_TRACKED_H

#include "controller/controller.h"
#include "controller/execution/plan.h"

enum sandbox_stage {
	SANDBOX_NONE,
	SANDBOX_WAITING,  /* for a place; see capacity.h */
	SANDBOX_STARTING, /* created, not ready */
	SANDBOX_READY,
};

struct tracked {
	struct map_node node; /* key: "namespace/name" */
	struct controller *controller;
	char *namespace, *uid;
	struct session *session;
	char *session_pod_uid;    /* the Pod the session is with */
	char *claimed_pod;        /* name of the Pod of a pool that it was given; NULL: none */
	enum sandbox_stage stage; /* by capacity_note */
	bool waits_for_pool;      /* by pools_wait */
	bool woken;               /* a pool has a sandbox for it, and the look that takes it is to come */
	unsigned stream_losses;
	bool has_shape;
	struct run_shape shape;      /* of the Pod that we created */
	int64_t seen_us, created_us; /* monotonic: first seen; Pod created; 0: unknown */
	int64_t pod_created_ms;      /* wall clock of our create; 0: none that the watch has not shown */
	char *pod_create_problem;    /* why the last create was refused */
	char *deleted_pod_uid;       /* the Pod that we deleted last */
	struct execution *written; /* the object as our last status patch left it, until the watch shows it */
	int64_t written_ms;
	bool in_pass;   /* calls are under way */
	bool ending;    /* its last status is being written */
	bool end_shown; /* … and the watch has shown it */
	bool settled;   /* … and was; the watch has not shown it yet */
};

struct tracked *tracked_get(struct controller *controller, struct str key, const char *uid,
			    struct error *err); /* made if absent */
struct tracked *tracked_find(const struct controller *controller, struct str key);
void tracked_forget_sandbox(struct tracked *tracked); /* another one is to be made */
void tracked_drop(struct tracked *tracked);           /* not while calls are under way */

#endif
