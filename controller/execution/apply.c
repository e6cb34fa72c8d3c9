#include "controller/execution/apply.h"

#include "controller/execution/arrival.h"
#include "controller/execution/outcome.h"
#include "controller/metrics.h"
#include "controller/sandbox/pod_spec.h"
#include "controller/sandbox/trouble.h"
#include "lib/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define WRITTEN_DATA_MAX ((size_t)64 << 10)
#define PATH_SIZE 1024
#define MESSAGE_SIZE 1024
#define DELETE_OPTIONS_SIZE 256
#define STATUS_MAX (4 << 20)
#define POD_MAX (64 << 10)

/* One plan being applied: lives until its last API call is answered. */
struct pass {
	LIST_ENTRY(pass) link;
	struct tracked *tracked;
	const struct execution_services *services;
	char *key;
	/* not answered yet */
	unsigned calls;
	/* it is in the list of all */
	bool listed;
	bool failed;
	int64_t requeue_ms;
	/* as patched; for the answer */
	struct execution *wish;
	/* before the patch */
	int64_t attempt;
	bool had_ended;
	/* The Pod goes as soon as the status is written … */
	bool delete_after_patch;
	/* … and that was the last thing to do. */
	bool settled;
	/* The status was refused and is being written without the result. */
	bool reduced;
	/* the Pod that was seen; NULL: none */
	char *pod_namespace, *pod_name, *pod_uid;
};

static void pass_free(struct pass *pass)
{
	if (pass->listed)
		LIST_REMOVE(pass, link);
	execution_free(pass->wish);
	free(pass->key);
	free(pass->pod_namespace);
	free(pass->pod_name);
	free(pass->pod_uid);
	free(pass);
}

static void pass_settle(struct pass *pass)
{
	if (--pass->calls > 0)
		return;
	struct workqueue *queue = pass->services->queue;
	struct str key = str_of(pass->key);
	struct tracked *tracked = pass->tracked;
	tracked->pass = NULL;
	if (!pass->failed && pass->settled) {
		tracked->session = session_free(tracked->session);
		arrival_settle(tracked);
	} else {
		if (tracked_is_ending(tracked))
			tracked_move(tracked, tracked->before);
		if (!pass->failed && pass->requeue_ms >= 0)
			workqueue_add_after(queue, key, pass->requeue_ms);
	}
	workqueue_done(queue, key, pass->failed);
	pass_free(pass);
}

static void note_failure(struct pass *pass, const char *what, const struct error *error)
{
	pass->failed = true;
	log_warn(what, "execution", pass->key, "error", error->message, NULL);
}

static void call(struct pass *pass, const char *method, const char *path, const char *content_type,
		 struct str body, kube_done_cb done)
{
	struct error err;
	struct kube_call kube_call = {.method = method,
				      .path = path,
				      .content_type = content_type,
				      .body = body,
				      .done = done,
				      .context = pass};
	pass->calls++;
	if (kube_client_call(pass->services->client, &kube_call, &err))
		return;
	note_failure(pass, "request not sent", &err);
	pass_settle(pass);
}

/* Pods */

/* A name that is taken is our own earlier create, which the watch shows soon, or a stranger's Pod: then the
 * problem is told if none of ours shows up. Whatever else is in the way is told at the next look. */
static void note_refused(struct pass *pass, const struct kube_response *response)
{
	struct tracked *tracked = pass->tracked;
	struct trouble trouble;
	trouble_of_refusal(response, tracked->namespace, &trouble);
	bool is_new = !tracked->refusal || strcmp(tracked->refusal->reason, trouble.reason) != 0;
	bool is_taken = strcmp(trouble.reason, TROUBLE_NAME_TAKEN) == 0;
	tracked_note_refusal(tracked, &trouble);
	if (is_new && !is_taken)
		log_warn("Pod not created", "execution", pass->key, "reason", trouble.reason, "error",
			 response->error->message, NULL);
	if (is_taken) {
		tracked->pod_created_ms = clock_wall_ms(pass->services->clock);
		return;
	}
	tracked_set_shape(tracked, NULL);
	if (tracked->state == TRACKED_STARTING) { /* it holds no place until the next try */
		if (strcmp(trouble.reason, TROUBLE_QUOTA_EXCEEDED) == 0)
			tracked_wait_for_quota(tracked);
		tracked_move(tracked, TRACKED_IDLE);
	}
	pass->failed = !tracked->refusal;
	pass->requeue_ms = 0;
}

/* Whatever Pod has that name later. */
static void know_created_pod(struct tracked *tracked, struct str json)
{
	struct error err;
	struct pod *pod = pod_from_json(json, &err);
	if (pod && pod->meta.uid)
		tracked_know_pod(tracked, pod->meta.uid);
	else /* then its token will tell */
		log_warn("answer to the creation of a Pod not understood", "execution", tracked->node.key.p,
			 "error", pod ? "it has no UID" : err.message, NULL);
	pod_free(pod);
}

static void pod_created(void *context, const struct kube_response *response)
{
	struct pass *pass = context;
	if (response->error) {
		note_refused(pass, response);
	} else {
		tracked_forget_refusal(pass->tracked);
		capacity_accept(&pass->tracked->place);
		pass->tracked->pod_created_ms = clock_wall_ms(pass->services->clock);
		know_created_pod(pass->tracked, response->body);
	}
	pass_settle(pass);
}

static void create_pod(struct pass *pass, const struct observation *seen, struct plan *plan)
{
	struct tracked *tracked = pass->tracked;
	const struct execution *execution = seen->execution;
	const struct run_shape *shape = &plan->shape;
	cleanup_buffer struct buffer body = BUFFER(POD_MAX);
	char path[PATH_SIZE];
	struct error err;
	tracked_move(tracked, TRACKED_STARTING);
	if (pod_spec_of_execution(execution, shape, pass->services->sessions->token_key,
				  pass->services->config, &body, &err) != 0) {
		note_failure(pass, "Pod not built", &err);
		return;
	}
	tracked_set_shape(tracked, shape);
	tracked->stream_losses = 0;
	tracked->created_us = clock_monotonic_us(pass->services->clock);
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods", execution->meta.namespace);
	call(pass, "POST", path, NULL, buffer_str(&body), pod_created);
}

static void pod_deleted(void *context, const struct kube_response *response)
{
	struct pass *pass = context;
	/* gone already, or another Pod has the name now: what was wanted is so */
	if (response->error && response->error->code != ERR_NOT_FOUND &&
	    response->error->code != ERR_CONFLICT) {
		free(pass->tracked->deleted_pod_uid);
		pass->tracked->deleted_pod_uid = NULL;
		note_failure(pass, "Pod not deleted", response->error);
	}
	pass_settle(pass);
}

static void send_delete_pod(struct pass *pass)
{
	struct tracked *tracked = pass->tracked;
	char path[PATH_SIZE], body[POD_DELETE_SIZE];
	if (tracked->deleted_pod_uid && strcmp(tracked->deleted_pod_uid, pass->pod_uid) == 0)
		return;
	free(tracked->deleted_pod_uid);
	tracked->deleted_pod_uid = str_dup(str_of(pass->pod_uid));
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s", pass->pod_namespace, pass->pod_name);
	pod_delete_options(pass->pod_uid, body);
	if (tracked->claimed_pod)
		pools_release(pass->services->pools, pass->pod_namespace, pass->pod_name, true);
	call(pass, "DELETE", path, NULL, str_of(body), pod_deleted);
}

/* Status */

static void send_status(struct pass *pass);

/* The API server won't take the result (a bound of the schema, etcd's size): the run ends without it, and
 * says why. */
static bool reduce_status(struct pass *pass, const struct error *error)
{
	char message[MESSAGE_SIZE];
	struct error err;
	if (pass->reduced || pass->had_ended || !execution_is_finished(pass->wish))
		return false;
	snprintf(message, sizeof(message), "the result could not be recorded: %.900s", error->message);
	struct execution *reduced = outcome_failure_of(pass->wish, "sandbox_lost", message,
						       clock_wall_ms(pass->services->clock), &err);
	if (!reduced)
		return false;
	execution_free(pass->wish);
	pass->wish = reduced;
	pass->reduced = true;
	send_status(pass);
	return true;
}

static void remember_written(struct pass *pass, struct str json)
{
	struct error err;
	struct execution *written = execution_from_json(json, &err);
	if (!written) {
		log_warn("answer to a status patch not understood", "execution", pass->key, "error",
			 err.message, NULL);
		return;
	}
	/* Until the watch shows it, which may be away, with hundreds of them. */
	if (execution_data_size(written) > WRITTEN_DATA_MAX)
		run_shape_drop_data(written);
	execution_free(pass->tracked->written);
	pass->tracked->written = written;
	pass->tracked->written_ms = clock_wall_ms(pass->services->clock);
}

static void note_written(struct pass *pass)
{
	const struct execution_services *services = pass->services;
	if (!execution_is_finished(pass->wish))
		pass->tracked->reported_ms = clock_wall_ms(services->clock);
	if (execution_is_finished(pass->wish) && !pass->had_ended) {
		metrics_count_ended(services->metrics, pass->wish,
				    cache_tenant(services->cache, pass->wish->meta.namespace));
		log_info("execution finished", "execution", pass->key, "reason",
			 pass->wish->status.succeeded.reason, "error_code", pass->wish->status.error_code,
			 NULL);
	}
	if (pass->wish->status.attempt != pass->attempt) {
		metrics_add(services->metrics, CONTROLLER_SANDBOXES_LOST, METRIC_PLAIN, 1);
		tracked_forget_sandbox(pass->tracked);
	}
}

static void status_patched(void *context, const struct kube_response *response)
{
	struct pass *pass = context;
	const struct error *error = response->error;
	if (!error) {
		remember_written(pass, response->body);
		if (pass->delete_after_patch)
			send_delete_pod(pass);
		note_written(pass);
		if (execution_is_finished(pass->wish) && !pass->services->history)
			pass->settled = true; /* nothing is left to decide but the time to live */
		else
			pass->requeue_ms =
			    0; /* see what follows from it, whether or not the watch is quick */
	} else if (error->code == ERR_NOT_FOUND) {
		log_info("execution is gone", "execution", pass->key, NULL);
	} else if (response->status == 400 || response->status == 413 || response->status == 422) {
		log_error("status refused", "execution", pass->key, "error", error->message, NULL);
		if (!reduce_status(pass, error))
			pass->failed = true;
	} else {
		note_failure(pass, "status not written", error);
	}
	pass_settle(pass);
}

static void send_status(struct pass *pass)
{
	cleanup_buffer struct buffer body = BUFFER(STATUS_MAX);
	char path[PATH_SIZE];
	struct error err;
	if (execution_status_patch(pass->wish, !pass->reduced, &body, &err) != 0) {
		log_error("status not built", "execution", pass->key, "error", err.message, NULL);
		if (!reduce_status(pass, &err))
			pass->failed = true;
		return;
	}
	snprintf(path, sizeof(path), API_BASE_PATH "/namespaces/%s/" API_EXECUTIONS "/%s/status",
		 pass->wish->meta.namespace, pass->wish->meta.name);
	call(pass, "PATCH", path, KUBE_MERGE_PATCH, buffer_str(&body), status_patched);
}

/* The Execution itself, when its time is over */

static void execution_deleted(void *context, const struct kube_response *response)
{
	struct pass *pass = context;
	if (response->error && response->error->code != ERR_NOT_FOUND &&
	    response->error->code != ERR_CONFLICT)
		note_failure(pass, "execution not deleted", response->error);
	pass_settle(pass);
}

static void delete_execution(struct pass *pass, const struct observation *seen, struct plan *plan)
{
	const struct execution *execution = seen->execution;
	char path[PATH_SIZE], body[DELETE_OPTIONS_SIZE];
	snprintf(path, sizeof(path), API_BASE_PATH "/namespaces/%s/" API_EXECUTIONS "/%s",
		 execution->meta.namespace, execution->meta.name);
	snprintf(body, sizeof(body),
		 "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Background\","
		 "\"preconditions\":{\"uid\":\"%s\"}}",
		 execution->meta.uid);
	(void)plan;
	call(pass, "DELETE", path, NULL, str_of(body), execution_deleted);
}

/* Sessions */

static void session_changed(void *context)
{
	struct tracked *tracked = context;
	struct workqueue *queue = tracked->executions->services.queue;
	switch (session_state(tracked->session)) {
	case SESSION_RUNNING: /* of interest once it has run for a while */
		workqueue_add_after(queue, tracked->node.key, PLAN_RUNNING_PATCH_MS);
		return;
	case SESSION_COLLECTING: /* the deadlines that were set before still hold */
		return;
	default:
		workqueue_add(queue, tracked->node.key);
	}
}

static void close_session(struct pass *pass, const struct observation *seen, struct plan *plan)
{
	struct tracked *tracked = pass->tracked;
	(void)seen;
	(void)plan;
	if (tracked->session && session_state(tracked->session) == SESSION_LOST) {
		tracked->stream_losses++;
		metrics_add(tracked->executions->services.metrics, CONTROLLER_STREAMS_LOST, METRIC_PLAIN, 1);
		log_info("sandbox stream lost", "execution", tracked->node.key.p, "problem",
			 session_problem(tracked->session), NULL);
	}
	tracked->session = session_free(tracked->session);
}

static void open_session(struct pass *pass, const struct observation *seen, struct plan *plan)
{
	struct tracked *tracked = pass->tracked;
	struct error err;
	const char *tenant = cache_tenant(pass->services->cache, seen->execution->meta.namespace);
	tracked->session = session_free(tracked->session);
	free(tracked->session_pod_uid);
	tracked->session_pod_uid = str_dup(str_of(seen->pod->meta.uid));
	if (tracked->session_pod_uid && tenant)
		tracked->session =
		    session_start(pass->services->sessions, seen->execution, seen->skill, &plan->shape,
				  seen->pod, tenant, session_changed, tracked, &err);
	else
		error_set(&err, ERR_UNAVAILABLE, "the namespace has no tenant any more, or memory is short");
	if (!tracked->session) {
		tracked->stream_losses++;
		note_failure(pass, "session not opened", &err);
	}
}

/* What happened to the offer meanwhile, or no memory: the next look finds another way. */
static int take_sandbox(struct pass *pass, const struct observation *seen, const struct run_shape *shape,
			struct error *err)
{
	struct tracked *tracked = pass->tracked;
	const struct execution *execution = seen->execution;
	const char *tenant = cache_tenant(pass->services->cache, execution->meta.namespace);
	struct claim claim;
	if (!tenant)
		return error_set(err, ERR_UNAVAILABLE, "the namespace has no tenant any more");
	tracked->created_us = clock_monotonic_us(pass->services->clock);
	if (pools_claim(pass->services->pools, execution->meta.namespace, execution_id(execution), shape,
			&claim, err) != 0) {
		tracked->created_us = 0;
		return -1;
	}
	free(tracked->claimed_pod);
	tracked->claimed_pod = claim.pod_name;
	tracked_know_pod(tracked, claim.pod_uid);
	free(tracked->session_pod_uid);
	tracked->session_pod_uid = claim.pod_uid;
	session_free(tracked->session);
	tracked->session = claim.session;
	if (session_assign(tracked->session, execution, seen->skill, shape, tenant, session_changed, tracked,
			   err) == 0)
		return 0;
	tracked->session = session_free(tracked->session);
	tracked->created_us = 0;
	return -1;
}

static void claim_sandbox(struct pass *pass, const struct observation *seen, struct plan *plan)
{
	struct tracked *tracked = pass->tracked;
	struct error err;
	if (take_sandbox(pass, seen, &plan->shape, &err) != 0) {
		note_failure(pass, "no sandbox claimed", &err);
		return;
	}
	tracked_set_shape(tracked, &plan->shape);
	tracked->stream_losses = 0;
	tracked_move(tracked, TRACKED_READY);
}

static void record_event(const struct pass *pass, const struct execution *execution, const struct plan *plan)
{
	struct event_object about = {API_VERSION, "Execution", execution->meta.namespace,
				     execution->meta.name, execution->meta.uid};
	event_record(pass->services->events, &about, plan->event_type, plan->event_reason, "Run",
		     plan->event_note);
}

/* Everything that a plan may ask for. The answers come later; what is seen is there during the call only. */

static void wait_for_place(struct pass *pass, const struct observation *seen, struct plan *plan)
{
	(void)seen;
	(void)plan;
	tracked_move(pass->tracked, TRACKED_WAITING);
	capacity_move(&pass->tracked->place, CAPACITY_WAITING); /* it was woken, perhaps, in that state */
}

static void wait_in_line(struct pass *pass, const struct observation *seen, struct plan *plan)
{
	(void)seen;
	tracked_move(pass->tracked, TRACKED_IN_LINE);
	pools_wait(pass->services->pools, &pass->tracked->demand, &plan->shape);
}

static void cancel_session(struct pass *pass, const struct observation *seen, struct plan *plan)
{
	(void)seen;
	(void)plan;
	session_cancel(pass->tracked->session);
}

static void retry_store(struct pass *pass, const struct observation *seen, struct plan *plan)
{
	(void)plan;
	log_warn("result not stored, trying again", "execution", pass->key, "error", seen->session_problem,
		 NULL);
	metrics_add(pass->services->metrics, CONTROLLER_STORE_RETRIES, METRIC_PLAIN, 1);
	session_retry_store(pass->tracked->session);
}

static void patch_status(struct pass *pass, const struct observation *seen, struct plan *plan)
{
	(void)seen;
	pass->delete_after_patch = (plan->actions & ACTION_DELETE_POD) && pass->pod_uid;
	pass->wish = plan->wish;
	plan->wish = NULL;
	if (execution_is_finished(pass->wish))
		tracked_move(pass->tracked, TRACKED_ENDING);
	send_status(pass);
}

/* A Pod is deleted when what came of it is recorded, and not before. */
static void delete_pod(struct pass *pass, const struct observation *seen, struct plan *plan)
{
	(void)seen;
	if (!(plan->actions & ACTION_PATCH_STATUS) && pass->pod_uid)
		send_delete_pod(pass);
}

static void archive(struct pass *pass, const struct observation *seen, struct plan *plan)
{
	const struct execution_services *services = pass->services;
	(void)plan;
	history_put(services->history, str_of(pass->key), seen->execution,
		    cache_tenant(services->cache, seen->execution->meta.namespace));
}

static const struct {
	enum action action;
	const char *name;
	void (*act)(struct pass *pass, const struct observation *seen, struct plan *plan);
} actions[] = {
    {ACTION_WAIT, "wait for a place", wait_for_place},
    {ACTION_WAIT_IN_LINE, "wait for a pool", wait_in_line},
    {ACTION_CLAIM, "claim a sandbox", claim_sandbox},
    {ACTION_CREATE_POD, "create the Pod", create_pod},
    {ACTION_CANCEL_SESSION, "cancel the run", cancel_session},
    {ACTION_CLOSE_SESSION, "close the stream", close_session},
    {ACTION_OPEN_SESSION, "open a stream", open_session},
    {ACTION_RETRY_STORE, "store the result again", retry_store},
    {ACTION_PATCH_STATUS, "write the status", patch_status},
    {ACTION_DELETE_POD, "delete the Pod", delete_pod},
    {ACTION_ARCHIVE, "archive", archive},
    {ACTION_DELETE_EXECUTION, "delete the Execution", delete_execution},
};
_Static_assert(sizeof(actions) / sizeof(actions[0]) == ACTION_COUNT, "an action is not in the table");

const char *apply_action_name(size_t index, enum action *ret_action)
{
	if (index >= ACTION_COUNT)
		return NULL;
	*ret_action = actions[index].action;
	return actions[index].name;
}

static struct pass *pass_new(struct tracked *tracked, const struct observation *seen, struct plan *plan)
{
	struct pass *pass = calloc(1, sizeof(*pass));
	if (!pass)
		return NULL;
	pass->tracked = tracked;
	pass->services = &tracked->executions->services;
	pass->requeue_ms = plan->requeue_ms;
	pass->attempt = seen->execution->status.attempt;
	pass->had_ended = execution_is_finished(seen->execution);
	pass->key = str_dup(tracked->node.key);
	bool complete = pass->key != NULL;
	if (seen->pod) {
		pass->pod_namespace = str_dup(str_of(seen->pod->meta.namespace));
		pass->pod_name = str_dup(str_of(seen->pod->meta.name));
		pass->pod_uid = str_dup(str_of(seen->pod->meta.uid));
		complete = complete && pass->pod_namespace && pass->pod_name && pass->pod_uid;
	}
	if (complete)
		return pass;
	pass_free(pass);
	return NULL;
}

void apply_plan(struct tracked *tracked, const struct observation *seen, struct plan *plan)
{
	const struct execution_services *services = &tracked->executions->services;
	struct pass *pass = pass_new(tracked, seen, plan);
	if (!pass) {
		workqueue_done(services->queue, tracked->node.key, true);
		return;
	}
	LIST_INSERT_HEAD(&tracked->executions->passes, pass, link);
	pass->listed = true;
	tracked->pass = pass;
	pass->calls = 1; /* ours, settled at the end */
	if (plan->event_reason)
		record_event(pass, seen->execution, plan);
	/* What it waited for counts no more; the plan says whether it goes on waiting. */
	bool waits_on = tracked->state == TRACKED_WAITING && (plan->actions & ACTION_WAIT);
	if (tracked->state == TRACKED_IN_LINE || tracked->state == TRACKED_WOKEN ||
	    (tracked->state == TRACKED_WAITING && !waits_on && !(plan->actions & ACTION_CREATE_POD)))
		tracked_move(tracked, TRACKED_IDLE);
	for (size_t i = 0; i < ACTION_COUNT; i++)
		if (plan->actions & actions[i].action)
			actions[i].act(pass, seen, plan);
	pass_settle(pass);
}

void apply_forget(struct executions *executions)
{
	while (executions && !LIST_EMPTY(&executions->passes))
		pass_free(LIST_FIRST(&executions->passes));
}
