/* A pool with sandboxes as the test says, on fakes of the cache, the session and the queue; include it once.
 */
#ifndef SKILLBOX_TESTS_UNIT_CONTROLLER_POOL_FAKE_POOL_H
#define SKILLBOX_TESTS_UNIT_CONTROLLER_POOL_FAKE_POOL_H

#include "controller/pool/apply.h"
#include "controller/pool/calls.h"
#include "controller/pool/pool.h"
#include "controller/pool/pools.h"
#include "controller/pool/refresh.h"

#include <stdio.h>
#include <stdlib.h>

#define FAKE_NOW_MS INT64_C(1764000000000)

struct session {
	enum session_state state;
	const char *found;
	int64_t lost_ms;
};

static int64_t fake_now_ms;
static unsigned fake_enqueued, fake_sessions_freed, fake_looks;
static int64_t fake_later_ms;
static const struct execution *fake_execution;
static const struct pod *fake_pods[3];

static int64_t fake_wall_ms(void *context)
{
	(void)context;
	return fake_now_ms;
}

static int64_t fake_monotonic_us(void *context)
{
	(void)context;
	return fake_now_ms * 1000;
}

static const struct clock fake_clock = {fake_wall_ms, fake_monotonic_us, NULL};
static struct controller_config fake_config = {.runtime_class = (char *)"",
					       .seccomp_profile = (char *)"",
					       .max_starting = 16,
					       .start_timeout_ms = 300000};

static const struct token_key fake_key = {"key"};
static const struct session_services fake_sessions = {.token_key = &fake_key};

static struct capacity fake_capacity;

static void fake_look(void *context, const struct execution *execution)
{
	(void)context;
	assert_ptr_equal(execution, fake_execution);
	fake_looks++;
}

static struct pools *fake_open(void)
{
	struct error err;
	fake_now_ms = FAKE_NOW_MS;
	fake_enqueued = fake_sessions_freed = fake_looks = 0;
	fake_later_ms = -1;
	fake_execution = NULL;
	memset(fake_pods, 0, sizeof(fake_pods));
	struct pool_services services = {.config = &fake_config,
					 .clock = &fake_clock,
					 .sessions = &fake_sessions,
					 .capacity = &fake_capacity,
					 .look = fake_look};
	const struct capacity_limits limits = {16, 100, NULL};
	if (fake_capacity.tenants.slots)
		capacity_free(&fake_capacity);
	assert_int_equal(capacity_init(&fake_capacity, &limits, &err), 0);
	struct pools *pools = pools_new(&services, &err);
	assert_non_null(pools);
	return pools;
}

static struct pool *fake_pool(struct pools *pools, const char *key, const char *uid, const char *image)
{
	struct sandbox_pool object = {.meta = {.namespace = (char *)"ns", .uid = (char *)(uintptr_t)uid}};
	struct pool *pool = pool_get(pools, str_of(key), &object);
	assert_non_null(pool);
	pool->valid = true;
	snprintf(pool->shape.image, sizeof(pool->shape.image), "%s", image);
	pool->replicas = 1;
	return pool;
}

static inline struct run_shape fake_run(const char *image)
{
	struct run_shape shape = {0};
	snprintf(shape.image, sizeof(shape.image), "%s", image);
	return shape;
}

/* One that waits for an Execution, with that session. */
static inline struct sandbox *fake_sandbox(struct pool *pool, const char *name, struct session *session)
{
	struct sandbox *sandbox = sandbox_new(pool, name, FAKE_NOW_MS - 1000);
	assert_non_null(sandbox);
	sandbox->uid = str_dup(STR("pod-uid"));
	sandbox->fits = true;
	sandbox->session = session;
	return sandbox;
}

struct session *session_free(struct session *session)
{
	fake_sessions_freed += session != NULL;
	return NULL;
}

enum session_state session_state(const struct session *session)
{
	return session->state;
}

const char *session_found_execution(const struct session *session)
{
	return session->found;
}

int64_t session_lost_ms(const struct session *session)
{
	return session->lost_ms;
}

int workqueue_add(struct workqueue *queue, struct str key)
{
	(void)queue;
	assert_true(key.n > 0);
	fake_enqueued++;
	return 0;
}

int workqueue_add_after(struct workqueue *queue, struct str key, int64_t delay_ms)
{
	(void)queue;
	(void)key;
	fake_later_ms = delay_ms;
	return 0;
}

const struct execution *cache_execution_by_id(const struct cache *cache, const char *namespace,
					      const char *id)
{
	(void)cache;
	(void)namespace;
	return id ? fake_execution : NULL;
}

void cache_each(const struct cache *cache, enum cache_resource resource,
		bool (*visit)(void *context, const void *object), void *context)
{
	(void)cache;
	assert_int_equal(resource, CACHE_PODS);
	for (size_t i = 0; i < 3; i++)
		if (fake_pods[i] && !visit(context, fake_pods[i]))
			return;
}

/* What a look needs beyond that. */

bool cache_has_synced(const struct cache *cache)
{
	(void)cache;
	return false;
}

const struct sandbox_pool *cache_sandbox_pool(const struct cache *cache, struct str key)
{
	(void)cache;
	(void)key;
	return NULL;
}

void workqueue_done(struct workqueue *queue, struct str key, bool failed)
{
	(void)queue;
	(void)key;
	(void)failed;
}

int refresh_pool(struct pool *pool, const struct sandbox_pool *object, int64_t now_ms,
		 struct pool_refusal *ret)
{
	(void)pool;
	(void)object;
	(void)now_ms;
	(void)ret;
	return -1;
}

int64_t apply_pool_plan(struct pool *pool, const struct sandbox_pool *object,
			const enum member_action *actions, const struct pool_plan *plan, int64_t now_ms)
{
	(void)pool;
	(void)object;
	(void)actions;
	(void)plan;
	return now_ms;
}

void pools_forget_calls(struct pools *pools)
{
	assert_true(LIST_EMPTY(&pools->calls));
}

#endif
