/* In place of lib/kube/watch.c, client.c, events.c and workqueue.c, controller/sandbox/session.c,
 * controller/build/job.c and controller/history.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/controller/stage.h"
#include "tests/unit/controller/stand_ins.h"

#include "lib/kube/watch.h"

#include <stdio.h>
#include <stdlib.h>

#define CALLS_MAX 64
#define KEYS_MAX 64
#define KEY_SIZE 128

/* Watches, in the order of enum cache_resource */

struct watch {
	struct watch_options options;
	bool is_live;
};
static struct watch *watches[CACHE_RESOURCE_COUNT];
static size_t watch_count;

struct watch *watch_start(struct kube_ws *ws, const struct watch_options *options, struct error *err)
{
	(void)ws;
	(void)err;
	assert_true(watch_count < CACHE_RESOURCE_COUNT);
	struct watch *watch = calloc(1, sizeof(*watch));
	assert_non_null(watch);
	watch->options = *options;
	watch->is_live = true;
	watches[watch_count++] = watch;
	return watch;
}

struct watch *watch_stop(struct watch *watch)
{
	for (size_t i = 0; i < CACHE_RESOURCE_COUNT; i++)
		if (watch && watches[i] == watch) {
			watches[i] = NULL;
			watch_count--;
		}
	free(watch);
	return NULL;
}

uint64_t watch_age_ms(const struct watch *watch)
{
	(void)watch;
	return 0;
}

bool watch_is_synced(const struct watch *watch)
{
	return watch->is_live;
}

static void tell(enum cache_resource resource, enum watch_event_type type, const char *json)
{
	const struct watch *watch = watches[resource];
	watch->options.event(watch->options.context, type, str_of(json));
}

void stage_show(enum cache_resource resource, const char *json)
{
	tell(resource, WATCH_MODIFIED, json);
}

void stage_gone(enum cache_resource resource, const char *json)
{
	tell(resource, WATCH_DELETED, json);
}

void stage_live(enum cache_resource resource, bool is_live)
{
	watches[resource]->is_live = is_live;
}

void stage_sync(enum cache_resource resource)
{
	tell(resource, WATCH_LIST_BEGIN, "");
	tell(resource, WATCH_LIST_END, "");
}

/* Requests */

struct waiting_call {
	struct stage_call call;
	kube_done_cb done;
	void *context;
};
static struct waiting_call *calls[CALLS_MAX];
static size_t call_count;
static bool refuses_call;
static char the_client;

struct kube_client *stand_in_client(void)
{
	return (struct kube_client *)(void *)&the_client;
}

struct http_request *kube_client_call(struct kube_client *client, const struct kube_call *call,
				      struct error *err)
{
	assert_ptr_equal(client, &the_client);
	if (refuses_call) {
		refuses_call = false;
		error_set(err, ERR_UNAVAILABLE, "refused by the test");
		return NULL;
	}
	assert_true(call_count < CALLS_MAX);
	struct waiting_call *waiting = calloc(1, sizeof(*waiting));
	assert_non_null(waiting);
	snprintf(waiting->call.method, sizeof(waiting->call.method), "%s", call->method);
	snprintf(waiting->call.path, sizeof(waiting->call.path), "%s", call->path);
	snprintf(waiting->call.content_type, sizeof(waiting->call.content_type), "%s",
		 call->content_type ? call->content_type : "");
	waiting->call.body = str_dup(call->body);
	waiting->done = call->done;
	waiting->context = call->context;
	calls[call_count++] = waiting;
	return (struct http_request *)(void *)&the_client;
}

void stage_refuse_call(void)
{
	refuses_call = true;
}

size_t stage_calls(void)
{
	return call_count;
}

const struct stage_call *stage_call(const char *method, const char *path_end)
{
	if (call_count == 0)
		fail_msg("no request waits, wanted is %s %s", method, path_end);
	const struct stage_call *call = &calls[0]->call;
	size_t n = strlen(call->path), end = strlen(path_end);
	if (strcmp(call->method, method) != 0 || n < end || strcmp(call->path + n - end, path_end) != 0)
		fail_msg("%s %s waits first, wanted is %s %s", call->method, call->path, method, path_end);
	return call;
}

static struct waiting_call *take_call(void)
{
	assert_true(call_count > 0);
	struct waiting_call *first = calls[0];
	memmove(calls, calls + 1, --call_count * sizeof(struct waiting_call *));
	return first;
}

static void free_call(struct waiting_call *waiting)
{
	free(waiting->call.body);
	free(waiting);
}

void stage_answer(int status, const char *body)
{
	struct waiting_call *waiting = take_call();
	struct error err;
	struct kube_response response = {.status = status,
					 .body = str_of(body),
					 .already_exists = status == 409 && strstr(body, "already exists")};
	if (status < 200 || status > 299) {
		error_set(&err, status ? error_code_from_http_status(status) : ERR_UNAVAILABLE, "%s", body);
		response.error = &err;
	}
	waiting->done(waiting->context, &response);
	free_call(waiting);
}

/* What refers to the real client beside this comes from compose.c and lib/kube/ws.c only. */
struct kube_client *kube_client_new(uv_loop_t *loop, const struct kube_config *config, struct error *err)
{
	(void)loop;
	(void)config;
	(void)err;
	return stand_in_client();
}

struct kube_client *kube_client_free(struct kube_client *client)
{
	(void)client;
	return NULL;
}

void kube_client_measure(struct kube_client *client, const struct kube_measure *measure)
{
	(void)client;
	(void)measure;
}

uv_loop_t *kube_client_loop(const struct kube_client *client)
{
	(void)client;
	return NULL;
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

/* Queues */

struct workqueue {
	struct workqueue_options options;
	struct {
		char key[KEY_SIZE];
		int64_t delay_ms;
	} asked[KEYS_MAX];
	size_t count;
	struct stage_done done;
};
#define QUEUES_MAX 8
static struct workqueue *queues[QUEUES_MAX];
static unsigned queue_count;

struct workqueue *workqueue_new(uv_loop_t *loop, const struct workqueue_options *options, struct error *err)
{
	(void)loop;
	(void)err;
	struct workqueue *queue = calloc(1, sizeof(*queue));
	assert_non_null(queue);
	queue->options = *options;
	assert_true(queue_count < QUEUES_MAX);
	queues[queue_count++] = queue;
	return queue;
}

struct workqueue *workqueue_free(struct workqueue *queue)
{
	queue_count -= queue != NULL;
	free(queue);
	return NULL;
}

size_t stand_in_queues(void)
{
	return queue_count;
}

struct workqueue *stand_in_queue(size_t index)
{
	assert_true(index < queue_count);
	return queues[index];
}

static size_t find_key(const struct workqueue *queue, struct str key)
{
	size_t at = 0;
	while (at < queue->count && !str_eq(str_of(queue->asked[at].key), key))
		at++;
	return at;
}

int workqueue_add_after(struct workqueue *queue, struct str key, int64_t delay_ms)
{
	size_t at = find_key(queue, key);
	assert_true(at < KEYS_MAX && key.n < KEY_SIZE && delay_ms >= 0);
	if (at < queue->count && queue->asked[at].delay_ms <= delay_ms)
		return 0;
	snprintf(queue->asked[at].key, KEY_SIZE, "%.*s", (int)key.n, key.p);
	queue->asked[at].delay_ms = delay_ms;
	queue->count += at == queue->count;
	return 0;
}

int workqueue_add(struct workqueue *queue, struct str key)
{
	return workqueue_add_after(queue, key, 0);
}

void workqueue_done(struct workqueue *queue, struct str key, bool failed)
{
	(void)key;
	queue->done.well += !failed;
	queue->done.failed += failed;
}

size_t workqueue_length(const struct workqueue *queue)
{
	return queue->count;
}

void workqueue_stats(const struct workqueue *queue, struct workqueue_stats *ret)
{
	*ret = (struct workqueue_stats){.waiting = queue->count,
					.done = queue->done.well + queue->done.failed,
					.failed = queue->done.failed};
}

int64_t stage_asked(const struct workqueue *queue, struct str key)
{
	size_t at = find_key(queue, key);
	return at < queue->count ? queue->asked[at].delay_ms : STAGE_NOT_ASKED;
}

void stage_forget(struct workqueue *queue)
{
	queue->count = 0;
}

struct stage_done stage_done(struct workqueue *queue)
{
	struct stage_done done = queue->done;
	queue->done = (struct stage_done){0};
	return done;
}

void stage_work(struct workqueue *queue, struct str key)
{
	size_t at = find_key(queue, key);
	if (at < queue->count)
		queue->asked[at] = queue->asked[--queue->count];
	queue->options.work(queue->options.context, key);
}

/* Sessions */

static size_t session_count;
static struct session *last_session;
static bool refuses_session;

static struct session *session_new(const struct pod *pod, void (*changed)(void *context), void *context,
				   struct error *err)
{
	if (refuses_session) {
		refuses_session = false;
		error_set(err, ERR_UNAVAILABLE, "no stream, says the test");
		return NULL;
	}
	struct session *session = calloc(1, sizeof(*session));
	assert_non_null(session);
	session->state = SESSION_OPENING;
	session->problem = "";
	session->changed = changed;
	session->context = context;
	snprintf(session->pod, sizeof(session->pod), "%s", pod->meta.name);
	session_count++;
	last_session = session;
	return session;
}

static void take_job(struct session *session, const struct execution *execution, const struct skill *skill)
{
	snprintf(session->execution, sizeof(session->execution), "%s", execution->meta.name);
	snprintf(session->skill, sizeof(session->skill), "%s", skill ? skill->meta.name : "");
}

struct session *session_start(const struct session_services *services, const struct execution *execution,
			      const struct skill *skill, const struct run_shape *shape, const struct pod *pod,
			      const char *tenant, void (*changed)(void *context), void *context,
			      struct error *err)
{
	assert_non_null(services);
	assert_non_null(shape);
	assert_string_equal(tenant, "acme");
	struct session *session = session_new(pod, changed, context, err);
	if (!session)
		return NULL;
	session->services = services;
	take_job(session, execution, skill);
	return session;
}

struct session *session_park(const struct session_services *services, const struct pod *pod,
			     const struct skill *skill, const char *tenant, void (*changed)(void *context),
			     void *context, struct error *err)
{
	assert_non_null(services);
	assert_string_equal(tenant, "acme");
	struct session *session = session_new(pod, changed, context, err);
	if (session) {
		session->is_parked = true;
		snprintf(session->skill, sizeof(session->skill), "%s", skill ? skill->meta.name : "");
	}
	return session;
}

int session_assign(struct session *session, const struct execution *execution, const struct skill *skill,
		   const struct run_shape *shape, const char *tenant, void (*changed)(void *context),
		   void *context, struct error *err)
{
	assert_int_equal(session->state, SESSION_PARKED);
	assert_non_null(shape);
	assert_string_equal(tenant, "acme");
	if (refuses_session) {
		refuses_session = false;
		return error_set(err, ERR_UNAVAILABLE, "no assignment, says the test");
	}
	session->is_assigned = true;
	session->state = SESSION_OPENING;
	session->changed = changed;
	session->context = context;
	take_job(session, execution, skill);
	return 0;
}

struct session *session_free(struct session *session)
{
	if (!session)
		return NULL;
	session_count--;
	if (last_session == session)
		last_session = NULL;
	free(session->found_execution);
	free(session);
	return NULL;
}

size_t stage_sessions(void)
{
	return session_count;
}

struct session *stage_session(void)
{
	return last_session;
}

void stage_move_session(struct session *session, enum session_state state)
{
	session->state = state;
	session->changed(session->context);
}

void stage_refuse_session(void)
{
	refuses_session = true;
}

const char *session_found_execution(const struct session *session)
{
	return session->found_execution;
}

const struct run_shape *session_found_shape(const struct session *session)
{
	return session->found_shape.image[0] ? &session->found_shape : NULL;
}

void session_cancel(struct session *session)
{
	session->is_cancelled = true;
}

void session_retry_store(struct session *session)
{
	session->is_stored_again = true;
}

enum session_state session_state(const struct session *session)
{
	return session->state;
}

const char *session_problem(const struct session *session)
{
	return session->problem;
}

const struct run_result *session_result(const struct session *session)
{
	return &session->result;
}

int64_t session_opened_us(const struct session *session)
{
	return session->opened_us;
}

int64_t session_started_ms(const struct session *session)
{
	return session->started_ms;
}

int64_t session_cancel_sent_ms(const struct session *session)
{
	return session->cancel_sent_ms;
}

int64_t session_lost_ms(const struct session *session)
{
	return session->lost_ms;
}

int64_t session_store_failed_ms(const struct session *session)
{
	return session->store_failed_ms;
}

int64_t session_store_tried_ms(const struct session *session)
{
	return session->store_tried_ms;
}

/* Events */

static char last_event[1024];

struct event_recorder *event_recorder_new(struct kube_client *client, const char *component,
					  const char *instance, struct error *err)
{
	(void)client;
	(void)component;
	(void)instance;
	(void)err;
	return (struct event_recorder *)(void *)&the_client;
}

struct event_recorder *event_recorder_free(struct event_recorder *recorder)
{
	(void)recorder;
	return NULL;
}

void event_record(struct event_recorder *recorder, const struct event_object *about, const char *type,
		  const char *reason, const char *action, const char *note)
{
	(void)recorder;
	static const char *const kinds[][2] = {
	    {"SandboxPool", "Fill"}, {"Execution", "Run"}, {"Skill", "Check"}};
	size_t kind = 0;
	while (kind < 2 && strcmp(about->kind, kinds[kind][0]) != 0)
		kind++;
	assert_string_equal(about->kind, kinds[kind][0]);
	assert_string_equal(action, kinds[kind][1]);
	snprintf(last_event, sizeof(last_event), "%s %s: %s", type, reason, note);
}

const char *stage_event(void)
{
	return last_event;
}

void stage_forget_event(void)
{
	last_event[0] = '\0';
}

/* History */

struct history {
	enum history_state state;
	int64_t retry_ms;
	char put[KEY_SIZE], forgotten[KEY_SIZE];
	unsigned puts;
};
static struct history the_history;

struct history *stand_in_history(void)
{
	return &the_history;
}

void stage_set_history(enum history_state state, int64_t retry_ms)
{
	the_history.state = state;
	the_history.retry_ms = retry_ms;
}

const char *stage_archived(unsigned *ret_count)
{
	*ret_count = the_history.puts;
	return the_history.put;
}

const char *stage_forgotten(void)
{
	return the_history.forgotten;
}

enum history_state history_state(const struct history *history, struct str key, const char *uid,
				 int64_t *ret_retry_ms)
{
	(void)key;
	assert_non_null(uid);
	*ret_retry_ms = history ? history->retry_ms : 0;
	return history ? history->state : HISTORY_DONE;
}

void history_put(struct history *history, struct str key, const struct execution *execution,
		 const char *tenant)
{
	if (!history)
		return;
	assert_non_null(execution);
	assert_string_equal(tenant, "acme");
	history->puts++;
	snprintf(history->put, KEY_SIZE, "%.*s", (int)key.n, key.p);
}

void history_forget(struct history *history, struct str key)
{
	if (history)
		snprintf(history->forgotten, KEY_SIZE, "%.*s", (int)key.n, key.p);
}

size_t history_backlog(const struct history *history)
{
	return history ? 1 : 0;
}

struct history *history_new(const struct history_options *options, struct error *err)
{
	(void)options;
	(void)err;
	return &the_history;
}

struct history *history_free(struct history *history)
{
	(void)history;
	return NULL;
}

void stand_ins_reset(void)
{
	refuses_call = refuses_session = false;
	last_event[0] = '\0';
	the_history = (struct history){0};
}

/* What waits at the end of a test that went well says nothing: parts were freed below it. */
void stand_ins_check_empty(void)
{
	while (call_count > 0)
		free_call(take_call());
	assert_int_equal(watch_count, 0);
	assert_int_equal(queue_count, 0);
	assert_int_equal(session_count, 0);
}

/* Builds: one at a time */

static struct build_job *job;

struct build_job *build_job_start(const struct build_job_services *services, const struct skill *skill,
				  const char *tenant, const struct wheel_target *target, const char *image,
				  void (*changed)(void *context), void *context, struct error *err)
{
	(void)services;
	(void)target;
	(void)err;
	assert_null(job);
	job = calloc(1, sizeof(*job));
	assert_non_null(job);
	job->attempt = skill->status.build.attempt;
	job->changed = changed;
	job->context = context;
	snprintf(job->tenant, sizeof(job->tenant), "%s", tenant);
	snprintf(job->image, sizeof(job->image), "%s", image);
	return job;
}

struct build_job *build_job_free(struct build_job *gone)
{
	if (gone)
		job = NULL;
	free(gone);
	return NULL;
}

struct build_job *stage_job(void)
{
	return job;
}

void stage_move_job(enum build_stage stage)
{
	job->stage = stage;
	job->changed(job->context);
}

enum build_stage build_job_stage(const struct build_job *of)
{
	return of->stage;
}

int64_t build_job_attempt(const struct build_job *of)
{
	return of->attempt;
}

const char *build_job_key(const struct build_job *of)
{
	return of->key ? of->key : "";
}

int64_t build_job_file_bytes(const struct build_job *of)
{
	return of->file_bytes;
}

void build_job_give(struct build_job *of, const struct pod *pod)
{
	snprintf(of->pod, sizeof(of->pod), "%s", pod->meta.name);
	of->stage = BUILD_WORKING;
}

const struct skill_packages *build_job_packages(const struct build_job *of)
{
	return &of->packages;
}

const char *build_job_log(const struct build_job *of)
{
	return of->log ? of->log : "";
}

const char *build_job_problem(const struct build_job *of)
{
	return of->problem ? of->problem : "";
}
