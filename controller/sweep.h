/* Now and then: Pods of ours that no Execution wants any more are deleted. Ours means: the controller owner
 * reference and the label carry the same UID. And Pods that fetch packages, in their namespace, whose Skill
 * doesn't wait for them: by the UID on their label. Anything else with our labels is not touched. */
#ifndef SKILLBOX_CONTROLLER_SWEEP_H
#define SKILLBOX_CONTROLLER_SWEEP_H

#include "controller/cache.h"
#include "lib/kube/client.h"

#include <uv.h>

#define SWEEP_INTERVAL_MS 15000

/* What it needs of the rest of the controller. It outlives the sweep. */
struct sweep_services {
	uv_loop_t *loop;
	const struct clock *clock;
	const struct cache *cache;
	struct kube_client *client;
	/* Where Pods fetch packages; "": nowhere. */
	const char *build_namespace;
};

struct sweep;

/* services is copied. */
struct sweep *sweep_new(const struct sweep_services *services, struct error *err);
/* Run the loop afterwards. NULL-safe; returns NULL. */
struct sweep *sweep_free(struct sweep *sweep);

#endif
