#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/controller/stage.h"

#include "controller/metrics.h"
#include "tests/unit/controller/stand_ins.h"

#include <stdio.h>
#include <stdlib.h>

#define JSON_RING 4
#define JSON_SIZE 8192

static struct stage *open_stage;
const struct token_key stage_token_key = {"a key that nobody else has"};

/* Clocks */

static int64_t wall_ms(void *context)
{
	return STAGE_NOW_MS + ((struct stage *)context)->now_us / 1000;
}

static int64_t monotonic_us(void *context)
{
	return ((struct stage *)context)->now_us + 1;
}

void stage_later(struct stage *stage, int64_t ms)
{
	stage->now_us += ms * 1000;
}

/* Putting it together */

static void changed(void *context, enum cache_resource resource, const void *old, const void *fresh)
{
	const struct stage *stage = context;
	if (stage->changed)
		stage->changed(stage->changed_context, resource, old, fresh);
}

static void work_execution(void *context, struct str key)
{
	executions_reconcile(((struct stage *)context)->executions, key);
}

static void work_pool(void *context, struct str key)
{
	pools_reconcile(((struct stage *)context)->pools, key);
}

static bool has_another(void *context, struct str key, const char *pod_name)
{
	return executions_have_another(((struct stage *)context)->executions, key, pod_name);
}

static void look(void *context, const struct execution *execution)
{
	cache_enqueue(((struct stage *)context)->execution_queue, &execution->meta);
}

static struct workqueue *queue_new(struct stage *stage, void (*work)(void *context, struct str key))
{
	struct workqueue_options options = {.work = work, .context = stage};
	struct workqueue *queue = workqueue_new(&stage->loop, &options, NULL);
	assert_non_null(queue);
	return queue;
}

static void start_parts(struct stage *stage)
{
	stage->execution_queue = queue_new(stage, work_execution);
	stage->skill_queue = queue_new(stage, NULL);
	stage->pool_queue = queue_new(stage, work_pool);
	struct pool_services pools = {.config = &stage->config,
				      .clock = &stage->clock,
				      .cache = stage->cache,
				      .client = stage->client,
				      .sessions = &stage->sessions,
				      .capacity = &stage->capacity,
				      .queue = stage->pool_queue,
				      .context = stage,
				      .has_another = has_another,
				      .look = look};
	const struct capacity_limits limits = {stage->config.max_starting,
					       stage->config.policy.max_concurrent, NULL};
	assert_int_equal(capacity_init(&stage->capacity, &limits, NULL), 0);
	stage->pools = pools_new(&pools, NULL);
	assert_non_null(stage->pools);
	struct execution_services executions = {.config = &stage->config,
						.clock = &stage->clock,
						.metrics = stage->metrics,
						.cache = stage->cache,
						.client = stage->client,
						.sessions = &stage->sessions,
						.capacity = &stage->capacity,
						.pools = stage->pools,
						.queue = stage->execution_queue};
	stage->executions = executions_new(&executions, NULL);
	assert_non_null(stage->executions);
}

static struct stage *open_unsynced(void)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	assert_non_null(stage);
	assert_null(open_stage);
	open_stage = stage;
	stand_ins_reset();
	uv_loop_init(&stage->loop);
	stage->clock = (struct clock){wall_ms, monotonic_us, stage};
	stage->config = (struct controller_config){
	    .runner_image = (char *)"runner:1",
	    .runner_delivery = RUNNER_IN_IMAGE,
	    .runtime_class = (char *)"",
	    .seccomp_profile = (char *)"",
	    .policy = {.image_allowlist = (char *)STAGE_IMAGE,
		       .default_timeout_ms = 120000,
		       .max_timeout_ms = 600000,
		       .default_memory = 256 << 20,
		       .max_memory = 1024 << 20,
		       .default_cpu = 500,
		       .max_cpu = 4000,
		       .max_concurrent = 2},
	    .max_starting = 4,
	    .start_timeout_ms = 300000,
	    .skill_wait_ms = 10000,
	    .ttl_seconds = 3600,
	};
	stage->sessions = (struct session_services){.loop = &stage->loop,
						    .config = &stage->config,
						    .clock = &stage->clock,
						    .token_key = &stage_token_key};
	stage->metrics = metrics_new(controller_metric_table, CONTROLLER_METRIC_COUNT, NULL);
	assert_non_null(stage->metrics);
	stage->client = stand_in_client();
	struct cache_options options = {.keeps_ended = true, .changed = changed, .context = stage};
	stage->cache = cache_start(&options, NULL);
	assert_non_null(stage->cache);
	start_parts(stage);
	return stage;
}

struct stage *stage_open(void)
{
	struct stage *stage = open_unsynced();
	for (int i = 0; i < CACHE_RESOURCE_COUNT; i++)
		stage_sync((enum cache_resource)i);
	stage_show(CACHE_TENANTS,
		   "{\"metadata\":{\"name\":\"ns\",\"labels\":{\"" API_TENANT_LABEL "\":\"acme\"}}}");
	return stage;
}

void stage_close(struct stage *stage)
{
	apply_forget(stage->executions);
	executions_free(stage->executions);
	pools_free(stage->pools);
	capacity_free(&stage->capacity);
	workqueue_free(stage->execution_queue);
	workqueue_free(stage->skill_queue);
	workqueue_free(stage->pool_queue);
	cache_free(stage->cache);
	metrics_free(stage->metrics);
	uv_loop_close(&stage->loop);
	free(stage);
	open_stage = NULL;
	stand_ins_check_empty();
}

int stage_setup(void **state)
{
	*state = stage_open();
	return 0;
}

int stage_setup_unsynced(void **state)
{
	*state = open_unsynced();
	return 0;
}

int stage_teardown(void **state)
{
	stage_close(*state);
	return 0;
}

/* Objects */

static const char *json(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *json(const char *format, ...)
{
	static char ring[JSON_RING][JSON_SIZE];
	static unsigned next;
	char *text = ring[next++ % JSON_RING];
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(text, JSON_SIZE, format, arguments);
	va_end(arguments);
	assert_in_range(n, 1, JSON_SIZE - 1);
	return text;
}

const char *stage_execution(const char *name, const char *uid, const char *spec_more, const char *status)
{
	return json("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"%s\",\"resourceVersion\":"
		    "\"7\",\"creationTimestamp\":\"" STAGE_NOW
		    "\"},\"spec\":{\"skillRef\":{\"name\":\"adder\","
		    "\"version\":\"1.0.0\"}%s},\"status\":{%s}}",
		    name, uid, spec_more, status);
}

const char *stage_skill(const char *version, const char *spec_more, const char *status)
{
	return json("{\"metadata\":{\"name\":\"adder-%s\",\"namespace\":\"ns\",\"uid\":\"skill-%s\","
		    "\"generation\":1,\"creationTimestamp\":\"" STAGE_NOW "\"},\"spec\":{\"name\":\"adder\","
		    "\"version\":\"%s\",\"description\":\"d\",\"lang\":\"python\"%s},\"status\":{%s}}",
		    version, version, version,
		    spec_more[0] ? spec_more
				 : ",\"source\":{\"bundle\":{\"digest\":\"sha256:"
				   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
				   "\"size\":100}}",
		    status);
}

const char *stage_pod(const char *name, const char *owner_label, const char *owner_uid,
		      const char *annotations, const char *container)
{
	char token[TOKEN_SIZE];
	assert_int_equal(token_make(&stage_token_key, "ns", name, owner_uid, token, NULL), 0);
	return json("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"uid-of-%s\","
		    "\"creationTimestamp\":\"" STAGE_NOW "\",\"annotations\":{%s},\"labels\":{\"%s\":\"%s\"},"
		    "\"ownerReferences\":[{\"uid\":\"%s\",\"controller\":true}]},"
		    "\"spec\":{\"containers\":[{\"name\":\"sandbox\","
		    "\"env\":[{\"name\":\"SKILLBOX_TOKEN\",\"value\":\"%s\"}]}]},"
		    "\"status\":{\"phase\":"
		    "\"Pending\",\"containerStatuses\":[{\"name\":\"sandbox\",\"state\":%s}]}}",
		    name, name, annotations, owner_label, owner_uid, owner_uid, token,
		    container[0] ? container : "{}");
}

const char *stage_pool(int replicas, const char *spec_more)
{
	return json(
	    "{\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\",\"uid\":\"pool-uid\",\"generation\":1,"
	    "\"creationTimestamp\":\"" STAGE_NOW "\"},\"spec\":{\"replicas\":%d%s}}",
	    replicas, spec_more[0] ? spec_more : ",\"image\":\"" STAGE_IMAGE "\"");
}

/* Shorthands */

struct tracked *stage_track(struct stage *stage)
{
	stage_show(CACHE_SKILLS, stage_skill("1.0.0", "", ""));
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
	struct tracked *tracked = tracked_get(stage->executions, STAGE_KEY, STAGE_UID, NULL);
	assert_non_null(tracked);
	return tracked;
}

/* The value of "key":"…" in a body. */
static void member(const char *body, const char *key, char *ret, size_t size)
{
	char head[64];
	snprintf(head, sizeof(head), "\"%s\":\"", key);
	const char *at = strstr(body, head);
	assert_non_null(at);
	at += strlen(head);
	size_t n = strcspn(at, "\"");
	assert_in_range(n, 1, size - 1);
	memcpy(ret, at, n);
	ret[n] = '\0';
}

const char *stage_ready_sandbox(struct stage *stage)
{
	static char name[128];
	char shape[1024], annotations[1200];
	stage_show(CACHE_SANDBOX_POOLS, stage_pool(1, ""));
	stage_work(stage->pool_queue, STR("ns/p"));
	const struct stage_call *create = stage_call("POST", "/pods");
	member(create->body, "name", name, sizeof(name));
	member(create->body, POD_POOL_SHAPE_ANNOTATION, shape, sizeof(shape));
	snprintf(annotations, sizeof(annotations), "\"" POD_POOL_SHAPE_ANNOTATION "\":\"%s\"", shape);
	stage_answer(201, "{}");
	stage_answer(200, "{}"); /* the pool's status */
	stage_show(CACHE_PODS, stage_pod(name, POD_POOL_LABEL, "pool-uid", annotations, STAGE_RUNS));
	stage_work(stage->pool_queue, STR("ns/p"));
	assert_non_null(stage_session());
	stage_session()->state = SESSION_PARKED;
	stage_work(stage->pool_queue, STR("ns/p"));
	stage_forget(stage->pool_queue);
	stage_forget(stage->execution_queue);
	stage_done(stage->pool_queue);
	return name;
}

struct history *stage_history(struct stage *stage)
{
	stage->executions->services.history = stand_in_history();
	return stand_in_history();
}
