#include "controller/execution/reconcile.h"

#include "controller/execution/apply.h"
#include "controller/execution/observe.h"
#include "controller/execution/refresh.h"
#include "lib/base/log.h"

#define NOT_SYNCED_MS 100 /* until the caches are complete */

/* Nothing is left to do or to remember: finished, without session, Pod or a write that the watch has not
 * shown. */
static bool is_settled(const struct observation *seen, const struct tracked *tracked, const struct plan *plan)
{
	return execution_is_finished(seen->execution) && !seen->pod && !tracked->session &&
	       !tracked->written && plan->actions == 0;
}

void executions_reconcile(struct executions *executions, struct str key)
{
	const struct execution_services *services = &executions->services;
	struct workqueue *queue = services->queue;
	const struct execution *cached = cache_execution(services->cache, key);
	struct tracked *tracked = tracked_find(executions, key);
	struct error err;
	if (!cached) { /* deleted: its Pod goes with it, by its owner reference and by the sweep */
		if (tracked)
			tracked_drop(tracked);
		history_forget(services->history, key);
		workqueue_done(queue, key, false);
		return;
	}
	if (!cache_has_synced(services->cache)) {
		workqueue_add_after(queue, key, NOT_SYNCED_MS);
		workqueue_done(queue, key, false);
		return;
	}
	tracked = tracked_get(executions, key, cached->meta.uid, &err);
	struct observation seen;
	struct run_shape shape;
	struct plan plan;
	if (!tracked) {
		workqueue_done(queue, key, true);
		return;
	}
	observe_execution(tracked, refresh_tracked(tracked, cached), &shape, &seen);
	if (plan_execution(&seen, services->config, &plan, &err) != 0) {
		log_error("no plan", "execution", tracked->node.key.p, "error", err.message, NULL);
		workqueue_done(queue, key, true);
		return;
	}
	if (is_settled(&seen, tracked, &plan)) {
		tracked_drop(tracked);
		if (plan.requeue_ms >= 0)
			workqueue_add_after(queue, key, plan.requeue_ms);
		workqueue_done(queue, key, false);
	} else {
		apply_plan(tracked, &seen, &plan);
	}
	plan_clear(&plan);
}
