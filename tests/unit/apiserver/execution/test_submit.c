/* A wish from its check to its end, and each step failing in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/operation.h"
#include "tests/unit/apiserver/execution/submission.h"

/* The steps, as they should go */

static void test_waits_for_the_end(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	submit(stage, (struct wished){0}, &outcome);
	assert_int_equal(outcome.calls, 0);
	char *name = str_dup(str_of(posted_name()));
	stage_answer(201, "{}");
	stage_execution(stage, stage_execution_json(name, "running", ""));
	assert_int_equal(outcome.calls, 0);
	stage_execution(stage, stage_execution_json(name, "success", "\"output\":\"[7]\""));
	assert_ended(&outcome, "success");
	assert_string_equal(outcome.id, name);
	assert_string_equal(outcome.output, "[7]");
	assert_true(created(stage, CREATED_SYNC) == 1);
	free(name);
}

static void test_async_ends_when_it_is_created(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	submit(stage, (struct wished){.async = true}, &outcome);
	const char *name = posted_name();
	assert_int_equal(outcome.calls, 0);
	stage_answer(201, "{}");
	assert_ended(&outcome, "pending");
	assert_string_equal(outcome.id, name);
	assert_true(created(stage, CREATED_ASYNC) == 1);
}

static void test_large_input_is_stored_first(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	char *input = large_input();
	submit(stage, (struct wished){.async = true, .is_large = true}, &outcome);
	const struct stage_call *put = stage_blob(STAGE_BLOB_PUT);
	assert_string_equal(put->stored, input);
	assert_string_equal(put->tenant, "acme");
	char *digest = str_dup(str_of(put->digest));
	stage_answer_blob(ERR_NONE, NULL);
	const char *body = stage_kube("POST", COLLECTION)->body;
	assert_non_null(strstr(body, digest));
	assert_null(strstr(body, input));
	stage_answer(201, "{}");
	assert_ended(&outcome, "pending");
	free(digest);
	free(input);
}

/* The watch may be faster than the answer. */
static void test_an_end_before_the_answer(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	submit(stage, (struct wished){0}, &outcome);
	stage_execution(stage, stage_execution_json(posted_name(), "success", ""));
	assert_int_equal(outcome.calls, 0);
	stage_answer(201, "{}");
	assert_ended(&outcome, "success");
}

static void test_a_repeated_create_met_its_own_success(void **state)
{
	struct outcome outcome;
	submit(*state, (struct wished){.async = true}, &outcome);
	stage_answer(409, "exists");
	assert_ended(&outcome, "pending");
}

/* The same key */

static void test_one_key_is_one_name_a_tenant(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	char names[3][64];
	static const char *const keys[] = {"a", "b", "a"};
	for (size_t i = 0; i < 3; i++) {
		submit(stage, (struct wished){.key = keys[i], .async = true}, &outcome);
		snprintf(names[i], sizeof(names[i]), "%s", posted_name());
		stage_answer(201, "{}");
	}
	assert_string_equal(names[0], names[2]);
	assert_string_not_equal(names[0], names[1]);
	assert_int_equal(names[0][14], '8'); /* a UUID of version 8 */
	free(stage->caller->tenant);
	stage->caller->tenant = str_dup(STR("other"));
	submit(stage, (struct wished){.key = "a", .async = true}, &outcome);
	assert_string_not_equal(posted_name(), names[0]);
	stage_answer(201, "{}");
}

/* Without a database two wishes with one key meet at create. */
static void test_joins_the_earlier_one(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	static const struct {
		bool async;
		const char *found, *ended;
	} rows[] = {{true, "running", "running"},
		    {true, "success", "success"},
		    {false, "failed", "failed"},
		    {false, "running", NULL}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		submit(stage, (struct wished){.key = "a", .async = rows[i].async}, &outcome);
		char *name = str_dup(str_of(posted_name()));
		stage_answer(409, "exists");
		stage_kube("GET", path_of(name));
		stage_answer(200, earlier(name, rows[i].found, STR(BODY)));
		if (!rows[i].ended) { /* waits for it */
			assert_int_equal(outcome.calls, 0);
			stage_execution(stage, stage_execution_json(name, "success", ""));
		}
		assert_ended(&outcome, rows[i].ended ? rows[i].ended : "success");
		assert_string_equal(outcome.id, name);
		free(name);
	}
	assert_true(created(stage, CREATED_SYNC) + created(stage, CREATED_ASYNC) == 0);
}

/* A waiting client was never answered when the execution that it joined ended between the look-up and its
 * answer: the waiter had been told already, and the answer still said "running". */
static void test_joined_one_ends_before_the_look_up_is_answered(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	submit(stage, (struct wished){.key = "a"}, &outcome);
	char *name = str_dup(str_of(posted_name()));
	stage_answer(409, "exists");
	stage_execution(stage, earlier(name, "success", STR(BODY)));
	assert_int_equal(outcome.calls, 0);
	stage_answer(200, earlier(name, "running", STR(BODY)));
	assert_ended(&outcome, "success");
	free(name);
}

static void claim_answers(const char *id, struct str body)
{
	char digest[DIGEST_TEXT_SIZE];
	struct error err;
	assert_int_equal(digest_text(body, digest, &err), 0);
	const char *const row[] = {id, digest};
	stage_answer_db(ERR_NONE, row, 1, 2);
}

/* With a database: the claim, and old keys are deleted along with it. */
static void expect_claim(struct stage *stage, char ret_own[64])
{
	const struct stage_call *claim = stage_db(DB_IDEMPOTENCY_CLAIM);
	assert_int_equal(claim->parameter_count, 4);
	assert_string_equal(claim->parameters[0], "acme");
	snprintf(ret_own, 64, "%s", claim->parameters[2]);
	(void)stage;
}

static void test_claims_a_key_of_its_own(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	char own[64];
	submit(stage, (struct wished){.key = "a", .async = true}, &outcome);
	expect_claim(stage, own);
	assert_int_equal(stage_waiting(), 2);
	claim_answers(own, STR(BODY));
	stage_db(DB_IDEMPOTENCY_PURGE);
	stage_answer_db(ERR_UNAVAILABLE, NULL, 0, 0); /* harmless */
	assert_string_equal(posted_name(), own);
	stage_answer(201, "{}");
	assert_ended(&outcome, "pending");
	/* Not again so soon. */
	submit(stage, (struct wished){.key = "b", .async = true}, &outcome);
	expect_claim(stage, own);
	assert_int_equal(stage_waiting(), 1);
	claim_answers(own, STR(BODY));
	stage_answer(201, "{}");
}

/* Through the claim, and past the purge. */
static void claimed_by(struct stage *stage, const char *id, struct str body)
{
	char own[64];
	expect_claim(stage, own);
	claim_answers(id ? id : own, body);
	stage_db(DB_IDEMPOTENCY_PURGE);
	stage_answer_db(ERR_NONE, NULL, 0, 0);
	stage->server.purged_ms = 0;
}

static void test_joins_the_one_that_claimed_the_key(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	submit(stage, (struct wished){.key = "a"}, &outcome);
	claimed_by(stage, STAGE_ID, STR(BODY));
	stage_kube("GET", path_of(STAGE_ID));
	stage_answer(200, earlier(STAGE_ID, "running", STR(BODY)));
	assert_int_equal(outcome.calls, 0);
	stage_execution(stage, stage_execution_json(STAGE_ID, "success", ""));
	assert_ended(&outcome, "success");
}

static void test_joins_what_only_the_history_has(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	const char *row[28] = {[0] = STAGE_ID, [7] = "success", [27] = "1764000000000"};
	submit(stage, (struct wished){.key = "a"}, &outcome);
	claimed_by(stage, STAGE_ID, STR(BODY));
	stage_answer(404, "gone");
	const struct stage_call *ask = stage_db(DB_EXECUTION_GET);
	assert_string_equal(ask->parameters[0], STAGE_ID);
	assert_string_equal(ask->parameters[1], "acme");
	stage_answer_db(ERR_NONE, row, 1, 28);
	assert_ended(&outcome, "success");
	assert_string_equal(outcome.id, STAGE_ID);
}

/* The earlier wish came no further than the claim: this one makes its execution. */
static void test_creates_what_was_claimed_and_never_made(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	submit(stage, (struct wished){.key = "a", .is_large = true}, &outcome);
	claimed_by(stage, STAGE_ID, STR(BODY));
	stage_answer(404, "gone");
	stage_answer_db(ERR_NONE, NULL, 0, 0);
	stage_answer_blob(ERR_NONE, NULL);
	assert_string_equal(posted_name(), STAGE_ID);
	stage_answer(201, "{}");
	stage_execution(stage, stage_execution_json(STAGE_ID, "success", ""));
	assert_ended(&outcome, "success");
}

/* Each step failing in turn */

static void test_check_fails(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	stage_skill_gone(stage, "report", "1.0.0");
	submit(stage, (struct wished){0}, &outcome);
	assert_failed(&outcome, ERR_NOT_FOUND, "skill not found: report@latest");
	assert_int_equal(stage_waiting(), 0);
}

static void test_store_input_fails(void **state)
{
	static const struct {
		bool is_refused;
		enum error_code answer, expected;
		const char *message;
	} rows[] = {
	    {true, ERR_NONE, ERR_UNAVAILABLE, NOT_STORED "; try again in a moment"},
	    {false, ERR_TIMEOUT, ERR_UNAVAILABLE, NOT_STORED "; try again in a moment"},
	    {false, ERR_NO_MEMORY, ERR_UNAVAILABLE, NOT_STORED "; try again in a moment"},
	    {false, ERR_IO, ERR_INTERNAL,
	     NOT_STORED "; the server's log has the reason under this request_id"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome;
		stage_refuse(STAGE_BLOB_PUT, rows[i].is_refused);
		submit(*state, (struct wished){.is_large = true}, &outcome);
		if (!rows[i].is_refused)
			stage_answer_blob(rows[i].answer, NULL);
		assert_failed(&outcome, rows[i].expected, rows[i].message);
		assert_int_equal(stage_waiting(), 0); /* nothing was created */
	}
}

/* Besides a status. */
enum { UNREACHED = -1, CONFLICT = -2 };

static void answer_create(int status, const char *says)
{
	if (status == UNREACHED)
		stage_answer_unreached();
	else if (status == CONFLICT)
		stage_answer_conflict();
	else
		stage_answer(status, says);
}

static void test_create_fails(void **state)
{
	static const struct {
		bool is_refused;
		int status;
		const char *says;
		enum error_code expected;
		const char *message;
	} rows[] = {
	    {true, 0, "", ERR_UNAVAILABLE, NOT_CREATED "; try again in a moment"},
	    {false, UNREACHED, "", ERR_UNAVAILABLE, NOT_CREATED "; try again in a moment"},
	    {false, CONFLICT, "", ERR_UNAVAILABLE, NOT_CREATED ": the cluster was asked for too much"},
	    {false, 429, "busy", ERR_UNAVAILABLE, NOT_CREATED "; try again in a moment"},
	    {false, 403, "not yours", ERR_INTERNAL, NOT_CREATED "; the server's log has the reason"},
	    {false, 403, "exceeded quota: x", ERR_NO_CAPACITY, NOT_CREATED ": the tenant's quota"},
	    {false, 422, "no such field", ERR_BAD_REQUEST, NOT_CREATED ": the cluster's rules refuse it"},
	    {false, 413, "too long", ERR_BAD_REQUEST, NOT_CREATED ": the cluster's rules refuse it"},
	};
	struct stage *stage = *state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		size_t row = i / 2;
		struct outcome outcome;
		stage_refuse(STAGE_KUBE, rows[row].is_refused);
		submit(stage, (struct wished){.async = i % 2, .key = i % 4 < 2 ? NULL : "a"}, &outcome);
		if (!rows[row].is_refused)
			answer_create(rows[row].status, rows[row].says);
		assert_int_equal(stage_waiting(), 0);
		assert_failed(&outcome, rows[row].expected, rows[row].message);
		assert_int_equal(waiters_count(stage->server.waiters, WAIT_EXECUTION), 0);
	}
	assert_true(created(stage, CREATED_SYNC) + created(stage, CREATED_ASYNC) == 0);
	assert_true(metrics_get(stage->server.metrics, APISERVER_REFUSED, METRIC_AT(REFUSED_QUOTA)) == 2);
}

static void test_claim_fails(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	stage_refuse(STAGE_DB, 1);
	submit(stage, (struct wished){.key = "a"}, &outcome);
	assert_failed(&outcome, ERR_UNAVAILABLE, NOT_CHECKED "; try again in a moment");
	stage->server.purged_ms = STAGE_NOW_MS;
	submit(stage, (struct wished){.key = "a"}, &outcome);
	stage_answer_db(ERR_INTERNAL, NULL, 0, 0);
	assert_failed(&outcome, ERR_INTERNAL, NOT_CHECKED "; the server's log");
	submit(stage, (struct wished){.key = "a"}, &outcome);
	claim_answers(STAGE_ID, STR("another"));
	assert_failed(&outcome, ERR_CONFLICT, "used with another body, for execution " STAGE_ID);
}

static void test_claim_gives_up(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	stage->server.purged_ms = STAGE_NOW_MS;
	submit(stage, (struct wished){.key = "a"}, &outcome);
	for (int tries = 0; tries < 5; tries++) {
		assert_int_equal(outcome.calls, 0);
		stage_answer_db(ERR_NONE, NULL, 0, 0);
	}
	assert_failed(&outcome, ERR_UNAVAILABLE,
		      "the Idempotency-Key is in use by another request; try again");
}

static void test_join_fails(void **state)
{
	static const struct {
		int status; /* -1: the call can't be made */
		const char *says;
		enum error_code expected;
		const char *message;
	} rows[] = {
	    {-1, "", ERR_UNAVAILABLE, NOT_READ "; try again"},
	    {0, "connection refused", ERR_UNAVAILABLE, NOT_READ "; try again in a moment"},
	    {200, "{\"metadata\":1}", ERR_INTERNAL, NOT_READ},
	};
	struct stage *stage = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome;
		submit(stage, (struct wished){.key = "a"}, &outcome);
		stage_refuse(STAGE_KUBE, rows[i].status < 0);
		stage_answer(409, "exists");
		if (rows[i].status >= 0)
			stage_answer(rows[i].status, rows[i].says);
		assert_failed(&outcome, rows[i].status == 200 ? outcome.code : rows[i].expected,
			      rows[i].message);
		assert_int_equal(waiters_count(stage->server.waiters, WAIT_EXECUTION), 0);
	}
}

static void test_join_finds_another_body(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	submit(stage, (struct wished){.key = "a"}, &outcome);
	char *name = str_dup(str_of(posted_name()));
	stage_answer(409, "exists");
	stage_answer(200, earlier(name, "running", STR("another")));
	assert_failed(&outcome, ERR_CONFLICT, name);
	free(name);
}

static void test_history_fails(void **state)
{
	struct stage *stage = *state;
	for (int is_refused = 0; is_refused < 2; is_refused++) {
		struct outcome outcome;
		submit(stage, (struct wished){.key = "a"}, &outcome);
		claimed_by(stage, STAGE_ID, STR(BODY));
		stage_refuse(STAGE_DB, (unsigned)is_refused);
		stage_answer(404, "gone");
		if (!is_refused)
			stage_answer_db(ERR_TIMEOUT, NULL, 0, 0);
		assert_failed(&outcome, ERR_UNAVAILABLE, NOT_READ "; try again in a moment");
	}
}

static void test_wait_fails(void **state)
{
	struct stage *stage = *state;
	for (int is_deleted = 0; is_deleted < 2; is_deleted++) {
		struct outcome outcome;
		submit(stage, (struct wished){0}, &outcome);
		char *name = str_dup(str_of(posted_name()));
		stage_answer(201, "{}");
		stage_execution(stage, stage_execution_json(name, "running", ""));
		if (is_deleted)
			stage_execution_gone(stage, stage_execution_json(name, "running", ""));
		else
			stage_later(stage, stage->config.policy.max_timeout_ms + 5 * 60 * 1000);
		assert_failed(&outcome, ERR_UNAVAILABLE,
			      is_deleted ? "was deleted before it ended"
					 : "has not ended while this request");
		assert_non_null(strstr(outcome.message, name));
		if (!is_deleted)
			stage_execution_gone(stage, stage_execution_json(name, "running", ""));
		free(name);
	}
}

/* It is told once, and what was created counts all the same. */
static void test_deleted_before_the_create_is_answered(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	submit(stage, (struct wished){0}, &outcome);
	char *name = str_dup(str_of(posted_name()));
	stage_execution(stage, stage_execution_json(name, "pending", ""));
	stage_execution_gone(stage, stage_execution_json(name, "pending", ""));
	assert_failed(&outcome, ERR_UNAVAILABLE, "was deleted before it ended");
	stage_answer(201, "{}");
	assert_int_equal(outcome.calls, 1);
	assert_true(created(stage, CREATED_SYNC) == 1);
	free(name);
}

/* Whatever is under way when the server ends: it is told, once. */
static void test_the_server_ends(void **state)
{
	struct stage *stage = *state;
	for (int step = 0; step < 4; step++) {
		struct outcome outcome;
		stage->server.purged_ms = STAGE_NOW_MS;
		submit(stage, (struct wished){.key = "a", .async = true, .is_large = true}, &outcome);
		if (step == 1) {
			claim_answers(STAGE_ID, STR(BODY)); /* join */
		} else if (step > 1) {
			char own[64];
			expect_claim(stage, own);
			claim_answers(own, STR(BODY)); /* store input */
		}
		if (step == 3)
			stage_answer_blob(ERR_NONE, NULL); /* create */
		assert_int_equal(outcome.calls, 0);
		stage_forget(stage);
		assert_failed(&outcome, ERR_UNAVAILABLE, "the server is shutting down");
	}
}

static void test_the_server_ends_a_wait(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	submit(stage, (struct wished){0}, &outcome);
	stage_answer(201, "{}");
	waiters_expire_all(stage->server.waiters);
	assert_failed(&outcome, ERR_UNAVAILABLE, "read it at /v1/executions/");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, stage_teardown)
#define TEST_WITH_DB(test) cmocka_unit_test_setup_teardown(test, setup_with_db, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_waits_for_the_end),
	    TEST(test_async_ends_when_it_is_created),
	    TEST(test_large_input_is_stored_first),
	    TEST(test_an_end_before_the_answer),
	    TEST(test_a_repeated_create_met_its_own_success),
	    TEST(test_one_key_is_one_name_a_tenant),
	    TEST(test_joins_the_earlier_one),
	    TEST(test_joined_one_ends_before_the_look_up_is_answered),
	    TEST_WITH_DB(test_claims_a_key_of_its_own),
	    TEST_WITH_DB(test_joins_the_one_that_claimed_the_key),
	    TEST_WITH_DB(test_joins_what_only_the_history_has),
	    TEST_WITH_DB(test_creates_what_was_claimed_and_never_made),
	    TEST(test_check_fails),
	    TEST(test_store_input_fails),
	    TEST(test_create_fails),
	    TEST_WITH_DB(test_claim_fails),
	    TEST_WITH_DB(test_claim_gives_up),
	    TEST(test_join_fails),
	    TEST(test_join_finds_another_body),
	    TEST_WITH_DB(test_history_fails),
	    TEST(test_wait_fails),
	    TEST(test_deleted_before_the_create_is_answered),
	    TEST_WITH_DB(test_the_server_ends),
	    TEST(test_the_server_ends_a_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
