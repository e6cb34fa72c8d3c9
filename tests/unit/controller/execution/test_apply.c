/* A plan is carried out: which calls are made in which order, and what their answers lead to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/execution/apply.h"
#include "controller/execution/arrival.h"
#include "controller/execution/outcome.h"
#include "controller/metrics.h"
#include "tests/unit/controller/execution/fake_cluster.h"

/* What was done, in order; calls wait for their answers. */
static char done[512];
static struct {
	kube_done_cb done;
	void *context;
} calls[4];
static size_t call_count;
static bool queue_done, queue_failed;
static unsigned ends;
static int64_t later_ms;
static struct session session;

static void note(const char *what)
{
	size_t n = strlen(done);
	snprintf(done + n, sizeof(done) - n, "%s%s", n ? ", " : "", what);
}

struct http_request *kube_client_call(struct kube_client *client, const struct kube_call *call,
				      struct error *err)
{
	(void)client;
	(void)err;
	const char *name = strrchr(call->path, '/') + 1;
	char text[96];
	snprintf(text, sizeof(text), "%s %s", call->method, name);
	note(text);
	assert_true(call_count < 4);
	calls[call_count].done = call->done;
	calls[call_count++].context = call->context;
	return (struct http_request *)&calls;
}

/* The oldest call that waits. */
static void answer(int status, enum error_code code, const char *body)
{
	struct error error = {.code = code, .message = "the server's words"};
	struct kube_response response = {.status = status,
					 .body = str_of(body),
					 .error = code ? &error : NULL,
					 .already_exists = strstr(body, "already exists")};
	assert_true(call_count > 0);
	kube_done_cb callback = calls[0].done;
	void *context = calls[0].context;
	memmove(&calls[0], &calls[1], (--call_count) * sizeof(calls[0]));
	callback(context, &response);
}

struct session *session_start(const struct session_services *services, const struct execution *execution,
			      const struct skill *skill, const struct run_shape *shape, const struct pod *pod,
			      const char *tenant, void (*changed)(void *context), void *context,
			      struct error *err)
{
	(void)services;
	(void)execution;
	(void)skill;
	(void)changed;
	(void)context;
	(void)err;
	assert_string_equal(tenant, "acme");
	assert_string_equal(shape->image, "bash:5");
	assert_non_null(pod);
	note("open");
	return &session;
}

int session_assign(struct session *one, const struct execution *execution, const struct skill *skill,
		   const struct run_shape *shape, const char *tenant, void (*changed)(void *context),
		   void *context, struct error *err)
{
	(void)one;
	(void)execution;
	(void)skill;
	(void)shape;
	(void)tenant;
	(void)changed;
	(void)context;
	(void)err;
	note("assign");
	return 0;
}

void session_cancel(struct session *one)
{
	(void)one;
	note("cancel");
}

void session_retry_store(struct session *one)
{
	(void)one;
	note("store");
}

static bool nothing_to_claim;

int pools_claim(struct pools *pools, const char *namespace, const char *execution_id,
		const struct run_shape *shape, struct claim *ret, struct error *err)
{
	(void)pools;
	(void)namespace;
	(void)execution_id;
	(void)shape;
	if (nothing_to_claim)
		return error_set(err, ERR_UNAVAILABLE, "none waits");
	note("claim");
	*ret = (struct claim){&session, str_dup(STR("sbp-1")), str_dup(STR("p"))};
	return 0;
}

void pools_wait(struct pools *pools, struct demand *demand, const struct run_shape *shape)
{
	(void)pools;
	(void)demand;
	(void)shape;
	note("wait for a pool");
}

void history_put(struct history *history, struct str key, const struct execution *execution,
		 const char *tenant)
{
	(void)history;
	(void)key;
	(void)execution;
	(void)tenant;
	note("archive");
}

void event_record(struct event_recorder *recorder, const struct event_object *about, const char *type,
		  const char *reason, const char *action, const char *text)
{
	(void)recorder;
	(void)about;
	(void)type;
	(void)action;
	(void)text;
	note(reason);
}

void metrics_count_ended(struct metrics *metrics, const struct execution *ended, const char *tenant)
{
	(void)metrics;
	(void)tenant;
	assert_true(execution_is_finished(ended));
	ends++;
}

void arrival_settle(struct tracked *tracked)
{
	tracked_move(tracked, TRACKED_SETTLED);
	note("settle");
}

int workqueue_add_after(struct workqueue *queue, struct str key, int64_t delay_ms)
{
	(void)queue;
	(void)key;
	later_ms = delay_ms;
	return 0;
}

void workqueue_done(struct workqueue *queue, struct str key, bool failed)
{
	(void)queue;
	(void)key;
	assert_false(queue_done);
	queue_done = true;
	queue_failed = failed;
}

static struct executions *executions;
static struct tracked *tracked;
static struct execution execution = {.meta = {.namespace = (char *)"ns",
					      .name = (char *)"a",
					      .uid = (char *)"uid",
					      .resource_version = (char *)"7"}};
static struct pod pod = {
    .meta = {.namespace = (char *)"ns", .name = (char *)"skx-uid-0", .uid = (char *)"p"}};
static struct observation seen;
static struct plan plan;

static int set_up(void **state)
{
	(void)state;
	executions = fake_open();
	fake.tenant = "acme";
	tracked = fake_track(executions, "ns/a");
	fake_config.runner_image = (char *)"skillbox/runner:1";
	fake_config.runtime_class = (char *)"";
	fake_config.seccomp_profile = (char *)"";
	seen = (struct observation){.execution = &execution, .now_ms = FAKE_NOW_MS};
	plan = (struct plan){.rule = "test", .requeue_ms = -1};
	snprintf(plan.shape.image, sizeof(plan.shape.image), "bash:5");
	done[0] = '\0';
	call_count = 0;
	queue_done = queue_failed = nothing_to_claim = false;
	later_ms = -1;
	session = (struct session){0};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tracked->session = NULL;
	apply_forget(executions);
	plan_clear(&plan);
	executions_free(executions);
	return 0;
}

static void apply(unsigned actions)
{
	plan.actions = actions;
	apply_plan(tracked, &seen, &plan);
}

static void wish(const char *error_code)
{
	struct error err;
	plan.wish = error_code ? outcome_failure_of(&execution, error_code, "why", FAKE_NOW_MS, &err)
			       : outcome_progress(&execution, "Running", "it runs", FAKE_NOW_MS, &err);
	assert_non_null(plan.wish);
}

/* What needs no call is done at once. */
static void test_without_calls(void **state)
{
	(void)state;
	static const struct {
		unsigned actions;
		const char *done;
		enum tracked_state state;
	} cases[] = {
	    {0, "", TRACKED_IDLE},
	    {ACTION_WAIT, "", TRACKED_WAITING},
	    {ACTION_WAIT_IN_LINE, "wait for a pool", TRACKED_IN_LINE},
	    {ACTION_CLAIM, "claim, assign", TRACKED_READY},
	    {ACTION_CANCEL_SESSION, "cancel", TRACKED_IDLE},
	    {ACTION_RETRY_STORE, "store", TRACKED_IDLE},
	    {ACTION_ARCHIVE, "archive", TRACKED_IDLE},
	    {ACTION_CLOSE_SESSION | ACTION_OPEN_SESSION, "open", TRACKED_IDLE},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tear_down(NULL);
		set_up(NULL);
		seen.pod = &pod;
		seen.session_problem = "why";
		plan.requeue_ms = 40;
		apply(cases[i].actions);
		assert_string_equal(done, cases[i].done);
		assert_int_equal(tracked->state, cases[i].state);
		assert_true(queue_done);
		assert_false(queue_failed);
		assert_int_equal(later_ms, 40);
		assert_null(tracked->pass);
	}
}

static void test_the_order(void **state)
{
	(void)state;
	seen.pod = &pod;
	plan.event_reason = "Event";
	plan.event_type = "Warning";
	wish("timeout");
	apply(ACTION_DELETE_POD | ACTION_PATCH_STATUS | ACTION_ARCHIVE | ACTION_CANCEL_SESSION |
	      ACTION_CLOSE_SESSION);
	assert_string_equal(done,
			    "Event, cancel, PATCH status, archive"); /* the Pod goes when that is written */
	assert_int_equal(tracked->state, TRACKED_ENDING);
	assert_non_null(tracked->pass);
	assert_false(queue_done);
}

/* Nothing goes before its result is recorded, and then all is forgotten. */
static void test_the_last_status(void **state)
{
	(void)state;
	seen.pod = &pod;
	tracked->session = &session;
	wish("timeout");
	apply(ACTION_PATCH_STATUS | ACTION_DELETE_POD);
	assert_string_equal(done, "PATCH status");
	answer(200, ERR_NONE,
	       "{\"metadata\":{\"namespace\":\"ns\",\"name\":\"a\",\"uid\":\"uid\",\"resourceVersion\":\"8\","
	       "\"creationTimestamp\":\"2025-11-24T10:00:00Z\"},\"spec\":{\"skillRef\":{\"name\":\"s\"}}}");
	assert_string_equal(done, "PATCH status, DELETE skx-uid-0");
	assert_false(queue_done);
	assert_string_equal(tracked->written->meta.resource_version, "8");
	answer(404, ERR_NOT_FOUND, "");
	assert_string_equal(done, "PATCH status, DELETE skx-uid-0, settle");
	assert_int_equal(fake.sessions_freed, 1);
	assert_true(queue_done);
	assert_false(queue_failed);
}

/* That a spec was seen which came after the end is no other end: it is not counted, and a refusal does not
 * take the result away. */
static void test_an_end_that_is_written_again(void **state)
{
	(void)state;
	struct execution ended = execution;
	ended.status.succeeded = (struct condition){(char *)"True", (char *)"Succeeded", (char *)"", 5, 1};
	seen.execution = &ended;
	ends = 0;
	plan.wish = outcome_observed(&ended, NULL);
	apply(ACTION_PATCH_STATUS);
	answer(422, ERR_BAD_REQUEST, "");
	assert_string_equal(done, "PATCH status");
	assert_true(queue_done && queue_failed);
	queue_done = queue_failed = false;
	plan.wish = outcome_observed(&ended, NULL);
	apply(ACTION_PATCH_STATUS);
	answer(200, ERR_NONE, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"skillRef\":{\"name\":\"s\"}}}");
	assert_string_equal(done, "PATCH status, PATCH status, settle");
	assert_int_equal(ends, 0);
	queue_done = false;
}

/* A write that fails leaves the Execution where it was, and is tried again. */
static void test_a_status_that_is_not_written(void **state)
{
	(void)state;
	static const struct {
		int status;
		enum error_code code;
		bool failed;
	} cases[] = {{503, ERR_UNAVAILABLE, true}, {409, ERR_CONFLICT, true}, {404, ERR_NOT_FOUND, false}};
	for (size_t i = 0; i < 3; i++) {
		tear_down(NULL);
		set_up(NULL);
		tracked_move(tracked, TRACKED_READY);
		seen.pod = &pod;
		wish("timeout");
		apply(ACTION_PATCH_STATUS | ACTION_DELETE_POD);
		answer(cases[i].status, cases[i].code, "");
		assert_string_equal(done, "PATCH status"); /* the Pod stays: its result is not recorded */
		assert_int_equal(tracked->state, TRACKED_READY);
		assert_true(queue_done);
		assert_int_equal(queue_failed, cases[i].failed);
	}
}

/* What the API server will never take is written without the result, once. */
static void test_a_result_that_is_refused(void **state)
{
	(void)state;
	wish("timeout");
	apply(ACTION_PATCH_STATUS);
	answer(422, ERR_BAD_REQUEST, "");
	assert_string_equal(done, "PATCH status, PATCH status");
	assert_false(queue_done);
	answer(422, ERR_BAD_REQUEST, "");
	assert_string_equal(done, "PATCH status, PATCH status");
	assert_true(queue_done && queue_failed);
}

static void test_a_pod_is_made(void **state)
{
	(void)state;
	static const struct {
		int status;
		enum error_code code;
		bool expected;
		enum tracked_state state;
		const char *problem, *body;
	} cases[] = {{201, ERR_NONE, true, TRACKED_STARTING, NULL, ""},
		     /* ours, or a stranger's */
		     {409, ERR_CONFLICT, true, TRACKED_STARTING, "PodNameTaken", "it already exists"},
		     /* of a ResourceQuota that others write, too: there is no Pod */
		     {409, ERR_CONFLICT, false, TRACKED_IDLE, "ClusterBusy", ""},
		     {403, ERR_FORBIDDEN, false, TRACKED_IDLE, "PodRefused", ""},
		     {0, ERR_UNAVAILABLE, false, TRACKED_IDLE, "ClusterUnavailable", ""}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tear_down(NULL);
		set_up(NULL);
		snprintf(plan.shape.skill_version, sizeof(plan.shape.skill_version), "1");
		plan.shape.memory = 64 << 20;
		plan.shape.cpu = 100;
		apply(ACTION_CREATE_POD);
		assert_string_equal(done, "POST pods");
		assert_int_equal(tracked->state, TRACKED_STARTING);
		answer(cases[i].status, cases[i].code, cases[i].body);
		assert_int_equal(tracked->pod_created_ms != 0, cases[i].expected);
		assert_int_equal(tracked_shape(tracked) != NULL, cases[i].expected);
		assert_false(queue_failed); /* it has a time of its own for the next try */
		assert_int_equal(tracked->state, cases[i].state);
		assert_string_equal(tracked->refusal ? tracked->refusal->reason : "",
				    cases[i].problem ? cases[i].problem : "");
		assert_true(!tracked->refusal || strstr(tracked->refusal->message, "the server's words"));
		assert_int_equal(later_ms, cases[i].expected ? -1 : 0); /* it is told at the next look */
	}
}

/* The same Pod is deleted once, unless that failed. */
static void test_a_pod_is_deleted_once(void **state)
{
	(void)state;
	seen.pod = &pod;
	apply(ACTION_DELETE_POD);
	answer(503, ERR_UNAVAILABLE, "");
	assert_true(queue_failed);
	queue_done = queue_failed = false;
	apply(ACTION_DELETE_POD);
	answer(200, ERR_NONE, "");
	queue_done = false;
	apply(ACTION_DELETE_POD);
	assert_string_equal(done, "DELETE skx-uid-0, DELETE skx-uid-0");
	assert_true(queue_done);
}

static void test_nothing_is_left_to_claim(void **state)
{
	(void)state;
	nothing_to_claim = true;
	apply(ACTION_CLAIM);
	assert_true(queue_done && queue_failed);
	assert_int_equal(tracked->state, TRACKED_IDLE);
	assert_null(tracked->claimed_pod);
	assert_int_equal(tracked->created_us, 0);
}

static void test_the_table_has_every_action_in_order(void **state)
{
	(void)state;
	enum action action;
	for (size_t i = 0; i < ACTION_COUNT; i++) {
		assert_non_null(apply_action_name(i, &action));
		assert_int_equal(action, 1u << i);
	}
	assert_null(apply_action_name(ACTION_COUNT, &action));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_without_calls),
	    TEST(test_the_order),
	    TEST(test_the_last_status),
	    TEST(test_an_end_that_is_written_again),
	    TEST(test_a_status_that_is_not_written),
	    TEST(test_a_result_that_is_refused),
	    TEST(test_a_pod_is_made),
	    TEST(test_a_pod_is_deleted_once),
	    TEST(test_nothing_is_left_to_claim),
	    TEST(test_the_table_has_every_action_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
