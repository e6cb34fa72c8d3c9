/* What the watch shows of Executions that needs no look of its own. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_ARRIVAL_H
#define SKILLBOX_CONTROLLER_EXECUTION_ARRIVAL_H

#include "controller/execution/state.h"

/* A new Execution. True: others wait for a sandbox of the pools for the very same run, and it joins them; a
 * burst costs one look less. False: look at it as at any. */
bool arrival_joins(struct executions *executions, const struct execution *fresh);

/* An Execution changed. True: the watch shows the last status that we wrote, or are writing, and nothing
 * follows from it but the time to live. False: look at it. */
bool arrival_is_own_end(struct executions *executions, const struct execution *fresh);

/* The last status of an Execution was written, and nothing else is left to do: forget it once the watch has
 * shown that, and look again when its time to live is over. */
void arrival_settle(struct tracked *tracked);

#endif
