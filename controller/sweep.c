#include "controller/sweep.h"

#include "controller/build/pod.h"
#include "controller/sandbox/pod_spec.h"
#include "lib/base/log.h"

#include <stdio.h>
#include <stdlib.h>

/* Younger Pods may belong to an Execution that the other watch has not shown yet. */
#define SWEEP_MIN_AGE_MS 10000
#define PATH_SIZE 1024

struct sweep {
	struct sweep_services services;
	uv_timer_t timer;
};

static void deleted(void *context, const struct kube_response *response)
{
	(void)context;
	if (response->error && response->error->code != ERR_NOT_FOUND &&
	    response->error->code != ERR_CONFLICT)
		log_warn("orphaned Pod not deleted", "error", response->error->message, NULL);
}

static void delete_orphan(const struct sweep_services *services, const struct pod *pod)
{
	char path[PATH_SIZE], body[POD_DELETE_SIZE];
	struct error err;
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s", pod->meta.namespace, pod->meta.name);
	pod_delete_options(pod->meta.uid, body);
	struct kube_call call = {.method = "DELETE", .path = path, .body = str_of(body), .done = deleted};
	log_info("deleting an orphaned sandbox", "namespace", pod->meta.namespace, "pod", pod->meta.name,
		 NULL);
	if (!kube_client_call(services->client, &call, &err))
		log_warn("orphaned Pod not deleted", "error", err.message, NULL);
}

static bool is_wanted(const struct sweep_services *services, const struct pod *pod)
{
	const struct execution *execution = cache_execution_of_uid(services->cache, pod->meta.owner_uid);
	char name[POD_NAME_SIZE];
	if (!execution || execution_is_finished(execution))
		return false;
	pod_name(execution, name);
	return strcmp(name, pod->meta.name) == 0;
}

/* It stands in another namespace than its Skill, so no ownerReference leads there. */
static bool is_build_wanted(const struct sweep_services *services, const struct pod *pod)
{
	const struct skill *skill = cache_skill(services->cache, str_of(pod->skill));
	char name[BUILD_POD_NAME_SIZE];
	if (!skill || strcmp(skill->meta.uid, pod->skill_uid) != 0 || !skill_awaits_build(skill) ||
	    skill_build_has_failed(skill))
		return false;
	build_pod_name(skill, name);
	return strcmp(name, pod->meta.name) == 0;
}

static bool visit_pod(void *context, const void *object)
{
	const struct sweep_services *services = context;
	const struct pod *pod = object;
	if (pod->skill_uid && !pod->meta.deleted_ms && services->build_namespace[0] &&
	    strcmp(pod->meta.namespace, services->build_namespace) == 0 &&
	    clock_wall_ms(services->clock) - pod->meta.created_ms >= SWEEP_MIN_AGE_MS &&
	    !is_build_wanted(services, pod)) {
		delete_orphan(services, pod);
		return true;
	}
	if (pod->meta.deleted_ms || !pod->meta.owner_uid || !pod->execution_uid ||
	    strcmp(pod->meta.owner_uid, pod->execution_uid) != 0 ||
	    clock_wall_ms(services->clock) - pod->meta.created_ms < SWEEP_MIN_AGE_MS)
		return true;
	if (!is_wanted(services, pod))
		delete_orphan(services, pod);
	return true;
}

static void on_timer(uv_timer_t *timer)
{
	struct sweep *sweep = timer->data;
	const struct cache *cache = sweep->services.cache;
	/* a cache that may be old must not decide that an owner is gone */
	if (cache_is_live(cache, CACHE_EXECUTIONS) && cache_is_live(cache, CACHE_PODS) &&
	    cache_is_live(cache, CACHE_SKILLS))
		cache_each(cache, CACHE_PODS, visit_pod, &sweep->services);
}

struct sweep *sweep_new(const struct sweep_services *services, struct error *err)
{
	struct sweep *sweep = calloc(1, sizeof(*sweep));
	if (!sweep) {
		error_no_memory(err);
		return NULL;
	}
	sweep->services = *services;
	sweep->timer.data = sweep;
	uv_timer_init(services->loop, &sweep->timer);
	uv_timer_start(&sweep->timer, on_timer, SWEEP_INTERVAL_MS, SWEEP_INTERVAL_MS);
	return sweep;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct sweep *sweep_free(struct sweep *sweep)
{
	if (sweep)
		uv_close((uv_handle_t *)&sweep->timer, on_closed);
	return NULL;
}
