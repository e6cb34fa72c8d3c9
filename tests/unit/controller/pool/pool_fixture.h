/* A pool "p" of the stage with sandboxes that a test makes by hand. */
#ifndef TESTS_UNIT_CONTROLLER_POOL_FIXTURE_H
#define TESTS_UNIT_CONTROLLER_POOL_FIXTURE_H

#include "controller/pool/pool.h"
#include "controller/pool/refresh.h"
#include "tests/unit/controller/stage.h"

#include <stdio.h>
#include <stdlib.h>

#define POOL_KEY STR("ns/p")
#define PODS "/api/v1/namespaces/ns/pods"

static const struct sandbox_pool *pool_object(struct stage *stage)
{
	return cache_sandbox_pool(stage->cache, POOL_KEY);
}

/* Shown, known, and its shape settled. */
static struct pool *make_pool(struct stage *stage, int replicas, const char *spec_more)
{
	struct pool_refusal refusal;
	stage_show(CACHE_SANDBOX_POOLS, stage_pool(replicas, spec_more));
	struct pool *pool = pool_get(stage->pools, POOL_KEY, pool_object(stage));
	assert_non_null(pool);
	assert_int_equal(refresh_pool(pool, pool_object(stage), STAGE_NOW_MS, &refusal), 0);
	return pool;
}

/* The Pod of a sandbox of the pool as the watch shows it, made from its template as it is. */
static inline const char *pool_pod(const struct pool *pool, const char *name, const char *container)
{
	char annotations[2048];
	snprintf(annotations, sizeof(annotations), "\"" POD_POOL_SHAPE_ANNOTATION "\":\"%s\"",
		 pool->shape_text ? pool->shape_text : "");
	return stage_pod(name, POD_POOL_LABEL, "pool-uid", annotations, container);
}

/* A session with it, as the pool would have opened it. */
static inline struct session *park(struct stage *stage, struct sandbox *sandbox, enum session_state state)
{
	const struct pod pod = {.meta = {.name = sandbox->name}};
	sandbox->session = session_park(&stage->sessions, &pod, NULL, "acme", NULL, NULL, NULL);
	sandbox->session->state = state;
	return sandbox->session;
}

/* A sandbox that waits for an Execution, its Pod shown. */
static inline struct sandbox *make_ready(struct stage *stage, struct pool *pool, const char *name)
{
	struct sandbox *sandbox = sandbox_new(pool, name, STAGE_NOW_MS);
	assert_non_null(sandbox);
	stage_show(CACHE_PODS, pool_pod(pool, name, STAGE_RUNS));
	char uid[128];
	snprintf(uid, sizeof(uid), "uid-of-%s", name);
	sandbox->uid = str_dup(str_of(uid));
	sandbox->fits = true;
	park(stage, sandbox, SESSION_PARKED);
	return sandbox;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

#endif
