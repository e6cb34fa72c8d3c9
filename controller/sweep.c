#include "controller/sweep.h"

#include "controller/sandbox/pod_spec.h"
#include "lib/api/execution.h"
#include "lib/api/pod.h"
#include "lib/base/log.h"

#include <stdio.h>
#include <stdlib.h>

/* Younger Pods may belong to an Execution that the other watch has not shown yet. */
#define SWEEP_MIN_AGE_MS 10000

struct sweep {
	struct controller *controller;
	uv_timer_t timer;
};

static void deleted(void *context, const struct kube_response *response)
{
	(void)context;
	if (response->error && response->error->code != ERR_NOT_FOUND &&
	    response->error->code != ERR_CONFLICT)
		log_warn("orphaned Pod not deleted", "error", response->error->message, NULL);
}

static void delete_orphan(struct controller *controller, const struct pod *pod)
{
	char path[1024], body[POD_DELETE_SIZE];
	struct error problem;
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s", pod->meta.namespace, pod->meta.name);
	pod_delete_options(pod->meta.uid, body);
	struct kube_call call = {.method = "DELETE", .path = path, .body = str_of(body), .done = deleted};
	log_info("deleting an orphaned sandbox", "namespace", pod->meta.namespace, "pod", pod->meta.name,
		 NULL);
	if (!kube_client_call(controller->client, &call, &problem))
		log_warn("orphaned Pod not deleted", "error", problem.message, NULL);
}

struct wanted {
	const struct pod *pod;
	bool owner_exists, wanted;
};

static bool visit_execution(void *context, const void *object)
{
	struct wanted *wanted = context;
	const struct execution *execution = object;
	char name[POD_NAME_SIZE];
	pod_name(execution, name);
	wanted->owner_exists = true;
	wanted->wanted = !execution_is_finished(execution) && strcmp(name, wanted->pod->meta.name) == 0;
	return false;
}

static bool visit_pod(void *context, const void *object)
{
	struct controller *controller = context;
	const struct pod *pod = object;
	struct wanted wanted = {pod, false, false};
	if (pod->meta.deleted_ms || !pod->meta.owner_uid || !pod->execution_uid ||
	    strcmp(pod->meta.owner_uid, pod->execution_uid) != 0 ||
	    clock_wall_ms(controller->clock) - pod->meta.created_ms < SWEEP_MIN_AGE_MS)
		return true;
	informer_index_each(controller->executions, EXECUTIONS_BY_UID, str_of(pod->meta.owner_uid),
			    visit_execution, &wanted);
	if (!wanted.wanted)
		delete_orphan(controller, pod);
	return true;
}

static void on_timer(uv_timer_t *timer)
{
	struct sweep *sweep = timer->data;
	struct controller *controller = sweep->controller;
	/* a cache that may be old must not decide that an owner is gone */
	if (informer_is_live(controller->executions) && informer_is_live(controller->pods))
		informer_each(controller->pods, visit_pod, controller);
}

struct sweep *sweep_new(struct controller *controller, struct error *err)
{
	struct sweep *sweep = calloc(1, sizeof(*sweep));
	if (!sweep) {
		error_no_memory(err);
		return NULL;
	}
	sweep->controller = controller;
	sweep->timer.data = sweep;
	uv_timer_init(controller->loop, &sweep->timer);
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
