#include "controller/pool/apply.h"

#include "controller/pool/calls.h"
#include "lib/base/id.h"
#include "lib/base/log.h"

#include <stdio.h>

/* whether or not something happens */
#define LOOK_MS 30000

static void session_changed(void *context)
{
	struct sandbox *sandbox = context;
	workqueue_add(sandbox->pool->pools->services.queue, sandbox->pool->node.key);
}

static void open_session(struct pool *pool, struct sandbox *sandbox)
{
	struct error err;
	if (sandbox->session) {
		sandbox->losses++;
		pool_note_problem(pool, NULL, session_problem(sandbox->session));
		log_info("stream of a waiting sandbox lost", "pool", pool->node.key.p, "pod", sandbox->name,
			 "problem", session_problem(sandbox->session), NULL);
		sandbox->session = session_free(sandbox->session);
	}
	const struct pool_services *services = &pool->pools->services;
	sandbox->session =
	    session_park(services->sessions, sandbox->pod, sandbox->fits ? pool->skill : NULL,
			 cache_tenant(services->cache, pool->namespace), session_changed, sandbox, &err);
	if (sandbox->session)
		return;
	sandbox->losses++;
	pool_note_problem(pool, NULL, err.message);
	log_warn("stream of a waiting sandbox not opened", "pod", sandbox->name, "error", err.message, NULL);
}

static void create_sandbox(struct pool *pool, const struct sandbox_pool *object, int64_t now_ms)
{
	char name[POD_NAME_SIZE], hex[17];
	unsigned char random[8];
	id_random(random, sizeof(random));
	id_hex(random, sizeof(random), hex);
	snprintf(name, sizeof(name), "sbp-%s-%.8s", pool->uid, hex);
	struct sandbox *sandbox = sandbox_new(pool, name, now_ms);
	if (sandbox)
		pools_create(sandbox, object);
}

/* What kept it from getting ready, as far as its Pod tells; else what was noted of its streams stays. */
static void note_failure(struct pool *pool, const struct sandbox *sandbox)
{
	const struct pod *pod = sandbox->pod;
	struct trouble slow;
	if (!pod)
		return;
	if (sandbox->trouble.reason) {
		pool_note_problem(pool, sandbox->trouble.reason, sandbox->trouble.message);
	} else if (pod_has_ended(pod) && (pod->message || pod->terminated_reason || pod->reason)) {
		pool_note_problem(pool, NULL,
				  pod->message  ? pod->message
				  : pod->reason ? pod->reason
						: pod->terminated_reason);
	} else if (!pod->ready && !pod_has_ended(pod)) {
		trouble_of_slow_pod(pod, &slow);
		pool_note_problem(pool, slow.reason, slow.message);
	}
}

static void apply_action(struct pool *pool, struct sandbox *sandbox, enum member_action action,
			 int64_t now_ms)
{
	switch (action) {
	case MEMBER_KEEP:
		return;
	case MEMBER_OPEN:
		open_session(pool, sandbox);
		return;
	case MEMBER_GIVE_UP:
		if (pool->failures == 0)
			pool_turn_away(pool); /* they had better have sandboxes of their own */
		pool->failures++;
		pool->failed_ms = now_ms;
		note_failure(pool, sandbox);
		log_warn("sandbox of a pool did not get ready", "pool", pool->node.key.p, "pod",
			 sandbox->name, NULL);
		break;
	case MEMBER_DELETE:
		break;
	}
	if (!sandbox->uid) { /* given up before the watch showed it: whatever shows up later is adopted */
		sandbox->created_ms = now_ms;
		return;
	}
	sandbox->session = session_free(sandbox->session);
	sandbox->deleted_ms = now_ms;
	pools_delete(sandbox);
}

/* Each that is ready is for one that waits, the oldest first; some have been woken for theirs already. */
static void wake_waiting(struct pool *pool, int64_t ready)
{
	struct demand *demand = TAILQ_FIRST(&pool->pools->demands.waiting);
	ready -= pool_count_demands(pool, &pool->pools->demands.woken);
	for (struct demand *next; demand && ready > 0; demand = next) {
		next = TAILQ_NEXT(demand, link);
		if (!pool_serves_demand(pool, demand))
			continue;
		demand_wake(demand, true);
		ready--;
	}
}

/* What it starts counts, and for more it waits in line like everybody. Whoever waits for a pool that makes
 * none for a while had better look for another way, or wait in that line itself. */
static void settle_place(struct pool *pool, const struct pool_plan *plan, int64_t now_ms)
{
	struct capacity_place *place = &pool->place;
	capacity_set_pool(place, pool_starting(pool));
	if (!plan->is_held) {
		pool->held_ms = 0;
		capacity_move(place, CAPACITY_NONE);
		return;
	}
	if (place->stage != CAPACITY_WAITING)
		place->since_us = clock_monotonic_us(pool->pools->services.clock);
	capacity_move(place, CAPACITY_WAITING);
	if (!pool->held_ms)
		pool->held_ms = now_ms;
	if (pool_is_held(pool, now_ms))
		pool_turn_away(pool);
	else
		workqueue_add_after(pool->pools->services.queue, pool->node.key, POOL_HELD_MS);
}

int64_t apply_pool_plan(struct pool *pool, const struct sandbox_pool *object,
			const enum member_action *actions, const struct pool_plan *plan, int64_t now_ms)
{
	struct sandbox *sandbox = LIST_FIRST(&pool->sandboxes);
	int64_t requeue_ms = plan->requeue_ms < 0 || plan->requeue_ms > LOOK_MS ? LOOK_MS : plan->requeue_ms;
	if (plan->is_ready || (plan->ready > 0 && !pool->refused))
		pool_forget_problems(pool);
	for (struct sandbox *next; sandbox; sandbox = next, actions++) {
		next = LIST_NEXT(sandbox, link);
		apply_action(pool, sandbox, *actions, now_ms);
	}
	pool->refusal_counts = plan->creates > 0;
	for (int64_t i = 0; i < plan->creates; i++)
		create_sandbox(pool, object, now_ms);
	settle_place(pool, plan, now_ms);
	wake_waiting(pool, plan->ready);
	int64_t status_ms = pools_write_status(pool, object, plan, now_ms);
	return status_ms >= 0 && status_ms < requeue_ms ? status_ms : requeue_ms;
}
