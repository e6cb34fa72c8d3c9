#include "controller/pool/observe.h"

static struct member_view view_of(const struct sandbox *sandbox, int64_t now_ms)
{
	const struct pod *pod = sandbox->pod;
	struct member_view view = {
	    .state = sandbox_state(sandbox, now_ms),
	    .fits = sandbox->fits,
	    .reached = sandbox->reached,
	    .age_ms = now_ms - sandbox->created_ms,
	    .lost_ms = sandbox->session ? now_ms - session_lost_ms(sandbox->session) : INT64_MAX / 2,
	    .losses = sandbox->losses,
	};
	if (view.state == MEMBER_STARTING && sandbox->trouble.reason) {
		view.trouble = sandbox->trouble.reason;
		view.trouble_message = sandbox->trouble.message;
		view.waits_in_vain = pod_waits_in_vain(pod);
	}
	return view;
}

void observe_pool(const struct pool *pool, const struct sandbox_pool *object,
		  const struct pool_refusal *refusal, int64_t now_ms, struct member_view *ret_members,
		  struct pool_observation *ret)
{
	const struct pool_services *services = &pool->pools->services;
	const struct capacity_view others = capacity_others(&pool->place);
	const struct sandbox *sandbox;
	size_t count = 0;
	LIST_FOREACH(sandbox, &pool->sandboxes, link)
		ret_members[count++] = view_of(sandbox, now_ms);
	*ret = (struct pool_observation){
	    .invalid = refusal->reason ? refusal->err.message : NULL,
	    .invalid_reason = refusal->reason,
	    .replicas = object->spec.replicas,
	    .waiting = pool_count_demands(pool, &pool->pools->demands.waiting),
	    .room = others.room,
	    .tenant_starting = others.tenant_any_starting,
	    .start_timeout_ms = services->config->start_timeout_ms,
	    .problem = pool->problem.message,
	    .problem_reason = pool->problem.reason,
	    .refused = pool->refused,
	    .failures = pool->failures,
	    .failed_ms = now_ms - pool->failed_ms,
	    .members = ret_members,
	    .member_count = count,
	};
}
