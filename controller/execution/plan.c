#include "controller/execution/plan.h"

#include "controller/execution/decision.h"
#include "controller/execution/outcome.h"
#include "controller/execution/start.h"
#include "controller/sandbox/trouble.h"
#include "lib/api/tenant.h"
#include "lib/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_REQUEUE_MS 1000
#define WAITING_REQUEUE_MS 30000
#define SETTLING_REQUEUE_MS 100
/* Of a build's own limits: it may be tried as often, or wait for others. */
#define BUILD_WAIT_TIMES 3

enum verdict {
	/* The rule has nothing to say: the next is asked. */
	PASSES,
	DECIDES,
	/* With err. */
	FAILS
};

static enum verdict decided(int result)
{
	return result == 0 ? DECIDES : FAILS;
}

/* What the object itself says */

/* It is still there, since somebody else's finalizer holds it: nobody wants the run any more, and whoever
 * waits for its end must hear of it. */
static enum verdict rule_deleted(const struct decision *d)
{
	const struct execution *execution = d->seen->execution;
	if (!execution->meta.deleted_ms || execution_is_finished(execution) ||
	    d->seen->session == SESSION_DONE)
		return PASSES;
	return decided(decision_end(d, "cancelled", "the execution was deleted before it ended"));
}

/* `cancel` may come after the end, and whoever waits for the condition must see that it holds all the same.
 */
static int observe_generation(const struct decision *d)
{
	const struct execution *execution = d->seen->execution;
	if (execution->status.succeeded.observed_generation == execution->meta.generation)
		return 0;
	return decision_wish(d, outcome_observed(execution, d->err));
}

static enum verdict rule_ended(const struct decision *d)
{
	const struct observation *seen = d->seen;
	const struct execution *execution = seen->execution;
	struct plan *plan = d->plan;
	if (!execution_is_finished(execution))
		return PASSES;
	if (observe_generation(d) != 0)
		return FAILS;
	if (seen->session != SESSION_NONE)
		plan->actions |= ACTION_CLOSE_SESSION;
	if (decision_pod_is_left(seen))
		plan->actions |= ACTION_DELETE_POD;
	if (!seen->archived && !seen->archiving && seen->tenant_rival)
		decision_look_again(d, WAITING_REQUEUE_MS); /* nobody would find it under no tenant's name */
	else if (!seen->archived && !seen->archiving)
		plan->actions |= ACTION_ARCHIVE;
	if (seen->archiving && seen->archive_retry_ms > 0)
		decision_look_again(d, seen->archive_retry_ms);
	int64_t ttl = execution->spec.ttl_seconds >= 0 ? execution->spec.ttl_seconds : d->config->ttl_seconds;
	int64_t ended = execution->status.completed_ms;
	if (ended == 0)
		ended = execution->meta.created_ms;
	int64_t left = ended + ttl * 1000 - seen->now_ms;
	if (left > 0)
		decision_look_again(d, left);
	else if (seen->archived && !execution->meta.deleted_ms) /* else the history asks for another look */
		plan->actions |= ACTION_DELETE_EXECUTION;
	return DECIDES;
}

static enum verdict rule_cancelled(const struct decision *d)
{
	const struct observation *seen = d->seen;
	if (!seen->execution->spec.cancel)
		return PASSES;
	if (seen->session == SESSION_RUNNING || seen->session == SESSION_COLLECTING) {
		if (seen->cancel_sent_ms == 0) {
			d->plan->actions |= ACTION_CANCEL_SESSION;
			decision_look_again(d, PLAN_CANCEL_GRACE_MS);
			return DECIDES;
		}
		int64_t left = PLAN_CANCEL_GRACE_MS - (seen->now_ms - seen->cancel_sent_ms);
		if (left > 0 || seen->session == SESSION_COLLECTING) {
			decision_look_again(d, left > 0 ? left : PLAN_CANCEL_GRACE_MS);
			return PASSES; /* the run's own deadline still holds */
		}
	}
	if (seen->session == SESSION_DONE || seen->session == SESSION_STORE_FAILED)
		return PASSES; /* the result is there: it says "cancelled" itself, or the run was faster */
	return decided(decision_end(d, "cancelled", "the execution was cancelled"));
}

/* Files, keys and history are a tenant's by its name. What runs already has its own; nothing else is handed
 * out before it is clear whose it is. */
static enum verdict rule_ambiguous_tenant(const struct decision *d)
{
	const struct observation *seen = d->seen;
	const char *own = seen->execution->meta.namespace, *rival = seen->tenant_rival;
	char message[DECISION_MESSAGE_SIZE];
	if (!rival || seen->session != SESSION_NONE)
		return PASSES;
	bool own_is_first = strcmp(own, rival) < 0;
	snprintf(message, sizeof(message),
		 "namespaces %.63s and %.63s have the same label " API_TENANT_LABEL
		 ": nothing is run in either before it is taken from one",
		 own_is_first ? own : rival, own_is_first ? rival : own);
	int64_t left = d->config->start_timeout_ms - (seen->now_ms - seen->rival_ms);
	if (left <= 0)
		return decided(decision_end(d, "sandbox_start_failed", message));
	decision_look_again(d, left);
	return decided(decision_report_trouble(d, "Warning", API_AMBIGUOUS_TENANT, message));
}

/* The watch of Namespaces may be slower than that of Executions: who makes both at once must not fail for it.
 */
static enum verdict rule_no_tenant(const struct decision *d)
{
	static const char message[] = "this namespace belongs to no tenant: label it " API_TENANT_LABEL
				      "=NAME, or apply the Execution in a tenant's namespace";
	const struct observation *seen = d->seen;
	if (seen->namespace_is_tenant)
		return PASSES;
	int64_t left = d->config->skill_wait_ms - (seen->now_ms - seen->execution->meta.created_ms);
	if (left <= 0)
		return decided(decision_end(d, "sandbox_start_failed", message));
	decision_look_again(d, left);
	return decided(decision_report_step(d, "NoTenant", message));
}

static enum verdict rule_invalid(const struct decision *d)
{
	const char *invalid = d->seen->execution->invalid;
	return invalid ? decided(decision_end(d, "sandbox_start_failed", invalid)) : PASSES;
}

/* What it is to run */

static int await_skill(const struct decision *d)
{
	const struct execution *execution = d->seen->execution;
	int64_t left = d->config->skill_wait_ms - (d->seen->now_ms - execution->meta.created_ms);
	const char *version = execution->spec.skill_version;
	char message[DECISION_MESSAGE_SIZE];
	snprintf(message, sizeof(message), "skill not found: %s@%s", execution->spec.skill_name,
		 version && version[0] ? version : "latest");
	if (left <= 0)
		return decision_end(d, "sandbox_start_failed", message);
	decision_look_again(d, left);
	return decision_report(d, "SkillNotFound", message);
}

static enum verdict rule_skill_missing(const struct decision *d)
{
	return d->seen->shape || d->seen->skill ? PASSES : decided(await_skill(d));
}

/* The digest of inline files, which is recorded, comes from the Skill's own reconcile: it is awaited once.
 * What can't be run needs none, and the next rule says why. */
static enum verdict rule_skill_unchecked(const struct decision *d)
{
	const struct observation *seen = d->seen;
	const struct skill *skill = seen->skill;
	const char *error_code;
	struct run_shape shape = {0};
	struct error refused;
	if (seen->shape || skill->spec.file_count == 0 || skill->status.digest ||
	    run_shape_resolve(skill, seen->execution, d->config, &shape, &error_code, &refused) != 0)
		return PASSES;
	int64_t left = d->config->start_timeout_ms - (seen->now_ms - seen->execution->meta.created_ms);
	if (left <= 0)
		return decided(
		    decision_end(d, "sandbox_start_failed", "the skill's files were not checked in time"));
	decision_look_again(d, left);
	return decided(
	    decision_report_step(d, "SkillNotChecked", "the files of the skill are being checked"));
}

/* Settles the run's shape, which all rules from here on have. */
static enum verdict rule_not_allowed(const struct decision *d)
{
	const struct observation *seen = d->seen;
	const char *error_code = NULL;
	struct error refused;
	if (seen->shape)
		d->plan->shape = *seen->shape;
	else if (run_shape_resolve(seen->skill, seen->execution, d->config, &d->plan->shape, &error_code,
				   &refused) != 0)
		return decided(decision_end(d, error_code, refused.message));
	return PASSES;
}

static enum verdict rule_skill_building(const struct decision *d)
{
	const struct observation *seen = d->seen;
	const struct skill *skill = seen->skill;
	char message[DECISION_MESSAGE_SIZE];
	if (seen->shape || !skill_awaits_build(skill))
		return PASSES;
	const char *why = skill->status.ready.message ? skill->status.ready.message : "";
	snprintf(message, sizeof(message), "skill %.130s@%.130s can't be run: %.900s", skill->spec.name,
		 skill->spec.version, why);
	if (skill_build_has_failed(skill))
		return decided(decision_end(d, "sandbox_start_failed", message));
	if (!d->config->policy.build_enabled)
		return decided(
		    decision_end(d, "sandbox_start_failed",
				 "the packages of the skill are to be fetched by the server, and that is "
				 "not enabled any more (build.enabled of the chart)"));
	int64_t limit = BUILD_WAIT_TIMES * (d->config->build.timeout_ms + d->config->start_timeout_ms);
	int64_t left = limit - (seen->now_ms - seen->execution->meta.created_ms);
	if (left <= 0)
		return decided(decision_end(d, "sandbox_start_failed",
					    "the packages of the skill were not fetched in time"));
	decision_look_again(d, left);
	return decided(
	    decision_report_step(d, SKILL_BUILDING, "the packages of the skill are being fetched"));
}

/* Its result */

/* A result counts, whatever became of the Pod since. */
static enum verdict rule_result(const struct decision *d)
{
	struct plan *plan = d->plan;
	if (d->seen->session != SESSION_DONE)
		return PASSES;
	if (decision_wish(d, outcome_of_result(d->seen, &plan->shape, d->err)) != 0)
		return FAILS;
	const struct condition *condition = &plan->wish->status.succeeded;
	/* success is told by the status alone: an Event is one more write */
	if (strcmp(condition->status, "True") != 0)
		decision_note_event(d, "Warning", condition->reason, condition->message);
	return DECIDES;
}

/* With what is known of its sandbox. */
static int say_running(const struct decision *d, const char *message)
{
	const struct observation *seen = d->seen;
	struct execution *status =
	    outcome_progress(seen->execution, REASON_RUNNING, message, seen->now_ms, d->err);
	if (!status ||
	    outcome_set_sandbox(status, &d->plan->shape, seen->pod, seen->started_ms, d->err) != 0) {
		execution_free(status);
		return -1;
	}
	return decision_wish(d, status);
}

/* It stays "running" for whoever looks at the reason only, and the message says what is in the way. */
static int report_not_stored(const struct decision *d)
{
	static const char head[] = "the script has ended, and its result can't be stored yet: ";
	const struct condition *now = &d->seen->execution->status.succeeded;
	char message[DECISION_MESSAGE_SIZE];
	bool is_known = now->message && strncmp(now->message, head, strlen(head)) == 0;
	snprintf(message, sizeof(message), "%s%.900s; it is tried again for %d minutes", head,
		 d->seen->session_problem, PLAN_STORE_GRACE_MS / 60000);
	if (is_known && (strcmp(now->message, message) == 0 ||
			 d->seen->now_ms - d->seen->reported_ms < PLAN_REPORT_AGAIN_MS))
		return 0;
	decision_note_event(d, "Warning", "ResultNotStored", message);
	return say_running(d, message);
}

static enum verdict rule_result_not_stored(const struct decision *d)
{
	const struct observation *seen = d->seen;
	char message[DECISION_MESSAGE_SIZE];
	if (seen->session != SESSION_STORE_FAILED)
		return PASSES;
	if (seen->now_ms - seen->store_failed_ms >= PLAN_STORE_GRACE_MS) {
		snprintf(message, sizeof(message), "the script ended, but its result could not be stored: %s",
			 seen->session_problem);
		return decided(decision_end(d, "sandbox_lost", message));
	}
	int64_t left = PLAN_STORE_RETRY_MS - (seen->now_ms - seen->store_tried_ms);
	if (left > 0)
		decision_look_again(d, left);
	else
		d->plan->actions |= ACTION_RETRY_STORE;
	return decided(report_not_stored(d));
}

static int await_end(const struct decision *d)
{
	const struct observation *seen = d->seen;
	const struct run_shape *shape = &d->plan->shape;
	int64_t ran = seen->started_ms ? seen->now_ms - seen->started_ms : 0;
	int64_t limit = shape->timeout_ms + PLAN_COLLECT_GRACE_MS;
	if (ran >= limit) {
		char message[DECISION_MESSAGE_SIZE];
		snprintf(message, sizeof(message),
			 "sandbox did not answer within %lld s after the run's timeout",
			 (long long)(PLAN_COLLECT_GRACE_MS / 1000));
		return decision_replace_sandbox(d, message);
	}
	decision_look_again(d, limit - ran);
	if (ran < PLAN_RUNNING_PATCH_MS) {
		decision_look_again(d, PLAN_RUNNING_PATCH_MS - ran);
		return 0;
	}
	const char *reason = seen->execution->status.succeeded.reason;
	if (reason && strcmp(reason, REASON_RUNNING) == 0)
		return 0;
	return say_running(d, "the script runs");
}

/* The result still arrives or is being stored, while the Pod is gone or has ended. */
static enum verdict rule_result_comes(const struct decision *d)
{
	const struct pod *pod = d->seen->pod;
	bool pod_is_over =
	    !pod || (decision_pod_is_ours(d->seen) && pod->meta.deleted_ms == 0 && pod_has_ended(pod));
	return d->seen->session == SESSION_COLLECTING && pod_is_over ? decided(await_end(d)) : PASSES;
}

/* It has no Pod */

static enum verdict rule_pod_expected(const struct decision *d)
{
	const struct observation *seen = d->seen;
	if (seen->pod || !seen->pod_expected)
		return PASSES;
	decision_look_again(d, FIRST_REQUEUE_MS);
	if (seen->refusal && seen->now_ms - seen->refused_ms >= FIRST_REQUEUE_MS) /* the name is taken */
		return decided(
		    decision_report_trouble(d, "Warning", seen->refusal->reason, seen->refusal->message));
	return decided(decision_report_step(d, "SandboxStarting", "a sandbox Pod was created"));
}

static int replace_gone(const struct decision *d)
{
	return decision_replace_sandbox(d, "the sandbox was deleted before its result came");
}

static enum verdict rule_claimed_pod_gone(const struct decision *d)
{
	return !d->seen->pod && d->seen->pod_lost ? decided(replace_gone(d)) : PASSES;
}

/* One of them may have it. */
static enum verdict rule_pools_settle(const struct decision *d)
{
	if (d->seen->pod || d->seen->pool != POOL_SETTLING)
		return PASSES;
	decision_look_again(d, SETTLING_REQUEUE_MS);
	return decided(decision_report_step(
	    d, "SandboxesAsked", "sandboxes that wait are being asked whether one of them has it"));
}

/* Deleted since the last sandbox was made. */
static enum verdict rule_skill_gone(const struct decision *d)
{
	return !d->seen->pod && !d->seen->skill ? decided(await_skill(d)) : PASSES;
}

static enum verdict rule_pod_gone(const struct decision *d)
{
	const struct observation *seen = d->seen;
	const char *reason = seen->execution->status.succeeded.reason;
	bool had_one =
	    seen->shape || seen->session != SESSION_NONE || (reason && strcmp(reason, REASON_RUNNING) == 0);
	if (seen->pod || !had_one)
		return PASSES;
	bool is_taken = seen->refusal && strcmp(seen->refusal->reason, TROUBLE_NAME_TAKEN) == 0;
	return decided(is_taken ? decision_leave_name(d, seen->refusal->message) : replace_gone(d));
}

/* It is tried again, now and then; a pool may have one meanwhile. */
static enum verdict rule_pod_refused(const struct decision *d)
{
	const struct observation *seen = d->seen;
	char message[DECISION_MESSAGE_SIZE];
	if (seen->pod || !seen->refusal || seen->pool == POOL_READY)
		return PASSES;
	int64_t left = d->config->start_timeout_ms - (seen->now_ms - seen->refused_ms);
	if (left <= 0) {
		snprintf(message, sizeof(message), "the sandbox Pod could not be created for %lld s: %s",
			 (long long)(d->config->start_timeout_ms / 1000), seen->refusal->message);
		return decided(decision_end(d, "sandbox_start_failed", message));
	}
	decision_look_again(d, left);
	if (seen->refusal_retry_ms <= 0)
		return PASSES;
	decision_look_again(d, seen->refusal_retry_ms);
	return decided(decision_report_trouble(d, "Warning", seen->refusal->reason, seen->refusal->message));
}

static enum verdict rule_pool(const struct decision *d)
{
	const struct observation *seen = d->seen;
	bool from_pool = seen->pool == POOL_READY || seen->pool == POOL_COMING;
	if (seen->pod || !from_pool || seen->tenant_sandboxes >= d->config->policy.max_concurrent)
		return PASSES;
	if (seen->pool == POOL_READY) {
		d->plan->actions |= ACTION_CLAIM;
		decision_look_again(d, PLAN_SILENCE_MS); /* most have ended; of others their session tells */
		return DECIDES;
	}
	decision_look_again(d, PLAN_POOL_WAIT_MS);
	d->plan->actions |= ACTION_WAIT_IN_LINE;
	if (seen->pool_trouble)
		return decided(decision_report_trouble(d, "Warning", seen->pool_trouble->reason,
						       seen->pool_trouble->message));
	return decided(decision_report_step(d, "PoolFilling",
					    "waiting for a sandbox of a SandboxPool, which is being made; "
					    "the pool's condition Ready tells more"));
}

/* Whoever leaves a place says so; another look is for the case that nobody does. What its Pod was refused for
 * stays what it waits for. */
static enum verdict await_place(const struct decision *d, const char *reason, const char *message,
				bool is_step)
{
	int64_t left = PLAN_QUEUE_MS - (d->seen->now_ms - d->seen->execution->meta.created_ms);
	if (left <= 0) {
		char late[DECISION_MESSAGE_SIZE];
		snprintf(late, sizeof(late), "no place for a sandbox within %d hours: %s",
			 PLAN_QUEUE_MS / 3600000, message);
		return decided(decision_end(d, "sandbox_start_failed", late));
	}
	d->plan->actions |= ACTION_WAIT;
	decision_look_again(d, left < WAITING_REQUEUE_MS ? left : WAITING_REQUEUE_MS);
	const struct trouble *refusal = d->seen->refusal;
	if (refusal)
		return decided(decision_report_trouble(d, "Warning", refusal->reason, refusal->message));
	return decided(is_step ? decision_report_step(d, reason, message)
			       : decision_report_trouble(d, "Normal", reason, message));
}

static enum verdict rule_tenant_limit(const struct decision *d)
{
	const struct observation *seen = d->seen;
	char message[DECISION_MESSAGE_SIZE];
	if (seen->pod || seen->tenant_sandboxes < d->config->policy.max_concurrent)
		return PASSES;
	snprintf(
	    message, sizeof(message),
	    "waiting for one of the tenant's sandboxes to end: it has %lld, as many as it may have at once "
	    "(SKILLBOX_MAX_CONCURRENT_EXECS)",
	    (long long)d->config->policy.max_concurrent);
	return await_place(d, "TenantFull", message, false);
}

/* The cluster is not asked again for each that waits. */
static enum verdict rule_quota(const struct decision *d)
{
	const struct observation *seen = d->seen;
	if (seen->pod || seen->quota_left_ms <= 0)
		return PASSES;
	decision_look_again(d, seen->quota_left_ms);
	return await_place(
	    d, TROUBLE_QUOTA_EXCEEDED,
	    "waiting for one of the tenant's sandboxes to end: a ResourceQuota of the namespace has no "
	    "room for another; 'kubectl describe resourcequota' there tells more",
	    false);
}

static enum verdict rule_starting_limit(const struct decision *d)
{
	const struct observation *seen = d->seen;
	char message[DECISION_MESSAGE_SIZE];
	if (seen->pod || seen->room > 0 || seen->tenant_starting == 0)
		return PASSES;
	snprintf(
	    message, sizeof(message),
	    "waiting for its turn to start: no more than %lld sandboxes may start at once, half of "
	    "them of one tenant, or a quarter while others run something (SKILLBOX_MAX_STARTING_SANDBOXES)",
	    (long long)d->config->max_starting);
	return await_place(d, "StartsLimited", message, true);
}

static enum verdict rule_create(const struct decision *d)
{
	if (d->seen->pod)
		return PASSES;
	d->plan->actions |= ACTION_CREATE_POD;
	decision_look_again(d, FIRST_REQUEUE_MS);
	return DECIDES;
}

/* It has one */

static enum verdict rule_foreign_pod(const struct decision *d)
{
	char message[DECISION_MESSAGE_SIZE];
	if (decision_pod_is_ours(d->seen))
		return PASSES;
	snprintf(
	    message, sizeof(message),
	    "a Pod that is not ours has the sandbox's name %.253s: delete it, and see who may create Pods in "
	    "namespace %.63s",
	    d->seen->pod->meta.name, d->seen->pod->meta.namespace);
	return decided(decision_leave_name(d, message));
}

/* Its end is an event of its own, which a finalizer or a dead node may hold back. */
static enum verdict rule_pod_going(const struct decision *d)
{
	const struct pod *pod = d->seen->pod;
	char message[DECISION_MESSAGE_SIZE];
	if (!pod->meta.deleted_ms)
		return PASSES;
	int64_t left = PLAN_GOING_MS - (d->seen->now_ms - pod->meta.deleted_ms);
	snprintf(message, sizeof(message),
		 "the sandbox Pod %.253s is being deleted and not gone: see its finalizers and its node",
		 pod->meta.name);
	if (left <= 0)
		return decided(decision_replace_sandbox(d, message));
	decision_look_again(d, left);
	return decided(decision_report_step(d, "SandboxGoing", message));
}

static enum verdict rule_pod_ended(const struct decision *d)
{
	const struct pod *pod = d->seen->pod;
	char why[DECISION_MESSAGE_SIZE];
	if (!pod_has_ended(pod))
		return PASSES;
	if (pod->terminated_reason && strcmp(pod->terminated_reason, "OOMKilled") == 0)
		return decided(decision_end(d, "oom_killed", "the sandbox ran out of memory and was killed"));
	if (pod->reason || pod->message)
		snprintf(why, sizeof(why), "sandbox ended without a result: %s: %s",
			 pod->reason ? pod->reason : "no reason", pod->message ? pod->message : "no message");
	else
		snprintf(why, sizeof(why), "sandbox ended without a result (%s, exit code %lld)",
			 pod->terminated_reason ? pod->terminated_reason : "no reason",
			 (long long)pod->exit_code);
	return decided(decision_replace_sandbox(d, why));
}

static enum verdict rule_pod_starts(const struct decision *d)
{
	return d->seen->pod->ready ? PASSES : decided(start_await(d));
}

/* Its sandbox runs */

/* The first loss is mended at once; streams lost again and again may come from a sandbox that has ended, of
 * which the kubelet tells seconds later. */
static int64_t stream_backoff(unsigned losses)
{
	return losses > 0 ? duration_doubled(PLAN_STREAM_BACKOFF_MS, losses - 1, PLAN_STREAM_BACKOFF_MAX_MS)
			  : 0;
}

/* Of the second loss people are told: it may be that the controller has no right to pods/exec. */
static int report_lost(const struct decision *d)
{
	const char *now = d->seen->execution->status.succeeded.reason;
	char message[DECISION_MESSAGE_SIZE];
	if (d->seen->stream_losses == 0 || (now && strcmp(now, REASON_RUNNING) == 0))
		return 0;
	snprintf(
	    message, sizeof(message),
	    "the sandbox runs, but the controller can't keep a stream into it: %.700s; it is tried again",
	    d->seen->session_problem);
	return decision_report_trouble(d, "Warning", "SandboxUnreachable", message);
}

static enum verdict rule_stream_lost(const struct decision *d)
{
	const struct observation *seen = d->seen;
	if (seen->session != SESSION_LOST)
		return PASSES;
	if (seen->stream_losses >= PLAN_MAX_STREAM_LOSSES)
		return decided(decision_replace_sandbox(d, seen->session_problem));
	int64_t left = stream_backoff(seen->stream_losses) - (seen->now_ms - seen->lost_ms);
	if (left > 0)
		decision_look_again(d, left);
	else
		d->plan->actions |= ACTION_CLOSE_SESSION | ACTION_OPEN_SESSION;
	return decided(report_lost(d));
}

static enum verdict rule_no_stream(const struct decision *d)
{
	if (d->seen->session != SESSION_NONE)
		return PASSES;
	d->plan->actions |= ACTION_OPEN_SESSION;
	decision_look_again(d, PLAN_SILENCE_MS);
	return DECIDES;
}

static enum verdict rule_job_sent(const struct decision *d)
{
	int64_t limit = d->config->start_timeout_ms + d->plan->shape.timeout_ms + PLAN_COLLECT_GRACE_MS;
	if (d->seen->session != SESSION_PARKED && d->seen->session != SESSION_OPENING)
		return PASSES;
	if (d->seen->sandbox_age_ms >= limit)
		return decided(decision_replace_sandbox(d, "sandbox did not take the job"));
	decision_look_again(d, limit - d->seen->sandbox_age_ms);
	return decided(decision_report_step(d, "SandboxOpening",
					    "the sandbox runs, and is being given the skill and its input"));
}

static enum verdict rule_runs(const struct decision *d)
{
	bool runs = d->seen->session == SESSION_RUNNING || d->seen->session == SESSION_COLLECTING;
	return runs ? decided(await_end(d)) : PASSES;
}

/* The order is the rule: each may rely on what the ones before it let pass. */
static const struct {
	const char *name;
	enum verdict (*ask)(const struct decision *decision);
} rules[] = {
    {"being deleted", rule_deleted},
    {"ended", rule_ended},
    {"cancelled", rule_cancelled},
    {"ambiguous tenant", rule_ambiguous_tenant},
    {"no tenant", rule_no_tenant},
    {"invalid spec", rule_invalid},
    {"skill missing", rule_skill_missing},
    {"skill not checked", rule_skill_unchecked},
    {"run not allowed", rule_not_allowed},
    {"skill building", rule_skill_building},
    {"result", rule_result},
    {"result not stored", rule_result_not_stored},
    {"result comes", rule_result_comes},
    {"Pod expected", rule_pod_expected},
    {"claimed Pod gone", rule_claimed_pod_gone},
    {"pools settle", rule_pools_settle},
    {"skill gone", rule_skill_gone},
    {"Pod gone", rule_pod_gone},
    {"Pod refused", rule_pod_refused},
    {"pool", rule_pool},
    {"tenant's limit", rule_tenant_limit},
    {"quota", rule_quota},
    {"limit of starts", rule_starting_limit},
    {"create", rule_create},
    {"foreign Pod", rule_foreign_pod},
    {"Pod going", rule_pod_going},
    {"Pod ended", rule_pod_ended},
    {"Pod starts", rule_pod_starts},
    {"stream lost", rule_stream_lost},
    {"no stream", rule_no_stream},
    {"job sent", rule_job_sent},
    {"runs", rule_runs},
};
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

const char *plan_rule_name(size_t index)
{
	return index < RULE_COUNT ? rules[index].name : NULL;
}

static int decide(const struct decision *decision)
{
	for (size_t i = 0; i < RULE_COUNT; i++) {
		enum verdict verdict = rules[i].ask(decision);
		decision->plan->rule = rules[i].name;
		if (verdict != PASSES)
			return verdict == DECIDES ? 0 : -1;
	}
	return error_set(decision->err, ERR_INTERNAL, "session state %d has no rule",
			 (int)decision->seen->session);
}

int plan_execution(const struct observation *seen, const struct controller_config *config, struct plan *ret,
		   struct error *err)
{
	struct plan plan = {.requeue_ms = -1};
	const struct decision decision = {seen, config, &plan, err};
	if (decide(&decision) != 0) {
		plan_clear(&plan);
		return -1;
	}
	if (plan.wish && execution_is_finished(plan.wish) && decision_pod_is_left(seen))
		plan.actions |= ACTION_DELETE_POD; /* as soon as the end is written */
	*ret = plan;
	return 0;
}

void plan_clear(struct plan *plan)
{
	plan->wish = execution_free(plan->wish);
}
