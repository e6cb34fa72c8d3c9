/* What is there now, as the plan wants to see it. Nothing is changed by looking. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_OBSERVE_H
#define SKILLBOX_CONTROLLER_EXECUTION_OBSERVE_H

#include "controller/execution/observation.h"
#include "controller/execution/state.h"

/* execution: as refresh_tracked returned it. The pointers in *ret live until the loop turns or the tracked is
 * changed; shape_memory, as long as *ret. */
void observe_execution(const struct tracked *tracked, const struct execution *execution,
		       struct run_shape *shape_memory, struct observation *ret);

#endif
