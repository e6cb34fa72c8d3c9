/* What the controller remembers of an Execution between two looks: sessions and calls on their way.
 * Everything here can be lost (restart) without harm; the truth is in the cluster. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_STATE_H
#define SKILLBOX_CONTROLLER_EXECUTION_STATE_H

#include "controller/execution/plan.h"
#include "controller/execution/services.h"
#include "lib/base/map.h"

enum sandbox_stage {
	SANDBOX_NONE,
	SANDBOX_WAITING,  /* for a place; see capacity.h */
	SANDBOX_STARTING, /* created, not ready */
	SANDBOX_READY,
};

struct tracked {
	struct map_node node; /* key: "namespace/name" */
	struct executions *executions;
	char *namespace, *uid;
	struct session *session;
	char *session_pod_uid;    /* the Pod the session is with */
	char *claimed_pod;        /* name of the Pod of a pool that it was given; NULL: none */
	enum sandbox_stage stage; /* by capacity_note */
	struct demand demand;     /* while it waits for a sandbox of a pool */
	unsigned stream_losses;
	bool has_shape;
	struct run_shape shape;      /* of the sandbox that it has, or that is being made */
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

/* All of them. */
struct executions {
	struct execution_services services;
	struct map tracked;       /* unfinished ones that we work on, by "namespace/name" */
	LIST_HEAD(, pass) passes; /* plans being applied */
};

/* services is copied. */
struct executions *executions_new(const struct execution_services *services, struct error *err);
/* What waits for answers is forgotten: they must not come any more. NULL-safe; returns NULL. */
struct executions *executions_free(struct executions *executions);

struct capacity_counts {
	int64_t waiting, starting, ready;
};
struct capacity_counts executions_count(const struct executions *executions);

struct tracked *tracked_get(struct executions *executions, struct str key, const char *uid,
			    struct error *err); /* made if absent */
struct tracked *tracked_find(const struct executions *executions, struct str key);
void tracked_forget_sandbox(struct tracked *tracked); /* another one is to be made */
void tracked_drop(struct tracked *tracked);           /* not while calls are under way */

#endif
