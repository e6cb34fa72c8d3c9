/* What is remembered of a pool follows its object and the cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/controller/pool/pool_fixture.h"

static struct pool_refusal refresh(struct stage *stage, struct pool *pool)
{
	struct pool_refusal refusal;
	int64_t now_ms = clock_wall_ms(&stage->clock);
	assert_int_equal(refresh_pool(pool, pool_object(stage), now_ms, &refusal), 0);
	return refusal;
}

static void test_what_its_sandboxes_are_to_be(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 3, "");
	assert_true(pool->valid);
	assert_int_equal(pool->replicas, 3);
	assert_string_equal(pool->shape.image, STAGE_IMAGE);
	assert_non_null(strstr(pool->shape_text, STAGE_IMAGE));
	assert_null(refresh(stage, pool).reason);
}

static void test_a_spec_that_can_not_be_served(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	stage_show(CACHE_SANDBOX_POOLS, stage_pool(1, ",\"image\":\"evil:1\""));
	struct pool_refusal refusal = refresh(stage, pool);
	assert_string_equal(refusal.reason, "Invalid");
	assert_non_null(strstr(refusal.err.message, "evil:1"));
	assert_false(pool->valid);
	assert_null(pool->shape_text);
	stage_show(CACHE_SANDBOX_POOLS, stage_pool(1, ",\"skillRef\":{\"name\":\"adder\"}"));
	refusal = refresh(stage, pool);
	assert_string_equal(refusal.reason, "SkillNotFound");
}

/* What was wrong with the old ones says nothing of the new, and whoever waits looks elsewhere. */
static void test_another_template(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	const struct run_shape run = {.image = STAGE_IMAGE, .memory = 256 << 20, .cpu = 500};
	struct tracked *tracked = tracked_get(stage->executions, STR("ns/a"), "a", NULL);
	struct sandbox *sandbox = make_ready(stage, pool, "a");
	tracked_move(tracked, TRACKED_IN_LINE);
	pools_wait(stage->pools, &tracked->demand, &run);
	pool->failures = 3;
	refresh(stage, pool); /* as it was */
	assert_true(sandbox->fits);
	assert_true(sandbox->reached);
	assert_int_equal(pool->failures, 3);
	assert_int_equal(tracked->state, TRACKED_IN_LINE);
	stage_show(CACHE_SANDBOX_POOLS, stage_pool(1, ",\"image\":\"" STAGE_IMAGE "\",\"lang\":\"node\""));
	refresh(stage, pool);
	assert_false(sandbox->fits);
	assert_int_equal(pool->failures, 0);
	assert_int_equal(tracked->state, TRACKED_IDLE);
}

static void test_which_sandboxes_there_are(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	struct sandbox *ours = sandbox_new(pool, "ours", STAGE_NOW_MS);
	stage_show(CACHE_PODS, pool_pod(pool, "ours", ""));
	stage_show(CACHE_PODS, pool_pod(pool, "found", ""));
	/* the label alone makes nothing ours */
	stage_show(CACHE_PODS, "{\"metadata\":{\"name\":\"strange\",\"namespace\":\"ns\",\"uid\":\"s\","
			       "\"labels\":{\"" POD_POOL_LABEL "\":\"pool-uid\"},\"ownerReferences\":[{"
			       "\"uid\":\"other\",\"controller\":true}]}}");
	refresh(stage, pool);
	assert_string_equal(ours->uid, "uid-of-ours");
	assert_string_equal(ours->pod->meta.name, "ours");
	assert_non_null(pool_find_sandbox(pool, "found"));
	assert_null(pool_find_sandbox(pool, "strange"));
	stage_gone(CACHE_PODS, pool_pod(pool, "ours", ""));
	refresh(stage, pool);
	assert_null(pool_find_sandbox(pool, "ours"));
	assert_int_equal(pool_size(pool), 1);
}

/* Whoever may create Pods in the namespace can say of one that it is of the pool: it is never spoken to. */
static void test_a_pod_that_somebody_else_made(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	char shown[4096], *token;
	snprintf(shown, sizeof(shown), "%s", pool_pod(pool, "sbp-strange", STAGE_RUNS));
	token = strstr(shown, "SKILLBOX_TOKEN\",\"value\":\"");
	assert_non_null(token);
	token += strlen("SKILLBOX_TOKEN\",\"value\":\"");
	*token = *token == '0' ? '1' : '0';
	stage_show(CACHE_PODS, shown);
	refresh(stage, pool);
	struct sandbox *sandbox = pool_find_sandbox(pool, "sbp-strange");
	assert_int_equal(sandbox_state(sandbox, STAGE_NOW_MS), MEMBER_USED); /* and so it is deleted */
	assert_null(sandbox->session);
	assert_false(sandbox_is_ready(sandbox));
	/* in the place of one of ours, with all that could be read of that */
	struct sandbox *ours = make_ready(stage, pool, "sbp-ours");
	refresh(stage, pool);
	assert_true(sandbox_is_ready(ours));
	free(ours->uid);
	ours->uid = str_dup(STR("uid of the one that is gone"));
	refresh(stage, pool);
	assert_true(ours->used);
	assert_null(ours->session);
	assert_string_equal(ours->uid, "uid-of-sbp-ours"); /* by which it is deleted */
}

static void test_one_that_is_not_shown(void **state)
{
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	struct sandbox *sandbox = sandbox_new(pool, "a", STAGE_NOW_MS);
	stage_later(stage, 4999);
	refresh(stage, pool);
	assert_non_null(pool_find_sandbox(pool, "a"));
	sandbox->creating = true; /* the answer takes its time */
	stage_later(stage, 60000);
	refresh(stage, pool);
	assert_non_null(pool_find_sandbox(pool, "a"));
	sandbox->creating = false;
	refresh(stage, pool);
	assert_null(pool_find_sandbox(pool, "a"));
}

static void test_another_controller_gave_it_a_job(void **state)
{
	struct stage *stage = *state;
	stage_track(stage);
	struct pool *pool = make_pool(stage, 1, "");
	struct sandbox *sandbox = make_ready(stage, pool, "a");
	sandbox->session->found_execution = str_dup(STR(STAGE_UID));
	sandbox->session->found_shape = (struct run_shape){.image = "i", .memory = 7};
	refresh(stage, pool);
	assert_true(sandbox->claimed);
	assert_false(sandbox->used);
	assert_string_equal(sandbox->execution_id, STAGE_UID);
	assert_int_equal(sandbox->found_shape->memory, 7);
	assert_null(sandbox->session);
	assert_int_equal(stage_asked(stage->execution_queue, STAGE_KEY), 0);
	assert_string_equal(sandbox_execution(sandbox)->meta.name, "e");
}

/* When a claimed sandbox is done with. */
static void test_whether_it_is_still_wanted(void **state)
{
	static const struct {
		const char *name, *status; /* NULL: the Execution is gone */
		const char *claimed_pod;   /* that is remembered for it; NULL: none */
		bool used;
	} rows[] = {
	    {"its own", "", "a", false},       {"after a restart, not looked at yet", "", NULL, false},
	    {"it has another", "", "b", true}, {"it ended", STAGE_SUCCEEDED, "a", true},
	    {"it is gone", NULL, NULL, true},
	};
	struct stage *stage = *state;
	struct pool *pool = make_pool(stage, 1, "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sandbox *sandbox = sandbox_new(pool, "a", STAGE_NOW_MS);
		struct tracked *tracked = stage_track(stage);
		sandbox->claimed = true;
		sandbox->execution_id = str_dup(STR(STAGE_UID));
		tracked->claimed_pod = rows[i].claimed_pod ? str_dup(str_of(rows[i].claimed_pod)) : NULL;
		if (rows[i].status)
			stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", rows[i].status));
		else
			stage_gone(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
		refresh(stage, pool);
		if (sandbox->used != rows[i].used)
			fail_msg("%s", rows[i].name);
		free(tracked->claimed_pod);
		tracked->claimed_pod = NULL;
		tracked_drop(tracked);
		sandbox_free(sandbox);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_what_its_sandboxes_are_to_be),
	    TEST(test_a_spec_that_can_not_be_served),
	    TEST(test_another_template),
	    TEST(test_which_sandboxes_there_are),
	    TEST(test_a_pod_that_somebody_else_made),
	    TEST(test_one_that_is_not_shown),
	    TEST(test_another_controller_gave_it_a_job),
	    TEST(test_whether_it_is_still_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
