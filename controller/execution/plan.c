#include "controller/execution/plan.h"

#include "controller/execution/outcome.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_REQUEUE_MS 1000
#define WAITING_REQUEUE_MS 30000
#define SETTLING_REQUEUE_MS 100

/* The earliest wish for another look wins. */
static void look_again(struct plan *plan, int64_t ms)
{
	if (ms < 1)
		ms = 1;
	if (plan->requeue_ms < 0 || ms < plan->requeue_ms)
		plan->requeue_ms = ms;
}

static void note_event(struct plan *plan, const char *type, const char *reason, const char *note)
{
	plan->event_type = type;
	plan->event_reason = reason;
	snprintf(plan->event_note, sizeof(plan->event_note), "%s", note);
}

static int wish(struct plan *plan, struct execution *status)
{
	if (!status)
		return -1;
	plan->wish = status;
	plan->actions |= ACTION_PATCH_STATUS;
	return 0;
}

/* The run ends without a result of its own. */
static int end_with(const struct observation *seen, struct plan *plan, const char *error_code,
		    const char *message, struct error *err)
{
	if (wish(plan, outcome_failure(seen, error_code, message, err)) != 0)
		return -1;
	if (seen->session != SESSION_NONE)
		plan->actions |= ACTION_CLOSE_SESSION;
	bool cancelled = strcmp(error_code, "cancelled") == 0;
	note_event(plan, cancelled ? "Normal" : "Warning", plan->wish->status.succeeded.reason, message);
	return 0;
}

/* Condition Succeeded is Unknown with this reason: a note for people who look; written once. */
static int progress(const struct observation *seen, struct plan *plan, const char *reason,
		    const char *message, struct error *err)
{
	const struct condition *now = &seen->execution->status.succeeded;
	if (now->reason && strcmp(now->reason, reason) == 0 && now->message &&
	    strcmp(now->message, message) == 0)
		return 0;
	return wish(plan, outcome_progress(seen->execution, reason, message, seen->now_ms, err));
}

/* The sandbox is gone without a result. Running again is harmless, since a sandbox affects nothing outside.
 */
static int replace_sandbox(const struct observation *seen, struct plan *plan, const char *why,
			   struct error *err)
{
	const struct execution *execution = seen->execution;
	if (execution->status.attempt + 1 >= PLAN_MAX_ATTEMPTS) {
		char message[1024];
		snprintf(message, sizeof(message), "sandbox lost %d times, last: %s", PLAN_MAX_ATTEMPTS, why);
		return end_with(seen, plan, "sandbox_lost", message, err);
	}
	struct execution *status = outcome_progress(execution, REASON_PENDING, why, seen->now_ms, err);
	if (!status)
		return -1;
	status->status.attempt = execution->status.attempt + 1;
	plan->actions |= ACTION_DELETE_POD;
	if (seen->session != SESSION_NONE)
		plan->actions |= ACTION_CLOSE_SESSION;
	note_event(plan, "Warning", "SandboxLost", why);
	return wish(plan, status);
}

/* A Pod is touched only if it was made for this Execution, or given to it. */
static bool pod_is_ours(const struct observation *seen)
{
	const char *owner = seen->pod ? seen->pod->meta.owner_uid : NULL;
	return seen->claimed || (owner && strcmp(owner, seen->execution->meta.uid) == 0);
}

static bool pod_is_left(const struct observation *seen)
{
	return seen->pod && seen->pod->meta.deleted_ms == 0 && pod_is_ours(seen);
}

static int plan_finished(const struct observation *seen, const struct controller_config *config,
			 struct plan *plan)
{
	const struct execution *execution = seen->execution;
	if (seen->session != SESSION_NONE)
		plan->actions |= ACTION_CLOSE_SESSION;
	if (pod_is_left(seen))
		plan->actions |= ACTION_DELETE_POD;
	if (!seen->archived && !seen->archiving)
		plan->actions |= ACTION_ARCHIVE;
	int64_t ttl = execution->spec.ttl_seconds >= 0 ? execution->spec.ttl_seconds : config->ttl_seconds;
	int64_t ended = execution->status.completed_ms;
	if (ended == 0)
		ended = execution->meta.created_ms;
	int64_t left = ended + ttl * 1000 - seen->now_ms;
	if (left > 0)
		look_again(plan, left);
	else if (seen->archived) /* else the archive asks for another look */
		plan->actions |= ACTION_DELETE_EXECUTION;
	return 0;
}

static int plan_result(const struct observation *seen, const struct run_shape *shape, struct plan *plan,
		       struct error *err)
{
	if (wish(plan, outcome_of_result(seen, shape, err)) != 0)
		return -1;
	const struct condition *condition = &plan->wish->status.succeeded;
	if (strcmp(condition->status, "True") !=
	    0) /* success is told by the status alone: an Event is one more write */
		note_event(plan, "Warning", condition->reason, condition->message);
	return 0;
}

static int plan_no_skill(const struct observation *seen, const struct controller_config *config,
			 struct plan *plan, struct error *err)
{
	const struct execution *execution = seen->execution;
	int64_t left = config->skill_wait_ms - (seen->now_ms - execution->meta.created_ms);
	const char *version = execution->spec.skill_version;
	char message[512];
	snprintf(message, sizeof(message), "skill not found: %s@%s", execution->spec.skill_name,
		 version && version[0] ? version : "latest");
	if (left <= 0)
		return end_with(seen, plan, "sandbox_start_failed", message, err);
	look_again(plan, left);
	return progress(seen, plan, REASON_PENDING, message, err);
}

/* Inline files are checked by the Skill's own reconcile; its verdict is awaited once, and so is the digest to
 * record. */
static int plan_no_pod(const struct observation *seen, const struct controller_config *config,
		       struct plan *plan, struct error *err)
{
	if (seen->pod_expected) {
		look_again(plan, FIRST_REQUEUE_MS);
		return 0;
	}
	if (seen->pod_lost)
		return replace_sandbox(seen, plan, "the sandbox was deleted before its result came", err);
	if (seen->pool == POOL_SETTLING) { /* one of them may have it */
		look_again(plan, SETTLING_REQUEUE_MS);
		return 0;
	}
	if (!seen->skill) /* deleted since the last sandbox was made */
		return plan_no_skill(seen, config, plan, err);
	const char *reason = seen->execution->status.succeeded.reason;
	if (seen->shape || seen->session != SESSION_NONE || (reason && strcmp(reason, REASON_RUNNING) == 0))
		return replace_sandbox(seen, plan, "the sandbox was deleted before its result came", err);
	if (seen->pod_create_problem &&
	    seen->now_ms - seen->execution->meta.created_ms > config->start_timeout_ms) {
		char message[1024];
		snprintf(message, sizeof(message), "the sandbox Pod could not be created: %s",
			 seen->pod_create_problem);
		return end_with(seen, plan, "sandbox_start_failed", message, err);
	}
	bool from_pool = seen->pool == POOL_READY || seen->pool == POOL_COMING;
	if (from_pool && seen->tenant_sandboxes < config->policy.max_concurrent) {
		plan->waits_for_pool = seen->pool == POOL_COMING;
		if (seen->pool == POOL_READY)
			plan->actions |= ACTION_CLAIM; /* the session's deadlines come with its changes */
		look_again(plan, PLAN_POOL_WAIT_MS);
		return 0;
	}
	plan->waiting = true;
	look_again(
	    plan,
	    WAITING_REQUEUE_MS); /* whoever leaves a place says so; this is for the case that nobody does */
	if (seen->tenant_sandboxes >= config->policy.max_concurrent)
		return progress(seen, plan, REASON_PENDING,
				"waiting for one of the tenant's sandboxes to end", err);
	if (seen->starting >= config->max_starting && seen->tenant_starting > 0)
		return 0;
	plan->waiting = false;
	plan->actions |= ACTION_CREATE_POD;
	look_again(plan, FIRST_REQUEUE_MS);
	return 0;
}

static int plan_pod_starting(const struct observation *seen, const struct controller_config *config,
			     struct plan *plan, struct error *err)
{
	const struct pod *pod = seen->pod;
	int64_t age = seen->now_ms - pod->meta.created_ms;
	char message[1024];
	if (pod_waits_in_vain(pod)) {
		if (age >= PLAN_IMAGE_GRACE_MS) {
			snprintf(message, sizeof(message), "sandbox did not start: %s: %s",
				 pod->waiting_reason,
				 pod->waiting_message ? pod->waiting_message : "no message");
			return end_with(seen, plan, "sandbox_start_failed", message, err);
		}
		look_again(plan, PLAN_IMAGE_GRACE_MS - age);
	}
	if (age >= config->start_timeout_ms) {
		snprintf(message, sizeof(message), "sandbox was not ready within %lld s%s%s",
			 (long long)(config->start_timeout_ms / 1000), pod->unschedulable ? ": " : "",
			 pod->unschedulable ? pod->unschedulable : "");
		return end_with(seen, plan, "sandbox_start_failed", message, err);
	}
	look_again(plan, config->start_timeout_ms - age);
	if (pod->unschedulable && age >= FIRST_REQUEUE_MS) {
		snprintf(message, sizeof(message), "waiting for a node: %s", pod->unschedulable);
		return progress(seen, plan, REASON_PENDING, message, err);
	}
	if (pod->unschedulable)
		look_again(plan, FIRST_REQUEUE_MS - age);
	return 0;
}

static int plan_pod_ended(const struct observation *seen, struct plan *plan, struct error *err)
{
	const struct pod *pod = seen->pod;
	char why[1024];
	if (pod->terminated_reason && strcmp(pod->terminated_reason, "OOMKilled") == 0)
		return end_with(seen, plan, "oom_killed", "the sandbox ran out of memory and was killed",
				err);
	if (pod->reason || pod->message)
		snprintf(why, sizeof(why), "sandbox ended without a result: %s: %s",
			 pod->reason ? pod->reason : "no reason", pod->message ? pod->message : "no message");
	else
		snprintf(why, sizeof(why), "sandbox ended without a result (%s, exit code %lld)",
			 pod->terminated_reason ? pod->terminated_reason : "no reason",
			 (long long)pod->exit_code);
	return replace_sandbox(seen, plan, why, err);
}

static int plan_running(const struct observation *seen, const struct run_shape *shape, struct plan *plan,
			struct error *err)
{
	int64_t ran = seen->started_ms ? seen->now_ms - seen->started_ms : 0;
	int64_t limit = shape->timeout_ms + PLAN_COLLECT_GRACE_MS;
	if (ran >= limit) {
		char message[256];
		snprintf(message, sizeof(message),
			 "sandbox did not answer within %lld s after the run's timeout",
			 (long long)(PLAN_COLLECT_GRACE_MS / 1000));
		return replace_sandbox(seen, plan, message, err);
	}
	look_again(plan, limit - ran);
	if (ran < PLAN_RUNNING_PATCH_MS) {
		look_again(plan, PLAN_RUNNING_PATCH_MS - ran);
		return 0;
	}
	const char *reason = seen->execution->status.succeeded.reason;
	if (reason && strcmp(reason, REASON_RUNNING) == 0)
		return 0;
	struct execution *status =
	    outcome_progress(seen->execution, REASON_RUNNING, "the script runs", seen->now_ms, err);
	if (!status || outcome_set_sandbox(status, shape, seen->pod, seen->started_ms, err) != 0) {
		execution_free(status);
		return -1;
	}
	return wish(plan, status);
}

/* The first loss is mended at once; streams lost again and again may come from a sandbox that has ended, of
 * which the kubelet tells seconds later. */
static int64_t stream_backoff(unsigned losses)
{
	int64_t ms = losses > 0 ? PLAN_STREAM_BACKOFF_MS : 0;
	for (unsigned i = 1; i < losses && ms < PLAN_STREAM_BACKOFF_MAX_MS; i++)
		ms *= 2;
	return ms < PLAN_STREAM_BACKOFF_MAX_MS ? ms : PLAN_STREAM_BACKOFF_MAX_MS;
}

static int plan_session(const struct observation *seen, const struct controller_config *config,
			const struct run_shape *shape, struct plan *plan, struct error *err)
{
	int64_t age = seen->sandbox_age_ms;
	switch (seen->session) {
	case SESSION_LOST:
		if (seen->stream_losses >= PLAN_MAX_STREAM_LOSSES)
			return replace_sandbox(seen, plan, seen->session_problem, err);
		if (seen->now_ms - seen->lost_ms < stream_backoff(seen->stream_losses)) {
			look_again(plan,
				   stream_backoff(seen->stream_losses) - (seen->now_ms - seen->lost_ms));
			return 0;
		}
		plan->actions |= ACTION_CLOSE_SESSION | ACTION_OPEN_SESSION;
		return 0;
	case SESSION_NONE:
		plan->actions |= ACTION_OPEN_SESSION;
		return 0;
	case SESSION_PARKED:
	case SESSION_OPENING:
		if (age >= config->start_timeout_ms + shape->timeout_ms + PLAN_COLLECT_GRACE_MS)
			return replace_sandbox(seen, plan, "sandbox did not take the job", err);
		look_again(plan, config->start_timeout_ms + shape->timeout_ms + PLAN_COLLECT_GRACE_MS - age);
		return 0;
	case SESSION_STORE_FAILED: /* decided before, with or without a Pod */
		return 0;
	case SESSION_RUNNING:
	case SESSION_COLLECTING:
		return plan_running(seen, shape, plan, err);
	case SESSION_DONE:
		return plan_result(seen, shape, plan, err);
	}
	return error_set(err, ERR_INTERNAL, "session state %d has no rule", (int)seen->session);
}

/* True if the cancel is settled by this plan. */
static bool plan_cancel(const struct observation *seen, struct plan *plan, struct error *err, int *ret)
{
	if (seen->session == SESSION_RUNNING || seen->session == SESSION_COLLECTING) {
		if (seen->cancel_sent_ms == 0) {
			plan->actions |= ACTION_CANCEL_SESSION;
			look_again(plan, PLAN_CANCEL_GRACE_MS);
			*ret = 0;
			return true;
		}
		int64_t left = PLAN_CANCEL_GRACE_MS - (seen->now_ms - seen->cancel_sent_ms);
		if (left > 0 || seen->session == SESSION_COLLECTING) {
			look_again(plan, left > 0 ? left : PLAN_CANCEL_GRACE_MS);
			return false; /* the run's own deadline still holds */
		}
	}
	if (seen->session == SESSION_DONE || seen->session == SESSION_STORE_FAILED)
		return false; /* the result is there: it says "cancelled" itself, or the run was faster */
	*ret = end_with(seen, plan, "cancelled", "the execution was cancelled", err);
	return true;
}

static int plan_unchecked_skill(const struct observation *seen, const struct controller_config *config,
				struct plan *plan, struct error *err)
{
	const struct condition *ready = &seen->skill->status.ready;
	char message[1024];
	if (ready->status && strcmp(ready->status, "False") == 0) {
		snprintf(message, sizeof(message), "skill %s@%s can't be run: %s", seen->skill->spec.name,
			 seen->skill->spec.version, ready->message ? ready->message : "it is not ready");
		return end_with(seen, plan, "no_entrypoint", message, err);
	}
	int64_t left = config->start_timeout_ms - (seen->now_ms - seen->execution->meta.created_ms);
	if (left <= 0)
		return end_with(seen, plan, "sandbox_start_failed",
				"the skill's files were not checked in time", err);
	look_again(plan, left);
	return 0;
}

static int plan_store_again(const struct observation *seen, struct plan *plan, struct error *err)
{
	char message[1024];
	if (seen->now_ms - seen->store_failed_ms >= PLAN_STORE_GRACE_MS) {
		snprintf(message, sizeof(message), "the script ended, but its result could not be stored: %s",
			 seen->session_problem);
		return end_with(seen, plan, "sandbox_lost", message, err);
	}
	int64_t left = PLAN_STORE_RETRY_MS - (seen->now_ms - seen->store_tried_ms);
	if (left > 0)
		look_again(plan, left);
	else
		plan->actions |= ACTION_RETRY_STORE;
	return 0;
}

static int plan_sandbox(const struct observation *seen, const struct controller_config *config,
			const struct run_shape *shape, struct plan *plan, struct error *err)
{
	if (seen->session == SESSION_DONE) /* a result counts, whatever became of the Pod since */
		return plan_result(seen, shape, plan, err);
	if (seen->session == SESSION_STORE_FAILED)
		return plan_store_again(seen, plan, err);
	if (!seen->pod)
		return seen->session == SESSION_COLLECTING ? plan_running(seen, shape, plan, err)
							   : plan_no_pod(seen, config, plan, err);
	if (!pod_is_ours(seen))
		return end_with(seen, plan, "sandbox_start_failed",
				"a Pod with the sandbox's name exists and is not ours: delete it", err);
	if (seen->pod->meta.deleted_ms)
		return 0; /* its end is an event of its own */
	if (pod_has_ended(seen->pod))
		return seen->session == SESSION_COLLECTING ? plan_running(seen, shape, plan, err)
							   : plan_pod_ended(seen, plan, err);
	if (!seen->pod->ready)
		return plan_pod_starting(seen, config, plan, err);
	return plan_session(seen, config, shape, plan, err);
}

static int decide(const struct observation *seen, const struct controller_config *config, struct plan *plan,
		  struct error *err)
{
	if (seen->execution->meta.deleted_ms) {
		if (seen->session != SESSION_NONE)
			plan->actions |= ACTION_CLOSE_SESSION;
		if (pod_is_left(seen))
			plan->actions |= ACTION_DELETE_POD;
		return 0;
	}
	if (execution_is_finished(seen->execution))
		return plan_finished(seen, config, plan);
	int result = 0;
	if (seen->execution->spec.cancel && plan_cancel(seen, plan, err, &result))
		return result;
	if (!seen->namespace_is_tenant)
		return end_with(seen, plan, "sandbox_start_failed",
				"this namespace belongs to no tenant: label it " API_TENANT_LABEL
				"=NAME, or apply the Execution in a tenant's namespace",
				err);
	if (seen->execution->invalid)
		return end_with(seen, plan, "sandbox_start_failed", seen->execution->invalid, err);
	if (!seen->shape && !seen->skill)
		return plan_no_skill(seen, config, plan, err);
	if (!seen->shape && seen->skill->spec.file_count > 0 && !seen->skill->status.digest)
		return plan_unchecked_skill(seen, config, plan, err);
	const char *error_code = NULL;
	struct error problem;
	if (seen->shape)
		plan->shape = *seen->shape;
	else if (run_shape_resolve(seen->skill, seen->execution, config, &plan->shape, &error_code,
				   &problem) != 0)
		return end_with(seen, plan, error_code, problem.message, err);
	return plan_sandbox(seen, config, &plan->shape, plan, err);
}

int plan_execution(const struct observation *seen, const struct controller_config *config, struct plan *ret,
		   struct error *err)
{
	struct plan plan = {.requeue_ms = -1};
	if (decide(seen, config, &plan, err) != 0) {
		plan_clear(&plan);
		return -1;
	}
	if (plan.wish && execution_is_finished(plan.wish) && pod_is_left(seen))
		plan.actions |= ACTION_DELETE_POD; /* as soon as the end is written */
	*ret = plan;
	return 0;
}

void plan_clear(struct plan *plan)
{
	plan->wish = execution_free(plan->wish);
}
