#include "apiserver/cluster.h"

#include "lib/api/tenant.h"
#include "lib/base/log.h"
#include "lib/policy/newest.h"
#include "lib/skill/outline.h"

#include <inttypes.h>
#include <stdlib.h>

#define KEY_MAX 1024
#define KEYS_PATH_SIZE 320

enum execution_key { BY_ID, BY_INPUT, BY_OUTPUT, BY_LOGS, BY_FILES };
enum skill_index {
	SKILL_BY_NAMESPACE,
	SKILL_BY_NAME,
	SKILL_BY_BUNDLE,
	SKILL_BY_PACKAGES,
	SKILL_BY_LOCK,
	SKILL_STORED
};

static const char *const resource_names[CLUSTER_RESOURCE_COUNT] = {"executions", "skills", "namespaces",
								   "API keys", "leases"};

struct watched { /* the context of one informer */
	struct cluster *cluster;
	enum cluster_resource resource;
};

struct cluster {
	struct cluster_options options;
	/* Where the key Secrets and the Lease are; their informers keep the pointers. */
	char keys_path[KEYS_PATH_SIZE], leases_path[KEYS_PATH_SIZE];
	int64_t lease_seen_us;
	struct execution_index *executions;
	struct informer *informers[CLUSTER_RESOURCE_COUNT];
	struct watched watched[CLUSTER_RESOURCE_COUNT];
};

static void append_key(const struct object_meta *meta, struct buffer *out)
{
	if (meta->namespace && meta->namespace[0])
		buffer_appendf(out, "%s/", meta->namespace);
	buffer_append_c(out, meta->name);
}

static void watch_problem(void *context, const struct error *problem)
{
	const struct watched *watched = context;
	const struct cluster_options *options = &watched->cluster->options;
	if (options->problem)
		options->problem(options->context, resource_names[watched->resource], problem);
}

/* Executions */

static void *execution_parse(struct str json, struct error *err)
{
	return shared_execution_from_json(json, err);
}

static void execution_drop(void *object)
{
	shared_execution_unref(object);
}

static const struct execution *execution_of(const void *shared)
{
	return ((const struct shared_execution *)shared)->execution;
}

static void execution_key(const void *object, struct buffer *out)
{
	append_key(&execution_of(object)->meta, out);
}

static void execution_by_id(const void *object, struct buffer *out)
{
	const struct execution *execution = execution_of(object);
	buffer_appendf(out, "%s/%s", execution->meta.namespace, execution_id(execution));
}

static void execution_input(const void *object, struct buffer *out)
{
	buffer_append_str(out, str_of(execution_of(object)->spec.input_ref.digest));
}

static void execution_output(const void *object, struct buffer *out)
{
	buffer_append_str(out, str_of(execution_of(object)->status.output_ref.digest));
}

static void execution_logs(const void *object, struct buffer *out)
{
	buffer_append_str(out, str_of(execution_of(object)->status.logs_ref.digest));
}

static void execution_files(const void *object, struct buffer *out)
{
	buffer_append_str(out, str_of(execution_of(object)->status.files_ref.digest));
}

static void execution_changed(void *context, const void *old, const void *fresh)
{
	struct cluster *cluster = ((struct watched *)context)->cluster;
	const struct cluster_options *options = &cluster->options;
	struct error err;
	if (execution_index_change(cluster->executions, old, fresh, &err) != 0)
		watch_problem(context, &err);
	const struct object_meta *meta = &execution_of(fresh ? fresh : old)->meta;
	if (options->execution_changed)
		options->execution_changed(options->context, meta->namespace, meta->name, fresh);
}

/* Skills */

static void *parse_skill(struct str json, struct error *err)
{
	struct skill *skill = skill_from_json(json, err);
	if (skill && skill_keep_outline(skill, CLUSTER_MAX_DESCRIPTION, err) != 0)
		return skill_free(skill);
	if (!skill)
		return NULL;
	skill_drop_instructions(skill);
	condition_clear(&skill->status.ready); /* it is judged here */
	return skill;
}

static void drop_skill(void *object)
{
	skill_free(object);
}

static void skill_key(const void *object, struct buffer *out)
{
	append_key(&((const struct skill *)object)->meta, out);
}

static void skill_namespace(const void *object, struct buffer *out)
{
	const struct skill *skill = object;
	if (!skill->invalid && !skill->meta.deleted_ms)
		buffer_append_c(out, skill->meta.namespace);
}

static void skill_by_name(const void *object, struct buffer *out)
{
	const struct skill *skill = object;
	if (!skill->invalid && !skill->meta.deleted_ms)
		buffer_appendf(out, "%s/%s", skill->meta.namespace, skill->spec.name);
}

static void skill_stored(const void *object, struct buffer *out)
{
	const struct skill *skill = object;
	if (!skill->meta.deleted_ms)
		buffer_append_c(out, skill->meta.namespace);
}

/* Of those that are being deleted, too: they are still there. */
static void skill_by_bundle(const void *object, struct buffer *out)
{
	buffer_append_str(out, str_of(((const struct skill *)object)->spec.bundle.digest));
}

static void skill_by_packages(const void *object, struct buffer *out)
{
	buffer_append_str(out, str_of(skill_packages(object)->blob.digest));
}

static void skill_by_lock(const void *object, struct buffer *out)
{
	const struct skill *skill = object;
	if (skill_packages(skill)->lock)
		buffer_appendf(out, "%s/%s", skill->meta.namespace, skill_packages(skill)->lock);
}

static void skill_changed(void *context, const void *old, const void *fresh)
{
	const struct cluster_options *options = &((struct watched *)context)->cluster->options;
	const struct object_meta *meta = &((const struct skill *)(fresh ? fresh : old))->meta;
	if (options->skill_changed)
		options->skill_changed(options->context, meta->namespace, meta->name, fresh);
}

/* Tenants */

static void *parse_tenant(struct str json, struct error *err)
{
	return tenant_from_json(json, err);
}

static void drop_tenant(void *object)
{
	tenant_free(object);
}

static void tenant_key(const void *object, struct buffer *out)
{
	append_key(&((const struct tenant *)object)->meta, out);
}

static void tenant_by_name(const void *object, struct buffer *out)
{
	const struct tenant *tenant = object;
	if (tenant->name && !tenant->meta.deleted_ms)
		buffer_append_c(out, tenant->name);
}

struct tenant_search {
	const char *first, *second;
};

/* Two are enough. */
static bool visit_namespace(void *context, const void *object)
{
	struct tenant_search *search = context;
	const char *name = ((const struct tenant *)object)->meta.name;
	if (!search->first)
		search->first = name;
	else
		search->second = name;
	return !search->second;
}

static struct tenant_search find_namespaces(const struct cluster *cluster, struct str tenant)
{
	struct tenant_search search = {NULL, NULL};
	informer_index_each(cluster->informers[CLUSTER_NAMESPACES], 0, tenant, visit_namespace, &search);
	return search;
}

/* Whoever asks for that tenant is told that it can't be served, and not which namespaces there are. */
static void namespace_changed(void *context, const void *old, const void *fresh)
{
	const struct cluster *cluster = ((struct watched *)context)->cluster;
	const struct tenant *tenant = fresh;
	(void)old;
	if (!tenant || !tenant->name)
		return;
	struct tenant_search found = find_namespaces(cluster, str_of(tenant->name));
	if (found.second)
		log_warn("several namespaces have the label of one tenant: its requests are refused",
			 "tenant", tenant->name, "namespace", found.first, "other", found.second, NULL);
}

/* Keys */

static void *parse_key(struct str json, struct error *err)
{
	return api_key_from_secret(json, err);
}

static void drop_key(void *object)
{
	api_key_free(object);
}

static void key_key(const void *object, struct buffer *out)
{
	buffer_append_c(out, ((const struct api_key *)object)->secret);
}

static void key_by_hash(const void *object, struct buffer *out)
{
	buffer_append_c(out, ((const struct api_key *)object)->hash);
}

static void key_changed(void *context, const void *old, const void *fresh)
{
	const struct cluster_options *options = &((struct watched *)context)->cluster->options;
	const struct api_key *key = fresh ? fresh : old;
	if (options->key_changed)
		options->key_changed(options->context, key->secret, fresh);
}

/* The controller's Lease */

static void *parse_lease(struct str json, struct error *err)
{
	return lease_from_json(json, err);
}

static void drop_lease(void *object)
{
	lease_free(object);
}

static void lease_key(const void *object, struct buffer *out)
{
	buffer_append_c(out, ((const struct lease *)object)->meta.name);
}

static void lease_changed(void *context, const void *old, const void *fresh)
{
	struct cluster *cluster = ((struct watched *)context)->cluster;
	const struct lease *before = old, *now = fresh;
	if (now && strcmp(now->meta.name, API_CONTROLLER_LEASE) == 0 &&
	    (!before || before->renewed_ms != now->renewed_ms))
		cluster->lease_seen_us =
		    clock_monotonic_us(cluster->options.clock ? cluster->options.clock : &clock_system);
}

const struct lease *cluster_controller_lease(const struct cluster *cluster)
{
	return informer_get(cluster->informers[CLUSTER_LEASES], STR(API_CONTROLLER_LEASE));
}

int64_t cluster_lease_seen_us(const struct cluster *cluster)
{
	return cluster->lease_seen_us;
}

/* Start and end */

static void unreadable(void *context, const struct informer_name *object, const struct error *why)
{
	struct error problem = *why;
	error_wrap(&problem, "object %s%s%s is left out: it can't be read", object->namespace,
		   object->namespace[0] ? "/" : "", object->name[0] ? object->name : "without a name");
	watch_problem(context, &problem);
}

static int start_informers(struct cluster *cluster, struct kube_ws *ws, struct error *err)
{
	snprintf(cluster->keys_path, sizeof(cluster->keys_path), "/api/v1/namespaces/%s/secrets",
		 cluster->options.namespace);
	snprintf(cluster->leases_path, sizeof(cluster->leases_path), API_LEASES_PATH,
		 cluster->options.namespace);
	struct informer_options options[CLUSTER_RESOURCE_COUNT] = {
	    [CLUSTER_EXECUTIONS] = {.watch = {.path = API_BASE_PATH "/" API_EXECUTIONS},
				    .parse = execution_parse,
				    .free_object = execution_drop,
				    .key = execution_key,
				    .indexes = {[BY_ID] = execution_by_id,
						[BY_INPUT] = execution_input,
						[BY_OUTPUT] = execution_output,
						[BY_LOGS] = execution_logs,
						[BY_FILES] = execution_files},
				    .changed = execution_changed},
	    [CLUSTER_SKILLS] = {.watch = {.path = API_BASE_PATH "/" API_SKILLS},
				.parse = parse_skill,
				.free_object = drop_skill,
				.key = skill_key,
				.indexes = {[SKILL_BY_NAMESPACE] = skill_namespace,
					    [SKILL_BY_NAME] = skill_by_name,
					    [SKILL_BY_BUNDLE] = skill_by_bundle,
					    [SKILL_BY_PACKAGES] = skill_by_packages,
					    [SKILL_BY_LOCK] = skill_by_lock,
					    [SKILL_STORED] = skill_stored},
				.changed = skill_changed},
	    [CLUSTER_NAMESPACES] = {.watch = {.path = "/api/v1/namespaces",
					      .label_selector = API_TENANT_LABEL},
				    .parse = parse_tenant,
				    .free_object = drop_tenant,
				    .key = tenant_key,
				    .indexes = {tenant_by_name},
				    .changed = namespace_changed},
	    [CLUSTER_KEYS] = {.watch = {.path = cluster->keys_path, .label_selector = API_KEY_SELECTOR},
			      .parse = parse_key,
			      .free_object = drop_key,
			      .key = key_key,
			      .indexes = {key_by_hash},
			      .changed = key_changed},
	    [CLUSTER_LEASES] = {.watch = {.path = cluster->leases_path,
					  .field_selector = "metadata.name=" API_CONTROLLER_LEASE},
				.parse = parse_lease,
				.free_object = drop_lease,
				.key = lease_key,
				.changed = lease_changed},
	};
	for (int i = 0; i < CLUSTER_RESOURCE_COUNT; i++) {
		cluster->watched[i] = (struct watched){cluster, (enum cluster_resource)i};
		options[i].context = &cluster->watched[i];
		options[i].watch.problem = watch_problem;
		options[i].unreadable = unreadable;
		cluster->informers[i] =
		    ws ? informer_start(ws, &options[i], err) : informer_new(&options[i], err);
		if (!cluster->informers[i])
			return error_wrap(err, "watch of %s", resource_names[i]);
	}
	return 0;
}

struct cluster *cluster_new(struct kube_ws *ws, const struct cluster_options *options, struct error *err)
{
	struct cluster *cluster = calloc(1, sizeof(*cluster));
	if (!cluster) {
		error_no_memory(err);
		return NULL;
	}
	cluster->options = *options;
	cluster->options.namespace = str_dup(str_of(options->namespace));
	if (!cluster->options.namespace) {
		error_no_memory(err);
		return cluster_free(cluster);
	}
	if (!(cluster->executions = execution_index_new(err)))
		return cluster_free(cluster);
	return start_informers(cluster, ws, err) == 0 ? cluster : cluster_free(cluster);
}

struct cluster *cluster_free(struct cluster *cluster)
{
	if (!cluster)
		return NULL;
	/* Stopping frees every object; nobody is told of that. */
	cluster->options.execution_changed = NULL;
	cluster->options.skill_changed = NULL;
	cluster->options.key_changed = NULL;
	for (int i = 0; i < CLUSTER_RESOURCE_COUNT; i++)
		informer_stop(cluster->informers[i]);
	execution_index_free(cluster->executions);
	free((char *)(uintptr_t)cluster->options.namespace);
	free(cluster);
	return NULL;
}

struct informer *cluster_informer(struct cluster *cluster, enum cluster_resource resource)
{
	return cluster->informers[resource];
}

bool cluster_has_synced(const struct cluster *cluster)
{
	for (int i = 0; i < CLUSTER_RESOURCE_COUNT; i++)
		if (!informer_has_synced(cluster->informers[i]))
			return false;
	return true;
}

const char *cluster_problem(const struct cluster *cluster)
{
	static const char *const not_listed[] = {
	    "the first list of executions is not complete", "the first list of skills is not complete",
	    "the first list of tenants' namespaces is not complete",
	    "the first list of API keys is not complete", "the first list of leases is not complete"};
	static const char *const not_live[] = {
	    "the watch of executions is not up", "the watch of skills is not up",
	    "the watch of tenants' namespaces is not up", "the watch of API keys is not up",
	    "the watch of leases is not up"};
	for (int i = 0; i < CLUSTER_RESOURCE_COUNT; i++) {
		if (!informer_has_synced(cluster->informers[i]))
			return not_listed[i];
		if (!informer_is_live(cluster->informers[i]))
			return not_live[i];
	}
	for (int i = CLUSTER_NAMESPACES; i <= CLUSTER_KEYS; i++)
		if (cluster_check_age(cluster, (enum cluster_resource)i, NULL) != 0)
			return not_live[i];
	return NULL;
}

int cluster_check_age(const struct cluster *cluster, enum cluster_resource resource, struct error *err)
{
	uint64_t age_ms = informer_age_ms(cluster->informers[resource]);
	int64_t max_ms = cluster->options.key_max_age_ms;
	if (!max_ms || age_ms <= (uint64_t)max_ms)
		return 0;
	return error_set(
	    err, ERR_UNAVAILABLE,
	    "this API key can't be checked: the watch of %s has been down for longer than %" PRId64
	    " s (SKILLBOX_KEY_MAX_AGE); try again in a moment",
	    resource_names[resource], max_ms / 1000);
}

/* Look-ups */

static bool first(void *context, const void *object)
{
	*(const void **)context = object;
	return false;
}

const struct api_key *cluster_key(const struct cluster *cluster, struct str hash)
{
	const void *found = NULL;
	informer_index_each(cluster->informers[CLUSTER_KEYS], 0, hash, first, &found);
	const struct api_key *key = found;
	return key && str_eq_constant_time(str_of(key->hash), hash) ? key : NULL;
}

bool cluster_has_key_secret(const struct cluster *cluster, const char *secret)
{
	return informer_get(cluster->informers[CLUSTER_KEYS], str_of(secret)) != NULL;
}

const struct skill *cluster_skill_with_lock(const struct cluster *cluster, const char *namespace,
					    const char *lock)
{
	cleanup_buffer struct buffer key = BUFFER(KEYS_PATH_SIZE);
	const void *found = NULL;
	buffer_appendf(&key, "%s/%s", namespace, lock);
	if (!key.failed)
		informer_index_each(cluster->informers[CLUSTER_SKILLS], SKILL_BY_LOCK, buffer_str(&key),
				    first, &found);
	return found;
}

bool cluster_names_blob(const struct cluster *cluster, struct str digest)
{
	static const enum execution_key references[] = {BY_INPUT, BY_OUTPUT, BY_LOGS, BY_FILES};
	const void *found = NULL;
	informer_index_each(cluster->informers[CLUSTER_SKILLS], SKILL_BY_BUNDLE, digest, first, &found);
	if (!found)
		informer_index_each(cluster->informers[CLUSTER_SKILLS], SKILL_BY_PACKAGES, digest, first,
				    &found);
	for (size_t i = 0; !found && i < sizeof(references) / sizeof(references[0]); i++)
		informer_index_each(cluster->informers[CLUSTER_EXECUTIONS], references[i], digest, first,
				    &found);
	return found != NULL;
}

const char *cluster_tenant_namespace(const struct cluster *cluster, struct str tenant)
{
	struct tenant_search found = find_namespaces(cluster, tenant);
	return found.second ? NULL : found.first;
}

bool cluster_tenant_is_ambiguous(const struct cluster *cluster, struct str tenant)
{
	return find_namespaces(cluster, tenant).second != NULL;
}

const struct shared_execution *cluster_execution(const struct cluster *cluster, const char *namespace,
						 struct str id)
{
	cleanup_buffer struct buffer key = BUFFER(KEY_MAX);
	buffer_appendf(&key, "%s/", namespace);
	buffer_append_str(&key, id);
	const void *found = NULL;
	if (!key.failed)
		informer_index_each(cluster->informers[CLUSTER_EXECUTIONS], BY_ID, buffer_str(&key), first,
				    &found);
	return found;
}

const struct execution_index *cluster_executions(const struct cluster *cluster)
{
	return cluster->executions;
}

void cluster_skills_each(const struct cluster *cluster, const char *namespace,
			 bool (*visit)(void *context, const void *skill), void *context)
{
	informer_index_each(cluster->informers[CLUSTER_SKILLS], SKILL_BY_NAMESPACE, str_of(namespace), visit,
			    context);
}

void cluster_skills_stored(const struct cluster *cluster, const char *namespace,
			   bool (*visit)(void *context, const void *skill), void *context)
{
	informer_index_each(cluster->informers[CLUSTER_SKILLS], SKILL_STORED, str_of(namespace), visit,
			    context);
}

void cluster_skills_named(const struct cluster *cluster, const char *namespace, struct str name,
			  bool (*visit)(void *context, const void *skill), void *context)
{
	cleanup_buffer struct buffer key = BUFFER(KEY_MAX);
	buffer_appendf(&key, "%s/", namespace);
	buffer_append_str(&key, name);
	if (!key.failed)
		informer_index_each(cluster->informers[CLUSTER_SKILLS], SKILL_BY_NAME, buffer_str(&key),
				    visit, context);
}

const struct skill *cluster_skill(const struct cluster *cluster, const char *namespace, struct str name,
				  struct str version)
{
	struct newest_skill newest = newest_skill(version);
	cluster_skills_named(cluster, namespace, name, newest_skill_visit, &newest);
	return newest.found;
}
