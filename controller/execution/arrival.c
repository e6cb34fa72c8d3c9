#include "controller/execution/arrival.h"

#include "controller/execution/plan.h"

/* The watch shows our last write long before. */
#define SETTLED_MS 30000

static void drop_settled(struct tracked *tracked, const struct execution *execution)
{
	const struct execution_services *services = &tracked->executions->services;
	cleanup_buffer struct buffer key = BUFFER(CACHE_KEY_MAX);
	int64_t ttl =
	    execution->spec.ttl_seconds >= 0 ? execution->spec.ttl_seconds : services->config->ttl_seconds;
	int64_t left_ms = execution->status.completed_ms + ttl * 1000 - clock_wall_ms(services->clock);
	cache_key(&execution->meta, &key);
	tracked_drop(tracked);
	if (!key.failed)
		workqueue_add_after(services->queue, buffer_str(&key), left_ms > 1 ? left_ms : 1);
}

void arrival_settle(struct tracked *tracked)
{
	const struct execution_services *services = &tracked->executions->services;
	const struct execution *execution = cache_execution(services->cache, tracked->node.key);
	bool is_shown = tracked->state == TRACKED_END_SHOWN;
	tracked_move(tracked, TRACKED_SETTLED);
	if (is_shown && execution)
		drop_settled(tracked, execution);
	else
		workqueue_add_after(services->queue, tracked->node.key, SETTLED_MS);
}

static struct tracked *find(const struct executions *executions, const struct execution *execution)
{
	cleanup_buffer struct buffer key = BUFFER(CACHE_KEY_MAX);
	cache_key(&execution->meta, &key);
	return key.failed ? NULL : tracked_find(executions, buffer_str(&key));
}

bool arrival_is_own_end(struct executions *executions, const struct execution *fresh)
{
	if (!execution_is_finished(fresh) || fresh->meta.deleted_ms || executions->services.history ||
	    fresh->status.succeeded.observed_generation != fresh->meta.generation)
		return false;
	struct tracked *tracked = find(executions, fresh);
	if (!tracked || strcmp(tracked->uid, fresh->meta.uid) != 0)
		return false;
	if (tracked_is_ending(tracked)) { /* the answer to the write settles it */
		tracked_move(tracked, TRACKED_END_SHOWN);
		return true;
	}
	if (tracked->state != TRACKED_SETTLED || tracked->pass)
		return false;
	drop_settled(tracked, fresh);
	return true;
}

static bool is_same_run(const struct execution *a, const struct execution *b)
{
	const char *version_a = a->spec.skill_version ? a->spec.skill_version : "";
	const char *version_b = b->spec.skill_version ? b->spec.skill_version : "";
	return a->spec.skill_name && b->spec.skill_name &&
	       strcmp(a->spec.skill_name, b->spec.skill_name) == 0 && strcmp(version_a, version_b) == 0 &&
	       a->spec.timeout_ms == b->spec.timeout_ms && b->spec.env_count == 0 && !b->is_outline;
}

/* One that waits for a sandbox of the pools for the same run. */
static const struct tracked *find_waiting(const struct executions *executions,
					  const struct execution *execution)
{
	const struct tracked *other;
	TAILQ_FOREACH(other, &executions->by_state[TRACKED_IN_LINE], link) {
		if (strcmp(other->namespace, execution->meta.namespace) != 0)
			continue;
		const struct execution *waiting =
		    cache_execution(executions->services.cache, other->node.key);
		if (waiting && is_same_run(waiting, execution))
			return other;
	}
	return NULL;
}

bool arrival_joins(struct executions *executions, const struct execution *fresh)
{
	const struct execution_services *services = &executions->services;
	if (fresh->invalid || fresh->spec.cancel || fresh->meta.deleted_ms || execution_is_finished(fresh) ||
	    find(executions, fresh))
		return false;
	const struct tracked *waiting = find_waiting(executions, fresh);
	cleanup_buffer struct buffer key = BUFFER(CACHE_KEY_MAX);
	cache_key(&fresh->meta, &key);
	struct error ignored; /* without memory it is looked at as any */
	struct tracked *tracked = waiting && !key.failed
				      ? tracked_get(executions, buffer_str(&key), fresh->meta.uid, &ignored)
				      : NULL;
	if (!tracked)
		return false;
	tracked_move(tracked, TRACKED_IN_LINE);
	pools_wait(services->pools, &tracked->demand, &waiting->demand.shape);
	workqueue_add_after(services->queue, buffer_str(&key), PLAN_SILENCE_MS);
	return true;
}
