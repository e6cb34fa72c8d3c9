#include "controller/pool/claims.h"

#include "controller/pool/pool.h"

#include <stdlib.h>

#define SETTLE_MS 8000 /* a new controller asks the sandboxes that it finds what they run */
/* A run that is over sooner, or has many files to load, has the node for itself until then. */
#define REFILL_MS 500

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
	bool may_have_a_job = !sandbox || (!sandbox->claimed && !sandbox->used && !sandbox->deleted_ms &&
					   !sandbox_is_ready(sandbox));
	return may_have_a_job && token_is_of(pools->services.sessions->token_key, pod);
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
	if (clock_wall_ms(pools->services.clock) - pools->started_ms < SETTLE_MS)
		cache_each(pools->services.cache, CACHE_PODS, visit_unknown, &search);
	return search.found;
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
			if (!sandbox_is_ready(sandbox))
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
		if (pool_serves(pool, namespace, shape) && pool->replicas > 0 && pool->failures == 0 &&
		    !pool_is_held(pool, clock_wall_ms(pools->services.clock)))
			return POOL_COMING;
	}
	return POOL_NONE;
}

const struct trouble *pools_trouble(const struct pools *pools, const char *namespace,
				    const struct run_shape *shape)
{
	struct map_cursor cursor = {0};
	const struct sandbox *sandbox;
	for (struct map_node *node; (node = map_next(&pools->by_key, &cursor));) {
		const struct pool *pool = MAP_CONTAINER(node, const struct pool, node);
		if (!pool_serves(pool, namespace, shape))
			continue;
		LIST_FOREACH(sandbox, &pool->sandboxes, link)
			if (sandbox->trouble.reason && !sandbox->used && !sandbox->deleted_ms)
				return &sandbox->trouble;
	}
	return NULL;
}

int pools_claim(struct pools *pools, const char *namespace, const char *execution_id,
		const struct run_shape *shape, struct claim *ret, struct error *err)
{
	struct sandbox *sandbox = best_sandbox(pools, namespace, shape);
	if (!sandbox)
		return error_set(err, ERR_UNAVAILABLE, "no sandbox of a pool waits any more");
	char *id = str_dup(str_of(execution_id)), *name = str_dup(str_of(sandbox->name)),
	     *uid = str_dup(str_of(sandbox->uid));
	if (!id || !name || !uid) {
		free(id);
		free(name);
		free(uid);
		return error_no_memory(err);
	}
	/* From here on it is taken: whatever happens next, nobody else gets it. */
	sandbox->claimed = true;
	sandbox->execution_id = id;
	*ret = (struct claim){sandbox->session, name, uid};
	sandbox->session = NULL;
	workqueue_add_after(pools->services.queue, sandbox->pool->node.key, REFILL_MS);
	return 0;
}

bool pools_find_claimed(const struct pools *pools, const char *namespace, const char *id,
			struct found_claim *ret)
{
	struct map_cursor cursor = {0};
	const struct sandbox *sandbox;
	for (struct map_node *node; (node = map_next(&pools->by_key, &cursor));) {
		const struct pool *pool = MAP_CONTAINER(node, const struct pool, node);
		if (strcmp(pool->namespace, namespace) != 0)
			continue;
		LIST_FOREACH(sandbox, &pool->sandboxes, link)
			if (sandbox->claimed && !sandbox->used && strcmp(sandbox->execution_id, id) == 0) {
				*ret =
				    (struct found_claim){sandbox->name, sandbox->uid, sandbox->found_shape};
				return true;
			}
	}
	return false;
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
			sandbox->deleted_ms = clock_wall_ms(pools->services.clock);
		workqueue_add(pools->services.queue, pool->node.key);
		return;
	}
}

void pools_wait(struct pools *pools, struct demand *demand, const struct run_shape *shape)
{
	struct map_cursor cursor = {0};
	demand_wait(&pools->demands, demand, shape);
	for (struct map_node *node; (node = map_next(&pools->by_key, &cursor));)
		if (pool_serves_demand(MAP_CONTAINER(node, struct pool, node), demand))
			workqueue_add(pools->services.queue, node->key);
}
