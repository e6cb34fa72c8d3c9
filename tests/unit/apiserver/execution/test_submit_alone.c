/* Whose caller is gone: what was wished for is done all the same, and nobody waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/apiserver/execution/submission.h"

static struct submission *wish_for(struct stage *stage, const char *key, struct outcome *ret)
{
	struct execution_wish wish = {
	    .request = {.skill = (char *)"report", .version = (char *)"latest", .input = STR("[1]")},
	    .idempotency_key = str_of(key),
	    .body = STR(BODY)};
	*ret = (struct outcome){0};
	return execution_submit(&stage->server, stage->caller, &wish, outcome_is, ret);
}

static void nobody_waits(struct stage *stage, const struct outcome *outcome)
{
	assert_int_equal(outcome->calls, 1);
	assert_int_equal(outcome->code, ERR_UNAVAILABLE);
	assert_int_equal(waiters_count(stage->server.waiters, WAIT_EXECUTION), 0);
	assert_int_equal(stage_waiting(), 0);
	assert_null(stage->server.pending);
}

static void test_while_it_runs(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	struct submission *submission = wish_for(stage, NULL, &outcome);
	char *name = str_dup(str_of(posted_name()));
	stage_answer(201, "{}");
	stage_execution(stage, stage_execution_json(name, "running", ""));
	submit_go_alone(submission);
	nobody_waits(stage, &outcome);
	stage_execution(stage, stage_execution_json(name, "success", ""));
	assert_int_equal(outcome.calls, 1);
	free(name);
}

/* The answer may be lost as often as with a caller: it is looked for, and made. */
static void test_while_it_is_created(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	struct submission *submission = wish_for(stage, NULL, &outcome);
	char *name = str_dup(str_of(posted_name()));
	submit_go_alone(submission);
	assert_int_equal(outcome.calls, 0);
	stage_answer(0, "no answer");
	stage_kube("GET", path_of(name));
	stage_answer(404, "not found");
	assert_string_equal(posted_name(), name);
	stage_answer(201, "{}");
	nobody_waits(stage, &outcome);
	assert_true(created(stage, CREATED_SYNC) == 1);
	free(name);
}

static void test_while_it_joins(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	struct submission *submission = wish_for(stage, "key", &outcome);
	stage_answer(409, "already exists");
	assert_int_equal(waiters_count(stage->server.waiters, WAIT_EXECUTION), 1);
	submit_go_alone(submission);
	assert_int_equal(outcome.calls, 1);
	stage_answer(404, "not found"); /* nobody wants it any more */
	nobody_waits(stage, &outcome);
}

/* In the history's answer, too, nothing is begun again. */
static void test_while_history_is_asked(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	struct submission *submission = wish_for(stage, "key", &outcome);
	char digest[DIGEST_TEXT_SIZE];
	struct error err;
	assert_int_equal(digest_text(STR(BODY), digest, &err), 0);
	const char *row[] = {STAGE_ID, digest};
	stage_db(DB_IDEMPOTENCY_CLAIM);
	stage_answer_db(ERR_NONE, row, 1, 2);
	while (stage_any()->kind == STAGE_DB) /* old keys go */
		stage_answer_db(ERR_NONE, NULL, 0, 0);
	stage_answer(404, "not found");
	submit_go_alone(submission);
	stage_answer_db(ERR_NONE, NULL, 0, 0);
	nobody_waits(stage, &outcome);
}

static void test_one_that_has_ended_at_once(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	stage_skill_gone(stage, "report", "1.0.0");
	assert_null(wish_for(stage, NULL, &outcome));
	assert_int_equal(outcome.code, ERR_NOT_FOUND);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_while_it_runs),
	    TEST(test_while_it_is_created),
	    TEST(test_while_it_joins),
	    cmocka_unit_test_setup_teardown(test_while_history_is_asked, setup_with_db, stage_teardown),
	    TEST(test_one_that_has_ended_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
