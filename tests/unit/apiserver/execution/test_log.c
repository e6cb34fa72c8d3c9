/* The Pod's log while it runs, the kept one afterwards, and what is between the two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/log.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>

#define POD_PATH "/api/v1/namespaces/ns/pods/sb-1/log?container=sandbox&limitBytes=1048576"
#define EXECUTION_PATH "/apis/skillbox.dev/v1alpha1/namespaces/ns/executions/" STAGE_ID
#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NOT_READ "the log of the running execution could not be read"
#define WITH_POD "\"podName\":\"sb-1\""

struct told {
	unsigned calls;
	char text[128], message[256];
	enum error_code code;
};

static void on_log(void *context, struct str text, const struct error *failure)
{
	struct told *told = context;
	told->calls++;
	snprintf(told->text, sizeof(told->text), "%.*s", (int)text.n, text.n ? text.p : "");
	if (failure) {
		told->code = failure->code;
		snprintf(told->message, sizeof(told->message), "%s", failure->message);
	}
}

static void ask(struct stage *stage, const char *status, const char *more, struct told *ret)
{
	*ret = (struct told){0};
	if (status)
		stage_execution(stage, stage_execution_json(STAGE_ID, status, more));
	execution_log(&stage->server, stage->caller, STR(STAGE_ID), on_log, ret);
}

static void said(const struct told *told, const char *text)
{
	assert_int_equal(told->calls, 1);
	assert_int_equal(told->code, ERR_NONE);
	assert_string_equal(told->text, text);
}

static void test_of_the_pod(void **state)
{
	struct told told;
	ask(*state, "running", WITH_POD, &told);
	stage_kube("GET", POD_PATH);
	stage_answer(200, "one\ntwo\xff\n");
	said(&told, "one\ntwo\xff\n"); /* as it is: who shows it sees to that */
}

static void test_kept(void **state)
{
	struct told told;
	ask(*state, "success", "\"logs\":\"said\"," WITH_POD, &told);
	said(&told, "said");
	ask(*state, "success", "\"logsRef\":{\"digest\":\"" DIGEST "\",\"size\":5}", &told);
	assert_string_equal(stage_blob(STAGE_BLOB_GET)->digest, DIGEST);
	stage_answer_blob(ERR_NONE, "much\n");
	said(&told, "much\n");
}

static void test_nothing_yet(void **state)
{
	struct told told;
	ask(*state, "pending", "", &told); /* there is no Pod */
	said(&told, "");
	ask(*state, "running", "\"podName\":\"../x\"", &told); /* nor one of that name */
	said(&told, "");
	static const int statuses[] = {404, 400};
	for (size_t i = 0; i < 2; i++) {
		ask(*state, "running", WITH_POD, &told);
		stage_answer(statuses[i], "the container is not there yet");
		said(&told, "");
	}
}

/* It ended while the Pod was asked for: its log is kept by now. */
static void test_it_ended_meanwhile(void **state)
{
	struct told told;
	ask(*state, "running", WITH_POD, &told);
	stage_execution(*state, stage_execution_json(STAGE_ID, "success", "\"logs\":\"all of it\""));
	stage_answer(404, "no such pod");
	said(&told, "all of it");
}

static void test_failures(void **state)
{
	struct stage *stage = *state;
	struct told told;
	ask(stage, "running", WITH_POD, &told);
	stage_answer(0, "connection refused");
	assert_int_equal(told.code, ERR_UNAVAILABLE);
	assert_string_equal(told.message, NOT_READ "; try again in a moment");
	stage_refuse(STAGE_KUBE, 1);
	ask(stage, "running", WITH_POD, &told);
	assert_int_equal(told.calls, 1);
	assert_string_equal(told.message, NOT_READ "; try again in a moment");
	ask(stage, "success", "\"logsRef\":{\"digest\":\"" DIGEST "\",\"size\":5}", &told);
	stage_answer_blob(ERR_NOT_FOUND, NULL);
	assert_int_equal(told.code, ERR_INTERNAL);
	assert_non_null(strstr(told.message, "the execution's log could not be read from storage"));
}

static void test_unknown(void **state)
{
	struct told told;
	ask(*state, NULL, NULL, &told);
	stage_kube("GET", EXECUTION_PATH);
	stage_answer(404, "gone");
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.code, ERR_NOT_FOUND);
	assert_string_equal(told.message, "execution not found: " STAGE_ID);
}

static void test_the_server_ends(void **state)
{
	struct told told;
	ask(*state, NULL, NULL, &told); /* looking for the execution */
	stage_forget(*state);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.code, ERR_UNAVAILABLE);
	ask(*state, "running", WITH_POD, &told); /* asking for the Pod's log */
	stage_forget(*state);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.code, ERR_UNAVAILABLE);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_of_the_pod),         TEST(test_kept),     TEST(test_nothing_yet),
	    TEST(test_it_ended_meanwhile), TEST(test_failures), TEST(test_unknown),
	    TEST(test_the_server_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
