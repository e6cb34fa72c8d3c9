/* Sandboxes that wait, for every SandboxPool: made, opened, handed out once, replaced.
 *
 * A pool's Pods belong to the SandboxPool (controller owner reference and label) for all of their life. A
 * claim is written nowhere: the sandbox itself knows the Execution that it got, and tells a controller that
 * comes later. */
#ifndef SKILLBOX_CONTROLLER_POOL_POOLS_H
#define SKILLBOX_CONTROLLER_POOL_POOLS_H

#include "controller/pool/claims.h"
#include "controller/pool/services.h"

struct pools;

/* services is copied. */
struct pools *pools_new(const struct pool_services *services, struct error *err);
struct pools *pools_free(struct pools *pools); /* NULL-safe; returns NULL */

/* Work of the queue of SandboxPools. */
void pools_reconcile(struct pools *pools, struct str key);
/* A Pod with the label POD_POOL_LABEL appeared, changed (old and fresh) or went (fresh NULL). */
void pools_pod_changed(struct pools *pools, const struct pod *old, const struct pod *fresh);

/* Counts for metrics: sandboxes by state, over all pools. */
struct pool_counts {
	int64_t starting, ready, claimed;
};
struct pool_counts pools_count(const struct pools *pools);

#endif
