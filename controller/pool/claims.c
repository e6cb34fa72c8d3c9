/* Sandboxes that wait, for Executions that want one. */
#include "controller/execution/reconcile.h"
#include "controller/pool/pools_internal.h"

#include <stdlib.h>

#define SETTLE_MS 8000 /* a new controller asks the sandboxes that it finds what they run */
#define REFILL_MS 100  /* a run that is over sooner has the node for itself until then */

bool pool_sandbox_is_ready(const struct sandbox *sandbox)
{
	return sandbox->fits && !sandbox->claimed && !sandbox->used && !sandbox->deleted_ms &&
	       sandbox->session && session_state(sandbox->session) == SESSION_PARKED &&
	       !session_found_execution(sandbox->session);
}

struct unknown_search {
	const struct pools *pools;
	const char *namespace;
	bool found;
};

/* A sandbox of a pool that runs, of which nobody knows yet whether it has a job. */
static bool is_unknown(const struct pools *pools, const struct pod *pod)
{
	if (!pod->pool_uid || !pod->ready || pod->meta.deleted_ms)
		return false;
	const struct pool *pool = pool_by_uid(pools, pod->pool_uid);
	const struct sandbox *sandbox = pool ? pool_find_sandbox(pool, pod->meta.name) : NULL;
	return !sandbox || (!sandbox->claimed && !sandbox->used && !sandbox->deleted_ms &&
			    !pool_sandbox_is_ready(sandbox));
}

static bool visit_unknown(void *context, const void *object)
{
	struct unknown_search *search = context;
	const struct pod *pod = object;
	search->found = strcmp(pod->meta.namespace, search->namespace) == 0 && is_unknown(search->pools, pod);
	return !search->found;
}

static bool is_settling(const struct pools *pools, const char *namespace)
{
	struct unknown_search search = {pools, namespace, false};
	if (clock_wall_ms(pools->controller->clock) - pools->started_ms < SETTLE_MS)
		informer_each(pools->controller->pods, visit_unknown, &search);
	return search.found;
}

bool pool_serves(const struct pool *pool, const char *namespace, const struct run_shape *shape)
{
	return pool->valid && strcmp(pool->namespace, namespace) == 0 &&
	       pool_shape_serves(&pool->shape, shape, &pool->pools->controller->config);
}

/* How much of the run is done in the pool's sandboxes already: more is better. */
static int readiness(const struct pool *pool, const struct run_shape *shape)
{
	return pool_shape_is_bound(&pool->shape) ? 2 : strcmp(pool->shape.lang, shape->lang) == 0;
}

/* The sandbox that waits longest; one that has the skill's files comes first, then one whose interpreter
 * waits, too. */
static struct sandbox *best_sandbox(const struct pools *pools, const char *namespace,
				    const struct run_shape *shape)
{
	struct map_cursor cursor = {0};
	struct sandbox *best = NULL, *sandbox;
	int best_readiness = 0;
	for (struct map_node *node; (node = map_next(&pools->by_key, &cursor));) {
		struct pool *pool = MAP_CONTAINER(node, struct pool, node);
		if (!pool_serves(pool, namespace, shape))
			continue;
		int here = readiness(pool, shape);
		LIST_FOREACH(sandbox, &pool->sandboxes, link) {
			if (!pool_sandbox_is_ready(sandbox))
				continue;
			if (!best || here > best_readiness ||
			    (here == best_readiness && sandbox->created_ms < best->created_ms)) {
				best = sandbox;
				best_readiness = here;
			}
		}
	}
	return best;
}

enum pool_offer pools_offer(const struct pools *pools, const char *namespace, const struct pod *recorded,
			    const struct run_shape *shape)
{
	struct map_cursor cursor = {0};
	if ((recorded && is_unknown(pools, recorded)) || is_settling(pools, namespace))
		return POOL_SETTLING;
	if (best_sandbox(pools, namespace, shape))
		return POOL_READY;
	for (struct map_node *node; (node = map_next(&pools->by_key, &cursor));) {
		struct pool *pool = MAP_CONTAINER(node, struct pool, node);
		if (pool_serves(pool, namespace, shape) && pool->replicas > 0 && pool->failures == 0)
			return POOL_COMING;
	}
	return POOL_NONE;
}

int pools_claim(struct pools *pools, struct tracked *tracked, const struct execution *execution,
		const struct skill *skill, const struct run_shape *shape, const char *tenant,
		struct error *err)
{
	struct controller *controller = pools->controller;
	struct sandbox *sandbox = best_sandbox(pools, execution->meta.namespace, shape);
	if (!sandbox)
		return error_set(err, ERR_UNAVAILABLE, "no sandbox of a pool waits any more");
	char *id = str_dup(str_of(execution_id(execution))), *name = str_dup(str_of(sandbox->name)),
	     *uid = str_dup(str_of(sandbox->uid));
	if (!id || !name || !uid) {
		free(id);
		free(name);
		free(uid);
		return error_no_memory(err);
	}
	/* First of all it is taken: whatever happens next, nobody else gets it. */
	sandbox->claimed = true;
	sandbox->execution_id = id;
	free(tracked->claimed_pod);
	tracked->claimed_pod = name;
	free(tracked->session_pod_uid);
	tracked->session_pod_uid = uid;
	session_free(tracked->session);
	tracked->session = sandbox->session;
	sandbox->session = NULL;
	workqueue_add_after(controller->pool_queue, sandbox->pool->node.key, REFILL_MS);
	if (session_assign(tracked->session, execution, skill, shape, tenant, execution_session_changed,
			   tracked, err) == 0)
		return 0;
	tracked->session = session_free(tracked->session);
	return -1;
}

const char *pools_find_claimed(const struct pools *pools, const char *namespace, const char *id,
			       const struct run_shape **ret_shape)
{
	struct map_cursor cursor = {0};
	const struct sandbox *sandbox;
	for (struct map_node *node; (node = map_next(&pools->by_key, &cursor));) {
		const struct pool *pool = MAP_CONTAINER(node, const struct pool, node);
		if (strcmp(pool->namespace, namespace) != 0)
			continue;
		LIST_FOREACH(sandbox, &pool->sandboxes, link)
			if (sandbox->claimed && !sandbox->used && strcmp(sandbox->execution_id, id) == 0) {
				*ret_shape = sandbox->found_shape;
				return sandbox->name;
			}
	}
	return NULL;
}

void pools_release(struct pools *pools, const char *namespace, const char *pod_name, bool deleted)
{
	struct map_cursor cursor = {0};
	for (struct map_node *node; (node = map_next(&pools->by_key, &cursor));) {
		struct pool *pool = MAP_CONTAINER(node, struct pool, node);
		struct sandbox *sandbox =
		    strcmp(pool->namespace, namespace) == 0 ? pool_find_sandbox(pool, pod_name) : NULL;
		if (!sandbox)
			continue;
		sandbox->used = true;
		if (deleted)
			sandbox->deleted_ms = clock_wall_ms(pools->controller->clock);
		workqueue_add(pools->controller->pool_queue, pool->node.key);
		return;
	}
}

bool pool_is_waited_for(const struct pool *pool, const struct tracked *tracked)
{
	return tracked->waits_for_pool && pool_serves(pool, tracked->namespace, &tracked->shape);
}

void pools_wait(struct tracked *tracked, const struct run_shape *shape)
{
	struct pools *pools = tracked->controller->pools;
	struct map_cursor cursor = {0};
	tracked->shape = *shape;
	tracked->waits_for_pool = true;
	for (struct map_node *node; (node = map_next(&pools->by_key, &cursor));)
		if (pool_is_waited_for(MAP_CONTAINER(node, struct pool, node), tracked))
			workqueue_add(pools->controller->pool_queue, node->key);
}

static bool is_same_run(const struct execution *a, const struct execution *b)
{
	const char *version_a = a->spec.skill_version ? a->spec.skill_version : "";
	const char *version_b = b->spec.skill_version ? b->spec.skill_version : "";
	return a->spec.skill_name && b->spec.skill_name &&
	       strcmp(a->spec.skill_name, b->spec.skill_name) == 0 && strcmp(version_a, version_b) == 0 &&
	       a->spec.timeout_ms == b->spec.timeout_ms && b->spec.env_count == 0;
}

bool pools_join(struct pools *pools, struct str key, const struct execution *execution)
{
	struct controller *controller = pools->controller;
	struct map_cursor cursor = {0};
	const struct tracked *found = NULL;
	if (execution->invalid || execution->spec.cancel || execution_is_finished(execution) ||
	    tracked_find(controller, key))
		return false;
	for (struct map_node *node; !found && (node = map_next(&controller->tracked, &cursor));) {
		const struct tracked *other = MAP_CONTAINER(node, struct tracked, node);
		if (!other->waits_for_pool || strcmp(other->namespace, execution->meta.namespace) != 0)
			continue;
		const struct execution *waiting = informer_get(controller->executions, other->node.key);
		if (waiting && is_same_run(waiting, execution))
			found = other;
	}
	struct error ignored; /* without memory it is looked at as any */
	struct tracked *tracked = found ? tracked_get(controller, key, execution->meta.uid, &ignored) : NULL;
	if (!tracked)
		return false;
	pools_wait(tracked, &found->shape);
	workqueue_add_after(controller->execution_queue, key, PLAN_POOL_WAIT_MS);
	return true;
}
