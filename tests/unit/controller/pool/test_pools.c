/* Whole looks at a pool, and what its Pods' changes lead to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/pool/pools.h"
#include "tests/unit/controller/pool/pool_fixture.h"

static void look(struct stage *stage)
{
	stage_work(stage->pool_queue, POOL_KEY);
	struct stage_done done = stage_done(stage->pool_queue);
	assert_int_equal(done.well, 1);
	assert_int_equal(done.failed, 0);
}

static void check_counts(struct stage *stage, int64_t starting, int64_t ready, int64_t claimed)
{
	struct pool_counts counts = pools_count(stage->pools);
	assert_int_equal(counts.starting, starting);
	assert_int_equal(counts.ready, ready);
	assert_int_equal(counts.claimed, claimed);
}

/* One sandbox from its making to the next that takes its place. */
static void test_a_sandbox(void **state)
{
	struct stage *stage = *state;
	struct claim claim;
	const struct run_shape run = {.image = STAGE_IMAGE, .memory = 256 << 20, .cpu = 500};
	const char *name = stage_ready_sandbox(stage);
	check_counts(stage, 0, 1, 0);
	assert_int_equal(stage_calls(), 0); /* nothing more is made */
	stage_track(stage);
	assert_int_equal(pools_claim(stage->pools, "ns", STAGE_UID, &run, &claim, NULL), 0);
	check_counts(stage, 0, 0, 1);
	look(stage);
	assert_non_null(strstr(stage_call("POST", PODS)->body, "sbp-pool-uid-")); /* its place is filled */
	stage_answer(201, "{}");
	check_counts(stage, 1, 0, 1);
	pools_release(stage->pools, "ns", name, false);
	look(stage);
	stage_call("DELETE", name);
	stage_answer(200, "{}");
	check_counts(stage, 1, 0, 0);
	session_free(claim.session);
	free(claim.pod_name);
	free(claim.pod_uid);
}

static void test_scaled_to_nothing_and_gone(void **state)
{
	struct stage *stage = *state;
	const char *name = stage_ready_sandbox(stage);
	stage_show(CACHE_SANDBOX_POOLS, stage_pool(0, ""));
	look(stage);
	stage_call("DELETE", name);
	stage_answer(200, "{}");
	stage_gone(CACHE_SANDBOX_POOLS, stage_pool(0, ""));
	look(stage);
	assert_null(pool_find(stage->pools, POOL_KEY));
	assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY), STAGE_NOT_ASKED);
	look(stage); /* nobody knows it */
}

/* Somebody else's finalizer holds it: its sandboxes go all the same, and nobody waits for it. */
static void test_deleted_and_held(void **state)
{
	struct stage *stage = *state;
	char json[1024];
	const char *name = stage_ready_sandbox(stage);
	const char *pool = stage_pool(1, ""), *rest = strstr(pool, "\"generation\":1");
	snprintf(json, sizeof(json), "%.*s\"deletionTimestamp\":\"" STAGE_NOW "\",\"generation\":2%s",
		 (int)(rest - pool), pool, rest + strlen("\"generation\":1"));
	stage_show(CACHE_SANDBOX_POOLS, json);
	stage_later(stage, 1000);
	look(stage);
	stage_call("DELETE", name);
	stage_answer(200, "{}");
	const char *body = stage_call("PATCH", "/status")->body;
	assert_non_null(strstr(body, "\"reason\":\"Deleted\""));
	assert_non_null(strstr(body, "\"observedGeneration\":2"));
	stage_answer(200, "{}");
	check_counts(stage, 0, 0, 0);
}

static void test_nothing_is_decided_before_all_is_known(void **state)
{
	struct stage *stage = *state;
	stage_show(CACHE_SANDBOX_POOLS, stage_pool(1, ""));
	look(stage);
	assert_int_equal(stage_calls(), 0);
	assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY), 100);
}

/* A change of a Pod: who is looked at. */
static void test_changes_of_pods(void **state)
{
	struct stage *stage = *state;
	stage_track(stage);
	struct pool *pool = make_pool(stage, 1, "");
	struct pod old = {.meta = {.name = (char *)"a", .owner_uid = (char *)"pool-uid"}}, fresh = old;
	struct sandbox *sandbox = sandbox_new(pool, "a", STAGE_NOW_MS);
	pools_pod_changed(stage->pools, &old, &fresh); /* of no interest */
	assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY), STAGE_NOT_ASKED);
	fresh.ready = true;
	pools_pod_changed(stage->pools, &old, &fresh);
	assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY), 0);
	stage_forget(stage->pool_queue);
	/* claimed: its Execution decides over it */
	sandbox->claimed = true;
	sandbox->execution_id = str_dup(STR(STAGE_UID));
	pools_pod_changed(stage->pools, &old, &fresh);
	assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY), STAGE_NOT_ASKED);
	assert_int_equal(stage_asked(stage->execution_queue, STAGE_KEY), 0);
	stage_forget(stage->execution_queue);
	/* used: nobody cares */
	sandbox->used = true;
	pools_pod_changed(stage->pools, &old, NULL);
	assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY), STAGE_NOT_ASKED);
	assert_int_equal(stage_asked(stage->execution_queue, STAGE_KEY), STAGE_NOT_ASKED);
	/* one that nobody knows: the pool looks */
	struct pod strange = {.meta = {.name = (char *)"b", .owner_uid = (char *)"pool-uid"}};
	pools_pod_changed(stage->pools, &strange, &strange);
	assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY), 0);
	stage_forget(stage->pool_queue);
	/* of another pool, or of nobody */
	strange.meta.owner_uid = (char *)"other";
	pools_pod_changed(stage->pools, NULL, &strange);
	strange.meta.owner_uid = NULL;
	pools_pod_changed(stage->pools, NULL, &strange);
	assert_int_equal(stage_asked(stage->pool_queue, POOL_KEY), STAGE_NOT_ASKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_sandbox),
	    TEST(test_scaled_to_nothing_and_gone),
	    TEST(test_deleted_and_held),
	    cmocka_unit_test_setup_teardown(test_nothing_is_decided_before_all_is_known, stage_setup_unsynced,
					    stage_teardown),
	    TEST(test_changes_of_pods),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
