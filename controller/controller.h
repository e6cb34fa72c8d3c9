/* The controller as a whole: what its parts share, from start to stop. */
#ifndef SKILLBOX_CONTROLLER_CONTROLLER_H
#define SKILLBOX_CONTROLLER_CONTROLLER_H

#include "controller/config.h"
#include "controller/history.h"
#include "controller/metrics.h"
#include "controller/sandbox/session.h"
#include "lib/base/map.h"
#include "lib/kube/events.h"
#include "lib/kube/informer.h"
#include "lib/kube/workqueue.h"

#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

/* Secondary keys of the informers. */
enum { SKILLS_BY_NAME = 0 }; /* "namespace/name" of the skill (spec.name), all versions */
enum { EXECUTIONS_BY_UID = 0 };
enum { PODS_BY_POOL = 0 }; /* UID of the SandboxPool */

struct pools;

struct controller {
	uv_loop_t *loop;
	const struct clock *clock;
	struct controller_config config;
	struct metrics *metrics; /* by enum controller_metric */
	struct kube_client *client;
	struct kube_ws *ws;
	struct http_client *http; /* for the blob store */
	struct blob_store *store;
	struct db *db; /* NULL: no database is configured, and so are these */
	struct archive *archive;
	struct bundle_cache *bundles;
	struct event_recorder *events;
	struct informer *tenants, *skills, *executions, *pods, *sandbox_pools;
	struct workqueue *execution_queue, *skill_queue, *pool_queue;
	struct pools *pools;
	struct session_services services;
	LIST_HEAD(, pass) passes;             /* plans being applied */
	LIST_HEAD(, skill_pass) skill_passes; /* statuses of Skills being written */
	struct map tracked;                   /* unfinished Executions that we work on, by "namespace/name" */
};

/* config is taken over (moved) on success. */
struct controller *controller_new(uv_loop_t *loop, struct controller_config *config, struct error *err);
struct controller *controller_free(
    struct controller *controller); /* then run the loop until its handles are closed */
bool controller_is_ready(const struct controller *controller, const char **ret_problem);

/* Is every cache complete? Before that nothing is decided. */
bool controller_has_synced(const struct controller *controller);
struct tracked;
/* The last status of an Execution was written, and nothing else is left to do: forget it once the watch has
 * shown that, and look again when its time to live is over. `key` must not be the tracked's own. */
void controller_settle(struct controller *controller, struct tracked *tracked, struct str key);
/* Sandboxes that start now, of Executions and of pools. */
int64_t controller_starting(const struct controller *controller);
/* Look at that object soon. */
void controller_enqueue(struct workqueue *queue, const struct object_meta *meta);
/* The tenant of a namespace, NULL if it belongs to none. */
const char *controller_tenant(const struct controller *controller, const char *namespace);

#endif
