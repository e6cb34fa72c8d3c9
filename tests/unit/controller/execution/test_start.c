/* A Pod that doesn't get ready: what may heal is told for a while, then it is the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/execution/start.h"

#include <string.h>

#define NOW 1000000000
#define START_TIMEOUT 300000

struct fixture {
	struct execution execution;
	struct pod pod;
	struct observation seen;
	struct controller_config config;
	struct plan plan;
	struct error err;
};

static void ask(struct fixture *f, int64_t age_ms)
{
	f->config.start_timeout_ms = START_TIMEOUT;
	f->execution.meta.name = f->pod.meta.name = (char *)"one";
	f->execution.meta.namespace = f->pod.meta.namespace = (char *)"acme";
	f->pod.meta.created_ms = NOW - age_ms;
	f->pod.phase = (char *)"Pending";
	f->seen.execution = &f->execution;
	f->seen.pod = &f->pod;
	f->seen.now_ms = NOW;
	plan_clear(&f->plan);
	f->plan = (struct plan){.requeue_ms = -1};
	const struct decision decision = {&f->seen, &f->config, &f->plan, &f->err};
	assert_int_equal(start_await(&decision), 0);
}

static void ends(struct fixture *f, const char *words)
{
	assert_non_null(f->plan.wish);
	assert_string_equal(f->plan.wish->status.error_code, "sandbox_start_failed");
	assert_non_null(strstr(f->plan.wish->status.error, words));
}

static void test_an_image(void **state)
{
	(void)state;
	struct fixture f = {.pod.waiting_reason = (char *)"ErrImagePull",
			    .pod.waiting_message = (char *)"no such image"};
	ask(&f, 1000);
	assert_string_equal(f.plan.wish->status.succeeded.reason, "ImageUnavailable");
	assert_int_equal(f.plan.requeue_ms, PLAN_IMAGE_GRACE_MS - 1000);
	/* A registry that doesn't answer shows itself late: it is told all the same before it is the end. */
	ask(&f, PLAN_IMAGE_GRACE_MS + 1);
	assert_string_equal(f.plan.wish->status.succeeded.reason, "ImageUnavailable");
	assert_int_equal(f.plan.requeue_ms, PLAN_IMAGE_TOLD_MS);
	f.execution.status.succeeded.reason = (char *)"ImageUnavailable";
	f.seen.reported_ms = NOW - PLAN_IMAGE_TOLD_MS + 1;
	ask(&f, 2 * PLAN_IMAGE_GRACE_MS);
	assert_int_equal(f.plan.requeue_ms, 1);
	f.seen.reported_ms--;
	ask(&f, 2 * PLAN_IMAGE_GRACE_MS);
	ends(&f, "sandbox did not start: ErrImagePull: no such image");
	ask(&f, PLAN_IMAGE_GRACE_MS - 7); /* told for long, by another controller */
	assert_int_equal(f.plan.requeue_ms, 7);
	plan_clear(&f.plan);
}

static void test_too_late(void **state)
{
	(void)state;
	struct fixture f = {0};
	ask(&f, START_TIMEOUT - 1);
	assert_int_equal(f.plan.requeue_ms, 1);
	ask(&f, START_TIMEOUT);
	ends(&f, "sandbox was not ready within 300 s");
	plan_clear(&f.plan);
}

static void test_no_node(void **state)
{
	(void)state;
	struct fixture f = {.pod.unschedulable = (char *)"0/1 nodes are available"};
	ask(&f, PLAN_UNSCHEDULABLE_MS - 1); /* a moment later there may be one */
	assert_null(f.plan.wish);
	assert_int_equal(f.plan.requeue_ms, 1);
	ask(&f, PLAN_UNSCHEDULABLE_MS);
	assert_non_null(strstr(f.plan.wish->status.succeeded.message, "0/1 nodes are available"));
	plan_clear(&f.plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_an_image),
	    cmocka_unit_test(test_too_late),
	    cmocka_unit_test(test_no_node),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
