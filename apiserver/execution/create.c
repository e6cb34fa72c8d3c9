/* POST /v1/executions: check, create the Execution, answer when the watch shows its end (or at once when
 * async). */
#include "apiserver/execution/executions.h"

#include "apiserver/audit.h"
#include "apiserver/execution/execution_request.h"
#include "apiserver/execution/history.h"
#include "apiserver/execution/result.h"
#include "apiserver/http/call.h"
#include "lib/base/digest.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/temporary.h"
#include "lib/kube/client.h"
#include "lib/policy/policy.h"
#include "lib/skill/skill_package.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define OBJECT_MAX ((size_t)8 << 20) /* bytes of the Execution's text; etcd takes less, and says so */
#define PATH_MAX_BYTES 1024
#define WAIT_EXTRA_MS (5 * 60 * 1000) /* beyond the longest run: queue, sandbox, collecting */
#define IDEMPOTENCY_KEY_MAX 128
#define IDEMPOTENCY_TTL_S (24 * 3600)
#define IDEMPOTENCY_CLAIMS 5 /* tries while another request with the same key is being stored */
#define IDEMPOTENCY_PURGE_MS (10 * 60 * 1000)

static const char what_failed[] = "the execution could not be created";
static const char what_of_key[] = "the execution of this Idempotency-Key could not be read";

struct creation {
	struct execution *execution;
	char digest[DIGEST_TEXT_SIZE];  /* of the body, if an Idempotency-Key came; else "" */
	char key_hash[DIGEST_HEX_SIZE]; /* of that key, with a database */
	unsigned claims;                /* tries to claim it */
	bool known;                     /* an earlier request has claimed it, with the same body */
	bool async;
	int input_fd;            /* a large input on its way to the blob store; -1: none */
	struct waiter *waiter;   /* holds a reference of the request */
	bool posted;             /* the create call has come back */
	struct record *finished; /* the end was seen before that */
};

static void creation_free(void *state)
{
	struct creation *creation = state;
	execution_free(creation->execution);
	record_unref(creation->finished);
	if (creation->input_fd >= 0)
		close(creation->input_fd);
	free(creation);
}

static void stop_waiting(struct request *request, struct creation *creation)
{
	if (!creation->waiter)
		return;
	wait_cancel(request->server->waiters, creation->waiter);
	creation->waiter = NULL;
	request_unref(request); /* the caller holds another one */
}

/* ---- the Execution from the request */

static int64_t timeout_of(const struct policy *policy, const struct skill *skill, int64_t wished_ms)
{
	int64_t own = policy_timeout(policy, skill->spec.timeout_ms, 0);
	return wished_ms > 0 && wished_ms < own ? wished_ms : 0; /* 0: the skill's own */
}

static int check_image(const struct policy *policy, const struct skill *skill, struct error *err)
{
	const char *image = skill_image(skill->spec.image, skill->spec.lang);
	/* Unknown: the controller will know the language from the entrypoint, and check then. */
	if (!*image || policy_check_image(policy, image, err) == 0)
		return 0;
	return error_wrap(err, "skill %s@%s", skill->spec.name, skill->spec.version);
}

static int check_capacity(const struct request *request, struct error *err)
{
	int64_t max = request->server->config->policy.max_concurrent;
	if (cluster_unfinished_executions(request->server->cluster, request->namespace) < (size_t)max)
		return 0;
	measure_refusal(request->server->metrics, REFUSED_CONCURRENCY);
	return error_set(err, ERR_NO_CAPACITY,
			 "tenant \"%s\" has %" PRId64
			 " executions that have not ended, the limit (SKILLBOX_MAX_CONCURRENT_EXECS); try "
			 "again when one has",
			 request->tenant, max);
}

/* A name of its own for each key of each tenant, so that the cluster itself keeps a second one from being
 * made. */
static int name_of_key(const char *tenant, struct str key, char ret[ID_UUID_SIZE], struct error *err)
{
	char hex[DIGEST_HEX_SIZE];
	cleanup_buffer struct buffer text = BUFFER(1024);
	buffer_append(&text, tenant, strlen(tenant) + 1);
	buffer_append_str(&text, key);
	if (text.failed)
		return error_no_memory(err);
	if (digest_sha256_hex(buffer_str(&text), hex, err) != 0)
		return -1;
	/* RFC 9562 version 8: bits of our own choice. */
	snprintf(ret, ID_UUID_SIZE, "%.8s-%.4s-8%.3s-a%.3s-%.12s", hex, hex + 8, hex + 12, hex + 15,
		 hex + 18);
	return 0;
}

static int choose_name(struct request *request, struct creation *creation, char ret[ID_UUID_SIZE],
		       struct error *err)
{
	struct str key;
	if (!http_exchange_header(request->exchange, "Idempotency-Key", &key) || str_trim(key).n == 0) {
		id_uuid4(ret);
		return 0;
	}
	key = str_trim(key);
	if (key.n > IDEMPOTENCY_KEY_MAX)
		return error_set(err, ERR_BAD_REQUEST, "Idempotency-Key has %zu characters, more than %d",
				 key.n, IDEMPOTENCY_KEY_MAX);
	if (digest_text(str_trim(buffer_str(&request->body)), creation->digest, err) != 0)
		return -1;
	if (request->server->db) { /* which keeps the key, and the execution beyond its resource */
		id_uuid4(ret);
		return digest_sha256_hex(key, creation->key_hash, err);
	}
	creation->execution->spec.ttl_seconds = IDEMPOTENCY_TTL_S;
	return name_of_key(request->tenant, key, ret, err);
}

static int set_strings(struct execution *execution, const struct request *request, const struct skill *skill,
		       const char *name, struct error *err)
{
	execution->meta.name = str_dup(str_of(name));
	execution->meta.namespace = str_dup(str_of(request->namespace));
	execution->spec.skill_name = str_dup(str_of(skill->spec.name));
	execution->spec.skill_version = str_dup(str_of(skill->spec.version));
	return execution->meta.name && execution->meta.namespace && execution->spec.skill_name &&
		       execution->spec.skill_version
		   ? 0
		   : error_no_memory(err);
}

/* A small input stands in the object, a large one in the blob store. */
static int set_input(struct creation *creation, struct str input, struct error *err)
{
	struct execution *execution = creation->execution;
	if (input.n <= EXECUTION_INLINE_INPUT) {
		execution->spec.input = str_dup(input);
		return execution->spec.input ? 0 : error_no_memory(err);
	}
	execution->spec.input_ref.digest = calloc(1, DIGEST_TEXT_SIZE);
	if (!execution->spec.input_ref.digest)
		return error_no_memory(err);
	execution->spec.input_ref.size = (int64_t)input.n;
	if (digest_text(input, execution->spec.input_ref.digest, err) != 0)
		return -1;
	creation->input_fd = temporary_file(err);
	if (creation->input_fd < 0)
		return -1;
	for (size_t done = 0; done < input.n;) {
		ssize_t n = write(creation->input_fd, input.p + done, input.n - done);
		if (n < 0 && errno != EINTR)
			return error_errno(err, "writing the input to a temporary file");
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int fill(struct request *request, struct creation *creation, struct execution_request *wish,
		struct error *err)
{
	const struct apiserver_config *config = request->server->config;
	const struct skill *skill = cluster_skill(request->server->cluster, request->namespace,
						  str_of(wish->skill), str_of(wish->version));
	char name[ID_UUID_SIZE];
	if (!skill)
		return error_set(err, ERR_NOT_FOUND, "skill not found: %s@%s", wish->skill, wish->version);
	if (check_image(&config->policy, skill, err) != 0 || check_capacity(request, err) != 0 ||
	    choose_name(request, creation, name, err) != 0 ||
	    set_strings(creation->execution, request, skill, name, err) != 0 ||
	    set_input(creation, wish->input, err) != 0)
		return -1;
	creation->execution->spec.timeout_ms = timeout_of(&config->policy, skill, wish->timeout_ms);
	creation->execution->spec.env = wish->env; /* now the execution's */
	creation->execution->spec.env_count = wish->env_count;
	wish->env = NULL;
	wish->env_count = 0;
	return 0;
}

/* ---- the wait */

static void answer_started(struct request *request, const struct execution *execution)
{
	cleanup_buffer struct buffer body = BUFFER(1024);
	buffer_appendf(&body, "{\"execution_id\":\"%s\",\"status\":\"pending\",\"error\":null}",
		       execution->meta.name);
	request_answer_json(request, 202, &body);
}

/* wait_cb */
static bool on_changed(void *context, const void *object, bool timed_out)
{
	struct request *request = context;
	struct creation *creation = request->state;
	const struct record *record = object;
	const char *id = creation->execution->meta.name;
	if (record && !execution_is_finished(record->execution))
		return false;
	creation->waiter = NULL;
	if (timed_out)
		request_refuse(
		    request, ERR_UNAVAILABLE,
		    "execution %s has not ended while this request could wait; read it at /v1/executions/%s",
		    id, id);
	else if (!record)
		request_refuse(request, ERR_UNAVAILABLE, "execution %s was deleted before it ended", id);
	else if (creation->posted)
		result_send(request, record, RENDER_RESULT, 200);
	else
		creation->finished = record_ref(record);
	request_unref(request);
	return true;
}

static int start_waiting(struct request *request, struct creation *creation, struct error *err)
{
	const struct object_meta *meta = &creation->execution->meta;
	creation->waiter = wait_add(request->server->waiters, WAIT_EXECUTION, meta->namespace, meta->name,
				    request->server->config->policy.max_timeout_ms + WAIT_EXTRA_MS,
				    on_changed, request, err);
	if (!creation->waiter)
		return -1;
	request_ref(request);
	return 0;
}

/* ---- the create call */

static void refuse_other_body(struct request *request, const char *id)
{
	request_refuse(request, ERR_CONFLICT,
		       "this Idempotency-Key was used with another body, for execution %s; use a new key",
		       id);
}

static void ask_history(struct request *request);

/* There is an Execution of that name: the one of an earlier request with the same Idempotency-Key. */
static void on_existing(struct request *request, const struct kube_response *response)
{
	struct creation *creation = request->state;
	struct error err;
	struct record *record = response->error ? NULL : record_from_json(response->body, &err);
	if (response->status == 404 && creation->known) {
		stop_waiting(request, creation);
		ask_history(request);
		return;
	}
	creation->posted = true;
	if (response->error) {
		stop_waiting(request, creation);
		request_answer_kube(request, what_of_key, response);
	} else if (!record) {
		stop_waiting(request, creation);
		request_answer_fault(request, what_of_key, &err);
	} else if (strcmp(record->request_digest, creation->digest) != 0) {
		stop_waiting(request, creation);
		refuse_other_body(request, creation->execution->meta.name);
	} else if (creation->async) {
		result_send(request, record, RENDER_RESULT, 202);
	} else if (execution_is_finished(record->execution)) {
		stop_waiting(request, creation);
		result_send(request, record, RENDER_RESULT, 200);
	}
	record_unref(record); /* otherwise the waiter answers */
}

static void ask_existing(struct request *request, struct creation *creation)
{
	struct error err;
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES);
	execution_path(&path, creation->execution->meta.namespace, creation->execution->meta.name);
	struct kube_call call = {.method = "GET", .path = path.data};
	if (!path.failed && call_kube(request, &call, on_existing, &err) == 0)
		return;
	stop_waiting(request, creation);
	request_refuse(request, ERR_UNAVAILABLE, "%s; try again", what_of_key);
}

static void on_posted(struct request *request, const struct kube_response *response)
{
	struct creation *creation = request->state;
	/* A repeated create of a name that nobody else knows met its own success. */
	bool created = !response->error || (response->status == 409 && !creation->digest[0]);
	if (!created && response->status == 409) {
		ask_existing(request, creation);
		return;
	}
	creation->posted = true;
	if (created) {
		audit_note(request, "execution.create", creation->execution->meta.name);
		metrics_add(request->server->metrics, APISERVER_CREATED,
			    METRIC_AT(creation->async ? CREATED_ASYNC : CREATED_SYNC), 1);
	}
	if (!created) {
		stop_waiting(request, creation);
		request_answer_kube(request, what_failed, response);
	} else if (creation->async) {
		answer_started(request, creation->execution);
	} else if (creation->finished) {
		result_send(request, creation->finished, RENDER_RESULT, 200);
	}
}

static void post(struct request *request)
{
	struct creation *creation = request->state;
	struct error err;
	cleanup_buffer struct buffer object = BUFFER(OBJECT_MAX), path = BUFFER(PATH_MAX_BYTES);
	execution_path(&path, request->namespace, NULL);
	struct kube_call call = {.method = "POST", .path = path.data};
	/* The wait begins before the call: the watch may be faster than its answer. */
	if (path.failed ||
	    record_to_json(creation->execution, clock_wall_ms(request->server->clock), creation->digest,
			   &object, &err) != 0 ||
	    (!creation->async && start_waiting(request, creation, &err) != 0)) {
		if (path.failed)
			error_no_memory(&err);
		request_answer_fault(request, what_failed, &err);
		return;
	}
	call.body = buffer_str(&object);
	if (call_kube(request, &call, on_posted, &err) != 0) {
		stop_waiting(request, creation);
		request_answer_fault(request, what_failed, &err);
	}
}

static void on_input_stored(struct request *request, const struct error *error, int fd, int64_t size)
{
	struct creation *creation = request->state;
	(void)fd;
	(void)size;
	close(creation->input_fd);
	creation->input_fd = -1;
	if (error)
		request_answer_fault(request, "the execution's input could not be stored", error);
	else
		post(request);
}

static void store_input(struct request *request)
{
	struct creation *creation = request->state;
	struct error err;
	const struct blob_ref *ref = &creation->execution->spec.input_ref;
	struct blob_key key = {BLOB_EXECUTIONS, request->tenant, ref->digest};
	if (creation->input_fd < 0)
		post(request);
	else if (call_blob_put(request, &key, creation->input_fd, ref->size, on_input_stored, &err) != 0)
		request_answer_fault(request, "the execution's input could not be stored", &err);
}

/* ---- Idempotency-Key with a database: the row of the key says which execution is its */

static void on_history(struct request *request, const struct db_result *result, const struct error *error)
{
	struct creation *creation = request->state;
	struct error err;
	struct record *record = error ? NULL : history_record(result, 0, &err);
	if (record)
		result_send(request, record, RENDER_RESULT, creation->async ? 202 : 200);
	else if (!error && err.code == ERR_NOT_FOUND)
		store_input(request); /* the earlier request came no further than the claim */
	else
		request_answer_fault(request, what_of_key, error ? error : &err);
	record_unref(record);
}

static void ask_history(struct request *request)
{
	const struct creation *creation = request->state;
	struct error err;
	if (history_ask(request, str_of(creation->execution->meta.name), on_history, &err) != 0)
		request_answer_fault(request, what_of_key, &err);
}

/* An earlier request made it, or is about to. */
static void use_known(struct request *request, struct creation *creation, const char *id)
{
	struct error err;
	char *name = str_dup(str_of(id));
	if (!name) {
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return;
	}
	free(creation->execution->meta.name);
	creation->execution->meta.name = name;
	creation->known = true;
	if (!creation->async && start_waiting(request, creation, &err) != 0)
		request_answer_fault(request, what_of_key, &err);
	else
		ask_existing(request, creation);
}

static void on_purged(struct request *request, const struct db_result *result, const struct error *error)
{
	(void)result;
	if (error)
		log_warn("old idempotency keys could not be deleted", "request_id", request->id, "reason",
			 error->message, NULL);
}

/* Keys of yesterday go when new ones come. */
static void purge_now_and_then(struct request *request)
{
	struct apiserver *server = request->server;
	int64_t now_ms = clock_wall_ms(server->clock);
	if (now_ms - server->purged_ms < IDEMPOTENCY_PURGE_MS)
		return;
	server->purged_ms = now_ms;
	(void)call_db(request, DB_IDEMPOTENCY_PURGE, NULL, on_purged, NULL);
}

static void claim(struct request *request);

static void on_claimed(struct request *request, const struct db_result *result, const struct error *error)
{
	struct creation *creation = request->state;
	if (error) {
		request_answer_fault(request, "the Idempotency-Key could not be checked", error);
	} else if (db_result_rows(result) == 0 && ++creation->claims < IDEMPOTENCY_CLAIMS) {
		claim(request); /* another request's row became visible while ours was refused */
	} else if (db_result_rows(result) == 0) {
		request_refuse(request, ERR_UNAVAILABLE,
			       "the Idempotency-Key is in use by another request; try again");
	} else {
		const char *id = db_result_text(result, 0, DB_IDEMPOTENCY_ID);
		const char *digest = db_result_text(result, 0, DB_IDEMPOTENCY_DIGEST);
		if (strcmp(id, creation->execution->meta.name) == 0)
			store_input(request);
		else if (strcmp(digest, creation->digest) != 0)
			refuse_other_body(request, id);
		else
			use_known(request, creation, id);
	}
}

static void claim(struct request *request)
{
	const struct creation *creation = request->state;
	struct error err;
	struct db_parameters *parameters = db_parameters_new();
	db_put_text(parameters, request->tenant);
	db_put_text(parameters, creation->key_hash);
	db_put_text(parameters, creation->execution->meta.name);
	db_put_text(parameters, creation->digest);
	if (call_db(request, DB_IDEMPOTENCY_CLAIM, parameters, on_claimed, &err) != 0)
		request_answer_fault(request, "the Idempotency-Key could not be checked", &err);
	else
		purge_now_and_then(request);
}

void execution_create(struct request *request)
{
	struct error err;
	struct str prefer;
	struct execution_request wish;
	if (execution_request_parse(buffer_str(&request->body), &wish, &err) != 0) {
		request_answer_error(request, &err);
		return;
	}
	struct creation *creation = calloc(1, sizeof(*creation));
	struct execution *execution = calloc(1, sizeof(*execution));
	if (!creation || !execution) {
		free(creation);
		free(execution);
		execution_request_clear(&wish);
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return;
	}
	execution->spec.ttl_seconds = -1;
	creation->execution = execution;
	creation->input_fd = -1;
	creation->async = wish.async || (http_exchange_header(request->exchange, "Prefer", &prefer) &&
					 prefer_is_async(prefer));
	request->state = creation;
	request->free_state = creation_free;
	int result = fill(request, creation, &wish, &err);
	execution_request_clear(&wish);
	buffer_free(&request->body); /* it may be large, and the wait long */
	if (result != 0)
		request_answer_error(request, &err);
	else if (creation->key_hash[0])
		claim(request);
	else
		store_input(request);
}
