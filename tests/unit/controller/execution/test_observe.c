/* What is seen of an Execution at a look. Seeing changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/execution/observe.h"
#include "controller/sandbox/pod_spec.h"
#include "lib/base/cleanup.h"
#include "tests/unit/controller/execution/fake_cluster.h"

static struct skill skill = {
    .spec = {.name = (char *)"s", .version = (char *)"1", .image = (char *)"bash:5", .lang = (char *)"bash"}};
static struct run_shape memory;
static struct executions *executions;
static struct tracked *tracked;
static struct execution execution;

static void set_up_cluster(void)
{
	executions = fake_open();
	tracked = fake_track(executions, "ns/a");
	tracked->seen_us = fake.now_us - 2000;
	fake.skill = &skill;
	fake.tenant = "acme";
	execution = (struct execution){.meta = {.namespace = (char *)"ns",
						.name = (char *)"a",
						.uid = (char *)"uid",
						.created_ms = FAKE_NOW_MS - 9000},
				       .spec = {.skill_name = (char *)"s", .ttl_seconds = -1}};
}

static int set_up(void **state)
{
	(void)state;
	set_up_cluster();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tracked->session = NULL;
	executions_free(executions);
	return 0;
}

static struct observation observe(void)
{
	struct observation seen;
	enum tracked_state before = tracked->state;
	observe_execution(tracked, &execution, &memory, &seen);
	assert_int_equal(tracked->state, before);
	assert_int_equal(fake.enqueued_count + fake.released + fake.sessions_freed, 0);
	return seen;
}

static void test_nothing_is_there_yet(void **state)
{
	(void)state;
	static const struct trouble trouble = {.reason = "Unschedulable"};
	fake.offer = POOL_COMING;
	fake.trouble = &trouble;
	struct capacity_place pool = {.of_pool = true};
	assert_int_equal(capacity_enter(&fake_capacity, &pool, "ns", NULL), 0);
	capacity_set_pool(&pool, 3);
	struct observation seen = observe();
	assert_ptr_equal(seen.pool_trouble, &trouble);
	assert_ptr_equal(seen.execution, &execution);
	assert_ptr_equal(seen.skill, &skill);
	assert_true(seen.namespace_is_tenant && seen.archived);
	assert_null(seen.pod);
	assert_false(seen.claimed || seen.warm || seen.pod_lost || seen.pod_expected || seen.archiving);
	assert_int_equal(seen.session, SESSION_NONE);
	assert_int_equal(seen.pool, POOL_COMING);
	assert_int_equal(seen.room, 5); /* eight of a tenant, three of which its pool starts */
	capacity_leave(&pool);
	assert_int_equal(seen.now_ms, FAKE_NOW_MS);
	fake.tenant = NULL;
	fake.skill = NULL;
	seen = observe();
	assert_false(seen.namespace_is_tenant);
	assert_null(seen.skill);
	assert_int_equal(seen.pool, POOL_NONE);
}

static void test_a_refusal(void **state)
{
	(void)state;
	assert_null(observe().refusal);
	tracked->reported_ms = 3;
	tracked_note_refusal(tracked, &(struct trouble){.reason = "QuotaExceeded"});
	struct observation seen = observe();
	assert_string_equal(seen.refusal->reason, "QuotaExceeded");
	assert_int_equal(seen.refused_ms, FAKE_NOW_MS);
	assert_int_equal(seen.refusal_retry_ms, 500);
	assert_int_equal(seen.reported_ms, 3);
	fake.now_us += 600 * 1000;
	assert_int_equal(observe().refusal_retry_ms, -100);
}

/* Only who has nothing and is allowed something may be offered a sandbox. */
static void test_who_is_offered_a_sandbox(void **state)
{
	(void)state;
	struct session session = {.state = SESSION_RUNNING};
	char name[POD_NAME_SIZE];
	pod_name(&execution, name);
	struct pod pod = {.meta = {.namespace = (char *)"ns", .name = name, .uid = (char *)"p"}};
	for (int reason = 0; reason < 7; reason++) {
		tear_down(NULL);
		set_up_cluster();
		fake.offer = POOL_READY;
		skill.spec.image = (char *)"bash:5";
		if (reason == 1)
			fake.pods[0] = &pod;
		if (reason == 2)
			tracked->pod_created_ms = FAKE_NOW_MS;
		if (reason == 3)
			tracked->session = &session;
		if (reason == 4)
			execution.status.succeeded.status = (char *)"True";
		if (reason == 5)
			skill.spec.image = (char *)"evil:1";
		if (reason == 6)
			tracked->claimed_pod = str_dup(STR("gone"));
		struct observation seen = observe();
		assert_int_equal(seen.pool, reason == 0 ? POOL_READY : POOL_NONE);
		assert_int_equal(fake.offers, reason == 0);
		assert_int_equal(seen.pod_lost, reason == 6);
		assert_int_equal(seen.pod_expected, reason == 2);
	}
	skill.spec.image = (char *)"bash:5";
}

/* Sandboxes of others count, its own does not; with a Pod nobody asks. */
static void test_capacity(void **state)
{
	(void)state;
	struct tracked *same = fake_track(executions, "ns/b"), *other = fake_track(executions, "else/c");
	tracked_move(same, TRACKED_STARTING);
	tracked_move(other, TRACKED_STARTING);
	tracked_move(fake_track(executions, "ns/d"), TRACKED_READY);
	tracked_move(tracked, TRACKED_STARTING);
	struct capacity_place pool = {.of_pool = true};
	assert_int_equal(capacity_enter(&fake_capacity, &pool, "ns", NULL), 0);
	capacity_set_pool(&pool, 10);
	struct observation seen = observe();
	capacity_leave(&pool);
	assert_int_equal(seen.tenant_sandboxes, 2);
	assert_int_equal(seen.tenant_starting, 1);
	assert_int_equal(seen.room, -3); /* eight of a tenant; eleven others of it start */
}

static void test_sessions(void **state)
{
	(void)state;
	char name[POD_NAME_SIZE];
	pod_name(&execution, name);
	struct pod pod = {.meta = {.namespace = (char *)"ns", .name = name, .uid = (char *)"new"}};
	static const struct {
		enum session_state state;
		const char
		    *led_to; /* UID of the Pod that the session is with; the one that is there: "new" */
		enum session_state seen;
	} cases[] = {
	    {SESSION_RUNNING, "new", SESSION_RUNNING},
	    {SESSION_RUNNING, "old", SESSION_NONE},
	    {SESSION_LOST, "old", SESSION_NONE},
	    {SESSION_DONE, "old", SESSION_DONE},
	    {SESSION_COLLECTING, "old", SESSION_COLLECTING},
	    {SESSION_STORE_FAILED, "old", SESSION_STORE_FAILED},
	};
	fake.pods[0] = &pod;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct session session = {.state = cases[i].state, .problem = "why", .cancel_sent_ms = 4};
		tracked->session = &session;
		free(tracked->session_pod_uid);
		tracked->session_pod_uid = str_dup(str_of(cases[i].led_to));
		struct observation seen = observe();
		assert_int_equal(seen.session, cases[i].seen);
		assert_int_equal(seen.result != NULL, cases[i].seen == SESSION_DONE);
		assert_int_equal(seen.cancel_sent_ms, cases[i].seen == SESSION_NONE ? 0 : 4);
		assert_int_equal(seen.store_failed_ms != 0, cases[i].seen == SESSION_STORE_FAILED);
		tracked->session = NULL;
	}
}

/* A stream that was opened again hears of the start anew: the recorded one counts, of the same Pod. */
static void test_the_first_start_counts(void **state)
{
	(void)state;
	char name[POD_NAME_SIZE];
	pod_name(&execution, name);
	struct pod pod = {.meta = {.namespace = (char *)"ns", .name = name, .uid = (char *)"p"}};
	struct session session = {.state = SESSION_RUNNING, .started_ms = 500};
	fake.pods[0] = &pod;
	tracked->session = &session;
	tracked->session_pod_uid = str_dup(STR("p"));
	execution.status.started_ms = 300;
	assert_int_equal(observe().started_ms, 500);
	execution.status.pod_name = name;
	assert_int_equal(observe().started_ms, 300);
	execution.status.pod_name = (char *)"another";
	assert_int_equal(observe().started_ms, 500);
}

/* By our own clock to the microsecond; by the objects' times if an earlier controller began it. */
static void test_timings(void **state)
{
	(void)state;
	struct session session = {.state = SESSION_RUNNING, .opened_us = fake.now_us - 500};
	tracked->session = &session;
	tracked->created_us = fake.now_us - 1500;
	struct observation seen = observe();
	assert_true(seen.queue_ms > 0.499 && seen.queue_ms < 0.501);
	assert_true(seen.sandbox_ms > 0.999 && seen.sandbox_ms < 1.001);
	assert_true(seen.total_ms > 1.999 && seen.total_ms < 2.001);
	tracked->session = NULL;
	tracked->created_us = 0;
	char name[POD_NAME_SIZE];
	pod_name(&execution, name);
	struct pod pod = {.meta = {.namespace = (char *)"ns",
				   .name = name,
				   .uid = (char *)"p",
				   .created_ms = FAKE_NOW_MS - 8000}};
	fake.pods[0] = &pod;
	execution.status.started_ms = FAKE_NOW_MS - 7000;
	seen = observe();
	assert_true(seen.queue_ms == 1000 && seen.sandbox_ms == 1000 && seen.total_ms == 9000);
	assert_int_equal(seen.sandbox_age_ms, 8000);
}

/* What the Pod says of its run comes before what is remembered; what can't be read does not count. */
static void test_the_shape(void **state)
{
	(void)state;
	struct run_shape remembered = {.image = "remembered:1"},
			 told = {
			     .image = "bash:5", .skill_version = "1", .timeout_ms = 7, .memory = 1, .cpu = 1};
	cleanup_buffer struct buffer text = BUFFER(4096);
	assert_int_equal(run_shape_write(&told, &text), 0);
	cleanup_free char *note = str_dup(buffer_str(&text));
	char name[POD_NAME_SIZE];
	pod_name(&execution, name);
	struct pod pod = {.meta = {.namespace = (char *)"ns", .name = name, .uid = (char *)"p"}};
	assert_null(observe().shape);
	tracked_set_shape(tracked, &remembered);
	assert_string_equal(observe().shape->image, "remembered:1");
	fake.pods[0] = &pod;
	pod.run_shape = note;
	assert_true(observe().pod_is_foreign); /* what a stranger's Pod says of itself is nothing */
	assert_string_equal(observe().shape->image, "remembered:1");
	tracked_know_pod(tracked, pod.meta.uid);
	assert_false(observe().pod_is_foreign);
	assert_int_equal(observe().shape->timeout_ms, 7);
	pod.run_shape = (char *)"v9 nonsense";
	assert_string_equal(observe().shape->image, "remembered:1");
}

static void test_history(void **state)
{
	(void)state;
	static const struct {
		enum history_state state;
		bool archived, archiving;
	} cases[] = {
	    {HISTORY_MISSING, false, false}, {HISTORY_PENDING, false, true}, {HISTORY_DONE, true, false}};
	for (size_t i = 0; i < 3; i++) {
		fake.history = cases[i].state;
		struct observation seen = observe();
		assert_int_equal(seen.archived, cases[i].archived);
		assert_int_equal(seen.archiving, cases[i].archiving);
		assert_int_equal(seen.archive_retry_ms, cases[i].archiving ? 700 : 0);
	}
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_nothing_is_there_yet),
	    TEST(test_a_refusal),
	    TEST(test_who_is_offered_a_sandbox),
	    TEST(test_capacity),
	    TEST(test_sessions),
	    TEST(test_the_first_start_counts),
	    TEST(test_timings),
	    TEST(test_the_shape),
	    TEST(test_history),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
