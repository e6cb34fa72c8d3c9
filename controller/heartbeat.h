/* A Lease that says that a controller works. Without one the API server tells whoever waits that nobody works
 * for them; nothing else depends on it: it elects nobody. */
#ifndef SKILLBOX_CONTROLLER_HEARTBEAT_H
#define SKILLBOX_CONTROLLER_HEARTBEAT_H

#include "lib/base/clock.h"
#include "lib/kube/client.h"

#define HEARTBEAT_INTERVAL_MS 5000
/* without a beat for so long, nobody works */
#define HEARTBEAT_LEASE_SECONDS 15

struct heartbeat;

/* What it needs; outlives it. */
struct heartbeat_services {
	uv_loop_t *loop;
	const struct clock *clock;
	struct kube_client *client;
	/* of the Lease; who this is */
	const char *namespace, *holder;
};

/* Beats at once. services is copied. */
struct heartbeat *heartbeat_new(const struct heartbeat_services *services, struct error *err);
/* No answer to a request may come any more. NULL-safe; returns NULL. */
struct heartbeat *heartbeat_free(struct heartbeat *heartbeat);
/* What the timer does. */
void heartbeat_beat(struct heartbeat *heartbeat);

#endif
