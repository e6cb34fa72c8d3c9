#include "controller/compose.h"

#include "controller/build/builds.h"
#include "controller/execution/apply.h"
#include "controller/execution/reconcile.h"
#include "controller/gauges.h"
#include "controller/heartbeat.h"
#include "controller/route.h"
#include "controller/skill/reconcile.h"
#include "controller/sweep.h"
#include "lib/base/log.h"
#include "lib/policy/signing_key.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_BLOB_CONNECTIONS 16
#define POOLS_AT_ONCE 8
#define SKILLS_AT_ONCE 8
#define READS_AT_ONCE 4 /* objects of up to 1.5 MiB, in memory twice */

/* What only one controller may do at a time: decide and act. It holds nothing that can't be lost, and is
 * built and torn down as one, by take_lead and step_down. */
struct lead {
	struct capacity capacity;
	struct workqueue *execution_queue, *skill_queue, *pool_queue;
	struct cache *cache;
	struct history *history;
	struct pools *pools;
	struct executions *executions;
	struct skills *skills;
	struct builds *builds; /* NULL: nothing is built */
	struct sweep *sweep;
	struct route route;
	bool is_complete; /* changes are routed */
};

/* Connections, and what is known of the cluster: the ground that a lead has. */
struct controller {
	uv_loop_t *loop;
	const struct clock *clock;
	struct controller_config config;
	struct metrics *metrics;
	/* Of its own, since it goes on when all else has given way */
	struct kube_client *lease_client;
	struct heartbeat *heartbeat;
	bool has_failed; /* after its start */
	struct kube_client *client;
	struct reader *reader; /* of objects that the cache has as outlines */
	struct kube_ws *ws;
	struct event_recorder *events;
	struct http_client *http; /* for the blob store */
	struct blob_store *store;
	struct bundle_cache *bundles;
	struct db *db; /* NULL: none is configured */
	struct token_key token_key;
	struct session_services sessions;
	struct cache *cache;
	struct lead lead;
};

/* Ground */

static int open_store(struct controller *c, struct str signing_key, struct error *err)
{
	const char *ca_file = c->config.blob_ca_file;
	struct http_client_options options = {.ca_file = ca_file[0] ? ca_file : NULL,
					      .max_connections = MAX_BLOB_CONNECTIONS};
	bool in_s3 = c->config.s3.endpoint[0];
	c->http = in_s3 ? blob_s3_client(c->loop, &c->config.s3, MAX_BLOB_CONNECTIONS, err)
			: http_client_new(c->loop, &options, err);
	if (!c->http)
		return -1;
	if (in_s3)
		c->store = blob_store_s3(c->loop, c->http, &c->config.s3, err);
	else
		c->store = blob_store_http(c->loop, c->http, c->config.blob_url, signing_key, err);
	if (c->store)
		c->bundles = bundle_cache_new(c->loop, c->store, c->reader, err);
	return c->bundles ? 0 : -1;
}

/* Of the signing key that of our Pods' tokens is made, too. */
static int start_store(struct controller *c, struct error *err)
{
	const char *path = c->config.signing_key_file;
	cleanup_secret_buffer struct buffer key = BUFFER(SIGNING_KEY_MAX);
	if (!path[0])
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "SKILLBOX_SIGNING_KEY_FILE is not set: name a file with the release's signing key, "
		    "by which the controller knows its Pods, with S3 as well");
	if (signing_key_read(path, &key, err) != 0)
		return error_wrap(err, "SKILLBOX_SIGNING_KEY_FILE");
	if (token_key_derive(buffer_str(&key), &c->token_key, err) != 0)
		return -1;
	return open_store(c, buffer_str(&key), err);
}

static int start_kube(struct controller *c, struct error *err)
{
	struct kube_config config = {0};
	if (kube_config_load(NULL, &config, err) != 0)
		return -1;
	c->lease_client = kube_client_new(c->loop, &config, err);
	if (c->lease_client)
		c->client = kube_client_new(c->loop, &config, err);
	kube_config_free(&config);
	struct kube_measure measure = {c->metrics, CONTROLLER_KUBE_REQUESTS, CONTROLLER_KUBE_SECONDS};
	if (c->lease_client)
		kube_client_measure(c->lease_client, &measure);
	if (c->client)
		kube_client_measure(c->client, &measure);
	if (c->client)
		c->reader = reader_new(c->client, READS_AT_ONCE, err);
	if (c->reader)
		c->ws = kube_ws_new(c->client, err);
	if (c->ws)
		c->events = event_recorder_new(c->client, "skillbox-controller", c->config.pod_name, err);
	return c->events ? 0 : -1;
}

static void database_changed(void *context, const struct error *err)
{
	(void)context;
	if (err)
		log_error("the database can't be used; what ends is kept in the cluster and archived later",
			  "error", err->message, NULL);
	else
		log_info("the database can be used", NULL);
}

static int start_database(struct controller *c, struct error *err)
{
	struct db_options options = {.dsn = c->config.db_dsn,
				     .application = "skillbox-controller",
				     .changed = database_changed,
				     .context = c};
	if (!c->config.db_dsn[0])
		return 0;
	c->db = db_new(c->loop, &options, err);
	return c->db ? 0 : -1;
}

static void cache_changed(void *context, enum cache_resource resource, const void *old, const void *fresh)
{
	const struct controller *c = context;
	if (c->lead.is_complete)
		route_change(&c->lead.route, resource, old, fresh);
}

/* Its owner looks there, not into our log. */
static void cache_unreadable(void *context, const char *kind, const struct informer_name *object,
			     const struct error *why)
{
	const struct controller *c = context;
	struct event_object about = {API_VERSION, kind, object->namespace, object->name, object->uid};
	if (kind && object->namespace[0] && object->name[0] && object->uid[0])
		event_record(c->events, &about, "Warning", "Unreadable", "Read", why->message);
}

static int start_cache(struct controller *c, struct error *err)
{
	struct cache_options options = {.ws = c->ws,
					.keeps_ended = c->db != NULL,
					.changed = cache_changed,
					.unreadable = cache_unreadable,
					.context = c};
	c->cache = cache_start(&options, err);
	return c->cache ? 0 : -1;
}

/* Lead */

static void work_execution(void *context, struct str key)
{
	executions_reconcile(((const struct lead *)context)->executions, key);
}

static void work_skill(void *context, struct str key)
{
	skills_reconcile(((const struct lead *)context)->skills, key);
}

static void work_pool(void *context, struct str key)
{
	pools_reconcile(((const struct lead *)context)->pools, key);
}

static int start_queues(struct controller *c, struct error *err)
{
	struct lead *lead = &c->lead;
	struct workqueue_options executions = {.work = work_execution, .context = lead};
	struct workqueue_options pools = {.work = work_pool, .context = lead, .parallel = POOLS_AT_ONCE};
	struct workqueue_options skills = {.work = work_skill, .context = lead, .parallel = SKILLS_AT_ONCE};
	lead->execution_queue = workqueue_new(c->loop, &executions, err);
	if (lead->execution_queue)
		lead->skill_queue = workqueue_new(c->loop, &skills, err);
	if (lead->skill_queue)
		lead->pool_queue = workqueue_new(c->loop, &pools, err);
	return lead->pool_queue ? 0 : -1;
}

static void look_at_key(void *context, struct str key, int64_t delay_ms)
{
	const struct lead *lead = context;
	int result = delay_ms > 0 ? workqueue_add_after(lead->execution_queue, key, delay_ms)
				  : workqueue_add(lead->execution_queue, key);
	if (result != 0)
		log_error("no memory for a key", NULL);
}

static void drop_archived(void *context, struct str key)
{
	cache_drop_data(((const struct lead *)context)->cache, key);
}

static int start_history(struct controller *c, struct error *err)
{
	struct history_options options = {.db = c->db,
					  .clock = c->clock,
					  .look = look_at_key,
					  .context = &c->lead,
					  .archived = drop_archived,
					  .reader = c->reader};
	if (!c->db)
		return 0;
	c->lead.cache = c->cache;
	c->lead.history = history_new(&options, err);
	return c->lead.history ? 0 : -1;
}

/* What pools ask of, and tell, Executions. */

static bool has_another(void *context, struct str key, const char *pod_name)
{
	return executions_have_another(((const struct lead *)context)->executions, key, pod_name);
}

static void look_at_execution(void *context, const struct execution *execution)
{
	cache_enqueue(((const struct lead *)context)->execution_queue, &execution->meta);
}

static int start_work(struct controller *c, struct error *err)
{
	struct lead *lead = &c->lead;
	struct pool_services pools = {.config = &c->config,
				      .clock = c->clock,
				      .cache = c->cache,
				      .client = c->client,
				      .events = c->events,
				      .sessions = &c->sessions,
				      .capacity = &lead->capacity,
				      .queue = lead->pool_queue,
				      .context = lead,
				      .has_another = has_another,
				      .look = look_at_execution};
	struct execution_services executions = {.config = &c->config,
						.clock = c->clock,
						.metrics = c->metrics,
						.cache = c->cache,
						.client = c->client,
						.events = c->events,
						.sessions = &c->sessions,
						.capacity = &lead->capacity,
						.history = lead->history,
						.queue = lead->execution_queue};
	struct build_services builds = {.job = {c->loop, c->ws, c->store, &c->config},
					.clock = c->clock,
					.cache = c->cache,
					.client = c->client,
					.events = c->events,
					.queue = lead->skill_queue};
	bool is_building = c->config.policy.build_enabled;
	struct sweep_services sweep = {c->loop, c->clock, c->cache, c->client,
				       is_building ? c->config.build.namespace : ""};
	const struct capacity_limits limits = {c->config.max_starting, c->config.policy.max_concurrent,
					       c->clock};
	if (capacity_init(&lead->capacity, &limits, err) != 0)
		return -1;
	executions.pools = lead->pools = pools_new(&pools, err);
	if (lead->pools)
		lead->executions = executions_new(&executions, err);
	if (lead->executions && is_building && !(lead->builds = builds_new(&builds, err)))
		return -1;
	struct skill_services skills = {&c->config.policy, c->clock,          c->cache,    c->client,
					c->events,         lead->skill_queue, lead->builds};
	if (lead->executions)
		lead->skills = skills_new(&skills, err);
	if (lead->skills)
		lead->sweep = sweep_new(&sweep, err);
	return lead->sweep ? 0 : -1;
}

static int take_lead(struct controller *c, struct error *err)
{
	struct lead *lead = &c->lead;
	if (start_queues(c, err) != 0 || start_history(c, err) != 0 || start_work(c, err) != 0)
		return -1;
	lead->route = (struct route){.cache = c->cache,
				     .executions = lead->executions,
				     .pools = lead->pools,
				     .history = lead->history,
				     .events = c->events,
				     .execution_queue = lead->execution_queue,
				     .skill_queue = lead->skill_queue,
				     .pool_queue = lead->pool_queue};
	lead->is_complete = true;
	route_all(&lead->route);
	return 0;
}

/* Sandboxes keep their jobs and results: whoever leads next takes them up. No answer to a request may come
 * any more: the client is freed before the loop turns. */
static void step_down(struct controller *c)
{
	struct lead *lead = &c->lead;
	lead->is_complete = false;
	sweep_free(lead->sweep);
	apply_forget(lead->executions);
	executions_free(lead->executions);
	pools_free(lead->pools);
	capacity_free(&lead->capacity);
	skills_free(lead->skills);
	builds_free(lead->builds);
	history_free(lead->history);
	workqueue_free(lead->execution_queue);
	workqueue_free(lead->skill_queue);
	workqueue_free(lead->pool_queue);
	*lead = (struct lead){0};
}

static void free_ground(struct controller *c)
{
	c->cache = cache_free(c->cache);
	c->db = db_free(c->db);
	c->events = event_recorder_free(c->events);
	c->bundles = bundle_cache_free(c->bundles);
	c->store = blob_store_free(c->store);
	c->http = http_client_free(c->http);
	c->reader = reader_free(c->reader);
	c->ws = kube_ws_free(c->ws);
	c->client = kube_client_free(c->client);
}

/* Generations */

static void on_taken(void *context, int64_t generation)
{
	struct controller *c = context;
	char number[32];
	struct error err;
	c->sessions.generation = (uint64_t)generation;
	if (take_lead(c, &err) == 0) {
		snprintf(number, sizeof(number), "%lld", (long long)generation);
		log_info("this controller works", "generation", number, NULL);
		return;
	}
	log_error("can't work", "error", err.message, NULL);
	c->has_failed = true;
	uv_stop(c->loop);
}

/* For good: nothing that comes in any more is of use to it. */
static void on_superseded(void *context)
{
	struct controller *c = context;
	step_down(c);
	free_ground(c);
}

/* To work, it needs a generation of its own: whoever runs this process starts it again. */
static void on_expired(void *context)
{
	const struct controller *c = context;
	log_info("stopping: the controller that works has not renewed the Lease, and this one is to be "
		 "started anew",
		 NULL);
	uv_stop(c->loop);
}

/* A sandbox says so, and may be lying: the Lease tells. */
static void check_generation(void *context)
{
	const struct controller *c = context;
	heartbeat_beat(c->heartbeat);
}

static int start_heartbeat(struct controller *c, struct error *err)
{
	struct heartbeat_services heartbeat = {.loop = c->loop,
					       .clock = c->clock,
					       .client = c->lease_client,
					       .namespace = c->config.namespace,
					       .holder = c->config.pod_name,
					       .taken = on_taken,
					       .superseded = on_superseded,
					       .expired = on_expired,
					       .context = c};
	c->heartbeat = heartbeat_new(&heartbeat, err);
	return c->heartbeat ? 0 : -1;
}

struct controller *controller_new(uv_loop_t *loop, struct controller_config *config, struct error *err)
{
	struct controller *c = calloc(1, sizeof(*c));
	if (!c) {
		error_no_memory(err);
		return NULL;
	}
	c->loop = loop;
	c->clock = &clock_system;
	c->config = *config;
	*config = (struct controller_config){0};
	c->metrics = metrics_new(controller_metric_table, CONTROLLER_METRIC_COUNT, err);
	if (!c->metrics || start_kube(c, err) != 0 || start_store(c, err) != 0 || start_database(c, err) != 0)
		return controller_free(c);
	c->sessions = (struct session_services){.loop = c->loop,
						.ws = c->ws,
						.store = c->store,
						.bundles = c->bundles,
						.reader = c->reader,
						.config = &c->config,
						.clock = c->clock,
						.superseded = check_generation,
						.context = c,
						.token_key = &c->token_key};
	if (start_cache(c, err) != 0 || start_heartbeat(c, err) != 0)
		return controller_free(c);
	return c;
}

struct controller *controller_free(struct controller *c)
{
	if (!c)
		return NULL;
	step_down(c);
	free_ground(c);
	heartbeat_free(c->heartbeat);
	kube_client_free(c->lease_client);
	metrics_free(c->metrics);
	controller_config_free(&c->config);
	explicit_bzero(&c->token_key, sizeof(c->token_key));
	free(c);
	return NULL;
}

uint16_t controller_health_port(const struct controller *c)
{
	return (uint16_t)c->config.health_port;
}

bool controller_has_failed(const struct controller *c)
{
	return c->has_failed;
}

bool controller_is_ready(void *context, const char **ret_problem)
{
	const struct controller *c = context;
	const char *problem = heartbeat_problem(c->heartbeat);
	if (!problem)
		problem = cache_problem(c->cache);
	if (!problem && c->db && db_check(c->db, NULL) != 0)
		problem = "postgres: the database can't be used; executions run all the same";
	if (problem)
		*ret_problem = problem;
	return !problem;
}

void controller_append_metrics(void *context, struct buffer *out)
{
	const struct controller *c = context;
	const struct lead *lead = &c->lead;
	const struct gauge_sources sources = {
	    .metrics = c->metrics,
	    .works = heartbeat_stage(c->heartbeat) == HEARTBEAT_WORKS,
	    .generation = heartbeat_generation(c->heartbeat),
	    .cache = c->cache,
	    .executions = lead->executions,
	    .pools = lead->pools,
	    .queues = {[CONTROLLER_QUEUE_EXECUTIONS] = lead->execution_queue,
		       [CONTROLLER_QUEUE_SKILLS] = lead->skill_queue,
		       [CONTROLLER_QUEUE_POOLS] = lead->pool_queue},
	    .db = c->db,
	    .history = lead->history,
	};
	gauges_append(&sources, out);
}
