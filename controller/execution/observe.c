#include "controller/execution/observe.h"

#include "controller/sandbox/pod_spec.h"

#include <stdio.h>
#include <stdlib.h>

/* A create that was answered shows up in the watch soon; after this long it is tried again (a 409 if it is
 * there). */
#define POD_EXPECTED_MS 5000

/* The Pod that was made for this attempt, or the one of a pool that it was given: by us, or by a controller
 * before us, as the sandbox itself tells. */
static void observe_pod(const struct execution_services *services, struct tracked *tracked,
			struct observation *ret)
{
	const struct execution *execution = ret->execution;
	const char *namespace = execution->meta.namespace;
	char name[POD_NAME_SIZE];
	pod_name(execution, name);
	ret->pod = cache_pod(services->cache, namespace, name);
	if (ret->pod)
		return;
	if (!tracked->claimed_pod && !tracked->session && !execution_is_finished(execution)) {
		const struct run_shape *shape = NULL;
		const char *claimed =
		    pools_find_claimed(services->pools, namespace, execution_id(execution), &shape);
		tracked->claimed_pod = claimed ? str_dup(str_of(claimed)) : NULL;
		if (tracked->claimed_pod &&
		    shape) /* what the skill has become since changes nothing for it */
			tracked_set_shape(tracked, shape);
	}
	if (!tracked->claimed_pod)
		return;
	ret->pod = cache_pod(services->cache, namespace, tracked->claimed_pod);
	ret->claimed = ret->pod != NULL;
	ret->pod_lost = !ret->pod;
}

static void observe_pools(const struct execution_services *services, const struct tracked *tracked,
			  struct observation *ret)
{
	struct run_shape shape;
	const char *error_code;
	struct error ignored; /* the plan finds the same, and tells it */
	const char *namespace = ret->execution->meta.namespace, *recorded = ret->execution->status.pod_name;
	ret->pool = POOL_NONE;
	if (ret->pod || ret->pod_lost || ret->pod_expected || tracked->session ||
	    execution_is_finished(ret->execution))
		return;
	if (ret->skill && run_shape_resolve(ret->skill, ret->execution, services->config, &shape, &error_code,
					    &ignored) == 0)
		ret->pool =
		    pools_offer(services->pools, namespace,
				recorded ? cache_pod(services->cache, namespace, recorded) : NULL, &shape);
}

static void observe_session(const struct tracked *tracked, struct observation *ret)
{
	const struct session *session = tracked->session;
	ret->session = session ? session_state(session) : SESSION_NONE;
	bool has_result = ret->session == SESSION_DONE || ret->session == SESSION_STORE_FAILED ||
			  ret->session == SESSION_COLLECTING;
	if (session && !has_result && ret->pod && strcmp(ret->pod->meta.uid, tracked->session_pod_uid) != 0)
		ret->session = SESSION_NONE; /* that Pod is gone, and this one has its name */
	if (ret->session == SESSION_NONE)
		return;
	ret->result = ret->session == SESSION_DONE ? session_result(session) : NULL;
	ret->session_problem = session_problem(session);
	/* a stream opened again hears of the start anew; what is recorded is the first time */
	const char *recorded_pod = ret->execution->status.pod_name;
	bool same_pod = recorded_pod && ret->pod && strcmp(recorded_pod, ret->pod->meta.name) == 0;
	int64_t recorded_ms = same_pod ? ret->execution->status.started_ms : 0;
	ret->started_ms =
	    recorded_ms && session_started_ms(session) ? recorded_ms : session_started_ms(session);
	ret->cancel_sent_ms = session_cancel_sent_ms(session);
	ret->lost_ms = session_lost_ms(session);
	ret->store_failed_ms = session_store_failed_ms(session);
	ret->store_tried_ms = session_store_tried_ms(session);
}

static double since(int64_t later, int64_t earlier)
{
	return later > earlier ? (double)(later - earlier) : 0;
}

static void observe_timings(const struct tracked *tracked, int64_t now_us, struct observation *ret)
{
	const struct execution *execution = ret->execution;
	int64_t opened_us = tracked->session ? session_opened_us(tracked->session) : 0;
	if (tracked->created_us) {
		ret->queue_ms = since(tracked->created_us, tracked->seen_us) / 1000.0;
		ret->sandbox_ms = opened_us ? since(opened_us, tracked->created_us) / 1000.0 : 0;
		ret->total_ms = since(now_us, tracked->seen_us) / 1000.0;
		return;
	}
	int64_t pod_ms = ret->pod ? ret->pod->meta.created_ms : 0;
	int64_t started_ms = execution->status.started_ms ? execution->status.started_ms : ret->started_ms;
	ret->queue_ms = pod_ms ? since(pod_ms, execution->meta.created_ms) : 0;
	ret->sandbox_ms = pod_ms && started_ms ? since(started_ms, pod_ms) : 0;
	ret->total_ms = since(ret->now_ms, execution->meta.created_ms);
}

/* A Pod that is going or has ended holds no place. */
static void observe_capacity(struct tracked *tracked, struct observation *ret)
{
	const struct pod *pod = ret->pod;
	bool has_sandbox = tracked->state == TRACKED_STARTING || tracked->state == TRACKED_READY;
	if (tracked->state == TRACKED_SETTLED)
		;
	else if (pod && pod->meta.deleted_ms == 0 && !pod->terminated)
		tracked_move(tracked, pod->ready ? TRACKED_READY : TRACKED_STARTING);
	else if (has_sandbox && (pod || !ret->pod_expected))
		tracked_move(tracked, TRACKED_IDLE);
	if (pod || ret->pod_expected)
		return;
	struct capacity_view others = capacity_others(&tracked->place);
	ret->tenant_sandboxes = others.tenant_sandboxes;
	ret->tenant_starting = others.tenant_starting;
	ret->starting = others.starting + pools_starting(tracked->executions->services.pools);
}

void observe_execution(struct tracked *tracked, const struct execution *execution,
		       struct run_shape *shape_memory, struct observation *ret)
{
	const struct execution_services *services = &tracked->executions->services;
	*ret = (struct observation){
	    .execution = execution,
	    .namespace_is_tenant = cache_tenant(services->cache, execution->meta.namespace) != NULL,
	    .skill = cache_find_skill(services->cache, execution->meta.namespace, execution->spec.skill_name,
				      execution->spec.skill_version),
	    .pod_create_problem = tracked->pod_create_problem,
	    .stream_losses = tracked->stream_losses,
	    .now_ms = clock_wall_ms(services->clock),
	};
	observe_pod(services, tracked, ret);
	if (ret->pod)
		tracked->pod_created_ms = 0;
	ret->pod_expected =
	    tracked->pod_created_ms && ret->now_ms - tracked->pod_created_ms < POD_EXPECTED_MS;
	if (ret->pod && ret->pod->run_shape && run_shape_read(str_of(ret->pod->run_shape), shape_memory))
		ret->shape = shape_memory;
	else
		ret->shape = tracked_shape(tracked);
	enum history_state archived =
	    history_state(services->history, tracked->node.key, execution->meta.uid);
	ret->archived = archived == HISTORY_DONE;
	ret->archiving = archived == HISTORY_PENDING;
	observe_session(tracked, ret);
	observe_timings(tracked, clock_monotonic_us(services->clock), ret);
	observe_capacity(tracked, ret);
	observe_pools(services, tracked, ret);
	ret->warm = tracked->claimed_pod != NULL;
	int64_t claim_us = tracked->created_us ? tracked->created_us : tracked->seen_us;
	ret->sandbox_age_ms = ret->claimed ? (clock_monotonic_us(services->clock) - claim_us) / 1000
			      : ret->pod   ? ret->now_ms - ret->pod->meta.created_ms
					   : 0;
}
