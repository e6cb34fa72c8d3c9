/* The Lease that says which controller works: how a generation is taken, kept and given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/heartbeat.h"
#include "tests/unit/controller/stage.h"

#include <stdio.h>

#define COLLECTION "/apis/coordination.k8s.io/v1/namespaces/home/leases"
#define LEASE COLLECTION "/skillbox-controller"

/* What it told. */
static struct {
	int64_t generation;
	unsigned taken, superseded, expired;
} told;

static void taken(void *context, int64_t generation)
{
	(void)context;
	told.taken++;
	told.generation = generation;
}

static void superseded(void *context)
{
	(void)context;
	told.superseded++;
}

static void expired(void *context)
{
	(void)context;
	told.expired++;
}

static struct heartbeat *start(struct stage *stage)
{
	struct heartbeat_services services = {.loop = &stage->loop,
					      .clock = &stage->clock,
					      .client = stage->client,
					      .namespace = "home",
					      .holder = "pod-1",
					      .taken = taken,
					      .superseded = superseded,
					      .expired = expired};
	memset(&told, 0, sizeof(told));
	struct heartbeat *heartbeat = heartbeat_new(&services, NULL);
	assert_non_null(heartbeat);
	return heartbeat;
}

static void stop(struct stage *stage, struct heartbeat *heartbeat)
{
	assert_null(heartbeat_free(heartbeat));
	uv_run(&stage->loop, UV_RUN_DEFAULT);
}

static void answer_lease(const char *version, const char *holder, int transitions)
{
	char text[512];
	snprintf(text, sizeof(text),
		 "{\"metadata\":{\"name\":\"skillbox-controller\",\"resourceVersion\":\"%s\"},\"spec\":{"
		 "\"holderIdentity\":\"%s\",\"leaseTransitions\":%d}}",
		 version, holder, transitions);
	stage_answer(200, text);
}

static void expect(const char *method, const char *path, const char *words)
{
	const struct stage_call *call = stage_call(method, path);
	if (strcmp(method, "PATCH") == 0)
		assert_string_equal(call->content_type, KUBE_MERGE_PATCH);
	if (!strstr(call->body, words))
		fail_msg("%s lacks %s", call->body, words);
}

static void beat(struct stage *stage, struct heartbeat *heartbeat)
{
	stage_later(stage, HEARTBEAT_INTERVAL_MS);
	heartbeat_beat(heartbeat);
}

/* Of a controller that works, with this generation. */
static struct heartbeat *start_working(struct stage *stage, int generation)
{
	struct heartbeat *heartbeat = start(stage);
	answer_lease("70", "pod-0", generation - 1);
	answer_lease("71", "pod-1", generation);
	assert_int_equal(heartbeat_stage(heartbeat), HEARTBEAT_WORKS);
	return heartbeat;
}

static void test_a_generation_is_taken(void **state)
{
	struct stage *stage = *state;
	struct heartbeat *heartbeat = start(stage);
	assert_string_equal(stage_call("PATCH", LEASE)->body, "{}"); /* changes nothing, and reads */
	assert_non_null(strstr(heartbeat_problem(heartbeat), "is being taken"));
	heartbeat_beat(heartbeat); /* one at a time */
	assert_int_equal(stage_calls(), 1);
	answer_lease("70", "pod-0", 4);
	expect("PATCH", LEASE, "\"resourceVersion\":\"70\"");
	expect("PATCH", LEASE,
	       "\"holderIdentity\":\"pod-1\",\"leaseDurationSeconds\":15,\"leaseTransitions\":5,"
	       "\"renewTime\":\"2025-11-24T16:00:00.000000Z\"");
	assert_int_equal(told.taken, 0);
	answer_lease("71", "pod-1", 5);
	assert_int_equal(told.taken, 1);
	assert_int_equal(told.generation, 5);
	assert_int_equal(heartbeat_generation(heartbeat), 5);
	assert_null(heartbeat_problem(heartbeat));
	assert_int_equal(stage_calls(), 0);
	stop(stage, heartbeat);
}

/* Two start at once: the one that comes second takes the next. */
static void test_another_was_there_first(void **state)
{
	struct stage *stage = *state;
	struct heartbeat *heartbeat = start(stage);
	answer_lease("70", "pod-0", 4);
	expect("PATCH", LEASE, "\"leaseTransitions\":5");
	stage_answer(409, "the object has been modified");
	uv_run(&stage->loop, UV_RUN_ONCE);
	assert_string_equal(stage_call("PATCH", LEASE)->body, "{}");
	answer_lease("71", "pod-2", 5);
	expect("PATCH", LEASE, "\"leaseTransitions\":6");
	answer_lease("72", "pod-1", 6);
	assert_int_equal(told.generation, 6);
	assert_int_equal(told.superseded, 0);
	stop(stage, heartbeat);
}

static void test_it_makes_the_lease(void **state)
{
	struct stage *stage = *state;
	struct heartbeat *heartbeat = start(stage);
	stage_answer(404, "m");
	expect("POST", COLLECTION, "\"metadata\":{\"name\":\"skillbox-controller\"}");
	expect("POST", COLLECTION, "\"leaseTransitions\":1");
	stage_answer(403, "leases is forbidden"); /* it may not: the chart makes it */
	assert_int_equal(told.taken, 0);
	assert_non_null(strstr(heartbeat_problem(heartbeat), "home/skillbox-controller"));
	assert_non_null(strstr(heartbeat_problem(heartbeat), "leases is forbidden"));
	assert_int_equal(stage_calls(), 0);
	beat(stage, heartbeat);
	stage_answer(404, "m");
	stage_answer(409, "already exists"); /* somebody else did */
	uv_run(&stage->loop, UV_RUN_ONCE);
	answer_lease("1", "pod-2", 1);
	answer_lease("2", "pod-1", 2);
	assert_int_equal(told.generation, 2);
	stop(stage, heartbeat);
}

/* What is no answer gives no generation. */
static void test_nothing_without_a_generation(void **state)
{
	static const struct {
		int status;
		const char *body;
	} rows[] = {{0, "no answer"},
		    {503, "m"},
		    {403, "m"},
		    {200, "nonsense"},
		    {200, "{\"metadata\":{\"name\":\"a\"}}"},
		    {200, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\"},\"spec\":{"
			  "\"leaseTransitions\":2147483647}}"}};
	struct stage *stage = *state;
	struct heartbeat *heartbeat = start(stage);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		stage_answer(rows[i].status, rows[i].body);
		assert_int_equal(stage_calls(), 0);
		assert_non_null(strstr(heartbeat_problem(heartbeat), "no generation could be taken"));
		beat(stage, heartbeat);
	}
	stage_answer(503, "m");
	stage_later(stage, HEARTBEAT_INTERVAL_MS);
	stage_refuse_call(); /* no memory */
	heartbeat_beat(heartbeat);
	assert_int_equal(stage_calls(), 0);
	assert_int_equal(told.taken, 0);
	stop(stage, heartbeat);
	assert_null(heartbeat_free(NULL));
}

static void test_it_renews(void **state)
{
	struct stage *stage = *state;
	struct heartbeat *heartbeat = start_working(stage, 5);
	beat(stage, heartbeat);
	expect("PATCH", LEASE, "\"renewTime\":\"2025-11-24T16:00:05.000000Z\"");
	const char *body = stage_call("PATCH", LEASE)->body;
	assert_null(strstr(body, "leaseTransitions")); /* a later controller's stay as they are */
	assert_null(strstr(body, "holderIdentity"));
	answer_lease("72", "pod-1", 5);
	beat(stage, heartbeat);
	stage_answer(503, "m"); /* the next one is on time, and it works all the same */
	assert_null(heartbeat_problem(heartbeat));
	beat(stage, heartbeat);
	answer_lease("73", "pod-1", 5);
	assert_int_equal(told.superseded, 0);
	stop(stage, heartbeat);
}

/* Somebody deleted the Lease, or made it anew: the generation stays what it is. */
static void test_the_lease_forgets(void **state)
{
	struct stage *stage = *state;
	struct heartbeat *heartbeat = start_working(stage, 5);
	beat(stage, heartbeat);
	stage_answer(404, "m");
	expect("POST", COLLECTION, "\"leaseTransitions\":5");
	stage_answer(201,
		     "{\"metadata\":{\"name\":\"skillbox-controller\",\"resourceVersion\":\"80\"},\"spec\":"
		     "{\"holderIdentity\":\"pod-1\",\"leaseTransitions\":5}}");
	beat(stage, heartbeat);
	answer_lease("90", "", 0);
	expect("PATCH", LEASE, "\"resourceVersion\":\"90\"");
	expect("PATCH", LEASE, "\"leaseTransitions\":5");
	answer_lease("91", "pod-1", 5);
	assert_int_equal(told.taken, 1); /* told once */
	assert_int_equal(heartbeat_generation(heartbeat), 5);
	assert_int_equal(told.superseded, 0);
	stop(stage, heartbeat);
}

/* For good, and its process goes on until the other is gone. */
static void test_it_gives_way(void **state)
{
	struct stage *stage = *state;
	struct heartbeat *heartbeat = start_working(stage, 5);
	beat(stage, heartbeat);
	answer_lease("80", "pod-2", 6);
	assert_int_equal(told.superseded, 1);
	assert_int_equal(heartbeat_stage(heartbeat), HEARTBEAT_STANDS_BY);
	assert_non_null(strstr(heartbeat_problem(heartbeat), "stands by: the controller pod-2"));
	assert_int_equal(heartbeat_generation(heartbeat), 6);
	for (int i = 81; i < 90; i++) { /* the other renews it */
		char version[16];
		snprintf(version, sizeof(version), "%d", i);
		beat(stage, heartbeat);
		assert_string_equal(stage_call("PATCH", LEASE)->body, "{}");
		answer_lease(version, i < 85 ? "pod-2" : "pod-3", 6);
	}
	assert_non_null(strstr(heartbeat_problem(heartbeat), "pod-3"));
	for (int i = 0; i < 2; i++) {
		beat(stage, heartbeat);
		answer_lease("89", "pod-3", 6);
	}
	beat(stage, heartbeat);
	stage_answer(503, "m"); /* says nothing of the other */
	assert_int_equal(told.expired, 0);
	beat(stage, heartbeat);
	answer_lease("89", "pod-3", 6);
	assert_int_equal(told.expired, 1);
	assert_int_equal(told.superseded + told.taken, 2);
	stop(stage, heartbeat);
}

/* A sandbox says that there is a newer one: the Lease is asked, not more often than once a second, and it may
 * know of none. */
static void test_it_asks_when_told(void **state)
{
	struct stage *stage = *state;
	struct heartbeat *heartbeat = start_working(stage, 5);
	heartbeat_beat(heartbeat);
	assert_int_equal(stage_calls(), 0);
	stage_later(stage, HEARTBEAT_RETRY_MS);
	heartbeat_beat(heartbeat);
	heartbeat_beat(heartbeat);
	assert_int_equal(stage_calls(), 1);
	answer_lease("72", "pod-1", 5);
	assert_int_equal(told.superseded, 0);
	stop(stage, heartbeat);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_generation_is_taken),
	    TEST(test_another_was_there_first),
	    TEST(test_it_makes_the_lease),
	    TEST(test_nothing_without_a_generation),
	    TEST(test_it_renews),
	    TEST(test_the_lease_forgets),
	    TEST(test_it_gives_way),
	    TEST(test_it_asks_when_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
