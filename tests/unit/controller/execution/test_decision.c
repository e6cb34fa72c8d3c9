/* The words that the rules of the plan have: what each leaves in the plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/execution/decision.h"

#define NOW 1800000000000LL

static struct execution execution;
static struct observation seen;
static struct controller_config config;
static struct plan plan;
static struct error problem;
static const struct decision decision = {&seen, &config, &plan, &problem};

static int set_up(void **state)
{
	(void)state;
	plan_clear(&plan);
	execution = (struct execution){.meta = {.namespace = (char *)"ns",
						.name = (char *)"e",
						.uid = (char *)"uid",
						.resource_version = (char *)"7",
						.created_ms = NOW}};
	seen = (struct observation){.execution = &execution, .now_ms = NOW};
	plan = (struct plan){.requeue_ms = -1};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	plan_clear(&plan);
	return 0;
}

static void is_told(const char *reason, const char *message)
{
	assert_non_null(plan.wish);
	assert_int_equal(plan.actions & ACTION_PATCH_STATUS, ACTION_PATCH_STATUS);
	assert_string_equal(plan.wish->status.succeeded.reason, reason);
	assert_string_equal(plan.wish->status.succeeded.message, message);
	plan_clear(&plan);
}

static void now(const char *reason, const char *message)
{
	execution.status.succeeded = (struct condition){.status = (char *)"Unknown",
							.reason = (char *)(uintptr_t)reason,
							.message = (char *)(uintptr_t)message};
}

static void test_the_earliest_look_wins(void **state)
{
	(void)state;
	decision_look_again(&decision, 500);
	decision_look_again(&decision, 900);
	assert_int_equal(plan.requeue_ms, 500);
	decision_look_again(&decision, -3);
	assert_int_equal(plan.requeue_ms, 1);
}

static void test_what_is_told_is_told_once(void **state)
{
	(void)state;
	assert_int_equal(decision_report(&decision, "A", "a"), 0);
	is_told("A", "a");
	now("A", "a");
	assert_int_equal(decision_report(&decision, "A", "a"), 0);
	assert_null(plan.wish);
	assert_int_equal(decision_report(&decision, "A", "b"), 0);
	is_told("A", "b");
	assert_null(plan.event_reason);
}

/* Trouble is told at once and with an Event; other figures of the same trouble now and then. */
static void test_trouble(void **state)
{
	(void)state;
	assert_int_equal(decision_report_trouble(&decision, "Warning", "A", "used 1"), 0);
	is_told("A", "used 1");
	assert_string_equal(plan.event_type, "Warning");
	assert_string_equal(plan.event_reason, "A");
	assert_string_equal(plan.event_note, "used 1");
	plan = (struct plan){0};
	now("A", "used 1");
	seen.reported_ms = NOW - PLAN_REPORT_AGAIN_MS + 1;
	assert_int_equal(decision_report_trouble(&decision, "Warning", "A", "used 2"), 0);
	assert_null(plan.wish);
	assert_null(plan.event_reason);
	assert_int_equal(decision_report_trouble(&decision, "Warning", "B", "used 2"), 0);
	is_told("B", "used 2");
	seen.reported_ms = NOW - PLAN_REPORT_AGAIN_MS;
	assert_int_equal(decision_report_trouble(&decision, "Warning", "A", "used 2"), 0);
	is_told("A", "used 2");
}

/* A step is told when it takes long, or takes the place of trouble; a script that runs goes on running. */
static void test_steps(void **state)
{
	(void)state;
	execution.meta.created_ms = NOW - PLAN_SILENCE_MS + 1;
	assert_int_equal(decision_report_step(&decision, "S", "s"), 0);
	assert_null(plan.wish);
	assert_int_equal(plan.requeue_ms, 1);
	execution.meta.created_ms = NOW - PLAN_SILENCE_MS;
	assert_int_equal(decision_report_step(&decision, "S", "s"), 0);
	is_told("S", "s");
	execution.meta.created_ms = NOW;
	now("QuotaExceeded", "exceeded");
	assert_int_equal(decision_report_step(&decision, "S", "s"), 0);
	is_told("S", "s");
	now(REASON_RUNNING, "the script runs");
	assert_int_equal(decision_report_step(&decision, "S", "s"), 0);
	assert_null(plan.wish);
}

static void test_an_end(void **state)
{
	(void)state;
	seen.session = SESSION_RUNNING;
	assert_int_equal(decision_end(&decision, "cancelled", "nobody wants it"), 0);
	assert_int_equal(plan.actions, ACTION_PATCH_STATUS | ACTION_CLOSE_SESSION);
	assert_string_equal(plan.event_type, "Normal");
	assert_string_equal(plan.wish->status.error_code, "cancelled");
	plan_clear(&plan);
	seen.session = SESSION_NONE;
	plan.actions = 0;
	assert_int_equal(decision_end(&decision, "sandbox_lost", "why"), 0);
	assert_int_equal(plan.actions, ACTION_PATCH_STATUS);
	assert_string_equal(plan.event_type, "Warning");
}

static void test_another_sandbox(void **state)
{
	(void)state;
	execution.status.attempt = PLAN_MAX_ATTEMPTS - 2;
	assert_int_equal(decision_replace_sandbox(&decision, "it is gone"), 0);
	assert_int_equal(plan.wish->status.attempt, PLAN_MAX_ATTEMPTS - 1);
	assert_int_equal(plan.actions, ACTION_PATCH_STATUS | ACTION_DELETE_POD);
	assert_string_equal(plan.event_reason, "SandboxLost");
	is_told(REASON_PENDING, "it is gone");
	execution.status.attempt = PLAN_MAX_ATTEMPTS - 1;
	assert_int_equal(decision_replace_sandbox(&decision, "it is gone"), 0);
	assert_string_equal(plan.wish->status.error_code, "sandbox_lost");
	assert_string_equal(plan.wish->status.error, "sandbox lost 3 times, last: it is gone");
}

static void test_whose_pod_it_is(void **state)
{
	(void)state;
	struct pod pod = {.meta = {.owner_uid = (char *)"uid"}};
	assert_false(decision_pod_is_ours(&seen));
	seen.pod = &pod;
	assert_true(decision_pod_is_ours(&seen) && decision_pod_is_left(&seen));
	pod.meta.deleted_ms = NOW;
	assert_false(decision_pod_is_left(&seen));
	pod.meta.owner_uid = (char *)"pool";
	assert_false(decision_pod_is_ours(&seen));
	seen.claimed = true;
	assert_true(decision_pod_is_ours(&seen));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_earliest_look_wins),
	    TEST(test_what_is_told_is_told_once),
	    TEST(test_trouble),
	    TEST(test_steps),
	    TEST(test_an_end),
	    TEST(test_another_sandbox),
	    TEST(test_whose_pod_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
