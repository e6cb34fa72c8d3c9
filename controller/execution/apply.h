/* Carry out a plan. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_APPLY_H
#define SKILLBOX_CONTROLLER_EXECUTION_APPLY_H

#include "controller/execution/plan.h"
#include "controller/execution/state.h"

/* Records the plan's Event, then carries out its actions in the order of enum action. Calls
 * workqueue_done(key) when every call is answered, at once if there is none. plan.wish is taken. */
void apply_plan(struct tracked *tracked, const struct observation *seen, struct plan *plan);

/* The actions' names and values in the order in which they are carried out. NULL: there are no more. */
const char *apply_action_name(size_t index, enum action *ret_action);

/* At the end, before executions_free: forget what waits for answers, which must not come any more. */
void apply_forget(struct executions *executions);

#endif
