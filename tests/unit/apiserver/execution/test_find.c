/* The cache, then the cluster, then the history; and what is told when none has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/find.h"
#include "tests/unit/apiserver/execution/outcome.h"
#include "tests/unit/apiserver/stage.h"

#define PATH "/apis/skillbox.dev/v1alpha1/namespaces/ns/executions/"
#define UPPER_ID "6B6DD0A5-4C0C-4F7E-9A36-0F1C6B1D2E3F"
#define NOT_READ "the execution could not be read"

static struct outcome find(struct stage *stage, const char *id)
{
	static struct outcome outcome;
	outcome = (struct outcome){0};
	execution_find(&stage->server, stage->caller, str_of(id), outcome_is, &outcome);
	return outcome;
}

/* Begin a search that the cache can't answer. */
static void search(struct stage *stage, struct outcome *ret)
{
	*ret = (struct outcome){0};
	execution_find(&stage->server, stage->caller, STR(STAGE_ID), outcome_is, ret);
	assert_int_equal(ret->calls, 0);
}

static void test_in_the_cache(void **state)
{
	struct stage *stage = *state;
	stage_execution(stage, stage_execution_json(STAGE_ID, "running", ""));
	struct outcome outcome = find(stage, STAGE_ID);
	assert_ended(&outcome, "running");
	assert_int_equal(stage_waiting(), 0);
}

static void test_what_is_no_id_is_not_looked_for(void **state)
{
	static const char *const ids[] = {"", "x", "../secrets/y", STAGE_ID "0",
					  "6b6dd0a5-4c0c-4f7e-9a36-0f1c6b1d2e3g"};
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char message[128];
		struct outcome outcome = find(*state, ids[i]);
		snprintf(message, sizeof(message), "execution not found: %s", ids[i]);
		assert_failed(&outcome, ERR_NOT_FOUND, message);
		assert_int_equal(stage_waiting(), 0);
	}
}

/* Another replica made it a moment ago; names of objects are in lower case. */
static void test_in_the_cluster(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome = {0};
	execution_find(&stage->server, stage->caller, STR(UPPER_ID), outcome_is, &outcome);
	stage_kube("GET", PATH STAGE_ID);
	stage_answer(200, stage_execution_json(STAGE_ID, "pending", ""));
	assert_ended(&outcome, "pending");
}

/* The cache has only the outline of one that ended a while ago. */
static void test_an_outline_is_not_enough(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	stage_execution(stage, stage_execution_json(STAGE_ID, "success", "\"output\":\"[1]\""));
	shared_execution_keep_outline((struct shared_execution *)(uintptr_t)cluster_execution(
	    stage->server.cluster, "ns", STR(STAGE_ID)));
	search(stage, &outcome);
	stage_kube("GET", PATH STAGE_ID);
	stage_answer(200, stage_execution_json(STAGE_ID, "success", "\"output\":\"[1]\""));
	assert_ended(&outcome, "success");
	assert_string_equal(outcome.output, "[1]");
}

static void test_in_the_history(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	const char *row[28] = {[0] = STAGE_ID, [7] = "success", [27] = "1764000000000"};
	search(stage, &outcome);
	stage_answer(404, "gone");
	const struct stage_call *ask = stage_db(DB_EXECUTION_GET);
	assert_string_equal(ask->parameters[0], STAGE_ID);
	assert_string_equal(ask->parameters[1], "acme");
	stage_answer_db(ERR_NONE, row, 1, 28);
	assert_ended(&outcome, "success");
}

static void test_nowhere(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	search(stage, &outcome);
	stage_answer(404, "gone");
	if (stage->server.db)
		stage_answer_db(ERR_NONE, NULL, 0, 0);
	assert_failed(&outcome, ERR_NOT_FOUND, "execution not found: " STAGE_ID);
}

static void test_the_cluster_fails(void **state)
{
	static const struct {
		int status; /* -1: the call can't be made */
		const char *says;
		enum error_code expected;
		const char *message;
	} rows[] = {
	    {-1, "", ERR_UNAVAILABLE, NOT_READ "; try again in a moment"},
	    {0, "connection refused", ERR_UNAVAILABLE, NOT_READ "; try again in a moment"},
	    {403, "not allowed", ERR_INTERNAL, NOT_READ "; the server's log"},
	    {200, "{}", ERR_INTERNAL, NOT_READ "; the server's log"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stage *stage = *state;
		struct outcome outcome = {0};
		stage_refuse(STAGE_KUBE, rows[i].status < 0);
		execution_find(&stage->server, stage->caller, STR(STAGE_ID), outcome_is, &outcome);
		if (rows[i].status >= 0)
			stage_answer(rows[i].status, rows[i].says);
		assert_failed(&outcome, rows[i].expected, rows[i].message);
	}
}

static void test_the_history_fails(void **state)
{
	struct stage *stage = *state;
	for (int is_refused = 0; is_refused < 2; is_refused++) {
		struct outcome outcome;
		search(stage, &outcome);
		stage_refuse(STAGE_DB, (unsigned)is_refused);
		stage_answer(404, "gone");
		if (!is_refused)
			stage_answer_db(ERR_UNAVAILABLE, NULL, 0, 0);
		assert_failed(&outcome, ERR_UNAVAILABLE, NOT_READ "; try again in a moment");
	}
}

static void test_the_server_ends(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	search(stage, &outcome);
	stage_forget(stage);
	assert_failed(&outcome, ERR_UNAVAILABLE, "the server is shutting down");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)
#define TEST_WITH_DB(test) cmocka_unit_test_setup_teardown(test, stage_setup_with_db, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_in_the_cache),
	    TEST(test_what_is_no_id_is_not_looked_for),
	    TEST(test_in_the_cluster),
	    TEST(test_an_outline_is_not_enough),
	    TEST_WITH_DB(test_in_the_history),
	    TEST(test_nowhere),
	    TEST_WITH_DB(test_nowhere),
	    TEST(test_the_cluster_fails),
	    TEST_WITH_DB(test_the_history_fails),
	    TEST(test_the_server_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
