#include "controller/heartbeat.h"

#include "lib/api/lease.h"
#include "lib/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define PATH_SIZE 512
#define BODY_MAX 4096

struct heartbeat {
	struct heartbeat_services services;
	uv_timer_t timer;
	/* A request is on its way. */
	bool is_waiting;
	/* The last one failed, which was logged. */
	bool is_failing;
};

static void send_beat(struct heartbeat *heartbeat, bool create);

static void note_failure(struct heartbeat *heartbeat, const struct error *error)
{
	if (!heartbeat->is_failing)
		log_warn("the Lease that says that this controller works is not written: clients are told "
			 "that none does",
			 "error", error->message, NULL);
	heartbeat->is_failing = true;
}

static void settle(struct heartbeat *heartbeat, const struct kube_response *response)
{
	heartbeat->is_waiting = false;
	if (response->error)
		note_failure(heartbeat, response->error);
	else
		heartbeat->is_failing = false;
}

static void created(void *context, const struct kube_response *response)
{
	settle(context, response);
}

/* The chart makes the Lease, so that a controller needs no right to make any. */
static void patched(void *context, const struct kube_response *response)
{
	struct heartbeat *heartbeat = context;
	settle(heartbeat, response);
	if (response->status == 404)
		send_beat(heartbeat, true);
}

static void send_beat(struct heartbeat *heartbeat, bool create)
{
	const struct heartbeat_services *services = &heartbeat->services;
	cleanup_buffer struct buffer body = BUFFER(BODY_MAX);
	char collection[PATH_SIZE], path[PATH_SIZE];
	struct error err;
	snprintf(collection, sizeof(collection), API_LEASES_PATH, services->namespace);
	snprintf(path, sizeof(path), "%.400s/" API_CONTROLLER_LEASE, collection);
	struct kube_call call = {.method = create ? "POST" : "PATCH",
				 .path = create ? collection : path,
				 .content_type = create ? NULL : KUBE_MERGE_PATCH,
				 .timeout_ms = HEARTBEAT_INTERVAL_MS,
				 .no_retry = true, /* the next beat is one */
				 .done = create ? created : patched,
				 .context = heartbeat};
	if (lease_to_json(API_CONTROLLER_LEASE, services->holder, clock_wall_ms(services->clock),
			  HEARTBEAT_LEASE_SECONDS, &body, &err) == 0) {
		call.body = buffer_str(&body);
		heartbeat->is_waiting = kube_client_call(services->client, &call, &err) != NULL;
	}
	if (!heartbeat->is_waiting)
		note_failure(heartbeat, &err);
}

void heartbeat_beat(struct heartbeat *heartbeat)
{
	if (!heartbeat->is_waiting)
		send_beat(heartbeat, false);
}

static void on_timer(uv_timer_t *timer)
{
	heartbeat_beat(timer->data);
}

struct heartbeat *heartbeat_new(const struct heartbeat_services *services, struct error *err)
{
	struct heartbeat *heartbeat = calloc(1, sizeof(*heartbeat));
	if (!heartbeat) {
		error_no_memory(err);
		return NULL;
	}
	heartbeat->services = *services;
	heartbeat->timer.data = heartbeat;
	uv_timer_init(services->loop, &heartbeat->timer);
	uv_timer_start(&heartbeat->timer, on_timer, HEARTBEAT_INTERVAL_MS, HEARTBEAT_INTERVAL_MS);
	heartbeat_beat(heartbeat);
	return heartbeat;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct heartbeat *heartbeat_free(struct heartbeat *heartbeat)
{
	if (heartbeat)
		uv_close((uv_handle_t *)&heartbeat->timer, on_closed);
	return NULL;
}
