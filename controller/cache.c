#include "controller/cache.h"

#include "controller/sandbox/shape.h"
#include "lib/base/log.h"
#include "lib/base/room.h"
#include "lib/base/utf8.h"
#include "lib/policy/newest.h"
#include "lib/run/bundle.h"
#include "lib/skill/outline.h"

#include <stdlib.h>

/* The secondary key of a resource, for those that have one. */
#define SECONDARY 0

/* One resource's informer; what its callbacks get. */
struct watched {
	struct cache *cache;
	enum cache_resource resource;
	struct informer *informer;
};

struct cache {
	struct watched watched[CACHE_RESOURCE_COUNT];
	/* for what is kept beyond outlines */
	struct room instructions, inputs, ended;
	void (*changed)(void *context, enum cache_resource resource, const void *old, const void *fresh);
	void (*unreadable)(void *context, const char *kind, const struct informer_name *object,
			   const struct error *why);
	void *context;
};

/* What is known of each resource: how its objects are read, freed and found again */

void cache_key(const struct object_meta *meta, struct buffer *out)
{
	if (meta->namespace)
		buffer_appendf(out, "%s/", meta->namespace);
	buffer_append_c(out, meta->name);
}

/* An informer's functions for a type that begins with its meta. */
#define RESOURCE_FUNCTIONS(type)                                                                             \
	static void *parse_##type(struct str json, struct error *err)                                        \
	{                                                                                                    \
		return type##_from_json(json, err);                                                          \
	}                                                                                                    \
	OBJECT_FUNCTIONS(type)
/* The same without the reading. */
#define OBJECT_FUNCTIONS(type)                                                                               \
	static void free_##type(void *object)                                                                \
	{                                                                                                    \
		type##_free(object);                                                                         \
	}                                                                                                    \
	static void key_##type(const void *object, struct buffer *out)                                       \
	{                                                                                                    \
		cache_key(&((const struct type *)object)->meta, out);                                        \
	}

RESOURCE_FUNCTIONS(tenant)
OBJECT_FUNCTIONS(skill)
RESOURCE_FUNCTIONS(execution)
RESOURCE_FUNCTIONS(pod)
RESOURCE_FUNCTIONS(sandbox_pool)

/* For those who archive nothing: a controller has thousands that have ended, and they only wait for their
 * end. */
static void *parse_execution_outline(struct str json, struct error *err)
{
	struct execution *execution = execution_from_json(json, err);
	if (execution && execution_is_finished(execution))
		execution_keep_outline(execution);
	return execution;
}

/* What is needed of inline files but their bundle is worked out here, while they are at hand. */
static int make_outline(struct skill *skill, struct error *err)
{
	char digest[DIGEST_TEXT_SIZE];
	if (skill->spec.file_count &&
	    (skill_digest_files(skill, digest, err) != 0 || !(skill->files_digest = str_dup(str_of(digest)))))
		return error_no_memory(err);
	utf8_cut_owned(&skill->spec.instructions, BUNDLE_MAX_INSTRUCTIONS); /* a run takes no more of them */
	return skill_keep_outline(skill, 0, err);
}

static void *parse_skill_outline(struct str json, struct error *err)
{
	struct skill *skill = skill_from_json(json, err);
	return skill && make_outline(skill, err) != 0 ? skill_free(skill) : skill;
}

/* "namespace/name" of the skill (spec.name), all versions. */
static void skill_by_name(const void *object, struct buffer *out)
{
	const struct skill *skill = object;
	buffer_appendf(out, "%s/%s", skill->meta.namespace, skill->spec.name);
}

static void tenant_by_name(const void *object, struct buffer *out)
{
	const struct tenant *tenant = object;
	if (tenant->name && !tenant->meta.deleted_ms)
		buffer_append_c(out, tenant->name);
}

static void execution_by_uid(const void *object, struct buffer *out)
{
	buffer_append_c(out, ((const struct execution *)object)->meta.uid);
}

static void pod_by_pool(const void *object, struct buffer *out)
{
	const struct pod *pod = object;
	if (pod->pool_uid)
		buffer_append_c(out, pod->pool_uid);
}

static const struct {
	const char *name, *kind, *problem;
	const char *path, *selector;
	void *(*parse)(struct str json, struct error *err);
	void (*free_object)(void *object);
	void (*key)(const void *object, struct buffer *out);
	void (*secondary)(const void *object, struct buffer *out);
} resources[CACHE_RESOURCE_COUNT] = {
    [CACHE_TENANTS] = {"namespaces", NULL, "the watch of namespaces is not up", "/api/v1/namespaces",
		       API_TENANT_LABEL, parse_tenant, free_tenant, key_tenant, tenant_by_name},
    [CACHE_SKILLS] = {"skills", "Skill", "the watch of skills is not up", API_BASE_PATH "/" API_SKILLS, NULL,
		      parse_skill_outline, free_skill, key_skill, skill_by_name},
    [CACHE_EXECUTIONS] = {"executions", "Execution", "the watch of executions is not up",
			  API_BASE_PATH "/" API_EXECUTIONS, NULL, parse_execution, free_execution,
			  key_execution, execution_by_uid},
    [CACHE_PODS] = {"pods", NULL, "the watch of pods is not up", "/api/v1/pods", POD_MANAGED_BY_SELECTOR,
		    parse_pod, free_pod, key_pod, pod_by_pool},
    [CACHE_SANDBOX_POOLS] = {"sandboxpools", "SandboxPool", "the watch of sandbox pools is not up",
			     API_BASE_PATH "/" API_SANDBOX_POOLS, NULL, parse_sandbox_pool, free_sandbox_pool,
			     key_sandbox_pool, NULL},
};

/* Watching */

static size_t size_of_instructions(const struct skill *skill)
{
	return skill->spec.instructions ? strlen(skill->spec.instructions) : 0;
}

static void settle_skill(struct cache *cache, const struct skill *old, struct skill *fresh)
{
	if (old)
		room_give(&cache->instructions, old->meta.namespace, size_of_instructions(old));
	if (fresh && !room_take(&cache->instructions, fresh->meta.namespace, size_of_instructions(fresh)))
		skill_drop_instructions(fresh);
}

/* That its data takes from, unless it is an outline. */
static struct room *room_of(struct cache *cache, const struct execution *execution)
{
	return execution_is_finished(execution) ? &cache->ended : &cache->inputs;
}

static void give_back(struct cache *cache, const struct execution *old)
{
	if (!old->is_outline)
		room_give(room_of(cache, old), old->meta.namespace, execution_data_size(old));
}

static void drop_data(struct execution *execution)
{
	if (execution_is_finished(execution)) {
		execution_keep_outline(execution);
		return;
	}
	run_shape_drop_data(execution);
}

static void settle_execution(struct cache *cache, const struct execution *old, struct execution *fresh)
{
	if (old)
		give_back(cache, old);
	if (fresh && !fresh->is_outline &&
	    !room_take(room_of(cache, fresh), fresh->meta.namespace, execution_data_size(fresh)))
		drop_data(fresh);
}

/* Whoever hears of a change sees the object whole; then what there is no room for goes. The informer's
 * objects are ours. */
static void changed(void *context, const void *old, const void *fresh)
{
	const struct watched *watched = context;
	struct cache *cache = watched->cache;
	cache->changed(cache->context, watched->resource, old, fresh);
	if (watched->resource == CACHE_SKILLS)
		settle_skill(cache, old, (struct skill *)(uintptr_t)fresh);
	else if (watched->resource == CACHE_EXECUTIONS)
		settle_execution(cache, old, (struct execution *)(uintptr_t)fresh);
}

void cache_drop_data(struct cache *cache, struct str key)
{
	struct execution *execution = (struct execution *)(uintptr_t)cache_execution(cache, key);
	if (!execution || execution->is_outline || !execution_is_finished(execution))
		return;
	give_back(cache, execution);
	execution_keep_outline(execution);
}

static void watch_problem(void *context, const struct error *err)
{
	(void)context;
	log_warn("watch interrupted", "problem", err->message, NULL);
}

static void unreadable(void *context, const struct informer_name *object, const struct error *why)
{
	const struct watched *watched = context;
	const struct cache *cache = watched->cache;
	log_warn("object left out: it can't be read", "resource", resources[watched->resource].name,
		 "namespace", object->namespace, "name", object->name, "problem", why->message, NULL);
	if (cache->unreadable)
		cache->unreadable(cache->context, resources[watched->resource].kind, object, why);
}

static int start_informer(struct watched *watched, const struct cache_options *options, struct error *err)
{
	enum cache_resource resource = watched->resource;
	bool outline = resource == CACHE_EXECUTIONS && !options->keeps_ended;
	const struct informer_options informer = {
	    .watch = {.path = resources[resource].path,
		      .label_selector = resources[resource].selector,
		      .problem = watch_problem},
	    .parse = outline ? parse_execution_outline : resources[resource].parse,
	    .free_object = resources[resource].free_object,
	    .key = resources[resource].key,
	    .indexes = {[SECONDARY] = resources[resource].secondary},
	    .changed = changed,
	    .unreadable = unreadable,
	    .context = watched,
	};
	watched->informer = informer_start(options->ws, &informer, err);
	return watched->informer ? 0 : error_wrap(err, "watch of %s", resources[resource].path);
}

struct cache *cache_start(const struct cache_options *options, struct error *err)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	if (!cache) {
		error_no_memory(err);
		return NULL;
	}
	if (room_init(&cache->instructions, CACHE_MAX_INSTRUCTIONS, CACHE_MAX_INSTRUCTIONS / CACHE_SHARE,
		      err) != 0 ||
	    room_init(&cache->inputs, CACHE_MAX_INPUTS, CACHE_MAX_INPUTS / CACHE_SHARE, err) != 0 ||
	    room_init(&cache->ended, CACHE_MAX_ENDED, CACHE_MAX_ENDED / CACHE_SHARE, err) != 0)
		return cache_free(cache);
	cache->changed = options->changed;
	cache->unreadable = options->unreadable;
	cache->context = options->context;
	for (size_t i = 0; i < CACHE_RESOURCE_COUNT; i++) {
		cache->watched[i] = (struct watched){cache, (enum cache_resource)i, NULL};
		if (start_informer(&cache->watched[i], options, err) != 0)
			return cache_free(cache);
	}
	return cache;
}

struct cache *cache_free(struct cache *cache)
{
	if (!cache)
		return NULL;
	for (size_t i = CACHE_RESOURCE_COUNT; i-- > 0;)
		informer_stop(cache->watched[i].informer);
	room_free(&cache->instructions);
	room_free(&cache->inputs);
	room_free(&cache->ended);
	free(cache);
	return NULL;
}

bool cache_has_synced(const struct cache *cache)
{
	for (size_t i = 0; i < CACHE_RESOURCE_COUNT; i++)
		if (!informer_has_synced(cache->watched[i].informer))
			return false;
	return true;
}

const char *cache_problem(const struct cache *cache)
{
	for (size_t i = 0; i < CACHE_RESOURCE_COUNT; i++) {
		const struct informer *informer = cache->watched[i].informer;
		if (!informer_has_synced(informer) || !informer_is_live(informer))
			return resources[i].problem;
	}
	return NULL;
}

bool cache_is_live(const struct cache *cache, enum cache_resource resource)
{
	return informer_is_live(cache->watched[resource].informer);
}

const struct informer *cache_informer(const struct cache *cache, enum cache_resource resource)
{
	return cache->watched[resource].informer;
}

const char *cache_resource_name(enum cache_resource resource)
{
	return resources[resource].name;
}

/* Looking up */

static const void *get(const struct cache *cache, enum cache_resource resource, struct str key)
{
	return informer_get(cache->watched[resource].informer, key);
}

const struct skill *cache_skill(const struct cache *cache, struct str key)
{
	return get(cache, CACHE_SKILLS, key);
}

const struct execution *cache_execution(const struct cache *cache, struct str key)
{
	return get(cache, CACHE_EXECUTIONS, key);
}

const struct sandbox_pool *cache_sandbox_pool(const struct cache *cache, struct str key)
{
	return get(cache, CACHE_SANDBOX_POOLS, key);
}

static const void *get_named(const struct cache *cache, enum cache_resource resource, const char *namespace,
			     const char *name)
{
	cleanup_buffer struct buffer key = BUFFER(CACHE_KEY_MAX);
	if (buffer_appendf(&key, "%s/%s", namespace, name) != 0)
		return NULL;
	return get(cache, resource, buffer_str(&key));
}

const struct pod *cache_pod(const struct cache *cache, const char *namespace, const char *name)
{
	return get_named(cache, CACHE_PODS, namespace, name);
}

struct execution_search {
	const char *namespace; /* NULL: whichever */
	const struct execution *found;
};

static bool visit_execution(void *context, const void *object)
{
	struct execution_search *search = context;
	const struct execution *execution = object;
	if (!search->namespace || strcmp(execution->meta.namespace, search->namespace) == 0)
		search->found = execution;
	return !search->found;
}

static const struct execution *find_uid(const struct cache *cache, const char *namespace, const char *uid)
{
	struct execution_search search = {namespace, NULL};
	informer_index_each(cache->watched[CACHE_EXECUTIONS].informer, SECONDARY, str_of(uid),
			    visit_execution, &search);
	return search.found;
}

/* The id is the object's name if that is a UUID, else its UID. */
const struct execution *cache_execution_by_id(const struct cache *cache, const char *namespace,
					      const char *id)
{
	const struct execution *execution = get_named(cache, CACHE_EXECUTIONS, namespace, id);
	return execution ? execution : find_uid(cache, namespace, id);
}

const struct execution *cache_execution_of_uid(const struct cache *cache, const char *uid)
{
	return find_uid(cache, NULL, uid);
}

const char *cache_tenant_label(const struct cache *cache, const char *namespace)
{
	const struct tenant *tenant = get(cache, CACHE_TENANTS, str_of(namespace));
	return tenant && tenant->meta.deleted_ms == 0 ? tenant->name : NULL;
}

void cache_each_of_tenant(const struct cache *cache, const char *name,
			  bool (*visit)(void *context, const void *object), void *context)
{
	informer_index_each(cache->watched[CACHE_TENANTS].informer, SECONDARY, str_of(name), visit, context);
}

struct rival_search {
	const char *namespace, *lowest;
};

static bool visit_rival(void *context, const void *object)
{
	struct rival_search *search = context;
	const char *name = ((const struct tenant *)object)->meta.name;
	bool is_other = strcmp(name, search->namespace) != 0;
	if (is_other && (!search->lowest || strcmp(name, search->lowest) < 0))
		search->lowest = name;
	return true;
}

const char *cache_tenant_rival(const struct cache *cache, const char *namespace)
{
	struct rival_search search = {namespace, NULL};
	const char *tenant = cache_tenant_label(cache, namespace);
	if (tenant)
		cache_each_of_tenant(cache, tenant, visit_rival, &search);
	return search.lowest;
}

const char *cache_tenant(const struct cache *cache, const char *namespace)
{
	return cache_tenant_rival(cache, namespace) ? NULL : cache_tenant_label(cache, namespace);
}

const struct skill *cache_find_skill(const struct cache *cache, const char *namespace, const char *name,
				     const char *version)
{
	cleanup_buffer struct buffer key = BUFFER(CACHE_KEY_MAX);
	struct newest_skill newest = newest_skill(str_of(version));
	if (!name || buffer_appendf(&key, "%s/%s", namespace, name) != 0)
		return NULL;
	informer_index_each(cache->watched[CACHE_SKILLS].informer, SECONDARY, buffer_str(&key),
			    newest_skill_visit, &newest);
	return newest.found;
}

void cache_each(const struct cache *cache, enum cache_resource resource,
		bool (*visit)(void *context, const void *object), void *context)
{
	informer_each(cache->watched[resource].informer, visit, context);
}

void cache_each_pod_of_pool(const struct cache *cache, const char *pool_uid,
			    bool (*visit)(void *context, const void *object), void *context)
{
	informer_index_each(cache->watched[CACHE_PODS].informer, SECONDARY, str_of(pool_uid), visit, context);
}

void cache_enqueue(struct workqueue *queue, const struct object_meta *meta)
{
	cleanup_buffer struct buffer key = BUFFER(CACHE_KEY_MAX);
	cache_key(meta, &key);
	if (key.failed || workqueue_add(queue, buffer_str(&key)) != 0)
		log_error("no memory for a key", "name", meta->name, NULL);
}
