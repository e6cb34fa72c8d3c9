/* Before a look: what is remembered of an Execution follows what the cluster shows. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_REFRESH_H
#define SKILLBOX_CONTROLLER_EXECUTION_REFRESH_H

#include "controller/execution/state.h"

/* The Pod that was made for the current attempt, or the one of a pool that it was given; NULL if there is
 * none. */
const struct pod *refresh_pod(const struct tracked *tracked, const struct execution *execution);

/* A Pod that was created and that the watch has not shown yet. */
bool refresh_expects_pod(const struct tracked *tracked, const struct pod *pod);

/* The object as it is by now: the cached one, or what our last patch left while the watch doesn't show that
 * yet. What the watch has caught up with is forgotten; a sandbox of a pool that has the Execution already is
 * adopted; and the state follows the Pod. Returns an object that lives until the loop turns. */
const struct execution *refresh_tracked(struct tracked *tracked, const struct execution *cached);

#endif
