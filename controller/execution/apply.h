/* Carry out a plan. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_APPLY_H
#define SKILLBOX_CONTROLLER_EXECUTION_APPLY_H

#include "controller/execution/plan.h"
#include "controller/execution/state.h"

/* Calls workqueue_done(key) when every call is answered, at once if there is none. plan.wish is taken. */
void apply_plan(struct tracked *tracked, const struct observation *seen, struct plan *plan);

/* At the end, before executions_free: forget what waits for answers, which must not come any more. */
void apply_forget(struct executions *executions);

#endif
