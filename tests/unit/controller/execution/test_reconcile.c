/* Whole looks at an Execution, from the first to the last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/execution/arrival.h"
#include "controller/execution/reconcile.h"
#include "tests/unit/controller/stage.h"

#define EXISTS(container) stage_pod(STAGE_POD, POD_EXECUTION_LABEL, STAGE_UID, "", container)
#define STATUS API_BASE_PATH "/namespaces/ns/executions/e/status"

static void look(struct stage *stage)
{
	stage_work(stage->execution_queue, STAGE_KEY);
}

static void check_done(struct stage *stage, unsigned well, unsigned failed)
{
	struct stage_done done = stage_done(stage->execution_queue);
	assert_int_equal(done.well, well);
	assert_int_equal(done.failed, failed);
}

/* A run as it should be: a Pod, a stream, a result, an end, and nothing is left. */
static void test_a_run(void **state)
{
	struct stage *stage = *state;
	stage_show(CACHE_SKILLS, stage_skill("1.0.0", "", ""));
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
	look(stage);
	stage_call("POST", "/pods");
	stage_answer(201, "{}");
	look(stage); /* not shown yet: nothing is made twice */
	assert_int_equal(stage_calls(), 0);
	stage_show(CACHE_PODS, EXISTS(STAGE_RUNS));
	look(stage);
	struct session *session = stage_session();
	assert_non_null(session);
	session->started_ms = STAGE_NOW_MS;
	session->result = (struct run_result){.reason = FRAME_EXITED, .run_us = 5000};
	stage_move_session(session, SESSION_DONE);
	look(stage);
	assert_non_null(strstr(stage_call("PATCH", STATUS)->body, "\"True\""));
	stage_answer(200, "{\"metadata\":{\"name\":\"e\",\"namespace\":\"ns\",\"uid\":\"" STAGE_UID
			  "\",\"resourceVersion\":\"8\"},\"spec\":{\"skillRef\":{\"name\":\"adder\"}},"
			  "\"status\":{" STAGE_SUCCEEDED "}}");
	stage_call("DELETE", STAGE_POD);
	stage_answer(200, "{}");
	assert_int_equal(stage_sessions(), 0);
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", STAGE_SUCCEEDED));
	assert_true(arrival_is_own_end(stage->executions, cache_execution(stage->cache, STAGE_KEY)));
	assert_null(tracked_find(stage->executions, STAGE_KEY));
	check_done(stage, 4, 0);
}

static void test_nothing_is_decided_before_all_is_known(void **state)
{
	struct stage *stage = *state;
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
	for (int i = 0; i < CACHE_RESOURCE_COUNT; i++)
		if (i != CACHE_PODS)
			stage_sync((enum cache_resource)i);
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
	look(stage);
	assert_int_equal(stage_calls(), 0);
	assert_null(tracked_find(stage->executions, STAGE_KEY));
	assert_int_equal(stage_asked(stage->execution_queue, STAGE_KEY), 100);
	check_done(stage, 1, 0);
}

static void test_deleted(void **state)
{
	struct stage *stage = *state;
	stage_history(stage);
	stage_track(stage);
	stage_gone(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
	look(stage);
	assert_null(tracked_find(stage->executions, STAGE_KEY));
	assert_string_equal(stage_forgotten(), "ns/e");
	check_done(stage, 1, 0);
	look(stage); /* nobody knows it any more */
	check_done(stage, 1, 0);
}

/* Found finished after a restart: nothing to do, nothing to remember, until its time is over. */
static void test_settled_at_once(void **state)
{
	struct stage *stage = *state;
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", STAGE_SUCCEEDED));
	look(stage);
	assert_null(tracked_find(stage->executions, STAGE_KEY));
	assert_int_equal(stage_asked(stage->execution_queue, STAGE_KEY), 3600000);
	stage_later(stage, 3600000);
	look(stage);
	stage_call("DELETE", "/executions/e");
	stage_answer(200, "{}");
	check_done(stage, 2, 0);
}

/* While it waits for another try at the database it is not forgotten by the clock. */
static void test_the_history_says_when(void **state)
{
	struct stage *stage = *state;
	unsigned count;
	stage_history(stage);
	stage_set_history(HISTORY_MISSING, 0);
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", STAGE_SUCCEEDED));
	look(stage);
	assert_string_equal(stage_archived(&count), "ns/e");
	stage_set_history(HISTORY_PENDING, 700);
	stage_forget(stage->execution_queue);
	look(stage);
	assert_int_equal(stage_asked(stage->execution_queue, STAGE_KEY), 700);
	stage_set_history(HISTORY_DONE, 0);
	stage_forget(stage->execution_queue);
	look(stage);
	assert_int_equal(stage_asked(stage->execution_queue, STAGE_KEY), 3600000);
	stage_archived(&count);
	assert_int_equal(count, 1);
}

static void test_a_sandbox_is_lost(void **state)
{
	struct stage *stage = *state;
	struct tracked *tracked = stage_track(stage);
	look(stage);
	stage_answer(201, "{}");
	stage_show(CACHE_PODS, EXISTS(STAGE_ENDED));
	look(stage);
	assert_int_equal(executions_count(stage->executions).starting, 0);
	assert_non_null(strstr(stage_call("PATCH", STATUS)->body, "\"attempt\":1"));
	stage_answer(200, "{\"metadata\":{\"name\":\"e\",\"namespace\":\"ns\",\"uid\":\"" STAGE_UID
			  "\",\"resourceVersion\":\"8\"},\"spec\":{\"skillRef\":{\"name\":\"adder\","
			  "\"version\":\"1.0.0\"}},\"status\":{\"attempt\":1}}");
	stage_call("DELETE", STAGE_POD);
	stage_answer(200, "{}");
	look(stage); /* what was written counts, though the watch has not shown it: the next has a name of its
			own */
	assert_non_null(strstr(stage_call("POST", "/pods")->body, "skx-" STAGE_UID "-1"));
	assert_int_equal(tracked->state, TRACKED_STARTING);
}

/* Its end is written and archived, but the watch still shows it as it was: it must not be run once more. */
static void test_an_end_that_is_not_shown_is_not_forgotten(void **state)
{
	struct stage *stage = *state;
	stage_history(stage);
	stage_set_history(HISTORY_DONE, 0);
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, ",\"cancel\":true", ""));
	look(stage);
	stage_call("PATCH", STATUS);
	stage_answer(200, "{\"metadata\":{\"name\":\"e\",\"namespace\":\"ns\",\"uid\":\"" STAGE_UID
			  "\",\"resourceVersion\":\"8\"},\"spec\":{\"skillRef\":{\"name\":\"adder\"}},"
			  "\"status\":{" STAGE_SUCCEEDED "}}");
	look(stage);
	look(stage);
	assert_int_equal(stage_calls(), 0);
	assert_non_null(tracked_find(stage->executions, STAGE_KEY));
	check_done(stage, 3, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_run),
	    cmocka_unit_test_setup_teardown(test_nothing_is_decided_before_all_is_known, stage_setup_unsynced,
					    stage_teardown),
	    TEST(test_deleted),
	    TEST(test_settled_at_once),
	    TEST(test_the_history_says_when),
	    TEST(test_a_sandbox_is_lost),
	    TEST(test_an_end_that_is_not_shown_is_not_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
