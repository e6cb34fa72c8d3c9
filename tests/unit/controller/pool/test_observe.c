/* What is seen of a SandboxPool at a look; seeing changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/pool/observe.h"
#include "tests/unit/controller/pool/fake_pool.h"

static void wake(void *context, bool has_one)
{
	(void)context;
	(void)has_one;
	fail_msg("seeing wakes nobody");
}

static void test_a_pool_and_its_members(void **state)
{
	(void)state;
	struct pools *pools = fake_open();
	struct pool *pool = fake_pool(pools, "ns/p", "1", "bash:5");
	struct pool *other = fake_pool(pools, "ns/q", "2", "node:20");
	struct sandbox_pool object = {.spec.replicas = 4};
	struct session lost = {.state = SESSION_LOST, .lost_ms = FAKE_NOW_MS - 30};
	struct pod runs = {.ready = true}, unschedulable = {.unschedulable = (char *)"0/1 nodes"};
	struct pod in_vain = {.waiting_reason = (char *)"ErrImagePull",
			      .waiting_message = (char *)"no such image"};
	struct sandbox *sandbox = fake_sandbox(pool, "lost", &lost);
	sandbox->pod = &runs;
	sandbox->losses = 2;
	sandbox->reached = true;
	sandbox = fake_sandbox(pool, "unschedulable", NULL);
	sandbox->pod = &unschedulable;
	assert_true(trouble_of_pod(&unschedulable, &sandbox->trouble));
	sandbox = fake_sandbox(pool, "in-vain", NULL);
	sandbox->pod = &in_vain;
	assert_true(trouble_of_pod(&in_vain, &sandbox->trouble));
	sandbox->fits = false;
	fake_sandbox(other, "starts", NULL);
	struct capacity_place execution = {.key = STR("ns/e")}, stranger = {.of_pool = true};
	struct error err;
	assert_int_equal(capacity_enter(&fake_capacity, &execution, "ns", &err), 0);
	assert_int_equal(capacity_enter(&fake_capacity, &stranger, "else", &err), 0);
	capacity_move(&execution, CAPACITY_STARTING);
	capacity_set_pool(&other->place, 1);
	capacity_set_pool(&stranger, 4);
	capacity_set_pool(&pool->place, 2); /* its own, which the plan counts itself */
	pool->failures = 3;
	pool->failed_ms = FAKE_NOW_MS - 70;
	pool_note_problem(pool, "QuotaExceeded", "why");
	pool->refused = true;
	struct run_shape shape = fake_run("bash:5"), elsewhere = fake_run("node:20");
	struct demand demands[] = {{.key = STR("ns/a"), .namespace = "ns", .wake = wake},
				   {.key = STR("ns/b"), .namespace = "ns", .wake = wake},
				   {.key = STR("ns/c"), .namespace = "else", .wake = wake}};
	pools_wait(pools, &demands[0], &shape);
	pools_wait(pools, &demands[1], &elsewhere);
	pools_wait(pools, &demands[2], &shape);
	fake_enqueued = 0;

	struct pool_refusal none = {0};
	struct member_view members[3];
	struct pool_observation seen;
	observe_pool(pool, &object, &none, FAKE_NOW_MS, members, &seen);
	assert_int_equal(fake_enqueued + fake_sessions_freed, 0);
	assert_null(seen.invalid);
	assert_int_equal(seen.replicas, 4);
	assert_int_equal(seen.waiting, 1);         /* in its namespace, for what it has */
	assert_int_equal(seen.room, 6);            /* of its tenant eight may, and two do */
	assert_int_equal(seen.tenant_starting, 2); /* one of an Execution, one of the other pool */
	capacity_leave(&execution);
	capacity_leave(&stranger);
	assert_int_equal(seen.failures, 3);
	assert_int_equal(seen.failed_ms, 70);
	assert_string_equal(seen.problem, "why");
	assert_string_equal(seen.problem_reason, "QuotaExceeded");
	assert_true(seen.refused);
	assert_int_equal(seen.member_count, 3);
	/* the last that was made is the first */
	assert_int_equal(members[0].state, MEMBER_STARTING);
	assert_string_equal(members[0].trouble, "ImageUnavailable");
	assert_non_null(strstr(members[0].trouble_message, "no such image"));
	assert_true(members[0].waits_in_vain);
	assert_false(members[0].fits);
	assert_int_equal(members[1].state, MEMBER_STARTING);
	assert_string_equal(members[1].trouble, "Unschedulable");
	assert_non_null(strstr(members[1].trouble_message, "0/1 nodes"));
	assert_false(members[1].waits_in_vain);
	assert_null(members[2].trouble);
	assert_int_equal(members[1].age_ms, 1000);
	assert_int_equal(members[2].state, MEMBER_LOST);
	assert_int_equal(members[2].lost_ms, 30);
	assert_int_equal(members[2].losses, 2);
	assert_true(members[2].reached && members[2].fits);
	for (size_t i = 0; i < 3; i++)
		demand_cancel(&demands[i]);
	pools_free(pools);
}

static void test_a_pool_that_can_not_be_served(void **state)
{
	(void)state;
	struct pools *pools = fake_open();
	struct pool *pool = fake_pool(pools, "ns/p", "1", "bash:5");
	struct sandbox_pool object = {.spec.replicas = 1};
	struct pool_refusal refusal = {.reason = "SkillNotFound"};
	struct member_view members[1];
	struct pool_observation seen;
	error_set(&refusal.err, ERR_NOT_FOUND, "skill not found: s@latest");
	observe_pool(pool, &object, &refusal, FAKE_NOW_MS, members, &seen);
	assert_string_equal(seen.invalid_reason, "SkillNotFound");
	assert_string_equal(seen.invalid, "skill not found: s@latest");
	assert_int_equal(seen.member_count, 0);
	pools_free(pools);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_pool_and_its_members),
	    cmocka_unit_test(test_a_pool_that_can_not_be_served),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
