/* Answers of the cluster that never come, come late, or say less than they seem to: the caller is told what
 * is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/apiserver/execution/submission.h"

/* A create that is not answered, or by a server that does not say what it did. "Could not be created" was
 * told of executions that then ran. */

#define NOT_KNOWN "it is not known whether execution "

static void test_created_without_an_answer(void **state)
{
	static const int answers[] = {0, 500, 502, 503, 504};
	struct stage *stage = *state;
	unsigned count = 0;
	for (size_t i = 0; i < 4 * sizeof(answers) / sizeof(answers[0]); i++) {
		struct outcome outcome;
		struct wished wished = {.async = i % 2, .key = i % 4 < 2 ? NULL : "a"};
		submit(stage, wished, &outcome);
		char *name = str_dup(str_of(posted_name()));
		stage_answer(answers[i / 4], "the server's words");
		assert_int_equal(outcome.calls, 0);
		stage_kube("GET", path_of(name));
		stage_answer(200,
			     wished.key ? own(name, "running") : stage_execution_json(name, "running", ""));
		if (!wished.async)
			stage_execution(stage, stage_execution_json(name, "success", ""));
		assert_ended(&outcome, wished.async ? "running" : "success");
		assert_string_equal(outcome.id, name);
		assert_true(created(stage, CREATED_SYNC) + created(stage, CREATED_ASYNC) == ++count);
		if (!wished.async)
			stage_execution_gone(stage, stage_execution_json(name, "success", ""));
		free(name);
	}
}

/* It is not there, and may come yet: the same name again makes no second one, whichever comes first. */
static void test_created_again_by_its_name(void **state)
{
	static const struct {
		int second; /* answer of the second create */
		bool has_key, looks;
	} rows[] = {{201, false, false}, {201, true, false}, {409, false, false}, {409, true, true}};
	struct stage *stage = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome;
		submit(stage,
		       (struct wished){.async = true, .key = rows[i].has_key ? "a" : NULL, .is_large = true},
		       &outcome);
		stage_answer_blob(ERR_NONE, NULL);
		char *name = str_dup(str_of(posted_name()));
		stage_answer(0, "timeout");
		stage_answer(404, "not there");
		assert_string_equal(posted_name(), name);
		stage_answer(rows[i].second, "{}");
		if (rows[i].looks) {
			stage_kube("GET", path_of(name));
			stage_answer(200, own(name, "running"));
		}
		assert_ended(&outcome, rows[i].looks ? "running" : "pending");
		assert_string_equal(outcome.id, name);
		free(name);
	}
	assert_true(created(stage, CREATED_ASYNC) == sizeof(rows) / sizeof(rows[0]));
}

/* Whatever is not known is told as not known, with where it can be seen. */
static void test_created_or_not(void **state)
{
	static const struct {
		int answers[6]; /* of POST, GET, POST, GET …; 0 ends; -2: the next call can't be made */
		const char *words;
	} rows[] = {
	    {{503, 404, 503, 404, 503, 404}, NOT_KNOWN},
	    {{503, 404, 403, 404, 403, 404}, NOT_KNOWN}, /* a quota: perhaps of the first one */
	    {{503, 503}, NOT_KNOWN},
	    {{503, 403}, NOT_KNOWN},
	    {{503, 404, 422}, NOT_CREATED ": the cluster's rules refuse it"}, /* as all would have been */
	    {{503, -2}, NOT_KNOWN},
	    {{503, 404, -2}, NOT_KNOWN},
	};
	struct stage *stage = *state;
	for (size_t i = 0; i < 4 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome;
		const int *answers = rows[i / 4].answers;
		submit(stage, (struct wished){.async = i % 2, .key = i % 4 < 2 ? NULL : "a"}, &outcome);
		char *name = str_dup(str_of(posted_name()));
		for (int n = 0; n < 6 && answers[n] > 0; n++) {
			assert_int_equal(outcome.calls, 0);
			stage_refuse(STAGE_KUBE, n < 5 && answers[n + 1] == -2);
			stage_answer(answers[n], "the server's words");
		}
		assert_int_equal(outcome.calls, 1);
		if (!strstr(outcome.message, rows[i / 4].words))
			fail_msg("row %zu: %s", i / 4, outcome.message);
		assert_int_equal(strstr(outcome.message, name) != NULL,
				 strcmp(rows[i / 4].words, NOT_KNOWN) == 0);
		assert_int_equal(stage_waiting(), 0);
		assert_int_equal(waiters_count(stage->server.waiters, WAIT_EXECUTION), 0);
		free(name);
	}
}

/* The first attempt of one call may have been it, though the last was refused. */
static void test_refused_after_an_attempt_without_an_answer(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	submit(stage, (struct wished){.async = true}, &outcome);
	char *name = str_dup(str_of(posted_name()));
	stage_answer_repeated(403, "exceeded quota: few");
	stage_answer(200, stage_execution_json(name, "pending", ""));
	assert_ended(&outcome, "pending");
	free(name);
}

static void test_another_body_after_no_answer(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	submit(stage, (struct wished){.key = "a"}, &outcome);
	char *name = str_dup(str_of(posted_name()));
	stage_answer(0, "timeout");
	stage_answer(200, earlier(name, "running", STR("another")));
	assert_failed(&outcome, ERR_CONFLICT, name);
	assert_true(created(stage, CREATED_SYNC) == 0);
	free(name);
}

/* It was there when it was created, and gone when it was looked up: that was a fault of ours. */
static void test_deleted_between_create_and_look_up(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	for (int with_end = 0; with_end < 2; with_end++) {
		submit(stage, (struct wished){.key = "a", .async = true}, &outcome);
		char *name = str_dup(str_of(posted_name()));
		stage_answer(409, "exists");
		stage_answer(404, "gone");
		assert_string_equal(posted_name(), name);
		if (with_end) {
			stage_answer(201, "{}");
			assert_ended(&outcome, "pending");
		} else { /* again and again */
			stage_answer(409, "exists");
			stage_answer(404, "gone");
			stage_answer(409, "exists");
			stage_answer(404, "gone");
			assert_failed(&outcome, ERR_UNAVAILABLE,
				      "was deleted as often as it was created; try again");
		}
		free(name);
	}
}

/* The watch against each answer. What it tells comes before the answer of each call that a waiting caller
 * makes, and the caller is told, once, whatever the answer then says. */

enum news { NEWS_NONE, NEWS_RUNS, NEWS_ENDS, NEWS_GONE, NEWS_RUNS_AND_GONE, NEWS_ENDS_AND_GONE, NEWS_COUNT };

/* The execution of a wish: one with a key leaves its digest. */
static const char *made_by(const char *key, const char *name, const char *status)
{
	return key ? own(name, status) : stage_execution_json(name, status, "");
}

static void tell_news(struct stage *stage, enum news news, const char *key, const char *name)
{
	char *running = str_dup(str_of(made_by(key, name, "running"))),
	     *ended = str_dup(str_of(made_by(key, name, "success")));
	bool is_there = news == NEWS_RUNS || news == NEWS_RUNS_AND_GONE;
	bool has_ended = news == NEWS_ENDS || news == NEWS_ENDS_AND_GONE;
	if (is_there || news == NEWS_GONE)
		stage_execution(stage, running);
	if (has_ended)
		stage_execution(stage, ended);
	if (news == NEWS_GONE || news == NEWS_RUNS_AND_GONE || news == NEWS_ENDS_AND_GONE)
		stage_execution_gone(stage, running);
	free(running);
	free(ended);
}

/* What is left is answered as by a cluster that has it, until the caller is told; then all is cleared away.
 */
static void go_on(struct stage *stage, const char *key, const char *name, const struct outcome *outcome)
{
	for (int calls = 0; calls < 8 && stage_waiting() > 0; calls++) {
		bool is_get = strcmp(stage_any()->method, "GET") == 0;
		stage_answer(is_get ? 200 : 409, is_get ? made_by(key, name, "running") : "exists");
	}
	if (outcome->calls == 0)
		stage_execution(stage, made_by(key, name, "success"));
	assert_int_equal(outcome->calls, 1);
	assert_int_equal(stage_waiting(), 0);
	assert_int_equal(waiters_count(stage->server.waiters, WAIT_EXECUTION), 0);
	stage_execution_gone(stage, made_by(key, name, "success"));
}

static void test_any_news_before_any_answer(void **state)
{
	static const struct {
		const char *key;
		int before; /* answer of the create, so that the look-up is the call that waits; 0: it is the
			       create */
		int answer; /* of the call that waits */
	} rows[] = {
	    {NULL, 0, 201},  {NULL, 0, 409},   {NULL, 0, 503},   {NULL, 0, 403},   {"a", 0, 201},
	    {"a", 0, 409},   {"a", 0, 503},    {"a", 0, 403},    {"a", 409, 200},  {"a", 409, 404},
	    {"a", 409, 503}, {NULL, 503, 200}, {NULL, 503, 404}, {NULL, 503, 503}, {"a", 503, 200},
	    {"a", 503, 404}, {"a", 503, 503},
	};
	struct stage *stage = *state;
	for (size_t i = 0; i < NEWS_COUNT * sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome;
		size_t row = i / NEWS_COUNT;
		enum news news = (enum news)(i % NEWS_COUNT);
		const char *key = rows[row].key;
		submit(stage, (struct wished){.key = key}, &outcome);
		char *name = str_dup(str_of(posted_name()));
		if (rows[row].before)
			stage_answer(rows[row].before, "the server's words");
		tell_news(stage, news, key, name);
		bool is_get = rows[row].before && rows[row].answer == 200;
		stage_answer(rows[row].answer, is_get ? made_by(key, name, "running") : "{}");
		go_on(stage, key, name, &outcome);
		bool has_ended = news == NEWS_ENDS || news == NEWS_ENDS_AND_GONE;
		if (has_ended)
			assert_ended(&outcome, "success");
		free(name);
	}
}

/* Of an older execution of that name: the watch may be late. */
static void test_an_older_one_is_gone(void **state)
{
	struct stage *stage = *state;
	struct outcome outcome;
	submit(stage, (struct wished){.key = "a", .async = true}, &outcome);
	char *name = str_dup(str_of(posted_name()));
	stage_answer(201, "{}");
	stage_execution(stage, own(name, "success"));
	for (int is_answered = 0; is_answered < 2; is_answered++) {
		submit(stage, (struct wished){.key = "a"}, &outcome);
		if (is_answered)
			stage_answer(201, "{}");
		stage_execution_gone(stage, own(name, "success"));
		assert_int_equal(outcome.calls, 0);
		if (!is_answered)
			stage_answer(201, "{}");
		assert_int_equal(outcome.calls, 0);
		stage_execution(stage, own(name, "success"));
		assert_ended(&outcome, "success");
	}
	/* It was there when it was looked up, and may be what is gone: it is looked up again. */
	submit(stage, (struct wished){.key = "a"}, &outcome);
	stage_answer(409, "exists");
	stage_execution_gone(stage, own(name, "success"));
	stage_answer(200, own(name, "running"));
	stage_kube("GET", path_of(name));
	stage_answer(200, own(name, "running"));
	assert_int_equal(stage_waiting(), 0);
	stage_execution(stage, own(name, "success"));
	assert_ended(&outcome, "success");
	free(name);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_created_without_an_answer),
	    TEST(test_created_again_by_its_name),
	    TEST(test_created_or_not),
	    TEST(test_refused_after_an_attempt_without_an_answer),
	    TEST(test_another_body_after_no_answer),
	    TEST(test_deleted_between_create_and_look_up),
	    TEST(test_any_news_before_any_answer),
	    TEST(test_an_older_one_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
