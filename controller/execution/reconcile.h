/* Reconcile one Execution: observe → plan → apply. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_RECONCILE_H
#define SKILLBOX_CONTROLLER_EXECUTION_RECONCILE_H

#include "controller/execution/tracked.h"

/* workqueue's work function; context is the controller. */
void reconcile_execution(void *context, struct str key);

/* observe.c: what is there now. The pointers in *ret live until the loop turns. */
void observe_execution(struct controller *controller, struct tracked *tracked,
		       const struct execution *execution, struct run_shape *shape_memory,
		       struct observation *ret);

/* What a skillRef means in that namespace; NULL: there is no such skill. version NULL, "" or "latest": the
 * newest upload. The same life. */
const struct skill *observe_skill(const struct controller *controller, const char *namespace,
				  const char *name, const char *version);

/* A session's `changed`; context is the struct tracked. */
void execution_session_changed(void *context);

/* apply.c: carry out a plan; calls workqueue_done(key) when every call is answered, at once if there is none.
 * plan.wish is taken. */
void apply_plan(struct controller *controller, struct tracked *tracked, const struct observation *seen,
		struct plan *plan);

/* At the end: forget what waits for answers that won't come. After the client is gone. */
void apply_forget(struct controller *controller);
void reconcile_skill_forget(struct controller *controller);

/* controller/skill/reconcile.c: status of a Skill; workqueue's work function. */
void reconcile_skill(void *context, struct str key);

#endif
