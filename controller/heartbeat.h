/* The Lease that says which controller works, and since when.
 *
 * Each start of a controller takes a generation: the Lease's count of transitions, one more than before,
 * written only if nobody else wrote meanwhile. So generations grow, and no two starts have the same. Nothing
 * is done without one. Whoever has taken the largest works; whoever finds a larger one in the Lease gives way
 * for good and stands by: an end of its process would have it started again with the largest of all, and the
 * two would go on like that for ever. It ends when the other has not renewed the Lease for
 * HEARTBEAT_LEASE_SECONDS.
 *
 * It elects nobody: a start never waits for whoever works. Without renewals the API server tells whoever
 * waits that nobody works for them. */
#ifndef SKILLBOX_CONTROLLER_HEARTBEAT_H
#define SKILLBOX_CONTROLLER_HEARTBEAT_H

#include "lib/base/clock.h"
#include "lib/kube/client.h"

#define HEARTBEAT_INTERVAL_MS 5000
/* without a beat for so long, nobody works */
#define HEARTBEAT_LEASE_SECONDS 15
/* between two tries to take a generation; between beats that somebody asks for */
#define HEARTBEAT_RETRY_MS 1000

struct heartbeat;

enum heartbeat_stage {
	/* It has no generation yet. */
	HEARTBEAT_ASKS,
	HEARTBEAT_WORKS,
	HEARTBEAT_STANDS_BY,
};

/* What it needs; outlives it. */
struct heartbeat_services {
	uv_loop_t *loop;
	const struct clock *clock;
	struct kube_client *client;
	/* of the Lease; who this is */
	const char *namespace, *holder;
	/* From the loop, each at most once, in this order: a generation was taken; a later controller works;
	 * that one does not renew the Lease any more. */
	void (*taken)(void *context, int64_t generation);
	void (*superseded)(void *context);
	void (*expired)(void *context);
	void *context;
};

/* Asks at once. services is copied. */
struct heartbeat *heartbeat_new(const struct heartbeat_services *services, struct error *err);
/* No answer to a request may come any more. NULL-safe; returns NULL. */
struct heartbeat *heartbeat_free(struct heartbeat *heartbeat);
/* What the timer does: look at the Lease, or write it. At once, or soon if that was done a moment ago. */
void heartbeat_beat(struct heartbeat *heartbeat);

enum heartbeat_stage heartbeat_stage(const struct heartbeat *heartbeat);
/* The last one taken, or seen in another's hands. */
int64_t heartbeat_generation(const struct heartbeat *heartbeat);
/* Why this controller does not work, as a sentence; NULL: it does. Valid until the loop turns. */
const char *heartbeat_problem(const struct heartbeat *heartbeat);

#endif
