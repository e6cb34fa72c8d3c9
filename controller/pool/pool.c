#include "controller/pool/pool.h"

#include <stdio.h>
#include <stdlib.h>

/* a Pod that is still there so long after its DELETE */
#define DELETE_AGAIN_MS 10000

struct pool *pool_find(const struct pools *pools, struct str key)
{
	struct map_node *node = map_get(&pools->by_key, key);
	return node ? MAP_CONTAINER(node, struct pool, node) : NULL;
}

void sandbox_free(struct sandbox *sandbox)
{
	LIST_REMOVE(sandbox, link);
	session_free(sandbox->session);
	free(sandbox->uid);
	free(sandbox->execution_id);
	free(sandbox->found_shape);
	free(sandbox);
}

struct sandbox *sandbox_new(struct pool *pool, const char *name, int64_t created_ms)
{
	struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
	if (!sandbox)
		return NULL;
	sandbox->pool = pool;
	sandbox->created_ms = created_ms;
	snprintf(sandbox->name, sizeof(sandbox->name), "%s", name);
	LIST_INSERT_HEAD(&pool->sandboxes, sandbox, link);
	return sandbox;
}

void pool_free(struct pool *pool)
{
	while (!LIST_EMPTY(&pool->sandboxes))
		sandbox_free(LIST_FIRST(&pool->sandboxes));
	if (pool->place.tenant)
		capacity_leave(&pool->place);
	free(pool->shape_text);
	free((void *)(uintptr_t)pool->node.key.p);
	free(pool->namespace);
	free(pool->uid);
	free(pool);
}

void pool_note_problem(struct pool *pool, const char *reason, const char *message)
{
	pool->problem.reason = reason;
	snprintf(pool->problem.message, sizeof(pool->problem.message), "%s", message);
}

void pool_forget_problems(struct pool *pool)
{
	pool->failures = 0;
	pool->refused = false;
	pool_note_problem(pool, NULL, "");
}

void pool_turn_away(struct pool *pool)
{
	struct demand *demand = TAILQ_FIRST(&pool->pools->demands.waiting);
	for (struct demand *next; demand; demand = next) {
		next = TAILQ_NEXT(demand, link);
		if (pool_serves_demand(pool, demand))
			demand_wake(demand, false);
	}
}

void pool_drop(struct pool *pool)
{
	pool_turn_away(pool);
	map_remove(&pool->pools->by_key, &pool->node);
	pool_free(pool);
}

/* It may make one more. */
static void place_free(void *context, struct str key)
{
	workqueue_add(((struct pools *)context)->services.queue, key);
}

struct pool *pool_get(struct pools *pools, struct str key, const struct sandbox_pool *object)
{
	struct pool *pool = pool_find(pools, key);
	if (pool &&
	    strcmp(pool->uid, object->meta.uid) != 0) { /* deleted and made again under the same name */
		pool_drop(pool);
		pool = NULL;
	}
	if (pool)
		return pool;
	pool = calloc(1, sizeof(*pool));
	char *name = pool ? str_dup(key) : NULL;
	if (!name) {
		free(pool);
		return NULL;
	}
	pool->pools = pools;
	pool->node.key = (struct str){name, key.n};
	pool->namespace = str_dup(str_of(object->meta.namespace));
	pool->uid = str_dup(str_of(object->meta.uid));
	LIST_INIT(&pool->sandboxes);
	pool->place = (struct capacity_place){
	    .key = pool->node.key, .of_pool = true, .wake = place_free, .context = pools};
	struct error ignored; /* no memory */
	if (!pool->namespace || !pool->uid ||
	    capacity_enter(pools->services.capacity, &pool->place, pool->namespace, &ignored) != 0) {
		pool_free(pool);
		return NULL;
	}
	map_insert(&pools->by_key, &pool->node);
	return pool;
}

struct pool *pool_by_uid(const struct pools *pools, const char *uid)
{
	struct map_cursor cursor = {0};
	for (struct map_node *node; (node = map_next(&pools->by_key, &cursor));) {
		struct pool *pool = MAP_CONTAINER(node, struct pool, node);
		if (strcmp(pool->uid, uid) == 0)
			return pool;
	}
	return NULL;
}

struct sandbox *pool_find_sandbox(const struct pool *pool, const char *name)
{
	struct sandbox *sandbox;
	LIST_FOREACH(sandbox, &pool->sandboxes, link)
		if (strcmp(sandbox->name, name) == 0)
			return sandbox;
	return NULL;
}

size_t pool_size(const struct pool *pool)
{
	const struct sandbox *sandbox;
	size_t count = 0;
	LIST_FOREACH(sandbox, &pool->sandboxes, link)
		count++;
	return count;
}

int64_t pool_starting(const struct pool *pool)
{
	int64_t count = 0;
	const struct sandbox *sandbox;
	LIST_FOREACH(sandbox, &pool->sandboxes, link)
		count += !sandbox->used && !sandbox->claimed && !sandbox->session && !sandbox->deleted_ms;
	return count;
}

bool pool_has_one_coming(const struct pool *pool)
{
	const struct sandbox *sandbox;
	LIST_FOREACH(sandbox, &pool->sandboxes, link)
		if (!sandbox->used && !sandbox->claimed && !sandbox->deleted_ms && !sandbox_is_ready(sandbox))
			return true;
	return false;
}

bool pool_is_held(const struct pool *pool, int64_t now_ms)
{
	return pool->held_ms && now_ms - pool->held_ms >= POOL_HELD_MS && !pool_has_one_coming(pool);
}

bool pool_serves(const struct pool *pool, const char *namespace, const struct run_shape *shape)
{
	return pool->valid && strcmp(pool->namespace, namespace) == 0 &&
	       pool_shape_serves(&pool->shape, shape, pool->pools->services.config);
}

bool pool_serves_demand(const struct pool *pool, const struct demand *demand)
{
	return pool_serves(pool, demand->namespace, &demand->shape);
}

int64_t pool_count_demands(const struct pool *pool, const struct demand_queue *line)
{
	int64_t count = 0;
	const struct demand *demand;
	TAILQ_FOREACH(demand, line, link)
		count += pool_serves_demand(pool, demand);
	return count;
}

bool sandbox_is_ready(const struct sandbox *sandbox)
{
	return sandbox->fits && !sandbox->claimed && !sandbox->used && !sandbox->deleted_ms &&
	       sandbox->session && session_state(sandbox->session) == SESSION_PARKED &&
	       !session_found_execution(sandbox->session);
}

enum member_state sandbox_state(const struct sandbox *sandbox, int64_t now_ms)
{
	const struct pod *pod = sandbox->pod;
	if ((pod && pod->meta.deleted_ms) ||
	    (sandbox->deleted_ms && now_ms - sandbox->deleted_ms < DELETE_AGAIN_MS))
		return MEMBER_DELETED;
	if (sandbox->used)
		return MEMBER_USED;
	if (sandbox->claimed)
		return MEMBER_CLAIMED;
	if (!pod)
		return MEMBER_EXPECTED;
	if (pod_has_ended(pod))
		return MEMBER_ENDED;
	if (!pod->ready)
		return MEMBER_STARTING;
	if (!sandbox->session)
		return MEMBER_LOST; /* never opened: at once */
	switch (session_state(sandbox->session)) {
	case SESSION_PARKED:
		return MEMBER_READY;
	case SESSION_LOST:
		return MEMBER_LOST;
	default:
		return MEMBER_OPENING;
	}
}

/* The Execution that a sandbox has */

const struct execution *sandbox_execution(const struct sandbox *sandbox)
{
	const struct pool *pool = sandbox->pool;
	return cache_execution_by_id(pool->pools->services.cache, pool->namespace, sandbox->execution_id);
}

void sandbox_look_at_execution(const struct sandbox *sandbox)
{
	const struct pool_services *services = &sandbox->pool->pools->services;
	const struct execution *execution = sandbox_execution(sandbox);
	if (execution)
		services->look(services->context, execution);
}
