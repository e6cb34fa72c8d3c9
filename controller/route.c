#include "controller/route.h"

#include "controller/execution/arrival.h"
#include "lib/base/log.h"

#include <stdio.h>

/* Somebody deleted it by hand: what ended is archived all the same, as far as one try goes. */
static void archive_deleted(const struct route *route, const struct execution *gone)
{
	cleanup_buffer struct buffer key = BUFFER(CACHE_KEY_MAX);
	cache_key(&gone->meta, &key);
	if (!key.failed && execution_is_finished(gone))
		history_put(route->history, buffer_str(&key), gone,
			    cache_tenant(route->cache, gone->meta.namespace));
}

static void execution_changed(const struct route *route, const struct execution *old,
			      const struct execution *fresh)
{
	if (!fresh)
		archive_deleted(route, old);
	else if (old ? arrival_is_own_end(route->executions, fresh)
		     : cache_has_synced(route->cache) && arrival_joins(route->executions, fresh))
		return;
	cache_enqueue(route->execution_queue, fresh ? &fresh->meta : &old->meta);
}

static void pod_changed(const struct route *route, const struct pod *old, const struct pod *fresh)
{
	const struct pod *pod = fresh ? fresh : old;
	if (pod->skill_uid) {
		if (pod->skill && pod_change_matters(old, fresh) &&
		    workqueue_add(route->skill_queue, str_of(pod->skill)) != 0)
			log_error("no memory for a key", NULL);
		return;
	}
	if (pod->pool_uid) {
		pools_pod_changed(route->pools, old, fresh);
		return;
	}
	const struct execution *owner = pod->meta.owner_uid && pod_change_matters(old, fresh)
					    ? cache_execution_of_uid(route->cache, pod->meta.owner_uid)
					    : NULL;
	if (owner)
		cache_enqueue(route->execution_queue, &owner->meta);
}

static void sandbox_pool_changed(const struct route *route, const struct sandbox_pool *old,
				 const struct sandbox_pool *fresh)
{
	if (old && fresh && old->meta.generation == fresh->meta.generation)
		return; /* our own status */
	cache_enqueue(route->pool_queue, fresh ? &fresh->meta : &old->meta);
}

/* Who uses a skill. */
struct skill_users {
	const struct route *route;
	const struct skill *skill;
};

static bool is_of_skill(const struct skill_users *users, const struct object_meta *meta, const char *name)
{
	return name && strcmp(name, users->skill->spec.name) == 0 &&
	       strcmp(meta->namespace, users->skill->meta.namespace) == 0;
}

/* Unfinished Executions that may wait for this skill. */
static bool visit_waiting(void *context, const void *object)
{
	const struct skill_users *users = context;
	const struct execution *execution = object;
	if (!execution_is_finished(execution) &&
	    is_of_skill(users, &execution->meta, execution->spec.skill_name))
		cache_enqueue(users->route->execution_queue, &execution->meta);
	return true;
}

static bool visit_bound(void *context, const void *object)
{
	const struct skill_users *users = context;
	const struct sandbox_pool *pool = object;
	if (is_of_skill(users, &pool->meta, pool->spec.skill_name))
		cache_enqueue(users->route->pool_queue, &pool->meta);
	return true;
}

/* Its packages are there, or won't come. */
static bool build_has_moved(const struct skill *old, const struct skill *fresh)
{
	return skill_awaits_build(old) != skill_awaits_build(fresh) ||
	       skill_build_has_failed(old) != skill_build_has_failed(fresh);
}

static void skill_changed(const struct route *route, const struct skill *old, const struct skill *fresh)
{
	struct skill_users users = {route, fresh ? fresh : old};
	if (users.skill->spec.name[0])
		cache_each(route->cache, CACHE_SANDBOX_POOLS, visit_bound, &users);
	cache_enqueue(route->skill_queue, &users.skill->meta);
	if (!fresh)
		return;
	if (old && old->status.ready.status && !build_has_moved(old, fresh))
		return; /* only a new one, or the verdict on one, can be waited for */
	cache_each(route->cache, CACHE_EXECUTIONS, visit_waiting, &users);
}

/* Namespaces that change hands */

/* "" : none */
static const char *label_of(const struct tenant *tenant)
{
	return tenant && tenant->name && !tenant->meta.deleted_ms ? tenant->name : "";
}

/* Those whose namespace may have a tenant now, or none any more. */
struct tenant_users {
	const struct route *route;
	const char *namespace, *old_label, *fresh_label;
};

static bool is_concerned(const struct tenant_users *users, const struct object_meta *meta)
{
	const char *label = cache_tenant_label(users->route->cache, meta->namespace);
	return strcmp(meta->namespace, users->namespace) == 0 ||
	       (label && (strcmp(label, users->old_label) == 0 || strcmp(label, users->fresh_label) == 0));
}

static bool visit_tenants_execution(void *context, const void *object)
{
	const struct tenant_users *users = context;
	const struct execution *execution = object;
	if (!execution_is_finished(execution) && is_concerned(users, &execution->meta))
		cache_enqueue(users->route->execution_queue, &execution->meta);
	return true;
}

static bool visit_tenants_pool(void *context, const void *object)
{
	const struct tenant_users *users = context;
	const struct sandbox_pool *pool = object;
	if (is_concerned(users, &pool->meta))
		cache_enqueue(users->route->pool_queue, &pool->meta);
	return true;
}

/* Its owner is told in each of the namespaces. */
struct ambiguity {
	const struct route *route;
	const char *note;
};

static bool visit_ambiguous(void *context, const void *object)
{
	const struct ambiguity *ambiguity = context;
	const struct object_meta *meta = &((const struct tenant *)object)->meta;
	const struct event_object about = {"v1", "Namespace", meta->name, meta->name, meta->uid};
	event_record(ambiguity->route->events, &about, "Warning", API_AMBIGUOUS_TENANT, "Read",
		     ambiguity->note);
	return true;
}

static void tell_ambiguous(const struct route *route, const struct tenant *tenant)
{
	const char *rival = cache_tenant_rival(route->cache, tenant->meta.name);
	char note[512];
	struct ambiguity ambiguity = {route, note};
	if (!rival)
		return;
	snprintf(note, sizeof(note),
		 "namespaces %.63s and %.63s have the same label " API_TENANT_LABEL
		 "=%.63s: nothing is run in either, and the tenant's keys are refused, before it is taken "
		 "from one",
		 tenant->meta.name, rival, tenant->name);
	log_warn("several namespaces have the label of one tenant: none of them is served", "tenant",
		 tenant->name, "namespace", tenant->meta.name, "other", rival, NULL);
	cache_each_of_tenant(route->cache, tenant->name, visit_ambiguous, &ambiguity);
}

static bool visit_tenant(void *context, const void *object)
{
	tell_ambiguous(context, object);
	return true;
}

static void tenant_changed(const struct route *route, const struct tenant *old, const struct tenant *fresh)
{
	struct tenant_users users = {route, fresh ? fresh->meta.name : old->meta.name, label_of(old),
				     label_of(fresh)};
	if (strcmp(users.old_label, users.fresh_label) == 0)
		return;
	if (fresh)
		tell_ambiguous(route, fresh);
	if (!cache_has_synced(route->cache)) /* nothing is decided yet */
		return;
	cache_each(route->cache, CACHE_EXECUTIONS, visit_tenants_execution, &users);
	cache_each(route->cache, CACHE_SANDBOX_POOLS, visit_tenants_pool, &users);
}

static bool visit_key(void *context, const void *object)
{
	cache_enqueue(context, object); /* every object begins with its meta */
	return true;
}

void route_all(const struct route *route)
{
	cache_each(route->cache, CACHE_TENANTS, visit_tenant, (void *)(uintptr_t)route);
	cache_each(route->cache, CACHE_SKILLS, visit_key, route->skill_queue);
	cache_each(route->cache, CACHE_SANDBOX_POOLS, visit_key, route->pool_queue);
	cache_each(route->cache, CACHE_EXECUTIONS, visit_key, route->execution_queue);
}

void route_change(const struct route *route, enum cache_resource resource, const void *old, const void *fresh)
{
	switch (resource) {
	case CACHE_SKILLS:
		skill_changed(route, old, fresh);
		return;
	case CACHE_EXECUTIONS:
		execution_changed(route, old, fresh);
		return;
	case CACHE_PODS:
		pod_changed(route, old, fresh);
		return;
	case CACHE_SANDBOX_POOLS:
		sandbox_pool_changed(route, old, fresh);
		return;
	case CACHE_TENANTS:
		tenant_changed(route, old, fresh);
		return;
	case CACHE_RESOURCE_COUNT:
		return;
	}
}
