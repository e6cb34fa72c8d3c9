/* What follows from a change in the cluster: who is told, and which keys are looked at. */
#ifndef SKILLBOX_CONTROLLER_ROUTE_H
#define SKILLBOX_CONTROLLER_ROUTE_H

#include "controller/cache.h"
#include "controller/execution/state.h"
#include "controller/history.h"
#include "controller/pool/pools.h"
#include "lib/kube/events.h"

struct route {
	const struct cache *cache;
	struct executions *executions;
	struct pools *pools;
	/* NULL: no database is configured */
	struct history *history;
	struct event_recorder *events;
	struct workqueue *execution_queue, *skill_queue, *pool_queue;
};

/* Whoever begins to work has missed what was shown before: all of it is looked at. */
void route_all(const struct route *route);
/* As the cache's `changed`. */
void route_change(const struct route *route, enum cache_resource resource, const void *old,
		  const void *fresh);

#endif
