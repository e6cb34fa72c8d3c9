/* Status of Skills: are they ready to run? */
#ifndef SKILLBOX_CONTROLLER_SKILL_RECONCILE_H
#define SKILLBOX_CONTROLLER_SKILL_RECONCILE_H

#include "controller/build/builds.h"
#include "controller/cache.h"
#include "lib/kube/client.h"
#include "lib/kube/events.h"
#include "lib/policy/policy.h"

/* What Skills need of the rest of the controller. It outlives them. */
struct skill_services {
	const struct policy *policy;
	const struct clock *clock;
	const struct cache *cache;
	struct kube_client *client;
	struct event_recorder *events; /* may be NULL */
	/* of Skills' keys */
	struct workqueue *queue;
	/* NULL: nothing is built here */
	struct builds *builds;
};

struct skills;

/* services is copied. */
struct skills *skills_new(const struct skill_services *services, struct error *err);
/* What waits for answers is forgotten: they must not come any more. NULL-safe; returns NULL. */
struct skills *skills_free(struct skills *skills);

/* Work of the queue of Skills. */
void skills_reconcile(struct skills *skills, struct str key);

#endif
