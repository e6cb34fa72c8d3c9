#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/cancel.h"
#include "tests/unit/apiserver/execution/outcome.h"
#include "tests/unit/apiserver/stage.h"

#define PATH "/apis/skillbox.dev/v1alpha1/namespaces/ns/executions/" STAGE_ID
#define NOT_CANCELLED "the execution could not be cancelled"

static void cancel(struct stage *stage, const char *status, struct outcome *ret)
{
	*ret = (struct outcome){0};
	stage_execution(stage, stage_execution_json(STAGE_ID, status, ""));
	execution_cancel(&stage->server, stage->caller, STR(STAGE_ID), outcome_is, ret);
}

static void test_asks_the_cluster(void **state)
{
	struct outcome outcome;
	cancel(*state, "running", &outcome);
	assert_int_equal(outcome.calls, 0);
	const struct stage_call *patch = stage_kube("PATCH", PATH);
	assert_string_equal(patch->content_type, KUBE_MERGE_PATCH);
	assert_string_equal(patch->body, "{\"spec\":{\"cancel\":true}}");
	stage_answer(200, stage_execution_json(STAGE_ID, "running", ""));
	assert_ended(&outcome, "running");
}

/* It had ended in the meantime: that counts. */
static void test_an_end_comes_first(void **state)
{
	struct outcome outcome;
	cancel(*state, "running", &outcome);
	stage_answer(200, stage_execution_json(STAGE_ID, "success", ""));
	assert_ended(&outcome, "success");
}

static void test_one_that_has_ended_stays_as_it_is(void **state)
{
	struct outcome outcome;
	cancel(*state, "failed", &outcome);
	assert_ended(&outcome, "failed");
	assert_int_equal(stage_waiting(), 0);
}

static void test_unknown(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome = {0};
	execution_cancel(&stage->server, stage->caller, STR("x"), outcome_is, &outcome);
	assert_failed(&outcome, ERR_NOT_FOUND, "execution not found: x");
	cancel(stage, "running", &outcome);
	stage_answer(404, "gone");
	assert_failed(&outcome, ERR_NOT_FOUND, "execution not found: " STAGE_ID);
}

static void test_failures(void **state)
{
	static const struct {
		int status; /* -1: the call can't be made */
		const char *says;
		enum error_code expected;
		const char *message;
	} rows[] = {
	    {-1, "", ERR_UNAVAILABLE, NOT_CANCELLED "; try again in a moment"},
	    {503, "busy", ERR_UNAVAILABLE, NOT_CANCELLED "; try again in a moment"},
	    {422, "no", ERR_BAD_REQUEST, NOT_CANCELLED ": the cluster's rules"},
	    {200, "[]", ERR_INTERNAL, "the execution could not be read; the server's log"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome;
		stage_refuse(STAGE_KUBE, rows[i].status < 0);
		cancel(*state, "running", &outcome);
		if (rows[i].status >= 0)
			stage_answer(rows[i].status, rows[i].says);
		assert_failed(&outcome, rows[i].expected, rows[i].message);
	}
}

static void test_the_server_ends(void **state)
{
	struct outcome outcome;
	cancel(*state, "running", &outcome);
	stage_forget(*state);
	assert_failed(&outcome, ERR_UNAVAILABLE, "the server is shutting down");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_asks_the_cluster),
	    TEST(test_an_end_comes_first),
	    TEST(test_one_that_has_ended_stays_as_it_is),
	    TEST(test_unknown),
	    TEST(test_failures),
	    TEST(test_the_server_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
