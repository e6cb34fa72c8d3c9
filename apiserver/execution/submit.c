#include "apiserver/execution/submit.h"

#include "apiserver/audit.h"
#include "apiserver/execution/check_input.h"
#include "apiserver/execution/history.h"
#include "apiserver/execution/pending.h"
#include "apiserver/execution/places.h"
#include "apiserver/failure.h"
#include "apiserver/operation.h"
#include "lib/base/id.h"
#include "lib/base/log.h"

#include <stdlib.h>

/* Bytes of the Execution's text; etcd takes less, and says so. */
#define OBJECT_MAX ((size_t)8 << 20)
/* Beyond the longest run: queue, sandbox, collecting. */
#define WAIT_EXTRA_MS (5 * 60 * 1000)
/* Tries while another wish with the same key is being stored. */
#define IDEMPOTENCY_CLAIMS 5
/* Of one name. A create that was not answered is looked for, and made again if it is not there. */
#define CREATE_TRIES 3
#define IDEMPOTENCY_PURGE_MS (10 * 60 * 1000)

struct submission {
	struct operation operation;
	enum submit_step step;
	struct draft draft;
	bool async;
	/* Nobody waits any more: it goes on until there is an Execution. */
	bool is_alone;
	/* Tries to claim the key. */
	unsigned claims;
	/* Tries to create it, and when the first was made. */
	unsigned creates;
	int64_t requested_ms;
	/* One of them may have been carried out, though nobody says so. */
	bool is_open;
	/* One counts for the tenant; and it is there, or may be. */
	bool has_place, may_be_there;
	char place_name[ID_UUID_SIZE];
	/* An earlier wish has claimed it, with the same body. */
	bool is_known;
	/* Holds a reference. The wait begins before the create call, since the watch may be faster than its
	 * answer. */
	struct waiter *waiter;
	/* What the watch has shown of it … */
	bool is_seen;
	/* … that one of its name is gone, which may be an older one … */
	bool is_gone;
	/* … and the end, if that was seen before the answer. */
	struct shared_execution *finished;
	submit_cb done;
	void *context;
};

static int check(struct submission *submission, struct error *err);
static int claim(struct submission *submission, struct error *err);
static int look_up(struct submission *submission, struct error *err);
static int store_input(struct submission *submission, struct error *err);
static int create(struct submission *submission, struct error *err);

/* start: -1 with err if the step can't even begin. what_failed: what the client is told if it fails. */
static const struct {
	int (*start)(struct submission *submission, struct error *err);
	const char *what_failed;
} steps[SUBMIT_ENDED] = {
    [SUBMIT_CHECK_INPUT] = {check, "the input could not be checked"},
    [SUBMIT_CLAIM] = {claim, "the Idempotency-Key could not be checked"},
    [SUBMIT_JOIN] = {look_up, "the execution of this Idempotency-Key could not be read"},
    [SUBMIT_STORE_INPUT] = {store_input, "the execution's input could not be stored"},
    [SUBMIT_CREATE] = {create, "the execution could not be created"},
    [SUBMIT_LOOK] = {look_up, "the execution was created and could not be read"},
};

static struct submission *of(struct operation *operation)
{
	return (struct submission *)operation;
}

/* Ends */

static void stop_waiting(struct submission *submission)
{
	if (!submission->waiter)
		return;
	wait_cancel(submission->operation.server->waiters, submission->waiter);
	submission->waiter = NULL;
	operation_unref(&submission->operation); /* the caller holds another one */
}

static void leave_place(struct submission *submission)
{
	const struct apiserver *server = submission->operation.server;
	const char *namespace = submission->operation.caller->namespace, *name = submission->place_name;
	if (submission->has_place && submission->may_be_there)
		places_keep(server->places, namespace, name, clock_monotonic_us(server->clock));
	else if (submission->has_place)
		places_give_back(server->places, namespace, name);
	submission->has_place = false;
}

static void end(struct submission *submission, const struct shared_execution *execution,
		const struct error *failure)
{
	if (submission->step == SUBMIT_ENDED)
		return;
	submission->step = SUBMIT_ENDED;
	leave_place(submission);
	stop_waiting(submission);
	submission->done(submission->context, execution, failure);
}

static void fail(struct submission *submission, const struct error *err)
{
	struct error failure;
	if (submission->step == SUBMIT_ENDED)
		return;
	failure_of_fault(submission->operation.caller, steps[submission->step].what_failed, err, &failure);
	end(submission, NULL, &failure);
}

static void fail_with_kube(struct submission *submission, const struct kube_response *response)
{
	struct error failure;
	const struct operation *operation = &submission->operation;
	failure_of_kube(operation->caller, operation->server->metrics, steps[submission->step].what_failed,
			response, &failure);
	end(submission, NULL, &failure);
}

/* Nothing is claimed that isn't known. */
static void tell_unknown(struct submission *submission)
{
	struct error failure;
	const char *id = submission->draft.execution->meta.name;
	error_set(&failure, ERR_UNAVAILABLE,
		  "it is not known whether execution %s was created, the cluster gave no answer; read it at "
		  "/v1/executions/%s in a minute%s",
		  id, id,
		  submission->draft.digest[0]
		      ? ", or repeat the request: its Idempotency-Key makes no second one"
		      : "; a request with an Idempotency-Key can simply be repeated");
	end(submission, NULL, &failure);
}

static void refuse_other_body(struct submission *submission, const char *id)
{
	struct error failure;
	error_set(&failure, ERR_CONFLICT,
		  "this Idempotency-Key was used with another body, for execution %s; use a new key", id);
	end(submission, NULL, &failure);
}

static bool waits(const struct submission *submission)
{
	return !submission->async && !submission->is_alone;
}

static void enter(struct submission *submission, enum submit_step step)
{
	struct error err;
	submission->step = step;
	if (steps[step].start(submission, &err) == 0)
		return;
	if (submission->is_open)
		tell_unknown(submission);
	else
		fail(submission, &err);
}

static void submission_free(struct operation *operation)
{
	struct submission *submission = of(operation);
	struct error failure;
	failure_of_stop(&failure);
	end(submission, NULL, &failure);
	draft_clear(&submission->draft);
	shared_execution_unref(submission->finished);
	free(submission);
}

/* Wait */

static void refuse_timed_out(struct submission *submission, bool timed_out)
{
	struct error failure;
	const struct apiserver *server = submission->operation.server;
	const struct object_meta *meta = &submission->draft.execution->meta;
	const char *id = meta->name, *why = NULL;
	char message[PENDING_MESSAGE_SIZE];
	const struct shared_execution *now = cluster_execution(server->cluster, meta->namespace, str_of(id));
	if (now)
		why = pending_message(server, now, message);
	if (timed_out)
		error_set(&failure, ERR_UNAVAILABLE,
			  "execution %s has not ended while this request could wait%s%s; read it at "
			  "/v1/executions/%s",
			  id, why ? " and is pending: " : "", why ? why : "", id);
	else
		error_set(&failure, ERR_UNAVAILABLE, "execution %s was deleted before it ended", id);
	end(submission, NULL, &failure);
}

/* wait_cb */
static bool on_changed(void *context, const void *object, bool timed_out)
{
	struct submission *submission = context;
	const struct shared_execution *shared = object;
	submission->is_gone = !shared && !timed_out;
	/* The watch may be late, and tell of an older one of the same name. */
	if (submission->is_gone && !submission->is_seen)
		return false;
	submission->is_seen = submission->is_seen || shared;
	if (shared && !execution_is_finished(shared->execution))
		return false;
	submission->waiter = NULL;
	if (timed_out || !shared)
		refuse_timed_out(submission, timed_out);
	else if (submission->step == SUBMIT_WAIT)
		end(submission, shared, NULL);
	else
		submission->finished = shared_execution_ref(shared);
	operation_unref(&submission->operation);
	return true;
}

static int start_waiting(struct submission *submission, struct error *err)
{
	const struct object_meta *meta = &submission->draft.execution->meta;
	struct apiserver *server = submission->operation.server;
	submission->waiter =
	    wait_add(server->waiters, WAIT_EXECUTION, meta->namespace, meta->name,
		     server->config->policy.max_timeout_ms + WAIT_EXTRA_MS, on_changed, submission, err);
	if (!submission->waiter)
		return -1;
	operation_ref(&submission->operation);
	return 0;
}

/* It is there; the waiter tells of its end, unless it has already. */
static void await_end(struct submission *submission)
{
	struct error gone;
	submission->step = SUBMIT_WAIT;
	draft_drop_input(&submission->draft); /* the wait may be long */
	if (submission->is_alone) {
		error_set(&gone, ERR_UNAVAILABLE, "the caller hung up");
		end(submission, NULL, &gone);
	} else if (submission->finished) {
		end(submission, submission->finished, NULL);
	}
}

/* Look it up: the execution of an earlier wish with the same key, or our own, whose create was not answered
 */

/* By one name there is one execution, however often it is created. */
static void create_again(struct submission *submission)
{
	struct error failure;
	if (submission->creates < CREATE_TRIES) {
		enter(submission, SUBMIT_STORE_INPUT);
	} else if (submission->is_open) {
		tell_unknown(submission);
	} else {
		error_set(&failure, ERR_UNAVAILABLE,
			  "execution %s was deleted as often as it was created; try again",
			  submission->draft.execution->meta.name);
		end(submission, NULL, &failure);
	}
}

static void on_history(struct operation *operation, const struct db_result *result, const struct error *error)
{
	struct submission *submission = of(operation);
	struct error err;
	if (submission->step == SUBMIT_ENDED)
		return;
	struct shared_execution *shared = error ? NULL : history_execution(result, 0, &err);
	if (shared)
		end(submission, shared, NULL);
	else if (!error && err.code == ERR_NOT_FOUND)
		create_again(submission); /* the earlier wish came no further than the claim */
	else
		fail(submission, error ? error : &err);
	shared_execution_unref(shared);
}

static void ask_history(struct submission *submission)
{
	struct error err;
	if (history_ask(&submission->operation, str_of(submission->draft.execution->meta.name), on_history,
			&err) != 0)
		fail(submission, &err);
}

static void note_created(struct submission *submission)
{
	const struct operation *operation = &submission->operation;
	audit_note(operation->server->audit, operation->caller, "execution.create",
		   submission->draft.execution->meta.name);
	metrics_add(operation->server->metrics, APISERVER_CREATED,
		    METRIC_AT(submission->async ? CREATED_ASYNC : CREATED_SYNC), 1);
}

/* A wish with the same key that came at another moment made it otherwise. */
static bool is_own(const struct submission *submission, const struct shared_execution *shared)
{
	return submission->creates > 0 &&
	       (!submission->draft.digest[0] || shared->requested_ms == submission->requested_ms);
}

static void use_existing(struct submission *submission, const struct shared_execution *shared)
{
	submission->is_seen = true;
	if (is_own(submission, shared))
		note_created(submission);
	if (strcmp(shared->request_digest, submission->draft.digest) != 0)
		refuse_other_body(submission, submission->draft.execution->meta.name);
	else if (submission->async || execution_is_finished(shared->execution))
		end(submission, shared, NULL);
	else
		await_end(submission);
}

static void use_absence(struct submission *submission)
{
	if (submission->step == SUBMIT_JOIN && submission->is_known) {
		stop_waiting(submission);
		ask_history(submission);
	} else {
		create_again(submission);
	}
}

static void on_existing(struct operation *operation, const struct kube_response *response)
{
	struct submission *submission = of(operation);
	struct error err;
	if (submission->step == SUBMIT_ENDED)
		return;
	if (submission->finished) { /* there is no later news */
		use_existing(submission, submission->finished);
		return;
	}
	if (response->status == 404) {
		use_absence(submission);
		return;
	}
	if (response->error && submission->step == SUBMIT_LOOK) {
		tell_unknown(submission);
		return;
	}
	if (response->error) {
		fail_with_kube(submission, response);
		return;
	}
	struct shared_execution *shared = shared_execution_from_json(response->body, &err);
	if (shared && submission->is_gone && !execution_is_finished(shared->execution))
		enter(submission, submission->step); /* which of the two is newer? */
	else if (shared)
		use_existing(submission, shared);
	else
		fail(submission, &err);
	shared_execution_unref(shared);
}

static int look_up(struct submission *submission, struct error *err)
{
	const struct object_meta *meta = &submission->draft.execution->meta;
	struct error failure;
	cleanup_buffer struct buffer path = BUFFER(OPERATION_PATH_MAX);
	submission->is_gone = false;
	if (submission->finished) {
		use_existing(submission, submission->finished);
		return 0;
	}
	execution_path(&path, meta->namespace, meta->name);
	struct kube_call call = {.method = "GET", .path = path.data};
	if (!path.failed && operation_kube(&submission->operation, &call, on_existing, err) == 0)
		return 0;
	if (submission->is_open)
		return -1; /* its words are others */
	error_set(&failure, ERR_UNAVAILABLE, "%s; try again", steps[SUBMIT_JOIN].what_failed);
	end(submission, NULL, &failure);
	return 0;
}

/* Create */

/* As it was made: pending. */
static void end_at_once(struct submission *submission)
{
	struct error err;
	struct shared_execution *shared = shared_execution_from_execution(submission->draft.execution, &err);
	submission->draft.execution = NULL;
	if (shared)
		end(submission, shared, NULL);
	else
		fail(submission, &err);
	shared_execution_unref(shared);
}

/* Every create of it would be. */
static bool is_refused(const struct kube_response *response)
{
	return response->status == 400 || response->status == 413 || response->status == 422;
}

static void look(struct submission *submission, const struct error *err)
{
	const struct caller *caller = submission->operation.caller;
	log_warn("it is not known whether an execution was created: looking", "request_id",
		 caller->request_id, "tenant", caller->tenant, "execution",
		 submission->draft.execution->meta.name, "reason", err->message, NULL);
	enter(submission, SUBMIT_LOOK);
}

static void on_created(struct operation *operation, const struct kube_response *response)
{
	struct submission *submission = of(operation);
	/* Of a name that nobody else knows: a repeated create met its own success, or the watch was faster.
	 */
	bool is_there = response->already_exists || submission->is_seen;
	bool is_created = !response->error || (is_there && !submission->draft.digest[0]);
	submission->is_open = submission->is_open || response->is_uncertain;
	submission->may_be_there = is_there || submission->is_open || !response->error;
	if (is_created)
		note_created(submission);
	if (submission->step == SUBMIT_ENDED)
		return;
	if (is_created && submission->async)
		end_at_once(submission);
	else if (is_created)
		await_end(submission);
	else if (response->already_exists)
		enter(submission, SUBMIT_JOIN);
	else if ((submission->is_open || submission->is_seen) && !is_refused(response))
		look(submission, response->error);
	else
		fail_with_kube(submission, response);
}

static int create(struct submission *submission, struct error *err)
{
	const struct draft *draft = &submission->draft;
	cleanup_buffer struct buffer object = BUFFER(OBJECT_MAX), path = BUFFER(OPERATION_PATH_MAX);
	execution_path(&path, draft->execution->meta.namespace, NULL);
	if (submission->creates++ == 0)
		submission->requested_ms = clock_wall_ms(submission->operation.server->clock);
	if (buffer_check(&path, "the path", err) != 0 ||
	    execution_to_post(draft->execution, submission->requested_ms, draft->digest, &object, err) != 0 ||
	    (waits(submission) && !submission->waiter && start_waiting(submission, err) != 0))
		return -1;
	struct kube_call call = {.method = "POST", .path = path.data, .body = buffer_str(&object)};
	if (operation_kube(&submission->operation, &call, on_created, err) != 0)
		return -1;
	submission->may_be_there = true; /* until it is answered */
	return 0;
}

/* Store the input */

static void fail_with_storage(struct submission *submission, const struct error *err)
{
	struct error failure;
	const struct operation *operation = &submission->operation;
	failure_of_storage(operation->caller, operation->server->metrics,
			   steps[SUBMIT_STORE_INPUT].what_failed, err, &failure);
	end(submission, NULL, &failure);
}

static void on_input_stored(struct operation *operation, const struct error *error, int fd, int64_t size)
{
	struct submission *submission = of(operation);
	(void)fd;
	(void)size;
	draft_close_input(&submission->draft);
	if (error)
		fail_with_storage(submission, error);
	else
		enter(submission, SUBMIT_CREATE);
}

static int take_place(struct submission *submission, struct error *err)
{
	const struct draft *draft = &submission->draft;
	const struct place_wish wish = {draft->execution->meta.name, draft->size};
	if (submission->has_place)
		return 0;
	if (places_take(submission->operation.server, submission->operation.caller, &wish, err) != 0)
		return -1;
	submission->has_place = true;
	snprintf(submission->place_name, sizeof(submission->place_name), "%s", wish.name);
	return 0;
}

static int store_input(struct submission *submission, struct error *err)
{
	const struct draft *draft = &submission->draft;
	if (take_place(submission, err) != 0) {
		failure_of_error(submission->operation.caller, err, err);
		end(submission, NULL, err);
		return 0;
	}
	const struct blob_ref *ref = &draft->execution->spec.input_ref;
	struct blob_key key = {BLOB_EXECUTIONS, submission->operation.caller->tenant, ref->digest};
	if (draft->input_fd >= 0)
		return operation_blob_put(&submission->operation, &key, draft->input_fd, ref->size,
					  on_input_stored, err);
	enter(submission, SUBMIT_CREATE);
	return 0;
}

/* Claim the key: its row in the database says which execution is its */

/* An earlier wish made it, or is about to. */
static void use_known(struct submission *submission, const char *id)
{
	struct error err;
	char *name = str_dup(str_of(id));
	if (!name) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		end(submission, NULL, &err);
		return;
	}
	free(submission->draft.execution->meta.name);
	submission->draft.execution->meta.name = name;
	submission->is_known = true;
	submission->step = SUBMIT_JOIN;
	if (waits(submission) && start_waiting(submission, &err) != 0)
		fail(submission, &err);
	else
		enter(submission, SUBMIT_JOIN);
}

static void on_purged(struct operation *operation, const struct db_result *result, const struct error *error)
{
	(void)result;
	if (error)
		log_warn("old idempotency keys could not be deleted", "request_id",
			 operation->caller->request_id, "reason", error->message, NULL);
}

/* Keys of yesterday go when new ones come. */
static void purge_now_and_then(struct operation *operation)
{
	struct apiserver *server = operation->server;
	int64_t now_ms = clock_wall_ms(server->clock);
	if (now_ms - server->purged_ms < IDEMPOTENCY_PURGE_MS)
		return;
	server->purged_ms = now_ms;
	(void)operation_db(operation, DB_IDEMPOTENCY_PURGE, NULL, on_purged, NULL);
}

static void on_claimed(struct operation *operation, const struct db_result *result, const struct error *error)
{
	struct submission *submission = of(operation);
	struct error failure;
	if (error) {
		fail(submission, error);
	} else if (db_result_rows(result) == 0 && ++submission->claims < IDEMPOTENCY_CLAIMS) {
		/* Another wish's row became visible while ours was refused. */
		enter(submission, SUBMIT_CLAIM);
	} else if (db_result_rows(result) == 0) {
		error_set(&failure, ERR_UNAVAILABLE,
			  "the Idempotency-Key is in use by another request; try again");
		end(submission, NULL, &failure);
	} else {
		const char *id = db_result_text(result, 0, DB_IDEMPOTENCY_ID);
		const char *digest = db_result_text(result, 0, DB_IDEMPOTENCY_DIGEST);
		if (strcmp(id, submission->draft.execution->meta.name) == 0)
			enter(submission, SUBMIT_STORE_INPUT);
		else if (strcmp(digest, submission->draft.digest) != 0)
			refuse_other_body(submission, id);
		else
			use_known(submission, id);
	}
}

static int claim(struct submission *submission, struct error *err)
{
	const struct draft *draft = &submission->draft;
	struct db_parameters *parameters = db_parameters_new();
	db_put_text(parameters, submission->operation.caller->tenant);
	db_put_text(parameters, draft->key_hash);
	db_put_text(parameters, draft->execution->meta.name);
	db_put_text(parameters, draft->digest);
	if (operation_db(&submission->operation, DB_IDEMPOTENCY_CLAIM, parameters, on_claimed, err) != 0)
		return -1;
	purge_now_and_then(&submission->operation);
	return 0;
}

/* Check the input, if the skill says what it has to be like */

static const struct skill *skill_of(const struct submission *submission)
{
	const struct execution *execution = submission->draft.execution;
	return cluster_skill(submission->operation.server->cluster, execution->meta.namespace,
			     str_of(execution->spec.skill_name), str_of(execution->spec.skill_version));
}

static void start(struct submission *submission)
{
	enter(submission, submission->draft.key_hash[0] ? SUBMIT_CLAIM : SUBMIT_STORE_INPUT);
}

/* check_input_cb */
static void on_input_checked(void *context, const struct error *failure)
{
	struct submission *submission = context;
	if (failure)
		end(submission, NULL, failure);
	else if (submission->step != SUBMIT_ENDED)
		start(submission);
	operation_unref(&submission->operation);
}

static int check(struct submission *submission, struct error *err)
{
	const struct draft *draft = &submission->draft;
	const struct checked_input input = {str_of(draft->execution->spec.input), draft->input_fd,
					    draft->execution->spec.input_ref.size};
	struct operation *operation = operation_ref(&submission->operation);
	(void)err;
	check_input(operation->server, operation->caller, skill_of(submission), &input, on_input_checked,
		    submission);
	return 0;
}

void submit_go_alone(struct submission *submission)
{
	operation_ref(&submission->operation);
	submission->is_alone = true;
	stop_waiting(submission);
	if (submission->step == SUBMIT_WAIT || submission->step == SUBMIT_JOIN)
		await_end(submission); /* it is there, or was made before */
	operation_unref(&submission->operation);
}

struct submission *execution_submit(struct apiserver *server, struct caller *caller,
				    struct execution_wish *wish, submit_cb done, void *context)
{
	struct error err;
	struct submission *submission = calloc(1, sizeof(*submission));
	if (!submission) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		done(context, NULL, &err);
		return NULL;
	}
	submission->async = wish->request.async;
	submission->draft.input_fd = -1;
	submission->done = done;
	submission->context = context;
	operation_init(&submission->operation, server, caller, submission_free);
	if (draft_make(server, caller, wish, &submission->draft, &err) != 0) {
		failure_of_error(caller, &err, &err);
		end(submission, NULL, &err);
	} else if (skill_of(submission)->has_input_schema) {
		enter(submission, SUBMIT_CHECK_INPUT);
	} else {
		start(submission);
	}
	bool goes_on = submission->step != SUBMIT_ENDED;
	operation_unref(&submission->operation);
	return goes_on ? submission : NULL;
}
