/* A pool's plan carried out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/pool/apply.h"
#include "tests/unit/controller/pool/pool_fixture.h"

static int64_t apply(struct stage *stage, struct pool *pool, const enum member_action *actions,
		     struct pool_plan plan)
{
	if (!plan.reason)
		plan.reason = "Filling";
	return apply_pool_plan(pool, pool_object(stage), actions, &plan, STAGE_NOW_MS);
}

static const struct pool_plan nothing = {.requeue_ms = -1};

static void test_when_to_look_again(void **state)
{
	static const struct {
		int64_t requeue_ms, expected;
	} rows[] = {{-1, 30000}, {40000, 30000}, {2000, 2000}, {1, 1}};
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	apply(stage, pool, NULL, nothing);
	stage_answer(200, "{}"); /* the status */
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
		    apply(stage, pool, NULL, (struct pool_plan){.requeue_ms = rows[i].requeue_ms}),
		    rows[i].expected);
	/* a status that has to wait for its time is a reason to look, too */
	assert_int_equal(apply(stage, pool, NULL, (struct pool_plan){.requeue_ms = -1, .claimed = 1}), 3000);
}

static void test_creates(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 2, "");
	char first[128];
	apply(stage, pool, NULL, (struct pool_plan){.requeue_ms = -1, .creates = 2});
	assert_int_equal(pool_size(pool), 2);
	snprintf(first, sizeof(first), "%s", LIST_FIRST(&pool->sandboxes)->name);
	assert_true(strncmp(first, "sbp-pool-uid-", 13) == 0);
	assert_string_not_equal(LIST_NEXT(LIST_FIRST(&pool->sandboxes), link)->name, first);
	stage_call("POST", PODS);
	stage_answer(201, "{}");
	stage_call("POST", PODS);
	stage_answer(201, "{}");
	stage_call("PATCH", "/sandboxpools/p/status");
	stage_answer(200, "{}");
}

static void test_opens_a_stream(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	const enum member_action open = MEMBER_OPEN;
	struct sandbox *sandbox = make_ready(stage, pool, "a");
	sandbox->pod = cache_pod(stage->cache, "ns", "a");
	sandbox->session = session_free(sandbox->session);
	apply(stage, pool, &open, nothing);
	assert_non_null(sandbox->session);
	assert_true(sandbox->session->is_parked);
	assert_string_equal(sandbox->session->pod, "a");
	assert_int_equal(sandbox->losses, 0); /* it is the first */
	stage_move_session(sandbox->session, SESSION_PARKED);
	assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY), 0);
	/* lost: that counts, and is told */
	sandbox->session->state = SESSION_LOST;
	sandbox->session->problem = "connection reset";
	apply(stage, pool, &open, nothing);
	assert_int_equal(sandbox->losses, 1);
	assert_int_equal(stage_sessions(), 1);
	assert_string_equal(pool->problem.message, "connection reset");
	sandbox->session = session_free(sandbox->session);
	stage_refuse_session();
	apply(stage, pool, &open, nothing);
	assert_int_equal(sandbox->losses, 2);
	assert_null(sandbox->session);
	assert_string_equal(pool->problem.message, "no stream, says the test");
}

/* Files of the skill that a pool is bound to go only into sandboxes that were made for it as it is. */
static void test_only_what_fits_gets_the_files(void **state)
{
	struct stage *stage = *state;
	stage_show(CACHE_SKILLS, stage_skill("1.0.0", "", ""));
	struct pool *pool = make_pool(stage, 1, ",\"skillRef\":{\"name\":\"adder\"}");
	const enum member_action open = MEMBER_OPEN;
	struct sandbox *sandbox = make_ready(stage, pool, "a");
	for (int fits = 0; fits < 2; fits++) {
		sandbox->session = session_free(sandbox->session);
		sandbox->pod = cache_pod(stage->cache, "ns", "a");
		sandbox->fits = fits;
		apply(stage, pool, &open, nothing);
		assert_string_equal(sandbox->session->skill, fits ? "adder-1.0.0" : "");
	}
}

static void test_deletes(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	const enum member_action actions[] = {MEMBER_KEEP, MEMBER_DELETE};
	struct sandbox *gone = make_ready(stage, pool, "gone"), *kept = make_ready(stage, pool, "kept");
	apply(stage, pool, actions, nothing);
	assert_non_null(strstr(stage_call("DELETE", PODS "/gone")->body, "\"uid\""));
	stage_answer(200, "{}");
	assert_int_equal(gone->deleted_ms, STAGE_NOW_MS);
	assert_null(gone->session);
	assert_int_equal(kept->deleted_ms, 0);
	assert_non_null(kept->session);
	assert_int_equal(pool->failures, 0); /* that was no failure */
}

static struct tracked *wait_for(struct stage *stage, const char *key)
{
	const struct run_shape run = {.image = STAGE_IMAGE, .memory = 256 << 20, .cpu = 500};
	struct tracked *tracked = tracked_get(stage->executions, str_of(key), "u", NULL);
	tracked_move(tracked, TRACKED_IN_LINE);
	pools_wait(stage->pools, &tracked->demand, &run);
	stage_later(stage, 1);
	return tracked;
}

static void test_gives_up(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	const enum member_action give_up = MEMBER_GIVE_UP;
	struct tracked *waiting = wait_for(stage, "ns/a");
	struct sandbox *sandbox = sandbox_new(pool, "a", STAGE_NOW_MS - 5);
	apply(stage, pool, &give_up, nothing);
	assert_int_equal(pool->failures, 1);
	assert_int_equal(pool->failed_ms, STAGE_NOW_MS);
	assert_int_equal(waiting->state, TRACKED_IDLE); /* it had better have a sandbox of its own */
	/* the watch has not shown it: there is no UID to delete it by; whatever shows up is adopted */
	stage_call("PATCH", "/status");
	stage_answer(200, "{}");
	assert_int_equal(stage_calls(), 0);
	assert_int_equal(sandbox->created_ms, STAGE_NOW_MS);
	waiting = wait_for(stage, "ns/a");
	sandbox->uid = str_dup(STR("u"));
	apply(stage, pool, &give_up, nothing);
	assert_int_equal(pool->failures, 2);
	assert_int_equal(waiting->state, TRACKED_IN_LINE); /* the first failure told them */
	stage_call("DELETE", PODS "/a");
	stage_answer(200, "{}");
	/* one that got ready ends it */
	const enum member_action keep = MEMBER_KEEP;
	apply(stage, pool, &keep, (struct pool_plan){.requeue_ms = -1, .ready = 1});
	assert_int_equal(pool->failures, 0);
	assert_string_equal(pool->problem.message, "");
}

/* Of the last one that was given up it is known what it suffered from. */
static void test_what_a_pod_suffered_from(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	const enum member_action give_up = MEMBER_GIVE_UP;
	struct sandbox *sandbox = sandbox_new(pool, "a", STAGE_NOW_MS - 5);
	struct pod pod = {.meta = {.namespace = (char *)"ns", .name = (char *)"a"}};
	sandbox->pod = &pod;
	apply(stage, pool, &give_up, nothing);
	assert_string_equal(pool->problem.reason, "SandboxStarting");
	assert_non_null(strstr(pool->problem.message, "no scheduler"));
	pod.phase = (char *)"Failed";
	pod.terminated_reason = (char *)"OOMKilled";
	apply(stage, pool, &give_up, nothing);
	assert_string_equal(pool->problem.message, "OOMKilled");
	pod.message = (char *)"node was low on memory";
	apply(stage, pool, &give_up, nothing);
	assert_string_equal(pool->problem.message, "node was low on memory");
	sandbox->trouble = (struct trouble){"ImageUnavailable", "no such image"};
	apply(stage, pool, &give_up, nothing);
	assert_string_equal(pool->problem.reason, "ImageUnavailable");
	assert_string_equal(pool->problem.message, "no such image");
	while (stage_calls() > 0)
		stage_answer(200, "{}");
}

static void test_wakes_as_many_as_are_ready(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 2, "");
	struct tracked *first = wait_for(stage, "ns/a"), *second = wait_for(stage, "ns/b"),
		       *third = wait_for(stage, "ns/c");
	apply(stage, pool, NULL, (struct pool_plan){.requeue_ms = -1, .ready = 1});
	assert_int_equal(first->state, TRACKED_WOKEN);
	assert_int_equal(second->state, TRACKED_IN_LINE);
	/* the same one is still for the first, who has not come yet */
	apply(stage, pool, NULL, (struct pool_plan){.requeue_ms = -1, .ready = 1});
	assert_int_equal(second->state, TRACKED_IN_LINE);
	apply(stage, pool, NULL, (struct pool_plan){.requeue_ms = -1, .ready = 2});
	assert_int_equal(second->state, TRACKED_WOKEN);
	assert_int_equal(third->state, TRACKED_IN_LINE);
	assert_int_equal(stage_asked(stage->execution_queue, STR("ns/b")), 0);
	assert_int_equal(stage_asked(stage->execution_queue, STR("ns/c")), STAGE_NOT_ASKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_when_to_look_again),
	    TEST(test_creates),
	    TEST(test_opens_a_stream),
	    TEST(test_only_what_fits_gets_the_files),
	    TEST(test_deletes),
	    TEST(test_gives_up),
	    TEST(test_what_a_pod_suffered_from),
	    TEST(test_wakes_as_many_as_are_ready),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
