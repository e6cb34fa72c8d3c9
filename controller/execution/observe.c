#include "controller/execution/observe.h"

#include "controller/execution/refresh.h"

/* Of its own or of a pool; what became of it. */
static void observe_pod(const struct tracked *tracked, struct observation *ret)
{
	const struct pod *pod = refresh_pod(tracked, ret->execution);
	bool is_claimed = pod && tracked->claimed_pod && strcmp(pod->meta.name, tracked->claimed_pod) == 0;
	ret->pod = pod;
	ret->claimed = is_claimed;
	ret->pod_is_foreign = pod && !tracked_owns_pod(tracked, pod);
	ret->pod_lost = !pod && tracked->claimed_pod;
	ret->pod_expected = refresh_expects_pod(tracked, pod);
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
	if (!ret->skill || run_shape_resolve(ret->skill, ret->execution, services->config, &shape,
					     &error_code, &ignored) != 0)
		return;
	ret->pool = pools_offer(services->pools, namespace,
				recorded ? cache_pod(services->cache, namespace, recorded) : NULL, &shape);
	if (ret->pool == POOL_COMING)
		ret->pool_trouble = pools_trouble(services->pools, namespace, &shape);
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

static void observe_capacity(const struct tracked *tracked, struct observation *ret)
{
	if (ret->pod || ret->pod_expected)
		return;
	const struct capacity_view others = capacity_others(&tracked->place);
	ret->tenant_sandboxes = others.tenant_sandboxes;
	ret->tenant_starting = others.tenant_starting;
	ret->room = others.room;
	ret->quota_left_ms = others.quota_ms > ret->now_ms ? others.quota_ms - ret->now_ms : 0;
}

static void observe_history(const struct tracked *tracked, struct observation *ret)
{
	const struct execution_services *services = &tracked->executions->services;
	enum history_state state = history_state(services->history, tracked->node.key,
						 ret->execution->meta.uid, &ret->archive_retry_ms);
	ret->archived = state == HISTORY_DONE;
	ret->archiving = state == HISTORY_PENDING;
}

/* As its Pod tells, or as it is remembered. */
static const struct run_shape *shape_of(const struct tracked *tracked, const struct pod *pod,
					struct run_shape *memory)
{
	if (pod && tracked_owns_pod(tracked, pod) && pod->run_shape &&
	    run_shape_read(str_of(pod->run_shape), memory))
		return memory;
	return tracked_shape(tracked);
}

static int64_t sandbox_age_ms(const struct tracked *tracked, const struct observation *seen, int64_t now_us)
{
	int64_t claim_us = tracked->created_us ? tracked->created_us : tracked->seen_us;
	if (seen->claimed)
		return (now_us - claim_us) / 1000;
	return seen->pod ? seen->now_ms - seen->pod->meta.created_ms : 0;
}

void observe_execution(const struct tracked *tracked, const struct execution *execution,
		       struct run_shape *shape_memory, struct observation *ret)
{
	const struct execution_services *services = &tracked->executions->services;
	int64_t now_us = clock_monotonic_us(services->clock);
	*ret = (struct observation){
	    .execution = execution,
	    .namespace_is_tenant = cache_tenant_label(services->cache, execution->meta.namespace) != NULL,
	    .tenant_rival = cache_tenant_rival(services->cache, execution->meta.namespace),
	    .rival_ms = tracked->rival_ms,
	    .skill = cache_find_skill(services->cache, execution->meta.namespace, execution->spec.skill_name,
				      execution->spec.skill_version),
	    .warm = tracked->claimed_pod != NULL,
	    .refusal = tracked->refusal,
	    .refused_ms = tracked->refused_ms,
	    .reported_ms = tracked->reported_ms,
	    .stream_losses = tracked->stream_losses,
	    .now_ms = clock_wall_ms(services->clock),
	};
	ret->refusal_retry_ms = tracked->refusal ? tracked->retry_ms - ret->now_ms : 0;
	observe_pod(tracked, ret);
	ret->shape = shape_of(tracked, ret->pod, shape_memory);
	observe_history(tracked, ret);
	observe_session(tracked, ret);
	observe_timings(tracked, now_us, ret);
	observe_capacity(tracked, ret);
	observe_pools(services, tracked, ret);
	ret->sandbox_age_ms = sandbox_age_ms(tracked, ret, now_us);
}
