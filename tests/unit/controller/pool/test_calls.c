/* The requests of pools, and what their answers leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/pool/calls.h"
#include "tests/unit/controller/pool/pool_fixture.h"

#define STATUS API_BASE_PATH "/namespaces/ns/sandboxpools/p/status"

static void test_a_pod(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, ",\"image\":\"" STAGE_IMAGE "\",\"preload\":[\"json\"]");
	struct sandbox *sandbox = sandbox_new(pool, "a", STAGE_NOW_MS);
	pools_create(sandbox, pool_object(stage));
	assert_true(sandbox->creating);
	const char *body = stage_call("POST", PODS)->body;
	static const char *const wanted[] = {"\"name\":\"a\"",
					     "\"kind\":\"SandboxPool\"",
					     "\"uid\":\"pool-uid\"",
					     "\"" POD_POOL_LABEL,
					     STAGE_IMAGE,
					     "{\"name\":\"" POD_PRELOAD_ENV "\",\"value\":\"json\"}"};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(body, wanted[i]))
			fail_msg("%s lacks %s", body, wanted[i]);
	assert_non_null(strstr(body, pool->shape_text));
	stage_answer(201, "{}");
	assert_false(sandbox->creating);
	assert_int_equal(sandbox->created_ms, STAGE_NOW_MS);
	assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY), STAGE_NOT_ASKED);
}

/* Each Pod has the token of its name, by which it is known to be ours. */
static void test_a_token_a_pod(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 2, "");
	static const char *const names[] = {"a", "b"};
	char wanted[128], token[2][TOKEN_SIZE];
	for (size_t i = 0; i < 2; i++) {
		pools_create(sandbox_new(pool, names[i], STAGE_NOW_MS), pool_object(stage));
		assert_int_equal(token_make(&stage_token_key, "ns", names[i], "pool-uid", token[i], NULL), 0);
		snprintf(wanted, sizeof(wanted), "{\"name\":\"" POD_TOKEN_ENV "\",\"value\":\"%s\"}",
			 token[i]);
		assert_non_null(strstr(stage_call("POST", PODS)->body, wanted));
		stage_answer(201, "{}");
	}
	assert_string_not_equal(token[0], token[1]);
}

static void test_a_pod_that_is_refused(void **state)
{
	static const struct {
		int status;
		const char *words;
		bool failed;
		const char *reason;
	} rows[] = {{409, "pods \"a\" already exists", false, ""},
		    {409, "Operation cannot be fulfilled on resourcequotas \"few\"", true, "ClusterBusy"},
		    {403, "exceeded quota", true, "QuotaExceeded"},
		    {0, "", true, "ClusterUnavailable"}};
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sandbox *sandbox = sandbox_new(pool, "a", STAGE_NOW_MS);
		pools_create(sandbox, pool_object(stage));
		pool_forget_problems(pool);
		stage_answer(rows[i].status, rows[i].words);
		assert_int_equal(pool->failures, rows[i].failed);
		assert_int_equal(pool->refused, rows[i].failed);
		assert_string_equal(pool->problem.reason ? pool->problem.reason : "", rows[i].reason);
		assert_int_equal(sandbox->created_ms, rows[i].failed ? 0 : STAGE_NOW_MS);
		assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY),
				 rows[i].failed ? 1 : STAGE_NOT_ASKED);
		stage_forget(stage->pool_queue);
		sandbox_free(sandbox);
	}
	struct sandbox *sandbox = sandbox_new(pool, "a", STAGE_NOW_MS);
	stage_refuse_call();
	pools_create(sandbox, pool_object(stage));
	assert_false(sandbox->creating);
	assert_int_equal(sandbox->created_ms, 0); /* nothing is to be expected */
}

/* Of those that are tried at once one counts; and what is let in again ends it. */
static void test_refusals_are_counted_once_a_look(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 3, "");
	for (unsigned look = 1; look <= 2; look++) {
		pool->refusal_counts = true;
		for (size_t i = 0; i < 3; i++) {
			pools_create(sandbox_new(pool, "a", STAGE_NOW_MS), pool_object(stage));
			stage_answer(403, "exceeded quota");
		}
		assert_int_equal(pool->failures, look);
	}
	pools_create(sandbox_new(pool, "b", STAGE_NOW_MS), pool_object(stage));
	stage_forget(stage->pool_queue);
	stage_answer(201, "{}");
	assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY), 1);
	assert_int_equal(pool->failures, 0);
	assert_false(pool->refused);
	assert_null(pool->problem.reason);
}

static void test_a_delete(void **state)
{
	static const struct {
		int status;
		bool failed;
	} rows[] = {{200, false}, {404, false}, {409, false}, {500, true}};
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	struct sandbox *sandbox = make_ready(stage, pool, "a");
	for (size_t i = 0; i < 4; i++) {
		sandbox->deleted_ms = STAGE_NOW_MS;
		pools_delete(sandbox);
		stage_call("DELETE", PODS "/a");
		stage_answer(rows[i].status, "m");
		assert_int_equal(sandbox->used, rows[i].failed); /* whatever it was, it goes */
		assert_int_equal(sandbox->deleted_ms, rows[i].failed ? 0 : STAGE_NOW_MS);
		assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY),
				 rows[i].failed ? 1000 : STAGE_NOT_ASKED);
	}
	sandbox->deleted_ms = STAGE_NOW_MS;
	stage_refuse_call();
	pools_delete(sandbox);
	assert_int_equal(sandbox->deleted_ms, 0);
}

/* Pool and sandbox may be gone when the answer comes. */
static void test_answers_that_come_late(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	pools_create(sandbox_new(pool, "a", STAGE_NOW_MS), pool_object(stage));
	pools_delete(make_ready(stage, pool, "b"));
	sandbox_free(pool_find_sandbox(pool, "a"));
	stage_answer(500, "m");
	pool_drop(pool);
	stage_answer(500, "m");
	assert_int_equal(stage_calls(), 0);
}

static int64_t write_status(struct stage *stage, struct pool *pool, int64_t ready, const char *message)
{
	struct pool_plan plan = {.unclaimed = 2, .ready = ready, .claimed = 1, .reason = "Filling"};
	snprintf(plan.message, sizeof(plan.message), "%s", message);
	return pools_write_status(pool, pool_object(stage), &plan, clock_wall_ms(&stage->clock));
}

static void test_a_status(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 2, "");
	assert_int_equal(write_status(stage, pool, 1, "m"), -1);
	const struct stage_call *call = stage_call("PATCH", STATUS);
	assert_string_equal(call->content_type, KUBE_MERGE_PATCH);
	static const char *const wanted[] = {"\"reason\":\"Filling\"",
					     "\"message\":\"m\"",
					     "\"status\":\"False\"",
					     "\"selector\":\"" POD_POOL_LABEL "=pool-uid\"",
					     "\"512Mi\"",
					     "\"20m\""};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(call->body, wanted[i]))
			fail_msg("%s lacks %s", call->body, wanted[i]);
	stage_answer(200, "{}");
}

/* Counts change with every claim: people look, nothing waits for them. */
static void test_a_status_now_and_then(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 2, "");
	write_status(stage, pool, 1, "m");
	assert_int_equal(write_status(stage, pool, 1, "m"), -1); /* nothing new */
	assert_int_equal(write_status(stage, pool, 2, "m"), 3000);
	stage_later(stage, 2000);
	assert_int_equal(write_status(stage, pool, 1, "other"), 1000);
	stage_later(stage, 1000);
	assert_int_equal(write_status(stage, pool, 2, "m"), 3000); /* the first isn't answered */
	assert_int_equal(stage_calls(), 1);
	stage_answer(200, "{}");
	assert_int_equal(write_status(stage, pool, 2, "m"), -1);
	stage_call("PATCH", STATUS);
	stage_answer(500, "m"); /* it is not what was written: again */
	assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY), 3000);
	stage_later(stage, 3000);
	assert_int_equal(write_status(stage, pool, 2, "m"), -1);
	stage_call("PATCH", STATUS);
	stage_answer(404, "m"); /* the pool is gone */
	assert_int_equal(write_status(stage, pool, 2, "m"), -1);
	assert_int_equal(stage_calls(), 0);
}

/* What keeps it from being ready is news: in the status soon, and an Event. */
static void test_news(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 2, "");
	struct pool_plan plan = {.reason = "QuotaExceeded", .message = "exceeded quota"};
	write_status(stage, pool, 1, "m");
	stage_answer(200, "{}");
	assert_string_equal(stage_event(), "");
	stage_later(stage, 100);
	assert_int_equal(pools_write_status(pool, pool_object(stage), &plan, clock_wall_ms(&stage->clock)),
			 400);
	stage_later(stage, 400);
	assert_int_equal(pools_write_status(pool, pool_object(stage), &plan, clock_wall_ms(&stage->clock)),
			 -1);
	assert_non_null(strstr(stage_call("PATCH", STATUS)->body, "\"reason\":\"QuotaExceeded\""));
	assert_string_equal(stage_event(), "Warning QuotaExceeded: exceeded quota");
	stage_answer(200, "{}");
}

static void test_the_end_comes_in_the_middle(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	pools_create(sandbox_new(pool, "a", STAGE_NOW_MS), pool_object(stage));
	write_status(stage, pool, 1, "m");
	assert_int_equal(stage_calls(), 2); /* stage_close forgets both */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_pod),
	    TEST(test_a_token_a_pod),
	    TEST(test_a_pod_that_is_refused),
	    TEST(test_refusals_are_counted_once_a_look),
	    TEST(test_a_delete),
	    TEST(test_answers_that_come_late),
	    TEST(test_a_status),
	    TEST(test_a_status_now_and_then),
	    TEST(test_news),
	    TEST(test_the_end_comes_in_the_middle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
