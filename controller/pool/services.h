/* What pools need of the rest of the controller. It outlives them. */
#ifndef SKILLBOX_CONTROLLER_POOL_SERVICES_H
#define SKILLBOX_CONTROLLER_POOL_SERVICES_H

#include "controller/cache.h"
#include "controller/capacity.h"
#include "controller/sandbox/session.h"
#include "lib/kube/client.h"
#include "lib/kube/events.h"

struct pool_services {
	const struct controller_config *config;
	const struct clock *clock;
	const struct cache *cache;
	struct kube_client *client;
	struct event_recorder *events;
	const struct session_services *sessions;
	/* shared with the Executions */
	struct capacity *capacity;
	/* of SandboxPools' keys */
	struct workqueue *queue;

	/* What is known elsewhere of the Executions that pools serve; `context` is passed to each. */
	void *context;
	/* Is it known that this Execution ("namespace/name") has another sandbox than that Pod? */
	bool (*has_another)(void *context, struct str key, const char *pod_name);
	/* Something happened to the Execution's sandbox: look at it. */
	void (*look)(void *context, const struct execution *execution);
};

#endif
