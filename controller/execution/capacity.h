/* Who may start a sandbox now. A node starts only a few Pods a second, so no more than
 * SKILLBOX_MAX_STARTING_SANDBOXES start at once, and whoever floods waits here and not in the node's queue: a
 * tenant with none starting never waits for the others'. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_CAPACITY_H
#define SKILLBOX_CONTROLLER_EXECUTION_CAPACITY_H

#include "controller/execution/state.h"

/* Note where the sandbox of an Execution stands; if a place became free, the next that waits is looked at
 * again. */
void capacity_note(struct tracked *tracked, enum sandbox_stage stage);

/* Fill what the plan needs of it: tenant_sandboxes, tenant_starting, starting; this Execution is not counted.
 */
void capacity_observe(const struct tracked *tracked, struct observation *ret);

#endif
