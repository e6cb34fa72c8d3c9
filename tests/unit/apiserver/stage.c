#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/apiserver/stage.h"

#include "apiserver/execution/places.h"
#include "apiserver/operation.h"
#include "apiserver/skill/input_schemas.h"
#include "apiserver/skill/quota.h"
#include "lib/base/temporary.h"
#include "lib/blob/blob_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CALLS_MAX 64
#define JSON_RING 4

struct waiting_call {
	struct stage_call call;
	kube_done_cb kube;
	blob_done_cb blob;
	struct db_call db;
	void *context;
};

static struct stage *open_stage;
static struct waiting_call *calls[CALLS_MAX];
static size_t call_count;
static unsigned refusals[STAGE_DB + 1];

/* Calls */

static struct waiting_call *add_call(enum stage_kind kind, struct error *err)
{
	if (refusals[kind] > 0) {
		refusals[kind]--;
		error_set(err, ERR_UNAVAILABLE, "refused by the test");
		return NULL;
	}
	assert_true(call_count < CALLS_MAX);
	struct waiting_call *call = calloc(1, sizeof(*call));
	assert_non_null(call);
	call->call.kind = kind;
	calls[call_count++] = call;
	return call;
}

static struct waiting_call *take_call(void)
{
	assert_true(call_count > 0);
	struct waiting_call *first = calls[0];
	memmove(calls, calls + 1, --call_count * sizeof(struct waiting_call *));
	return first;
}

static void free_call(struct waiting_call *call)
{
	free(call->call.body);
	free(call->call.stored);
	for (size_t i = 0; i < call->call.parameter_count; i++)
		free(call->call.parameters[i]);
	free(call);
}

size_t stage_waiting(void)
{
	return call_count;
}

static const struct stage_call *first(enum stage_kind kind)
{
	assert_true(call_count > 0);
	assert_int_equal(calls[0]->call.kind, kind);
	return &calls[0]->call;
}

const struct stage_call *stage_any(void)
{
	assert_true(call_count > 0);
	return &calls[0]->call;
}

const struct stage_call *stage_kube(const char *method, const char *path)
{
	const struct stage_call *call = first(STAGE_KUBE);
	assert_string_equal(call->method, method);
	assert_string_equal(call->path, path);
	return call;
}

const struct stage_call *stage_blob(enum stage_kind kind)
{
	return first(kind);
}

const struct stage_call *stage_db(enum db_statement statement)
{
	const struct stage_call *call = first(STAGE_DB);
	assert_int_equal(call->statement, statement);
	return call;
}

void stage_refuse(enum stage_kind kind, unsigned count)
{
	refusals[kind] = count;
}

/* In place of lib/kube/client.c */

struct http_request *kube_client_call(struct kube_client *client, const struct kube_call *call,
				      struct error *err)
{
	struct waiting_call *waiting = add_call(STAGE_KUBE, err);
	(void)client;
	if (!waiting)
		return NULL;
	snprintf(waiting->call.method, sizeof(waiting->call.method), "%s", call->method);
	snprintf(waiting->call.path, sizeof(waiting->call.path), "%s", call->path);
	snprintf(waiting->call.content_type, sizeof(waiting->call.content_type), "%s",
		 call->content_type ? call->content_type : "");
	waiting->call.body = str_dup(call->body);
	waiting->kube = call->done;
	waiting->context = call->context;
	return (struct http_request *)waiting;
}

bool kube_name_is_valid(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!islower((unsigned char)name.p[i]) && !isdigit((unsigned char)name.p[i]) &&
		    name.p[i] != '-')
			return false;
	return name.n > 0;
}

uv_loop_t *kube_client_loop(const struct kube_client *client)
{
	(void)client;
	return &open_stage->loop;
}

const struct kube_config *kube_client_config(const struct kube_client *client)
{
	(void)client;
	return NULL;
}

struct str kube_client_token(struct kube_client *client)
{
	(void)client;
	return STR("");
}

static void answer_kube(int status, const char *body_or_message, bool already_exists, bool is_uncertain)
{
	struct error error;
	bool failed = status < 200 || status > 299;
	first(STAGE_KUBE);
	struct waiting_call *call = take_call();
	if (failed)
		error_set(&error, status ? error_code_from_http_status(status) : ERR_UNAVAILABLE, "%s",
			  body_or_message);
	struct kube_response response = {.status = status,
					 .body = str_of(failed ? "" : body_or_message),
					 .error = failed ? &error : NULL,
					 .already_exists = already_exists,
					 .is_uncertain = is_uncertain};
	call->kube(call->context, &response);
	free_call(call);
}

void stage_answer(int status, const char *body_or_message)
{
	answer_kube(status, body_or_message, status == 409, status == 0 || status >= 500);
}

void stage_answer_conflict(void)
{
	answer_kube(409, "Operation cannot be fulfilled on resourcequotas \"few\"", false, false);
}

void stage_answer_unreached(void)
{
	answer_kube(0, "connection refused", false, false);
}

void stage_answer_repeated(int status, const char *body_or_message)
{
	answer_kube(status, body_or_message, status == 409, true);
}

/* Those that stage_forget has taken away are not there any more. */
void http_request_cancel(struct http_request *request)
{
	for (size_t i = 0; i < call_count; i++)
		if ((struct http_request *)calls[i] == request)
			fail_msg("a call that waits was cancelled: %s", calls[i]->call.path);
}

/* In place of a blob store */

static int add_blob(enum stage_kind kind, const struct blob_key *key, blob_done_cb done, void *context,
		    struct waiting_call **ret, struct error *err)
{
	struct waiting_call *call = add_call(kind, err);
	if (!call)
		return -1;
	snprintf(call->call.digest, sizeof(call->call.digest), "%s", key->digest);
	snprintf(call->call.tenant, sizeof(call->call.tenant), "%s", key->tenant);
	call->blob = done;
	call->context = context;
	*ret = call;
	return 0;
}

static int on_put(struct blob_store *store, const struct blob_key *key, int fd, int64_t size,
		  blob_done_cb done, void *context, struct error *err)
{
	struct waiting_call *call = NULL;
	(void)store;
	if (add_blob(STAGE_BLOB_PUT, key, done, context, &call, err) != 0)
		return -1;
	call->call.stored = calloc(1, (size_t)size + 1);
	assert_non_null(call->call.stored);
	assert_int_equal(pread(fd, call->call.stored, (size_t)size, 0), size);
	return 0;
}

static int on_get(struct blob_store *store, const struct blob_key *key, int64_t max, blob_done_cb done,
		  void *context, struct error *err)
{
	struct waiting_call *call;
	(void)store;
	(void)max;
	return add_blob(STAGE_BLOB_GET, key, done, context, &call, err);
}

static int on_delete(struct blob_store *store, const struct blob_key *key, blob_done_cb done, void *context,
		     struct error *err)
{
	struct waiting_call *call;
	(void)store;
	return add_blob(STAGE_BLOB_DELETE, key, done, context, &call, err);
}

/* It fails for the tenant "broken". */
static int on_presign(struct blob_store *store, const struct blob_key *key, const char *filename,
		      int64_t seconds, struct buffer *ret, struct error *err)
{
	(void)store;
	if (strcmp(key->tenant, "broken") == 0)
		return error_set(err, ERR_IO, "no URL can be made");
	return buffer_appendf(ret, "http://blobs/%s/%s?seconds=%lld", key->digest, filename,
			      (long long)seconds);
}

static int on_check(struct blob_store *store, struct error *err)
{
	(void)store;
	(void)err;
	return 0;
}

static int on_renew(struct blob_store *base, const struct blob_key *key, int64_t size, blob_done_cb done,
		    void *context, struct error *err)
{
	struct waiting_call *call;
	(void)base;
	(void)size;
	return add_blob(STAGE_BLOB_RENEW, key, done, context, &call, err);
}

static const struct blob_operations operations = {.put = on_put,
						  .get = on_get,
						  .renew = on_renew,
						  .delete = on_delete,
						  .presign_get = on_presign,
						  .check = on_check};
static struct blob_store store = {&operations};

void stage_answer_blob(enum error_code code, const char *content)
{
	stage_answer_blob_bytes(code, str_of(content));
}

void stage_answer_blob_bytes(enum error_code code, struct str content)
{
	struct error error;
	int fd = -1;
	assert_true(call_count > 0);
	assert_int_not_equal(calls[0]->call.kind, STAGE_KUBE);
	assert_int_not_equal(calls[0]->call.kind, STAGE_DB);
	struct waiting_call *call = take_call();
	if (code != ERR_NONE) {
		error_set(&error, code, "the blob store says no");
	} else if (call->call.kind == STAGE_BLOB_GET) {
		fd = temporary_file(&error);
		assert_true(fd >= 0);
		assert_int_equal(pwrite(fd, content.n ? content.p : "", content.n, 0), (ssize_t)content.n);
	}
	call->blob(call->context, code == ERR_NONE ? NULL : &error, fd, (int64_t)content.n);
	free_call(call);
}

/* In place of lib/db/db.c */

struct db_result {
	const char *const *texts;
	size_t rows, columns;
};

int db_run(struct db *db, const struct db_call *db_call, struct error *err)
{
	struct waiting_call *call = add_call(STAGE_DB, err);
	struct db_parameters *parameters = db_call->parameters;
	(void)db;
	if (!call) {
		db_parameters_free(parameters);
		return -1;
	}
	call->call.statement = db_call->statement;
	for (size_t i = 0; parameters && i < parameters->count; i++)
		call->call.parameters[call->call.parameter_count++] =
		    parameters->values[i] ? str_dup(str_of(parameters->values[i])) : NULL;
	db_parameters_free(parameters);
	call->db = *db_call;
	return 0;
}

int db_check(const struct db *db, struct error *err)
{
	(void)db;
	(void)err;
	return 0;
}

void db_stats(const struct db *db, struct db_stats *ret)
{
	(void)db;
	*ret = (struct db_stats){0};
}

size_t db_result_rows(const struct db_result *result)
{
	return result->rows;
}

const char *db_result_text(const struct db_result *result, size_t row, size_t column)
{
	return row < result->rows && column < result->columns ? result->texts[row * result->columns + column]
							      : NULL;
}

bool db_result_is_null(const struct db_result *result, size_t row, size_t column)
{
	return db_result_text(result, row, column) == NULL;
}

int64_t db_result_int(const struct db_result *result, size_t row, size_t column)
{
	const char *text = db_result_text(result, row, column);
	return text ? strtoll(text, NULL, 10) : 0;
}

bool db_result_bool(const struct db_result *result, size_t row, size_t column)
{
	const char *text = db_result_text(result, row, column);
	return text && text[0] == 't';
}

void stage_answer_db(enum error_code code, const char *const *rows, size_t row_count, size_t columns)
{
	struct error error;
	const struct db_result result = {rows, row_count, columns};
	first(STAGE_DB);
	struct waiting_call *call = take_call();
	if (code != ERR_NONE)
		error_set(&error, code, "the database says no");
	if (call->db.done)
		call->db.done(call->db.context, code == ERR_NONE ? &result : NULL,
			      code == ERR_NONE ? NULL : &error);
	if (call->db.release)
		call->db.release(call->db.context);
	free_call(call);
}

/* What the watches bring */

static void on_execution(void *context, const char *namespace, const char *name,
			 const struct shared_execution *fresh)
{
	struct stage *stage = context;
	if (fresh)
		places_seen(stage->server.places, namespace, name);
	waiters_notify(stage->server.waiters, WAIT_EXECUTION, namespace, name, fresh);
}

static void on_skill(void *context, const char *namespace, const char *name, const struct skill *fresh)
{
	struct stage *stage = context;
	waiters_notify(stage->server.waiters, WAIT_SKILL, namespace, name, fresh);
}

static void on_key(void *context, const char *secret, const struct api_key *fresh)
{
	struct stage *stage = context;
	waiters_notify(stage->server.waiters, WAIT_KEY, stage->server.namespace, secret, fresh);
}

static void on_problem(void *context, const char *resource, const struct error *problem)
{
	(void)context;
	fail_msg("%s: %s", resource, problem->message);
}

void stage_object(struct stage *stage, enum cluster_resource resource, const char *json)
{
	informer_handle(cluster_informer(stage->server.cluster, resource), WATCH_ADDED, str_of(json));
}

void stage_object_gone(struct stage *stage, enum cluster_resource resource, const char *json)
{
	informer_handle(cluster_informer(stage->server.cluster, resource), WATCH_DELETED, str_of(json));
}

static void skill_event(struct stage *stage, enum watch_event_type type, const char *name,
			const char *version, const char *spec)
{
	char json[2048];
	snprintf(
	    json, sizeof(json),
	    "{\"metadata\":{\"name\":\"%s-%s\",\"namespace\":\"ns\",\"uid\":\"u\","
	    "\"creationTimestamp\":\"2025-11-24T10:00:00Z\"},\"spec\":{\"name\":\"%s\",\"version\":\"%s\","
	    "\"lang\":\"python\"%s}}",
	    name, version, name, version, spec);
	informer_handle(cluster_informer(stage->server.cluster, CLUSTER_SKILLS), type, str_of(json));
}

void stage_skill(struct stage *stage, const char *name, const char *version, const char *spec)
{
	skill_event(stage, WATCH_ADDED, name, version, spec);
}

void stage_skill_gone(struct stage *stage, const char *name, const char *version)
{
	skill_event(stage, WATCH_DELETED, name, version, "");
}

void stage_execution(struct stage *stage, const char *json)
{
	stage_object(stage, CLUSTER_EXECUTIONS, json);
}

void stage_execution_gone(struct stage *stage, const char *json)
{
	stage_object_gone(stage, CLUSTER_EXECUTIONS, json);
}

const char *stage_execution_json(const char *id, const char *status, const char *more)
{
	static char ring[JSON_RING][4096];
	static unsigned at;
	static const struct {
		const char *status, *condition;
	} conditions[] = {{"pending", ""},
			  {"running", "\"status\":\"Unknown\",\"reason\":\"Running\""},
			  {"success", "\"status\":\"True\",\"reason\":\"Succeeded\""},
			  {"failed", "\"status\":\"False\",\"reason\":\"Failed\""},
			  {"cancelled", "\"status\":\"False\",\"reason\":\"Cancelled\""}};
	size_t i = 0;
	while (i < sizeof(conditions) / sizeof(conditions[0]) && strcmp(conditions[i].status, status) != 0)
		i++;
	assert_true(i < sizeof(conditions) / sizeof(conditions[0]));
	char *json = ring[at++ % JSON_RING];
	bool has = conditions[i].condition[0] != '\0';
	snprintf(
	    json, sizeof(ring[0]),
	    "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"u\",\"creationTimestamp\":"
	    "\"2025-11-24T10:00:00Z\"},\"spec\":{\"skillRef\":{\"name\":\"report\"},\"inputText\":\"{}\"},"
	    "\"status\":{\"conditions\":[%s%s%s]%s%s}}",
	    id, has ? "{\"type\":\"Succeeded\"," : "", conditions[i].condition, has ? "}" : "",
	    *more ? "," : "", more);
	return json;
}

/* Life */

static int64_t wall_ms(void *context)
{
	return ((struct stage *)context)->now_us / 1000;
}

static int64_t monotonic_us(void *context)
{
	return ((struct stage *)context)->now_us;
}

static struct caller *make_caller(void)
{
	struct caller *caller = caller_new();
	assert_non_null(caller);
	snprintf(caller->request_id, sizeof(caller->request_id), "request-1");
	snprintf(caller->key_id, sizeof(caller->key_id), "key-1");
	caller->tenant = str_dup(STR("acme"));
	caller->namespace = str_dup(STR("ns"));
	return caller;
}

struct stage *stage_open(bool with_db)
{
	struct error err;
	assert_null(open_stage);
	struct stage *stage = open_stage = calloc(1, sizeof(*stage));
	assert_non_null(stage);
	stage->now_us = STAGE_NOW_MS * 1000;
	stage->clock = (struct clock){wall_ms, monotonic_us, stage};
	stage->config = (struct apiserver_config){.policy = {.default_timeout_ms = 120000,
							     .max_timeout_ms = 600000,
							     .max_concurrent = 3,
							     .max_files_size = 1 << 20,
							     .image_allowlist = (char *)"python:3.12-slim"},
						  .limits = {.max_skills = 1000,
							     .max_skills_size = 64 << 20,
							     .max_waiting_calls = 3,
							     .max_stored_executions = 2000,
							     .max_stored_executions_size = 1 << 24},
						  .max_skill_size = 1 << 20};
	assert_int_equal(uv_loop_init(&stage->loop), 0);
	struct apiserver *server = &stage->server;
	*server = (struct apiserver){.config = &stage->config,
				     .clock = &stage->clock,
				     .loop = &stage->loop,
				     .namespace = "skillbox-system",
				     .blobs = &store,
				     .db = with_db ? (struct db *)stage : NULL};
	const struct cluster_options options = {.namespace = "skillbox-system",
						.execution_changed = on_execution,
						.skill_changed = on_skill,
						.key_changed = on_key,
						.problem = on_problem,
						.context = stage,
						.clock = &stage->clock};
	server->metrics = metrics_new(apiserver_metric_table, APISERVER_METRIC_COUNT, &err);
	server->reader = reader_new(NULL, 4, &err);
	server->skill_quota = skill_quota_new(&err);
	server->input_schemas = input_schemas_new(&err);
	server->lanes = operation_lanes_new(&stage->loop, &err);
	server->places = places_new(&err);
	server->waiters = waiters_new(&stage->loop, &stage->clock, &err);
	server->cluster = cluster_new(NULL, &options, &err);
	assert_true(server->metrics && server->lanes && server->places && server->waiters && server->cluster);
	assert_true(server->reader && server->skill_quota && server->input_schemas);
	stage->caller = make_caller();
	return stage;
}

void stage_later(struct stage *stage, int64_t ms)
{
	stage->now_us += ms * 1000;
	waiters_expire(stage->server.waiters);
}

void stage_forget(struct stage *stage)
{
	while (call_count > 0) {
		struct waiting_call *call = take_call();
		if (call->db.release)
			call->db.release(call->db.context);
		free_call(call);
	}
	operation_forget_all(&stage->server);
}

void stage_close(struct stage *stage)
{
	assert_int_equal(call_count, 0);
	assert_null(stage->server.pending);
	for (int topic = 0; topic < WAIT_TOPIC_COUNT; topic++)
		assert_int_equal(waiters_count(stage->server.waiters, (enum wait_topic)topic), 0);
	assert_int_equal(stage->caller->references, 1); /* each operation has one */
	memset(refusals, 0, sizeof(refusals));
	caller_unref(stage->caller);
	reader_free(stage->server.reader);
	skill_quota_free(stage->server.skill_quota);
	input_schemas_free(stage->server.input_schemas);
	cluster_free(stage->server.cluster);
	waiters_free(stage->server.waiters);
	operation_lanes_free(stage->server.lanes);
	places_free(stage->server.places);
	metrics_free(stage->server.metrics);
	uv_run(&stage->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&stage->loop), 0);
	free(stage);
	open_stage = NULL;
}

int stage_setup(void **state)
{
	*state = stage_open(false);
	return 0;
}

int stage_setup_with_db(void **state)
{
	*state = stage_open(true);
	return 0;
}

int stage_teardown(void **state)
{
	stage_close(*state);
	return 0;
}
