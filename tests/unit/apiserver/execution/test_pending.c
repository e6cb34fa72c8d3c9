/* Who waits is told when nobody works for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/pending.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>

static void list_leases(struct stage *stage)
{
	struct informer *informer = cluster_informer(stage->server.cluster, CLUSTER_LEASES);
	informer_handle(informer, WATCH_LIST_BEGIN, STR(""));
	informer_handle(informer, WATCH_LIST_END, STR(""));
}

static void show_lease(struct stage *stage, const char *holder, int64_t renewed_ms)
{
	char json[512], time[CLOCK_RFC3339_SIZE];
	clock_format_rfc3339(renewed_ms, true, time);
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"skillbox-controller\",\"namespace\":\"home\"},\"spec\":{"
		 "\"holderIdentity\":\"%s\",\"leaseDurationSeconds\":15,\"renewTime\":\"%s\"}}",
		 holder, time);
	stage_object(stage, CLUSTER_LEASES, json);
}

static struct shared_execution *execution(const char *status)
{
	struct shared_execution *shared =
	    shared_execution_from_json(str_of(stage_execution_json(STAGE_ID, status, "")), NULL);
	assert_non_null(shared);
	shared->requested_ms = STAGE_NOW_MS;
	return shared;
}

static char text[PENDING_MESSAGE_SIZE];

static void is_stalled(struct stage *stage, const struct shared_execution *shared, const char *words)
{
	const char *why = pending_stalled(&stage->server, shared, text);
	if (!words && why)
		fail_msg("%s", why);
	if (words && (!why || !strstr(why, words)))
		fail_msg("'%s' lacks '%s'", why ? why : "", words);
}

static void test_nobody_works(void **state)
{
	struct stage *stage = *state;
	struct shared_execution *pending = execution("pending"), *running = execution("running"),
				*ended = execution("success");
	stage_later(stage, PENDING_PATIENCE_MS - 1);
	is_stalled(stage, pending, NULL); /* it is not known yet */
	list_leases(stage);
	is_stalled(stage, pending, NULL); /* it is young */
	stage_later(stage, 1);
	is_stalled(stage, pending, "none has ever run here");
	is_stalled(stage, pending, "Lease skillbox-controller in namespace");
	is_stalled(stage, running, NULL);
	is_stalled(stage, ended, NULL);
	stage_object(stage, CLUSTER_LEASES, "{\"metadata\":{\"name\":\"skillbox-controller\"}}");
	is_stalled(stage, pending, "none has begun to");
	show_lease(stage, "pod-1", STAGE_NOW_MS);
	is_stalled(stage, pending, NULL);
	stage_later(stage, 25000);
	is_stalled(stage, pending, NULL);
	stage_later(stage, 1);
	is_stalled(stage, pending, "heard of at 2025-11-24T16:00:00Z");
	show_lease(stage, "pod-2", STAGE_NOW_MS + 1);
	is_stalled(stage, pending, NULL);
	shared_execution_unref(pending);
	shared_execution_unref(running);
	shared_execution_unref(ended);
}

/* A server that has just begun to watch finds the Lease of yesterday. */
static void test_a_lease_of_yesterday(void **state)
{
	struct stage *stage = *state;
	struct shared_execution *pending = execution("pending");
	list_leases(stage);
	stage_later(stage, PENDING_PATIENCE_MS);
	show_lease(stage, "pod-1", STAGE_NOW_MS - 60000); /* clocks may differ */
	is_stalled(stage, pending, NULL);
	show_lease(stage, "pod-1", STAGE_NOW_MS - 24 * 3600000);
	is_stalled(stage, pending, "2025-11-23");
	shared_execution_unref(pending);
}

static void test_the_message(void **state)
{
	struct stage *stage = *state;
	struct shared_execution *pending = execution("pending"), *running = execution("running");
	assert_null(pending_message(&stage->server, running, text));
	list_leases(stage);
	stage_later(stage, PENDING_PATIENCE_MS);
	assert_non_null(strstr(pending_message(&stage->server, pending, text), "no controller works"));
	show_lease(stage, "pod-1", STAGE_NOW_MS);
	struct condition *condition = &pending->execution->status.succeeded;
	condition_clear(condition);
	assert_null(pending_message(&stage->server, pending, text));
	condition->message = str_dup(STR("exceeded quota"));
	assert_string_equal(pending_message(&stage->server, pending, text), "exceeded quota");
	shared_execution_unref(pending);
	shared_execution_unref(running);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_nobody_works),
	    TEST(test_a_lease_of_yesterday),
	    TEST(test_the_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
