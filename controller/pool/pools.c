#include "controller/pool/pools.h"

#include "controller/pool/plan.h"
#include "controller/pool/pools_internal.h"
#include "controller/sandbox/pod_spec.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/quantity.h"

#include <stdio.h>
#include <stdlib.h>

#define EXPECTED_MS 5000      /* a create that was answered shows up in the watch by then */
#define DELETE_AGAIN_MS 10000 /* a Pod that is still there so long after its DELETE */
#define NOT_SYNCED_MS 100     /* until the caches are complete */
#define LOOK_MS 30000         /* whether or not something happened */

/* Life of the structs */

static struct pool *find_pool(const struct pools *pools, struct str key)
{
	struct map_node *node = map_get(&pools->by_key, key);
	return node ? MAP_CONTAINER(node, struct pool, node) : NULL;
}

static void sandbox_free(struct sandbox *sandbox)
{
	LIST_REMOVE(sandbox, link);
	session_free(sandbox->session);
	free(sandbox->uid);
	free(sandbox->execution_id);
	free(sandbox->found_shape);
	free(sandbox);
}

static struct sandbox *sandbox_new(struct pool *pool, const char *name, int64_t created_ms)
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

static void pool_free(struct pool *pool)
{
	while (!LIST_EMPTY(&pool->sandboxes))
		sandbox_free(LIST_FIRST(&pool->sandboxes));
	free(pool->shape_text);
	free((void *)(uintptr_t)pool->node.key.p);
	free(pool->namespace);
	free(pool->uid);
	free(pool);
}

static void wake_all(struct pool *pool)
{
	struct demand *demand = TAILQ_FIRST(&pool->pools->demands.waiting);
	for (struct demand *next; demand; demand = next) {
		next = TAILQ_NEXT(demand, link);
		if (pool_serves_demand(pool, demand))
			demand_wake(demand, false);
	}
}

static void pool_drop(struct pool *pool)
{
	wake_all(pool);
	map_remove(&pool->pools->by_key, &pool->node);
	pool_free(pool);
}

static struct pool *pool_get(struct pools *pools, struct str key, const struct sandbox_pool *object)
{
	struct pool *pool = find_pool(pools, key);
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
	if (!pool->namespace || !pool->uid) {
		pool_free(pool);
		return NULL;
	}
	map_insert(&pools->by_key, &pool->node);
	return pool;
}

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

/* Executions that sandboxes have */

static const struct execution *execution_of(const struct sandbox *sandbox)
{
	const struct pool *pool = sandbox->pool;
	return cache_execution_by_id(pool->pools->services.cache, pool->namespace, sandbox->execution_id);
}

/* Does the Execution still want the sandbox that it got? */
static bool is_wanted(const struct sandbox *sandbox)
{
	const struct pool_services *services = &sandbox->pool->pools->services;
	const struct execution *execution = execution_of(sandbox);
	cleanup_buffer struct buffer key = BUFFER(CACHE_KEY_MAX);
	if (!execution || execution_is_finished(execution))
		return false;
	cache_key(&execution->meta, &key);
	return !key.failed && !services->has_another(services->context, buffer_str(&key), sandbox->name);
}

static void look_at_execution(const struct sandbox *sandbox)
{
	const struct pool_services *services = &sandbox->pool->pools->services;
	const struct execution *execution = execution_of(sandbox);
	if (execution)
		services->look(services->context, execution);
}

/* Another controller gave it that job. */
static void take_found(struct pool *pool, struct sandbox *sandbox)
{
	const char *id = session_found_execution(sandbox->session);
	sandbox->execution_id = str_dup(str_of(id));
	if (!sandbox->execution_id)
		return; /* asked again at the next look */
	const struct run_shape *shape = session_found_shape(sandbox->session);
	if (shape && (sandbox->found_shape = malloc(sizeof(*shape))))
		*sandbox->found_shape = *shape;
	sandbox->claimed = true;
	sandbox->session = session_free(sandbox->session);
	log_info("sandbox taken over", "pool", pool->node.key.p, "pod", sandbox->name, "execution",
		 sandbox->execution_id, NULL);
	look_at_execution(sandbox);
}

/* What is there */

struct sandbox *pool_find_sandbox(const struct pool *pool, const char *name)
{
	struct sandbox *sandbox;
	LIST_FOREACH(sandbox, &pool->sandboxes, link)
		if (strcmp(sandbox->name, name) == 0)
			return sandbox;
	return NULL;
}

static bool visit_pod(void *context, const void *object)
{
	struct pool *pool = context;
	const struct pod *pod = object;
	if (!pod->meta.owner_uid || strcmp(pod->meta.owner_uid, pool->uid) != 0 ||
	    strcmp(pod->meta.namespace, pool->namespace) != 0)
		return true; /* the label alone makes nothing ours */
	struct sandbox *sandbox = pool_find_sandbox(pool, pod->meta.name);
	if (!sandbox)
		sandbox = sandbox_new(pool, pod->meta.name, pod->meta.created_ms);
	if (!sandbox || (!sandbox->uid && !(sandbox->uid = str_dup(str_of(pod->meta.uid)))))
		return true; /* no memory: at the next look */
	sandbox->pod = pod;
	return true;
}

static void sync_with_pods(struct pool *pool, int64_t now_ms)
{
	struct sandbox *sandbox, *next;
	LIST_FOREACH(sandbox, &pool->sandboxes, link)
		sandbox->pod = NULL;
	cache_each_pod_of_pool(pool->pools->services.cache, pool->uid, visit_pod, pool);
	for (sandbox = LIST_FIRST(&pool->sandboxes); sandbox; sandbox = next) {
		next = LIST_NEXT(sandbox, link);
		bool expected =
		    !sandbox->uid && (sandbox->creating || now_ms - sandbox->created_ms < EXPECTED_MS);
		if (!sandbox->pod && !expected)
			sandbox_free(sandbox);
	}
}

static enum member_state state_of(const struct sandbox *sandbox, int64_t now_ms)
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

static bool is_image_problem(const struct pod *pod)
{
	return pod && !pod->ready && !pod->terminated && pod_waits_in_vain(pod);
}

static struct member_view view_of(struct pool *pool, struct sandbox *sandbox, int64_t now_ms)
{
	const struct pod *pod = sandbox->pod;
	sandbox->fits =
	    !pod || (pod->pool_shape && str_eq(str_of(pod->pool_shape), str_of(pool->shape_text)));
	struct member_view view = {
	    .state = state_of(sandbox, now_ms),
	    .fits = sandbox->fits,
	    .age_ms = now_ms - sandbox->created_ms,
	    .lost_ms = sandbox->session ? now_ms - session_lost_ms(sandbox->session) : INT64_MAX / 2,
	    .losses = sandbox->losses,
	    .image_problem = is_image_problem(pod)
				 ? pod->waiting_message ? pod->waiting_message : pod->waiting_reason
				 : NULL,
	};
	if (view.state == MEMBER_STARTING)
		view.unschedulable = pod->unschedulable;
	if (view.state == MEMBER_READY)
		sandbox->reached = true;
	view.reached = sandbox->reached;
	return view;
}

static int64_t waiting_for(const struct pool *pool)
{
	int64_t count = 0;
	const struct demand *demand;
	TAILQ_FOREACH(demand, &pool->pools->demands.waiting, link)
		count += pool_serves_demand(pool, demand);
	return count;
}

/* What follows */

static void session_changed(void *context)
{
	struct sandbox *sandbox = context;
	workqueue_add(sandbox->pool->pools->services.queue, sandbox->pool->node.key);
}

static void open_session(struct pool *pool, struct sandbox *sandbox)
{
	struct error err;
	if (sandbox->session) {
		sandbox->losses++;
		snprintf(pool->problem, sizeof(pool->problem), "%s", session_problem(sandbox->session));
		log_info("stream of a waiting sandbox lost", "pool", pool->node.key.p, "pod", sandbox->name,
			 "problem", session_problem(sandbox->session), NULL);
		sandbox->session = session_free(sandbox->session);
	}
	const struct pool_services *services = &pool->pools->services;
	sandbox->session =
	    session_park(services->sessions, sandbox->pod, sandbox->fits ? pool->skill : NULL,
			 cache_tenant(services->cache, pool->namespace), session_changed, sandbox, &err);
	if (sandbox->session)
		return;
	sandbox->losses++;
	snprintf(pool->problem, sizeof(pool->problem), "%s", err.message);
	log_warn("stream of a waiting sandbox not opened", "pod", sandbox->name, "error", err.message, NULL);
}

static int64_t woken_for(const struct pool *pool)
{
	int64_t count = 0;
	const struct demand *demand;
	TAILQ_FOREACH(demand, &pool->pools->demands.woken, link)
		count += pool_serves_demand(pool, demand);
	return count;
}

/* Each that is ready is for one that waits, the oldest first; some have been woken for theirs already. */
static void wake_waiting(struct pool *pool, int64_t ready)
{
	struct demand *demand = TAILQ_FIRST(&pool->pools->demands.waiting);
	ready -= woken_for(pool);
	for (struct demand *next; demand && ready > 0; demand = next) {
		next = TAILQ_NEXT(demand, link);
		if (!pool_serves_demand(pool, demand))
			continue;
		demand_wake(demand, true);
		ready--;
	}
}

static void create_sandbox(struct pool *pool, const struct sandbox_pool *object, int64_t now_ms)
{
	char name[POD_NAME_SIZE], hex[17];
	unsigned char random[8];
	id_random(random, sizeof(random));
	id_hex(random, sizeof(random), hex);
	snprintf(name, sizeof(name), "sbp-%s-%.8s", pool->uid, hex);
	struct sandbox *sandbox = sandbox_new(pool, name, now_ms);
	if (sandbox)
		pools_create(sandbox, object);
}

static void apply_action(struct pool *pool, struct sandbox *sandbox, enum member_action action,
			 int64_t now_ms)
{
	switch (action) {
	case MEMBER_KEEP:
		return;
	case MEMBER_OPEN:
		open_session(pool, sandbox);
		return;
	case MEMBER_GIVE_UP:
		if (pool->failures == 0)
			wake_all(pool); /* they had better have sandboxes of their own */
		pool->failures++;
		pool->failed_ms = now_ms;
		log_warn("sandbox of a pool did not get ready", "pool", pool->node.key.p, "pod",
			 sandbox->name, NULL);
		break;
	case MEMBER_DELETE:
		break;
	}
	if (!sandbox->uid) { /* given up before the watch showed it: whatever shows up later is adopted */
		sandbox->created_ms = now_ms;
		return;
	}
	sandbox->session = session_free(sandbox->session);
	sandbox->deleted_ms = now_ms;
	pools_delete(sandbox);
}

/* What its sandboxes are to be. Whoever waits for what they were must look elsewhere, and what was wrong with
 * those says nothing of these. */
static int reshape(struct pool *pool, const struct sandbox_pool *object, const char **ret_reason,
		   struct error *ret_invalid)
{
	struct pool_shape shape;
	cleanup_buffer struct buffer text = BUFFER(POOL_SHAPE_TEXT_MAX);
	bool valid = pool_resolve(pool, object, &shape, ret_reason, ret_invalid) == 0;
	if (valid && pool_shape_write(&shape, pool->pools->services.config, &text) != 0)
		return -1;
	if (!str_eq(buffer_str(&text), str_of(pool->shape_text))) {
		wake_all(pool);
		pool->failures = 0;
		pool->problem[0] = '\0';
	}
	pool->valid = valid;
	free(pool->shape_text);
	pool->shape_text = valid ? buffer_steal(&text) : NULL;
	if (valid)
		pool->shape = shape;
	return 0;
}

static int look(struct pool *pool, const struct sandbox_pool *object, int64_t now_ms, int64_t *ret_requeue_ms)
{
	const struct pool_services *services = &pool->pools->services;
	struct error invalid;
	const char *reason;
	size_t count = 0, i = 0;
	struct sandbox *sandbox;
	if (reshape(pool, object, &reason, &invalid) != 0)
		return -1;
	sync_with_pods(pool, now_ms);
	LIST_FOREACH(sandbox, &pool->sandboxes, link) {
		if (sandbox->session && session_found_execution(sandbox->session))
			take_found(pool, sandbox);
		if (sandbox->claimed && !sandbox->used && !is_wanted(sandbox))
			sandbox->used = true;
		count++;
	}
	struct member_view *views = calloc(count + 1, sizeof(*views));
	enum member_action *actions = calloc(count + 1, sizeof(*actions));
	if (!views || !actions) {
		free(views);
		free(actions);
		return -1;
	}
	LIST_FOREACH(sandbox, &pool->sandboxes, link)
		views[i++] = view_of(pool, sandbox, now_ms);
	struct pool_observation seen = {
	    .invalid = pool->valid ? NULL : invalid.message,
	    .invalid_reason = reason,
	    .replicas = object->spec.replicas,
	    .waiting = waiting_for(pool),
	    .starting =
		services->starting(services->context) + pools_starting(pool->pools) - pool_starting(pool),
	    .max_starting = services->config->max_starting,
	    .start_timeout_ms = services->config->start_timeout_ms,
	    .problem = pool->problem,
	    .failures = pool->failures,
	    .failed_ms = now_ms - pool->failed_ms,
	    .members = views,
	    .member_count = count,
	};
	struct pool_plan plan;
	pool_plan(&seen, actions, &plan);
	if (plan.ready > 0) {
		pool->failures = 0;
		pool->problem[0] = '\0';
	}
	i = 0;
	for (struct sandbox *next, *one = LIST_FIRST(&pool->sandboxes); one; one = next, i++) {
		next = LIST_NEXT(one, link);
		apply_action(pool, one, actions[i], now_ms);
	}
	free(views);
	free(actions);
	for (int64_t n = 0; n < plan.creates; n++)
		create_sandbox(pool, object, now_ms);
	wake_waiting(pool, plan.ready);
	pool->replicas = object->spec.replicas;
	int64_t status_ms = pools_write_status(pool, object, &plan, now_ms);
	*ret_requeue_ms = plan.requeue_ms < 0 || plan.requeue_ms > LOOK_MS ? LOOK_MS : plan.requeue_ms;
	if (status_ms >= 0 && status_ms < *ret_requeue_ms)
		*ret_requeue_ms = status_ms;
	return 0;
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
	struct pool *pool = find_pool(pools, key);
	if (!object || object->meta.deleted_ms) { /* its Pods go with it, by their owner reference */
		if (pool)
			pool_drop(pool);
		workqueue_done(queue, key, false);
		return;
	}
	int64_t requeue_ms = LOOK_MS;
	pool = pool_get(pools, key, object);
	bool failed = !pool || look(pool, object, clock_wall_ms(services->clock), &requeue_ms) != 0;
	if (!failed)
		workqueue_add_after(queue, key, requeue_ms);
	workqueue_done(queue, key, failed);
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

void pools_pod_changed(struct pools *pools, const struct pod *old, const struct pod *fresh)
{
	const struct pod *pod = fresh ? fresh : old;
	struct pool *pool = pod->meta.owner_uid ? pool_by_uid(pools, pod->meta.owner_uid) : NULL;
	struct sandbox *sandbox = pool ? pool_find_sandbox(pool, pod->meta.name) : NULL;
	if (!pool || (sandbox && sandbox->used))
		return;
	if (sandbox && sandbox->claimed) {
		if (pod_change_matters(old, fresh))
			look_at_execution(sandbox);
		return;
	}
	if (pod_change_matters(old, fresh) || !sandbox)
		workqueue_add(pools->services.queue, pool->node.key);
}

int64_t pool_starting(const struct pool *pool)
{
	int64_t count = 0;
	const struct sandbox *sandbox;
	LIST_FOREACH(sandbox, &pool->sandboxes, link)
		count += !sandbox->used && !sandbox->claimed && !sandbox->session && !sandbox->deleted_ms;
	return count;
}

int64_t pools_starting(const struct pools *pools)
{
	int64_t count = 0;
	struct map_cursor cursor = {0};
	for (struct map_node *node; (node = map_next(&pools->by_key, &cursor));)
		count += pool_starting(MAP_CONTAINER(node, struct pool, node));
	return count;
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
			counts.ready += pool_sandbox_is_ready(sandbox);
			counts.claimed += sandbox->claimed && !sandbox->used;
		}
	}
	return counts;
}
