/* What Executions need of the rest of the controller. It outlives them. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_SERVICES_H
#define SKILLBOX_CONTROLLER_EXECUTION_SERVICES_H

#include "controller/cache.h"
#include "controller/capacity.h"
#include "controller/history.h"
#include "controller/pool/pools.h"
#include "controller/sandbox/session.h"
#include "lib/base/metrics.h"
#include "lib/kube/client.h"
#include "lib/kube/events.h"

struct execution_services {
	const struct controller_config *config;
	const struct clock *clock;
	/* by enum controller_metric */
	struct metrics *metrics;
	const struct cache *cache;
	struct kube_client *client;
	struct event_recorder *events;
	const struct session_services *sessions;
	/* shared with the pools */
	struct capacity *capacity;
	struct pools *pools;
	/* NULL: no database is configured */
	struct history *history;
	/* of Executions' keys */
	struct workqueue *queue;
};

#endif
