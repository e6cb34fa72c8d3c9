#include "controller/execution/reconcile.h"

#include "lib/base/log.h"

/* The watch shows our own status patch soon; until then what we wrote is the newer truth. */
#define WRITTEN_MS 5000

static const struct execution *newest(struct controller *controller, struct tracked *tracked,
				      const struct execution *cached)
{
	if (!tracked->written)
		return cached;
	bool shown = strcmp(tracked->written->meta.resource_version, cached->meta.resource_version) == 0;
	if (shown || clock_wall_ms(controller->clock) - tracked->written_ms > WRITTEN_MS) {
		tracked->written = execution_free(tracked->written);
		return cached;
	}
	return tracked->written;
}

/* Nothing is left to do or to remember: finished, without session, Pod or a write that the watch has not
 * shown. */
static bool is_settled(const struct observation *seen, const struct tracked *tracked, const struct plan *plan)
{
	return execution_is_finished(seen->execution) && !seen->pod && !tracked->session &&
	       !tracked->written && plan->actions == 0;
}

void reconcile_execution(void *context, struct str key)
{
	struct controller *controller = context;
	struct workqueue *queue = controller->execution_queue;
	const struct execution *cached = informer_get(controller->executions, key);
	struct tracked *tracked = tracked_find(controller, key);
	struct error problem;
	if (!cached) { /* deleted: its Pod goes with it, by its owner reference and by the sweep */
		if (tracked)
			tracked_drop(tracked);
		archiver_forget(controller->archive, key);
		workqueue_done(queue, key, false);
		return;
	}
	if (!controller_has_synced(controller)) { /* what is missing in a half-filled cache would look lost */
		workqueue_add_after(queue, key, 100);
		workqueue_done(queue, key, false);
		return;
	}
	tracked = tracked_get(controller, key, cached->meta.uid, &problem);
	struct observation seen;
	struct run_shape shape;
	struct plan plan;
	if (!tracked) {
		workqueue_done(queue, key, true);
		return;
	}
	observe_execution(controller, tracked, newest(controller, tracked, cached), &shape, &seen);
	if (plan_execution(&seen, &controller->config, &plan, &problem) != 0) {
		log_error("no plan", "execution", tracked->node.key.p, "error", problem.message, NULL);
		workqueue_done(queue, key, true);
		return;
	}
	if (is_settled(&seen, tracked, &plan)) {
		tracked_drop(tracked);
		if (plan.requeue_ms >= 0)
			workqueue_add_after(queue, key, plan.requeue_ms);
		workqueue_done(queue, key, false);
	} else {
		apply_plan(controller, tracked, &seen, &plan);
	}
	plan_clear(&plan);
}
