#include "controller/controller.h"

#include "controller/execution/reconcile.h"
#include "controller/execution/tracked.h"
#include "controller/pool/pools.h"
#include "lib/api/sandbox_pool.h"
#include "lib/api/tenant.h"
#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_BLOB_CONNECTIONS 16
#define SETTLED_MS 30000 /* the watch shows our last write long before */

/* Informers: keys, parse and free for each resource */

static void *parse_tenant(struct str json, struct error *err)
{
	return tenant_from_json(json, err);
}

static void free_tenant(void *object)
{
	tenant_free(object);
}

static void *parse_skill(struct str json, struct error *err)
{
	return skill_from_json(json, err);
}

static void free_skill(void *object)
{
	skill_free(object);
}

static void *parse_execution(struct str json, struct error *err)
{
	return execution_from_json(json, err);
}

/* For those who archive nothing: a controller has thousands that have ended, and they only wait for their
 * end. */
static void *parse_execution_outline(struct str json, struct error *err)
{
	struct execution *execution = execution_from_json(json, err);
	if (execution && execution_is_finished(execution))
		execution_keep_outline(execution);
	return execution;
}

static void free_execution(void *object)
{
	execution_free(object);
}

static void *parse_pod(struct str json, struct error *err)
{
	return pod_from_json(json, err);
}

static void free_pod(void *object)
{
	pod_free(object);
}

static void *parse_sandbox_pool(struct str json, struct error *err)
{
	return sandbox_pool_from_json(json, err);
}

static void free_sandbox_pool(void *object)
{
	sandbox_pool_free(object);
}

static void meta_key(const struct object_meta *meta, struct buffer *out)
{
	if (meta->namespace)
		buffer_appendf(out, "%s/", meta->namespace);
	buffer_append_c(out, meta->name);
}

static void tenant_key(const void *object, struct buffer *out)
{
	meta_key(&((const struct tenant *)object)->meta, out);
}

static void skill_key(const void *object, struct buffer *out)
{
	meta_key(&((const struct skill *)object)->meta, out);
}

static void execution_key(const void *object, struct buffer *out)
{
	meta_key(&((const struct execution *)object)->meta, out);
}

static void pod_key(const void *object, struct buffer *out)
{
	meta_key(&((const struct pod *)object)->meta, out);
}

static void sandbox_pool_key(const void *object, struct buffer *out)
{
	meta_key(&((const struct sandbox_pool *)object)->meta, out);
}

static void pod_by_pool(const void *object, struct buffer *out)
{
	const struct pod *pod = object;
	if (pod->pool_uid)
		buffer_append_c(out, pod->pool_uid);
}

static void skill_by_name(const void *object, struct buffer *out)
{
	const struct skill *skill = object;
	buffer_appendf(out, "%s/%s", skill->meta.namespace, skill->spec.name);
}

static void execution_by_uid(const void *object, struct buffer *out)
{
	buffer_append_c(out, ((const struct execution *)object)->meta.uid);
}

/* What follows from a change: which keys to look at */

void controller_enqueue(struct workqueue *queue, const struct object_meta *meta)
{
	struct buffer key __attribute__((cleanup(buffer_free))) = BUFFER(1024);
	meta_key(meta, &key);
	if (key.failed || workqueue_add(queue, buffer_str(&key)) != 0)
		log_error("no memory for a key", "name", meta->name, NULL);
}

/* Somebody deleted it by hand: what ended is archived all the same, as far as one try goes. */
static void archive_deleted(struct controller *controller, const struct execution *gone)
{
	struct buffer key __attribute__((cleanup(buffer_free))) = BUFFER(1024);
	meta_key(&gone->meta, &key);
	if (!key.failed && execution_is_finished(gone))
		archiver_put(controller->archive, buffer_str(&key), gone,
			     controller_tenant(controller, gone->meta.namespace));
}

static void drop_settled(struct controller *controller, struct tracked *tracked,
			 const struct execution *execution, struct str key)
{
	int64_t ttl =
	    execution->spec.ttl_seconds >= 0 ? execution->spec.ttl_seconds : controller->config.ttl_seconds;
	int64_t left_ms = execution->status.completed_ms + ttl * 1000 - clock_wall_ms(controller->clock);
	tracked_drop(tracked);
	workqueue_add_after(controller->execution_queue, key, left_ms > 1 ? left_ms : 1);
}

void controller_settle(struct controller *controller, struct tracked *tracked, struct str key)
{
	const struct execution *execution = informer_get(controller->executions, key);
	tracked->settled = true;
	if (tracked->end_shown && execution)
		drop_settled(controller, tracked, execution, key);
	else
		workqueue_add_after(controller->execution_queue, key, SETTLED_MS);
}

/* The watch shows the last status that we wrote, or are writing: nothing follows from it but the time to
 * live. */
static bool is_own_end(struct controller *controller, const struct execution *fresh)
{
	struct buffer key __attribute__((cleanup(buffer_free))) = BUFFER(1024);
	if (!execution_is_finished(fresh) || fresh->meta.deleted_ms || controller->archive)
		return false;
	meta_key(&fresh->meta, &key);
	struct tracked *tracked = key.failed ? NULL : tracked_find(controller, buffer_str(&key));
	if (!tracked || strcmp(tracked->uid, fresh->meta.uid) != 0 || (tracked->in_pass && !tracked->ending))
		return false;
	bool is_own = tracked->ending || tracked->settled; /* ending: the answer to the write settles it */
	tracked->end_shown = true;
	if (tracked->settled)
		drop_settled(controller, tracked, fresh, buffer_str(&key));
	return is_own;
}

static bool joins_waiting(struct controller *controller, const struct execution *fresh)
{
	struct buffer key __attribute__((cleanup(buffer_free))) = BUFFER(1024);
	meta_key(&fresh->meta, &key);
	return !key.failed && controller_has_synced(controller) &&
	       pools_join(controller->pools, buffer_str(&key), fresh);
}

static void execution_changed(void *context, const void *old, const void *fresh)
{
	struct controller *controller = context;
	if (!fresh)
		archive_deleted(controller, old);
	else if (old ? is_own_end(controller, fresh) : joins_waiting(controller, fresh))
		return;
	controller_enqueue(controller->execution_queue,
			   &((const struct execution *)(fresh ? fresh : old))->meta);
}

static bool enqueue_execution(void *context, const void *object)
{
	struct controller *controller = context;
	controller_enqueue(controller->execution_queue, &((const struct execution *)object)->meta);
	return true;
}

static void pod_changed(void *context, const void *old, const void *fresh)
{
	struct controller *controller = context;
	const struct pod *pod = fresh ? fresh : old;
	if (pod->pool_uid) {
		pools_pod_changed(controller->pools, old, fresh);
		return;
	}
	if (pod->meta.owner_uid && pod_change_matters(old, fresh))
		informer_index_each(controller->executions, EXECUTIONS_BY_UID, str_of(pod->meta.owner_uid),
				    enqueue_execution, controller);
}

static void sandbox_pool_changed(void *context, const void *old, const void *fresh)
{
	struct controller *controller = context;
	const struct sandbox_pool *before = old, *after = fresh;
	if (before && after && before->meta.generation == after->meta.generation)
		return; /* our own status */
	controller_enqueue(controller->pool_queue, &(after ? after : before)->meta);
}

struct skill_users {
	struct controller *controller;
	const struct skill *skill;
};

/* Unfinished Executions that may wait for this skill. */
static bool visit_waiting(void *context, const void *object)
{
	struct skill_users *users = context;
	const struct execution *execution = object;
	if (!execution_is_finished(execution) && execution->spec.skill_name &&
	    strcmp(execution->spec.skill_name, users->skill->spec.name) == 0 &&
	    strcmp(execution->meta.namespace, users->skill->meta.namespace) == 0)
		controller_enqueue(users->controller->execution_queue, &execution->meta);
	return true;
}

static void skill_changed(void *context, const void *old, const void *fresh)
{
	struct controller *controller = context;
	pools_skill_changed(controller->pools, fresh ? fresh : old);
	if (!fresh)
		return;
	controller_enqueue(controller->skill_queue, &((const struct skill *)fresh)->meta);
	if (old && ((const struct skill *)old)->status.ready.status)
		return; /* only a new one, or the verdict on one, can be waited for */
	struct skill_users users = {controller, fresh};
	informer_each(controller->executions, visit_waiting, &users);
}

static void watch_problem(void *context, const struct error *problem)
{
	(void)context;
	log_warn("watch interrupted", "problem", problem->message, NULL);
}

static struct informer *start_informer(struct controller *controller, const char *path, const char *selector,
				       struct informer_options options, struct error *err)
{
	options.watch.path = path;
	options.watch.label_selector = selector;
	options.watch.problem = watch_problem;
	options.context = controller;
	struct informer *informer = informer_start(controller->ws, &options, err);
	if (!informer)
		error_wrap(err, "watch of %s", path);
	return informer;
}

static int start_informers(struct controller *c, struct error *err)
{
	c->tenants = start_informer(
	    c, "/api/v1/namespaces", API_TENANT_LABEL,
	    (struct informer_options){.parse = parse_tenant, .free_object = free_tenant, .key = tenant_key},
	    err);
	c->skills = c->tenants ? start_informer(c, API_BASE_PATH "/" API_SKILLS, NULL,
						(struct informer_options){.parse = parse_skill,
									  .free_object = free_skill,
									  .key = skill_key,
									  .indexes = {skill_by_name},
									  .changed = skill_changed},
						err)
			       : NULL;
	void *(*parse)(struct str json, struct error * err) =
	    c->archive ? parse_execution : parse_execution_outline;
	c->executions = c->skills ? start_informer(c, API_BASE_PATH "/" API_EXECUTIONS, NULL,
						   (struct informer_options){.parse = parse,
									     .free_object = free_execution,
									     .key = execution_key,
									     .indexes = {execution_by_uid},
									     .changed = execution_changed},
						   err)
				  : NULL;
	c->pods = c->executions ? start_informer(c, "/api/v1/pods", POD_MANAGED_BY_SELECTOR,
						 (struct informer_options){.parse = parse_pod,
									   .free_object = free_pod,
									   .key = pod_key,
									   .indexes = {pod_by_pool},
									   .changed = pod_changed},
						 err)
				: NULL;
	c->sandbox_pools = c->pods
			       ? start_informer(c, API_BASE_PATH "/" API_SANDBOX_POOLS, NULL,
						(struct informer_options){.parse = parse_sandbox_pool,
									  .free_object = free_sandbox_pool,
									  .key = sandbox_pool_key,
									  .changed = sandbox_pool_changed},
						err)
			       : NULL;
	return c->sandbox_pools ? 0 : -1;
}

/* The key that signs URLs of the embedded store: a file of at most 4 KiB. */
static int read_signing_key(const char *path, struct buffer *out, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "SKILLBOX_SIGNING_KEY_FILE '%s' can't be opened", path);
	char *at = buffer_reserve(out, 4096);
	ssize_t n = at ? read(fd, at, 4096) : -1;
	close(fd);
	if (n <= 0)
		return error_set(err, ERR_BAD_REQUEST,
				 "SKILLBOX_SIGNING_KEY_FILE '%s' is empty or can't be read", path);
	out->len = (size_t)n;
	struct str trimmed = str_trim(buffer_str(out));
	if (trimmed.n < 32)
		return error_set(err, ERR_BAD_REQUEST,
				 "SKILLBOX_SIGNING_KEY_FILE '%s' holds %zu bytes: a key needs at least 32",
				 path, trimmed.n);
	return 0;
}

static int start_embedded_store(struct controller *c, struct error *err)
{
	struct buffer key __attribute__((cleanup(buffer_free))) = BUFFER(4096);
	if (read_signing_key(c->config.signing_key_file, &key, err) != 0)
		return -1;
	c->store = blob_store_http(c->loop, c->http, c->config.blob_url, str_trim(buffer_str(&key)), err);
	explicit_bzero(key.data, key.len);
	return c->store ? 0 : -1;
}

static int start_store(struct controller *c, struct error *err)
{
	struct http_client_options options = {.max_connections = MAX_BLOB_CONNECTIONS};
	bool in_s3 = c->config.s3.endpoint[0];
	c->http = in_s3 ? blob_s3_client(c->loop, &c->config.s3, MAX_BLOB_CONNECTIONS, err)
			: http_client_new(c->loop, &options, err);
	if (!c->http)
		return -1;
	if (in_s3)
		c->store = blob_store_s3(c->loop, c->http, &c->config.s3, err);
	else
		start_embedded_store(c, err);
	if (c->store)
		c->bundles = bundle_cache_new(c->loop, c->store, err);
	return c->bundles ? 0 : -1;
}

static int start_kube(struct controller *c, struct error *err)
{
	struct kube_config config = {0};
	if (kube_config_load(NULL, &config, err) != 0)
		return -1;
	c->client = kube_client_new(c->loop, &config, err);
	kube_config_free(&config);
	struct kube_measure measure = {c->metrics, CONTROLLER_KUBE_REQUESTS, CONTROLLER_KUBE_SECONDS};
	if (c->client)
		kube_client_measure(c->client, &measure);
	if (c->client)
		c->ws = kube_ws_new(c->client, err);
	if (c->ws)
		c->events = event_recorder_new(c->client, "skillbox-controller", c->config.pod_name, err);
	return c->events ? 0 : -1;
}

static void look_again(void *context, struct str key, int64_t delay_ms)
{
	struct controller *controller = context;
	int result = delay_ms > 0 ? workqueue_add_after(controller->execution_queue, key, delay_ms)
				  : workqueue_add(controller->execution_queue, key);
	if (result != 0)
		log_error("no memory for a key", NULL);
}

static void database_changed(void *context, const struct error *problem)
{
	(void)context;
	if (problem)
		log_error("the database can't be used; what ends is kept in the cluster and archived later",
			  "error", problem->message, NULL);
	else
		log_info("the database can be used", NULL);
}

static int start_database(struct controller *c, struct error *err)
{
	struct db_options options = {.dsn = c->config.db_dsn,
				     .application = "skillbox-controller",
				     .changed = database_changed,
				     .context = c};
	struct archive_options archive = {.clock = c->clock, .look = look_again, .context = c};
	if (!c->config.db_dsn[0])
		return 0;
	c->db = archive.db = db_new(c->loop, &options, err);
	if (c->db)
		c->archive = archiver_new(&archive, err);
	return c->archive ? 0 : -1;
}

static int start_queues(struct controller *c, struct error *err)
{
	struct workqueue_options executions = {.work = reconcile_execution, .context = c};
	struct workqueue_options sandbox_pools = {.work = reconcile_pool, .context = c, .parallel = 8};
	struct workqueue_options skills = {.work = reconcile_skill, .context = c, .parallel = 8};
	c->execution_queue = workqueue_new(c->loop, &executions, err);
	if (c->execution_queue)
		c->skill_queue = workqueue_new(c->loop, &skills, err);
	if (c->skill_queue)
		c->pool_queue = workqueue_new(c->loop, &sandbox_pools, err);
	if (c->pool_queue)
		c->pools = pools_new(c, err);
	return c->pools ? map_init(&c->tracked, err) : -1;
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
	if (!c->metrics || start_kube(c, err) != 0 || start_store(c, err) != 0 || start_queues(c, err) != 0 ||
	    start_database(c, err) != 0) {
		controller_free(c);
		return NULL;
	}
	c->services = (struct session_services){c->loop, c->ws, c->store, c->bundles, &c->config, c->clock};
	if (start_informers(c, err) != 0) {
		controller_free(c);
		return NULL;
	}
	return c;
}

struct controller *controller_free(struct controller *c)
{
	if (!c)
		return NULL;
	informer_stop(c->sandbox_pools);
	informer_stop(c->pods);
	informer_stop(c->executions);
	informer_stop(c->skills);
	informer_stop(c->tenants);
	if (c->tracked.slots) {
		struct map_cursor cursor = {0};
		for (struct map_node *node; (node = map_next(&c->tracked, &cursor));)
			tracked_drop(MAP_CONTAINER(node, struct tracked, node));
		map_free(&c->tracked);
	}
	pools_free(c->pools); /* its streams before what they hang on */
	archiver_free(c->archive);
	db_free(c->db);
	workqueue_free(c->execution_queue);
	workqueue_free(c->skill_queue);
	workqueue_free(c->pool_queue);
	event_recorder_free(c->events);
	bundle_cache_free(c->bundles);
	blob_store_free(c->store);
	http_client_free(c->http);
	kube_ws_free(c->ws);
	kube_client_free(c->client);
	apply_forget(c);
	reconcile_skill_forget(c);
	metrics_free(c->metrics);
	controller_config_free(&c->config);
	free(c);
	return NULL;
}

bool controller_has_synced(const struct controller *c)
{
	return informer_has_synced(c->tenants) && informer_has_synced(c->skills) &&
	       informer_has_synced(c->executions) && informer_has_synced(c->pods) &&
	       informer_has_synced(c->sandbox_pools);
}

bool controller_is_ready(const struct controller *c, const char **ret_problem)
{
	const struct {
		const struct informer *informer;
		const char *problem;
	} checks[] = {
	    {c->tenants, "the watch of namespaces is not up"},
	    {c->skills, "the watch of skills is not up"},
	    {c->executions, "the watch of executions is not up"},
	    {c->pods, "the watch of pods is not up"},
	    {c->sandbox_pools, "the watch of sandbox pools is not up"},
	};
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (!informer_has_synced(checks[i].informer) || !informer_is_live(checks[i].informer)) {
			*ret_problem = checks[i].problem;
			return false;
		}
	if (c->db && db_check(c->db, NULL) != 0) {
		*ret_problem = "postgres: the database can't be used; executions run all the same";
		return false;
	}
	return true;
}

const char *controller_tenant(const struct controller *c, const char *namespace)
{
	const struct tenant *tenant = informer_get(c->tenants, str_of(namespace));
	return tenant && tenant->meta.deleted_ms == 0 ? tenant->name : NULL;
}
