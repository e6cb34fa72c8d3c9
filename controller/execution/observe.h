/* What is there now, as the plan wants to see it. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_OBSERVE_H
#define SKILLBOX_CONTROLLER_EXECUTION_OBSERVE_H

#include "controller/execution/plan.h"
#include "controller/execution/state.h"

/* The pointers in *ret live until the loop turns; shape_memory, as long as *ret. */
void observe_execution(struct tracked *tracked, const struct execution *execution,
		       struct run_shape *shape_memory, struct observation *ret);

#endif
