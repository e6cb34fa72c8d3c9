#include "controller/heartbeat.h"

#include "lib/api/lease.h"
#include "lib/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define PATH_SIZE 512
#define BODY_MAX 4096
#define PROBLEM_SIZE 1024
#define NAME_SIZE 256
#define VERSION_SIZE 64
/* What was written by somebody else is read again. */
#define CONFLICT_MS 10

/* The requests. All are patches but the one that makes the Lease, so that the right to patch it is enough; an
 * empty patch changes nothing, and its answer is the Lease. */
enum request { READ, TAKE, CREATE, RENEW };

struct heartbeat {
	struct heartbeat_services services;
	uv_timer_t timer;
	enum heartbeat_stage stage;
	int64_t generation;
	/* A request is on its way. */
	bool is_waiting;
	enum request request;
	/* monotonic; 0: none yet */
	int64_t sent_us;
	/* The last one failed, which was logged. */
	bool is_failing;
	/* The Lease as it was seen last, and since when: monotonic. Version "": there is none. */
	char version[VERSION_SIZE], holder[NAME_SIZE];
	int64_t transitions, version_us;
	char problem[PROBLEM_SIZE];
};

static void send_request(struct heartbeat *heartbeat, enum request request);

static int64_t now_us(const struct heartbeat *heartbeat)
{
	return clock_monotonic_us(heartbeat->services.clock);
}

/* When to do what */

static void on_timer(uv_timer_t *timer)
{
	struct heartbeat *heartbeat = timer->data;
	if (!heartbeat->is_waiting)
		send_request(heartbeat, heartbeat->stage == HEARTBEAT_WORKS ? RENEW : READ);
}

static void schedule(struct heartbeat *heartbeat, int64_t ms)
{
	uv_timer_start(&heartbeat->timer, on_timer, (uint64_t)ms, 0);
}

static void note_failure(struct heartbeat *heartbeat, const struct error *error)
{
	const struct heartbeat_services *services = &heartbeat->services;
	bool works = heartbeat->stage == HEARTBEAT_WORKS;
	if (!heartbeat->is_failing)
		log_warn(works ? "the Lease that says that this controller works is not written: clients are "
				 "told that none does"
			       : "the Lease that says which controller works can't be read or written",
			 "error", error->message, NULL);
	if (heartbeat->stage == HEARTBEAT_ASKS)
		snprintf(heartbeat->problem, sizeof(heartbeat->problem),
			 "no generation could be taken from the Lease %.128s/" API_CONTROLLER_LEASE
			 ", and nothing is done without: %.700s",
			 services->namespace, error->message);
	heartbeat->is_failing = true;
	schedule(heartbeat, heartbeat->stage == HEARTBEAT_ASKS ? HEARTBEAT_RETRY_MS : HEARTBEAT_INTERVAL_MS);
}

/* What the Lease says */

static void note_lease(struct heartbeat *heartbeat, const struct lease *lease)
{
	const char *version = lease ? lease->meta.resource_version : "";
	if (strcmp(heartbeat->version, version) != 0 || heartbeat->version_us == 0)
		heartbeat->version_us = now_us(heartbeat);
	snprintf(heartbeat->version, sizeof(heartbeat->version), "%s", version);
	snprintf(heartbeat->holder, sizeof(heartbeat->holder), "%s", lease ? lease->holder : "");
	heartbeat->transitions = lease ? lease->transitions : 0;
}

static void work(struct heartbeat *heartbeat)
{
	const struct heartbeat_services *services = &heartbeat->services;
	bool is_first = heartbeat->stage == HEARTBEAT_ASKS;
	heartbeat->stage = HEARTBEAT_WORKS;
	heartbeat->generation = heartbeat->transitions;
	heartbeat->problem[0] = '\0';
	schedule(heartbeat, HEARTBEAT_INTERVAL_MS);
	if (is_first)
		services->taken(services->context, heartbeat->generation);
}

static void say_who_works(struct heartbeat *heartbeat)
{
	snprintf(heartbeat->problem, sizeof(heartbeat->problem),
		 "stands by: the controller %s was started later and works", heartbeat->holder);
	heartbeat->generation = heartbeat->transitions;
}

static void give_way(struct heartbeat *heartbeat)
{
	const struct heartbeat_services *services = &heartbeat->services;
	log_warn("another controller was started later and works: this one stands by", "holder",
		 heartbeat->holder, NULL);
	heartbeat->stage = HEARTBEAT_STANDS_BY;
	say_who_works(heartbeat);
	schedule(heartbeat, HEARTBEAT_INTERVAL_MS);
	services->superseded(services->context);
}

/* It was renewed, or made anew by somebody who did not know what it said. */
static void check_own(struct heartbeat *heartbeat)
{
	if (heartbeat->transitions > heartbeat->generation)
		give_way(heartbeat);
	else if (heartbeat->transitions < heartbeat->generation)
		send_request(heartbeat, TAKE);
	else
		schedule(heartbeat, HEARTBEAT_INTERVAL_MS);
}

static void check_other(struct heartbeat *heartbeat)
{
	const struct heartbeat_services *services = &heartbeat->services;
	int64_t age_us = now_us(heartbeat) - heartbeat->version_us;
	say_who_works(heartbeat);
	schedule(heartbeat, HEARTBEAT_INTERVAL_MS);
	if (age_us >= HEARTBEAT_LEASE_SECONDS * INT64_C(1000000))
		services->expired(services->context);
}

static void take_lease(struct heartbeat *heartbeat, const struct lease *lease)
{
	note_lease(heartbeat, lease);
	switch (heartbeat->request) {
	case READ:
		if (heartbeat->stage == HEARTBEAT_STANDS_BY)
			check_other(heartbeat);
		else
			send_request(heartbeat, lease ? TAKE : CREATE);
		return;
	case TAKE:
	case CREATE:
		work(heartbeat);
		return;
	case RENEW:
		if (lease)
			check_own(heartbeat);
		else
			send_request(heartbeat, CREATE);
		return;
	}
}

static void answered(void *context, const struct kube_response *response)
{
	struct heartbeat *heartbeat = context;
	struct error err;
	heartbeat->is_waiting = false;
	bool is_missing =
	    response->status == 404 && (heartbeat->request == READ || heartbeat->request == RENEW);
	if (response->status == 409) { /* somebody else was there first */
		schedule(heartbeat, CONFLICT_MS);
		return;
	}
	struct lease *lease = response->error ? NULL : lease_from_json(response->body, &err);
	if (lease && !lease->meta.resource_version) {
		lease = lease_free(lease);
		error_set(&err, ERR_PROTOCOL, "the answer has no resourceVersion");
	}
	if (!lease && !is_missing) {
		note_failure(heartbeat, response->error ? response->error : &err);
		return;
	}
	heartbeat->is_failing = false;
	take_lease(heartbeat, lease);
	lease_free(lease);
}

/* Requests */

/* The generation that is to be in the Lease; 0: nothing is said of it. */
static int64_t wished_transitions(const struct heartbeat *heartbeat, enum request request)
{
	if (request != TAKE && request != CREATE)
		return 0;
	return heartbeat->stage == HEARTBEAT_WORKS ? heartbeat->generation : heartbeat->transitions + 1;
}

static int build(const struct heartbeat *heartbeat, enum request request, struct buffer *out,
		 struct error *err)
{
	const struct heartbeat_services *services = &heartbeat->services;
	bool is_taken = request == TAKE || request == CREATE;
	struct lease_write write = {
	    .name = API_CONTROLLER_LEASE,
	    .resource_version = request == TAKE ? heartbeat->version : NULL,
	    .holder = is_taken ? services->holder : NULL,
	    .now_ms = clock_wall_ms(services->clock),
	    .duration_seconds = HEARTBEAT_LEASE_SECONDS,
	    .transitions = wished_transitions(heartbeat, request),
	};
	if (write.transitions > LEASE_TRANSITIONS_MAX)
		return error_set(err, ERR_UNAVAILABLE,
				 "spec.leaseTransitions is %lld, and can't grow: delete the Lease when no "
				 "controller runs",
				 (long long)heartbeat->transitions);
	if (request == READ)
		return buffer_append_c(out, "{}") == 0 ? 0 : error_no_memory(err);
	return lease_to_json(&write, out, err);
}

static void send_request(struct heartbeat *heartbeat, enum request request)
{
	const struct heartbeat_services *services = &heartbeat->services;
	cleanup_buffer struct buffer body = BUFFER(BODY_MAX);
	char collection[PATH_SIZE], path[PATH_SIZE];
	struct error err;
	snprintf(collection, sizeof(collection), API_LEASES_PATH, services->namespace);
	snprintf(path, sizeof(path), "%.400s/" API_CONTROLLER_LEASE, collection);
	struct kube_call call = {.method = request == CREATE ? "POST" : "PATCH",
				 .path = request == CREATE ? collection : path,
				 .content_type = request == CREATE ? NULL : KUBE_MERGE_PATCH,
				 .timeout_ms = HEARTBEAT_INTERVAL_MS,
				 .no_retry = true, /* the next beat is one */
				 .done = answered,
				 .context = heartbeat};
	heartbeat->request = request;
	heartbeat->sent_us = now_us(heartbeat);
	if (build(heartbeat, request, &body, &err) == 0) {
		call.body = buffer_str(&body);
		heartbeat->is_waiting = kube_client_call(services->client, &call, &err) != NULL;
	}
	if (!heartbeat->is_waiting)
		note_failure(heartbeat, &err);
}

void heartbeat_beat(struct heartbeat *heartbeat)
{
	int64_t left_us = heartbeat->sent_us + HEARTBEAT_RETRY_MS * 1000 - now_us(heartbeat);
	if (heartbeat->is_waiting)
		return;
	if (heartbeat->sent_us == 0 || left_us <= 0)
		on_timer(&heartbeat->timer);
	else
		schedule(heartbeat, left_us / 1000 + 1);
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
	snprintf(heartbeat->problem, sizeof(heartbeat->problem),
		 "a generation is being taken from the Lease %.128s/" API_CONTROLLER_LEASE,
		 services->namespace);
	uv_timer_init(services->loop, &heartbeat->timer);
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

enum heartbeat_stage heartbeat_stage(const struct heartbeat *heartbeat)
{
	return heartbeat->stage;
}

int64_t heartbeat_generation(const struct heartbeat *heartbeat)
{
	return heartbeat->generation;
}

const char *heartbeat_problem(const struct heartbeat *heartbeat)
{
	return heartbeat->stage == HEARTBEAT_WORKS ? NULL : heartbeat->problem;
}
