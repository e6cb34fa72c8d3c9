/* Packages of Skills that are to be built (spec.source.build): at each look at such a Skill, what is there is
 * observed, a plan made (plan.h) and carried out. What is remembered is in memory only, and can be lost. */
#ifndef SKILLBOX_CONTROLLER_BUILD_BUILDS_H
#define SKILLBOX_CONTROLLER_BUILD_BUILDS_H

#include "controller/build/job.h"
#include "controller/cache.h"
#include "lib/kube/client.h"
#include "lib/kube/events.h"

/* Pods at once: of all, and of one tenant. Wheels and what is made of them lie in the controller's /tmp. */
#define BUILDS_AT_ONCE 2
#define BUILDS_OF_TENANT 1

struct build_services {
	struct build_job_services job;
	const struct clock *clock;
	const struct cache *cache;
	struct kube_client *client;
	struct event_recorder *events; /* may be NULL */
	/* of Skills' keys */
	struct workqueue *queue;
};

struct builds;

/* services is copied. */
struct builds *builds_new(const struct build_services *services, struct error *err);
/* Answers that are waited for must not come any more. NULL-safe; returns NULL. */
struct builds *builds_free(struct builds *builds);

/* A skill that awaits its build and could else be run. Calls workqueue_done. */
void builds_reconcile(struct builds *builds, struct str key, const struct skill *skill, const char *tenant);
/* A skill that is gone, or needs no build any more: its Pod goes. */
void builds_forget(struct builds *builds, struct str key);

#endif
