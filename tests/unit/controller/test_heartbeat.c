/* The Lease that says that a controller works: when and how it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/heartbeat.h"
#include "tests/unit/controller/stage.h"

#define COLLECTION "/apis/coordination.k8s.io/v1/namespaces/home/leases"

static struct heartbeat *start(struct stage *stage)
{
	struct heartbeat_services services = {&stage->loop, &stage->clock, stage->client, "home", "pod-1"};
	struct heartbeat *heartbeat = heartbeat_new(&services, NULL);
	assert_non_null(heartbeat);
	return heartbeat;
}

static void stop(struct stage *stage, struct heartbeat *heartbeat)
{
	assert_null(heartbeat_free(heartbeat));
	uv_run(&stage->loop, UV_RUN_DEFAULT);
}

static void test_it_beats_at_once_and_again(void **state)
{
	struct stage *stage = *state;
	struct heartbeat *heartbeat = start(stage);
	const struct stage_call *call = stage_call("PATCH", COLLECTION "/skillbox-controller");
	assert_string_equal(call->content_type, KUBE_MERGE_PATCH);
	assert_non_null(strstr(call->body, "\"holderIdentity\":\"pod-1\",\"leaseDurationSeconds\":15,"
					   "\"renewTime\":\"2025-11-24T16:00:00.000000Z\""));
	heartbeat_beat(heartbeat); /* one at a time */
	assert_int_equal(stage_calls(), 1);
	stage_answer(200, "{}");
	stage_later(stage, HEARTBEAT_INTERVAL_MS);
	heartbeat_beat(heartbeat);
	assert_non_null(strstr(stage_call("PATCH", "/skillbox-controller")->body, "16:00:05.000000Z"));
	stage_answer(503, "m"); /* the next one is on time */
	heartbeat_beat(heartbeat);
	stage_answer(200, "{}");
	assert_int_equal(stage_calls(), 0);
	stop(stage, heartbeat);
}

static void test_it_makes_the_lease(void **state)
{
	struct stage *stage = *state;
	struct heartbeat *heartbeat = start(stage);
	stage_answer(404, "m");
	const struct stage_call *call = stage_call("POST", COLLECTION);
	assert_non_null(strstr(call->body, "\"metadata\":{\"name\":\"skillbox-controller\"}"));
	stage_answer(403, "m"); /* it may not: the chart makes it */
	assert_int_equal(stage_calls(), 0);
	heartbeat_beat(heartbeat);
	stage_call("PATCH", "/skillbox-controller");
	stage_answer(200, "{}");
	stage_refuse_call();
	heartbeat_beat(heartbeat); /* no memory: at the next beat */
	assert_int_equal(stage_calls(), 0);
	heartbeat_beat(heartbeat);
	stage_answer(200, "{}");
	stop(stage, heartbeat);
	assert_null(heartbeat_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_it_beats_at_once_and_again, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_it_makes_the_lease, stage_setup, stage_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
