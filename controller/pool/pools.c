#include "controller/pool/pools.h"

#include "controller/pool/apply.h"
#include "controller/pool/calls.h"
#include "controller/pool/observe.h"

#include <stdlib.h>

/* until the caches are complete */
#define NOT_SYNCED_MS 100

struct pools *pools_new(const struct pool_services *services, struct error *err)
{
	struct pools *pools = calloc(1, sizeof(*pools));
	if (!pools || map_init(&pools->by_key, err) != 0) {
		free(pools);
		error_no_memory(err);
		return NULL;
	}
	pools->services = *services;
	pools->started_ms = clock_wall_ms(services->clock);
	demand_list_init(&pools->demands);
	LIST_INIT(&pools->calls);
	return pools;
}

struct pools *pools_free(struct pools *pools)
{
	if (!pools)
		return NULL;
	struct map_cursor cursor = {0};
	for (struct map_node *node; (node = map_next(&pools->by_key, &cursor));)
		pool_free(MAP_CONTAINER(node, struct pool, node));
	map_free(&pools->by_key);
	pools_forget_calls(pools);
	free(pools);
	return NULL;
}

/* Refresh → observe → plan → apply. */
static int look(struct pool *pool, const struct sandbox_pool *object, int64_t *ret_requeue_ms)
{
	int64_t now_ms = clock_wall_ms(pool->pools->services.clock);
	struct pool_refusal refusal;
	struct pool_observation seen;
	struct pool_plan plan;
	if (refresh_pool(pool, object, now_ms, &refusal) != 0)
		return -1;
	size_t count = pool_size(pool);
	struct member_view *members = calloc(count + 1, sizeof(*members));
	enum member_action *actions = calloc(count + 1, sizeof(*actions));
	bool complete = members && actions;
	if (complete) {
		observe_pool(pool, object, &refusal, now_ms, members, &seen);
		pool_plan(&seen, actions, &plan);
		*ret_requeue_ms = apply_pool_plan(pool, object, actions, &plan, now_ms);
	}
	free(members);
	free(actions);
	return complete ? 0 : -1;
}

void pools_reconcile(struct pools *pools, struct str key)
{
	const struct pool_services *services = &pools->services;
	struct workqueue *queue = services->queue;
	if (!cache_has_synced(services->cache)) {
		workqueue_add_after(queue, key, NOT_SYNCED_MS);
		workqueue_done(queue, key, false);
		return;
	}
	const struct sandbox_pool *object = cache_sandbox_pool(services->cache, key);
	struct pool *pool = pool_find(pools, key);
	if (!object) { /* its Pods go with it, by their owner reference */
		if (pool)
			pool_drop(pool);
		workqueue_done(queue, key, false);
		return;
	}
	int64_t requeue_ms;
	pool = pool_get(pools, key, object);
	bool failed = !pool || look(pool, object, &requeue_ms) != 0;
	if (!failed)
		workqueue_add_after(queue, key, requeue_ms);
	workqueue_done(queue, key, failed);
}

void pools_pod_changed(struct pools *pools, const struct pod *old, const struct pod *fresh)
{
	const struct pod *pod = fresh ? fresh : old;
	struct pool *pool = pod->meta.owner_uid ? pool_by_uid(pools, pod->meta.owner_uid) : NULL;
	struct sandbox *sandbox = pool ? pool_find_sandbox(pool, pod->meta.name) : NULL;
	if (!pool || (sandbox && sandbox->used))
		return;
	if (sandbox && sandbox->claimed) {
		if (pod_change_matters(old, fresh))
			sandbox_look_at_execution(sandbox);
		return;
	}
	if (pod_change_matters(old, fresh) || !sandbox)
		workqueue_add(pools->services.queue, pool->node.key);
}

struct pool_counts pools_count(const struct pools *pools)
{
	struct pool_counts counts = {0};
	struct map_cursor cursor = {0};
	const struct sandbox *sandbox;
	for (struct map_node *node; (node = map_next(&pools->by_key, &cursor));) {
		const struct pool *pool = MAP_CONTAINER(node, const struct pool, node);
		counts.starting += pool_starting(pool);
		LIST_FOREACH(sandbox, &pool->sandboxes, link) {
			counts.ready += sandbox_is_ready(sandbox);
			counts.claimed += sandbox->claimed && !sandbox->used;
		}
	}
	return counts;
}
