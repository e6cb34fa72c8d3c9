/* What an Execution's parts ask of the rest of the controller, as the test says: the cache, the pools, the
 * session, the history. They take the place of the real ones when the test is linked; include it once. */
#ifndef SKILLBOX_TESTS_UNIT_CONTROLLER_EXECUTION_FAKE_CLUSTER_H
#define SKILLBOX_TESTS_UNIT_CONTROLLER_EXECUTION_FAKE_CLUSTER_H

#include "controller/execution/state.h"

#include <stdio.h>
#include <stdlib.h>

#define FAKE_NOW_MS INT64_C(1764000000000)
#define FAKE_PODS 4

struct session {
	enum session_state state;
	int64_t started_ms, opened_us, cancel_sent_ms, lost_ms;
	const char *problem;
};

static struct {
	int64_t now_us;
	const struct pod *pods[FAKE_PODS];
	const struct skill *skill;
	const char *tenant, *rival;
	enum pool_offer offer;
	const struct trouble *trouble;
	unsigned offers;
	struct found_claim claimed;
	enum history_state history;
	unsigned sessions_freed, released;
	char released_pod[64];
	bool released_deleted;
	char enqueued[8][64];
	size_t enqueued_count;
} fake;

static int64_t fake_wall_ms(void *context)
{
	(void)context;
	return fake.now_us / 1000;
}

static int64_t fake_monotonic_us(void *context)
{
	(void)context;
	return fake.now_us;
}

static const struct clock fake_clock = {fake_wall_ms, fake_monotonic_us, NULL};
static struct controller_config fake_config = {.runner_delivery = RUNNER_IN_IMAGE,
					       .policy = {.default_timeout_ms = 60000,
							  .max_timeout_ms = 600000,
							  .default_memory = 256 << 20,
							  .max_memory = 1 << 30,
							  .default_cpu = 500,
							  .max_cpu = 4000,
							  .max_concurrent = 100,
							  .image_allowlist = (char *)"bash:5"},
					       .ttl_seconds = 100};

static const struct token_key fake_key = {"key"};
static const struct session_services fake_sessions = {.token_key = &fake_key};

/* The token that makes this Pod ours. */
static inline char *fake_token(const struct pod *pod)
{
	static char token[TOKEN_SIZE];
	const struct object_meta *meta = &pod->meta;
	assert_int_equal(token_make(&fake_key, meta->namespace, meta->name, meta->owner_uid, token, NULL), 0);
	return token;
}

static struct capacity fake_capacity;

static struct executions *fake_open(void)
{
	struct error err;
	memset(&fake, 0, sizeof(fake));
	fake.now_us = FAKE_NOW_MS * 1000;
	fake.history = HISTORY_DONE;
	struct execution_services services = {.config = &fake_config,
					      .clock = &fake_clock,
					      .sessions = &fake_sessions,
					      .capacity = &fake_capacity};
	const struct capacity_limits limits = {16, 100, NULL};
	if (fake_capacity.tenants.slots)
		capacity_free(&fake_capacity);
	assert_int_equal(capacity_init(&fake_capacity, &limits, &err), 0);
	struct executions *executions = executions_new(&services, &err);
	assert_non_null(executions);
	return executions;
}

static struct tracked *fake_track(struct executions *executions, const char *key)
{
	struct error err;
	struct tracked *tracked = tracked_get(executions, str_of(key), "uid", &err);
	assert_non_null(tracked);
	return tracked;
}

/* The cache */

const struct pod *cache_pod(const struct cache *cache, const char *namespace, const char *name)
{
	(void)cache;
	for (size_t i = 0; i < FAKE_PODS; i++)
		if (fake.pods[i] && strcmp(fake.pods[i]->meta.name, name) == 0 &&
		    strcmp(fake.pods[i]->meta.namespace, namespace) == 0)
			return fake.pods[i];
	return NULL;
}

const char *cache_tenant(const struct cache *cache, const char *namespace)
{
	(void)cache;
	(void)namespace;
	return fake.rival ? NULL : fake.tenant;
}

const char *cache_tenant_label(const struct cache *cache, const char *namespace)
{
	(void)cache;
	(void)namespace;
	return fake.tenant;
}

const char *cache_tenant_rival(const struct cache *cache, const char *namespace)
{
	(void)cache;
	(void)namespace;
	return fake.rival;
}

const struct skill *cache_find_skill(const struct cache *cache, const char *namespace, const char *name,
				     const char *version)
{
	(void)cache;
	(void)namespace;
	(void)version;
	return name ? fake.skill : NULL;
}

/* The pools */

enum pool_offer pools_offer(const struct pools *pools, const char *namespace, const struct pod *recorded,
			    const struct run_shape *shape)
{
	(void)pools;
	(void)namespace;
	(void)recorded;
	assert_non_null(shape);
	fake.offers++;
	return fake.offer;
}

const struct trouble *pools_trouble(const struct pools *pools, const char *namespace,
				    const struct run_shape *shape)
{
	(void)pools;
	(void)namespace;
	assert_non_null(shape);
	return fake.trouble;
}

bool pools_find_claimed(const struct pools *pools, const char *namespace, const char *execution_id,
			struct found_claim *ret)
{
	(void)pools;
	(void)namespace;
	(void)execution_id;
	*ret = fake.claimed;
	return fake.claimed.pod_name != NULL;
}

void pools_release(struct pools *pools, const char *namespace, const char *pod_name, bool deleted)
{
	(void)pools;
	(void)namespace;
	fake.released++;
	snprintf(fake.released_pod, sizeof(fake.released_pod), "%s", pod_name);
	fake.released_deleted = deleted;
}

/* The session */

struct session *session_free(struct session *session)
{
	fake.sessions_freed += session != NULL;
	return NULL;
}

enum session_state session_state(const struct session *session)
{
	return session->state;
}

const char *session_problem(const struct session *session)
{
	return session->problem;
}

const struct run_result *session_result(const struct session *session)
{
	static const struct run_result result;
	assert_int_equal(session->state, SESSION_DONE);
	return &result;
}

int64_t session_started_ms(const struct session *session)
{
	return session->started_ms;
}

int64_t session_opened_us(const struct session *session)
{
	return session->opened_us;
}

int64_t session_cancel_sent_ms(const struct session *session)
{
	return session->cancel_sent_ms;
}

int64_t session_lost_ms(const struct session *session)
{
	return session->lost_ms;
}

int64_t session_store_failed_ms(const struct session *session)
{
	return session->state == SESSION_STORE_FAILED ? FAKE_NOW_MS - 10 : 0;
}

int64_t session_store_tried_ms(const struct session *session)
{
	return session->state == SESSION_STORE_FAILED ? FAKE_NOW_MS - 5 : 0;
}

/* The history and the queue */

enum history_state history_state(const struct history *history, struct str key, const char *uid,
				 int64_t *ret_retry_ms)
{
	(void)history;
	(void)key;
	(void)uid;
	*ret_retry_ms = fake.history == HISTORY_PENDING ? 700 : 0;
	return fake.history;
}

int workqueue_add(struct workqueue *queue, struct str key)
{
	(void)queue;
	assert_true(fake.enqueued_count < sizeof(fake.enqueued) / sizeof(fake.enqueued[0]));
	snprintf(fake.enqueued[fake.enqueued_count++], sizeof(fake.enqueued[0]), "%.*s", (int)key.n, key.p);
	return 0;
}

#endif
