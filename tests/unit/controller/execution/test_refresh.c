/* Before a look: the state follows the Pod, our own write counts until the watch shows it, and a sandbox that
 * has the Execution already is adopted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/execution/refresh.h"
#include "controller/sandbox/pod_spec.h"
#include "tests/unit/controller/execution/fake_cluster.h"

static struct execution cached = {.meta = {.namespace = (char *)"ns",
					   .name = (char *)"a",
					   .uid = (char *)"uid",
					   .resource_version = (char *)"7"}};

static void test_the_state_follows_the_pod(void **state)
{
	(void)state;
	enum { NO_POD, GOING, ENDED, STARTS, RUNS };
	static const struct {
		enum tracked_state before;
		int pod;
		bool created; /* a moment ago, and the watch has not shown it */
		enum tracked_state after;
	} cases[] = {
	    {TRACKED_IDLE, NO_POD, false, TRACKED_IDLE},
	    {TRACKED_IDLE, STARTS, false, TRACKED_STARTING},
	    {TRACKED_IDLE, RUNS, false, TRACKED_READY},
	    {TRACKED_WAITING, NO_POD, false, TRACKED_WAITING},
	    {TRACKED_IN_LINE, NO_POD, false, TRACKED_IN_LINE},
	    {TRACKED_STARTING, NO_POD, true, TRACKED_STARTING},
	    {TRACKED_STARTING, NO_POD, false, TRACKED_IDLE},
	    {TRACKED_STARTING, RUNS, true, TRACKED_READY},
	    {TRACKED_STARTING, ENDED, false, TRACKED_IDLE},
	    {TRACKED_READY, RUNS, false, TRACKED_READY},
	    {TRACKED_READY, GOING, false, TRACKED_IDLE},
	    {TRACKED_READY, NO_POD, false, TRACKED_IDLE},
	    {TRACKED_SETTLED, RUNS, false, TRACKED_SETTLED},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct executions *executions = fake_open();
		struct tracked *tracked = fake_track(executions, "ns/a");
		char name[POD_NAME_SIZE];
		pod_name(&cached, name);
		struct pod pod = {.meta = {.namespace = (char *)"ns",
					   .name = name,
					   .uid = (char *)"p",
					   .owner_uid = (char *)"uid",
					   .deleted_ms = cases[i].pod == GOING ? 1 : 0},
				  .ready = cases[i].pod == RUNS || cases[i].pod == GOING,
				  .terminated = cases[i].pod == ENDED};
		pod.token = fake_token(&pod);
		fake.pods[0] = cases[i].pod == NO_POD ? NULL : &pod;
		tracked->pod_created_ms = cases[i].created ? FAKE_NOW_MS - 4999 : 0;
		tracked_note_refusal(tracked, &(struct trouble){.reason = TROUBLE_NAME_TAKEN});
		tracked_move(tracked, cases[i].before);
		assert_ptr_equal(refresh_tracked(tracked, &cached), &cached);
		if (tracked->state != cases[i].after)
			fail_msg("case %zu: %s", i, tracked_state_name(tracked->state));
		if (cases[i].pod != NO_POD)
			assert_int_equal(tracked->pod_created_ms, 0);
		assert_int_equal(tracked->refusal != NULL, cases[i].pod == NO_POD);
		executions_free(executions);
	}
}

/* A create that the watch never shows is not waited for longer than five seconds. */
static void test_a_pod_is_expected_for_a_while(void **state)
{
	(void)state;
	struct executions *executions = fake_open();
	struct tracked *tracked = fake_track(executions, "ns/a");
	assert_false(refresh_expects_pod(tracked, NULL));
	tracked->pod_created_ms = FAKE_NOW_MS;
	assert_true(refresh_expects_pod(tracked, NULL));
	fake.now_us += 5000 * 1000 - 1000;
	assert_true(refresh_expects_pod(tracked, NULL));
	fake.now_us += 1000;
	assert_false(refresh_expects_pod(tracked, NULL));
	executions_free(executions);
}

static void test_our_own_write_counts_until_it_is_shown(void **state)
{
	(void)state;
	struct executions *executions = fake_open();
	struct tracked *tracked = fake_track(executions, "ns/a");
	struct error err;
	struct execution *written = execution_from_json(
	    STR("{\"metadata\":{\"namespace\":\"ns\",\"name\":\"a\",\"uid\":\"uid\",\"resourceVersion\":"
		"\"8\","
		"\"creationTimestamp\":\"2025-11-24T10:00:00Z\"},\"spec\":{\"skillRef\":{\"name\":\"s\"}}}"),
	    &err);
	assert_non_null(written);
	tracked->written = written;
	tracked->written_ms = FAKE_NOW_MS;
	assert_ptr_equal(refresh_tracked(tracked, &cached), written);
	fake.now_us += 5000 * 1000;
	assert_ptr_equal(refresh_tracked(tracked, &cached), written);
	struct execution shown = cached;
	shown.meta.resource_version = (char *)"8";
	assert_ptr_equal(refresh_tracked(tracked, &shown), &shown);
	assert_null(tracked->written); /* forgotten */
	/* a newer spec came behind our write, and the watch has skipped what we wrote */
	tracked->written =
	    execution_from_json(STR("{\"metadata\":{\"namespace\":\"ns\",\"name\":\"a\",\"uid\":\"uid\","
				    "\"resourceVersion\":\"8\","
				    "\"generation\":1},\"spec\":{\"skillRef\":{\"name\":\"s\"}}}"),
				&err);
	assert_non_null(tracked->written);
	tracked->written_ms = fake.now_us / 1000;
	shown.meta.resource_version = (char *)"9";
	shown.meta.generation = 1;
	assert_ptr_equal(refresh_tracked(tracked, &shown), tracked->written);
	shown.meta.generation = 2;
	assert_ptr_equal(refresh_tracked(tracked, &shown), &shown);
	assert_null(tracked->written);
	executions_free(executions);
}

/* It would be run a second time otherwise. */
static void test_a_sandbox_that_has_it_is_adopted(void **state)
{
	(void)state;
	static const struct run_shape shape = {.image = "bash:5"};
	struct session session = {0};
	for (int why_not = 0; why_not < 4; why_not++) {
		struct executions *executions = fake_open();
		struct tracked *tracked = fake_track(executions, "ns/a");
		struct execution execution = cached;
		struct pod claimed = {
		    .meta = {.namespace = (char *)"ns", .name = (char *)"sbp-1", .uid = (char *)"sbp-uid"},
		    .ready = true};
		char name[POD_NAME_SIZE];
		pod_name(&cached, name);
		struct pod own = {.meta = {.namespace = (char *)"ns",
					   .name = name,
					   .uid = (char *)"own-uid",
					   .owner_uid = (char *)"uid"},
				  .ready = true};
		own.token = fake_token(&own);
		fake.claimed = (struct found_claim){"sbp-1", "sbp-uid", &shape};
		fake.pods[0] = &claimed;
		tracked->session = why_not == 1 ? &session : NULL;
		if (why_not == 2)
			execution.status.succeeded.status = (char *)"True";
		if (why_not == 3)
			fake.pods[1] = &own;
		refresh_tracked(tracked, &execution);
		if (why_not == 0) {
			assert_string_equal(tracked->claimed_pod, "sbp-1");
			assert_string_equal(tracked_shape(tracked)->image, "bash:5");
			assert_int_equal(tracked->state, TRACKED_READY);
			assert_ptr_equal(refresh_pod(tracked, &execution), &claimed);
		} else {
			assert_null(tracked->claimed_pod);
			assert_null(tracked_shape(tracked));
		}
		tracked->session = NULL;
		executions_free(executions);
	}
}

/* What is told of a Pod by its name, its labels and its owner, anybody can say. */
static void test_a_strangers_pod_is_not_its_own(void **state)
{
	(void)state;
	enum { NO_TOKEN, MADE_UP, OF_ANOTHER_POD, OTHER_OWNER, OTHER_UID, COUNT };
	for (int how = 0; how < COUNT; how++) {
		struct executions *executions = fake_open();
		struct tracked *tracked = fake_track(executions, "ns/a");
		char name[POD_NAME_SIZE];
		pod_name(&cached, name);
		struct pod pod = {.meta = {.namespace = (char *)"ns",
					   .name = name,
					   .uid = (char *)"p",
					   .owner_uid = (char *)"uid"},
				  .ready = true};
		struct pod other = pod;
		other.meta.name = (char *)"skx-uid-1";
		pod.token = how == NO_TOKEN         ? NULL
			    : how == MADE_UP        ? (char *)"0123456789abcdef0123456789abcdef"
			    : how == OF_ANOTHER_POD ? fake_token(&other)
						    : fake_token(&pod);
		if (how == OTHER_OWNER)
			pod.meta.owner_uid = (char *)"other";
		if (how == OTHER_UID)
			tracked_know_pod(tracked, "ours"); /* the answer to our create */
		fake.pods[0] = &pod;
		tracked->pod_created_ms = FAKE_NOW_MS;
		tracked_move(tracked, TRACKED_STARTING);
		refresh_tracked(tracked, &cached);
		if (tracked_owns_pod(tracked, &pod) || tracked->state != TRACKED_IDLE)
			fail_msg("case %d: %s", how, tracked_state_name(tracked->state));
		assert_int_equal(tracked->pod_created_ms, 0); /* nothing else comes under that name */
		assert_ptr_equal(refresh_pod(tracked, &cached), &pod);
		executions_free(executions);
	}
}

/* One that has the name of the run's own Pod takes nothing from a run that has a sandbox of a pool, and one
 * that has the name of that sandbox isn't it. */
static void test_strangers_beside_a_claimed_sandbox(void **state)
{
	(void)state;
	struct executions *executions = fake_open();
	struct tracked *tracked = fake_track(executions, "ns/a");
	char name[POD_NAME_SIZE];
	pod_name(&cached, name);
	struct pod own = {.meta = {.namespace = (char *)"ns", .name = name, .uid = (char *)"stranger"},
			  .ready = true};
	struct pod claimed = {
	    .meta = {.namespace = (char *)"ns", .name = (char *)"sbp-1", .uid = (char *)"sbp-uid"},
	    .ready = true};
	fake.pods[0] = &own;
	fake.pods[1] = &claimed;
	fake.claimed = (struct found_claim){"sbp-1", "sbp-uid", NULL};
	refresh_tracked(tracked, &cached);
	assert_ptr_equal(refresh_pod(tracked, &cached), &claimed);
	assert_int_equal(tracked->state, TRACKED_READY);
	claimed.meta.uid = (char *)"stranger";
	refresh_tracked(tracked, &cached);
	assert_null(refresh_pod(tracked, &cached));
	assert_int_equal(tracked->state, TRACKED_IDLE);
	executions_free(executions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_state_follows_the_pod),
	    cmocka_unit_test(test_a_pod_is_expected_for_a_while),
	    cmocka_unit_test(test_our_own_write_counts_until_it_is_shown),
	    cmocka_unit_test(test_a_sandbox_that_has_it_is_adopted),
	    cmocka_unit_test(test_a_strangers_pod_is_not_its_own),
	    cmocka_unit_test(test_strangers_beside_a_claimed_sandbox),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
