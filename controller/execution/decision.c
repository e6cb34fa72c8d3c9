#include "controller/execution/decision.h"

#include "controller/execution/outcome.h"

#include <stdio.h>

void decision_look_again(const struct decision *d, int64_t ms)
{
	struct plan *plan = d->plan;
	if (ms < 1)
		ms = 1;
	if (plan->requeue_ms < 0 || ms < plan->requeue_ms)
		plan->requeue_ms = ms;
}

void decision_note_event(const struct decision *d, const char *type, const char *reason, const char *note)
{
	d->plan->event_type = type;
	d->plan->event_reason = reason;
	snprintf(d->plan->event_note, sizeof(d->plan->event_note), "%s", note);
}

int decision_wish(const struct decision *d, struct execution *status)
{
	if (!status)
		return -1;
	d->plan->wish = status;
	d->plan->actions |= ACTION_PATCH_STATUS;
	return 0;
}

int decision_end(const struct decision *d, const char *error_code, const char *message)
{
	if (decision_wish(d, outcome_failure(d->seen, error_code, message, d->err)) != 0)
		return -1;
	if (d->seen->session != SESSION_NONE)
		d->plan->actions |= ACTION_CLOSE_SESSION;
	bool cancelled = strcmp(error_code, "cancelled") == 0;
	decision_note_event(d, cancelled ? "Normal" : "Warning", d->plan->wish->status.succeeded.reason,
			    message);
	return 0;
}

static bool is(const char *text, const char *other)
{
	return text && strcmp(text, other) == 0;
}

int decision_report(const struct decision *d, const char *reason, const char *message)
{
	const struct condition *now = &d->seen->execution->status.succeeded;
	if (is(now->reason, reason) && is(now->message, message))
		return 0;
	return decision_wish(d,
			     outcome_progress(d->seen->execution, reason, message, d->seen->now_ms, d->err));
}

int decision_report_trouble(const struct decision *d, const char *type, const char *reason,
			    const char *message)
{
	const struct condition *now = &d->seen->execution->status.succeeded;
	int64_t left = PLAN_REPORT_AGAIN_MS - (d->seen->now_ms - d->seen->reported_ms);
	if (is(now->reason, reason) && (is(now->message, message) || left > 0))
		return 0;
	decision_note_event(d, type, reason, message);
	return decision_report(d, reason, message);
}

int decision_report_step(const struct decision *d, const char *reason, const char *message)
{
	const struct execution *execution = d->seen->execution;
	const char *now = execution->status.succeeded.reason;
	int64_t left = PLAN_SILENCE_MS - (d->seen->now_ms - execution->meta.created_ms);
	if (is(now, REASON_RUNNING)) /* a script whose stream is being opened again goes on running */
		return 0;
	if (now || left <= 0)
		return decision_report(d, reason, message);
	decision_look_again(d, left);
	return 0;
}

int decision_replace_sandbox(const struct decision *d, const char *why)
{
	const struct execution *execution = d->seen->execution;
	if (execution->status.attempt + 1 >= PLAN_MAX_ATTEMPTS) {
		char message[DECISION_MESSAGE_SIZE];
		snprintf(message, sizeof(message), "sandbox lost %d times, last: %s", PLAN_MAX_ATTEMPTS, why);
		return decision_end(d, "sandbox_lost", message);
	}
	struct execution *status = outcome_progress(execution, REASON_PENDING, why, d->seen->now_ms, d->err);
	if (!status)
		return -1;
	status->status.attempt = execution->status.attempt + 1;
	d->plan->actions |= ACTION_DELETE_POD;
	if (d->seen->session != SESSION_NONE)
		d->plan->actions |= ACTION_CLOSE_SESSION;
	decision_note_event(d, "Warning", "SandboxLost", why);
	return decision_wish(d, status);
}

int decision_leave_name(const struct decision *d, const char *why)
{
	const struct execution *execution = d->seen->execution;
	if (execution->status.attempt + 1 >= PLAN_MAX_ATTEMPTS)
		return decision_end(d, "sandbox_start_failed", why);
	struct execution *status = outcome_progress(execution, REASON_PENDING, why, d->seen->now_ms, d->err);
	if (!status)
		return -1;
	status->status.attempt = execution->status.attempt + 1;
	if (d->seen->session != SESSION_NONE)
		d->plan->actions |= ACTION_CLOSE_SESSION;
	decision_note_event(d, "Warning", "ForeignPod", why);
	return decision_wish(d, status);
}

bool decision_pod_is_ours(const struct observation *seen)
{
	const char *owner = seen->pod ? seen->pod->meta.owner_uid : NULL;
	return !seen->pod_is_foreign &&
	       (seen->claimed || (owner && strcmp(owner, seen->execution->meta.uid) == 0));
}

bool decision_pod_is_left(const struct observation *seen)
{
	return seen->pod && seen->pod->meta.deleted_ms == 0 && decision_pod_is_ours(seen);
}
