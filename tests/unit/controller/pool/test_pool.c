/* What is remembered of a pool: in what state a sandbox is, and what becomes of those who wait when it goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/controller/pool/fake_pool.h"

static struct pools *pools;

static int set_up(void **state)
{
	(void)state;
	pools = fake_open();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pools_free(pools);
	return 0;
}

static void test_states(void **state)
{
	(void)state;
	enum { NO_POD, STARTS, RUNS, ENDED, GOING };
	static const struct {
		const char *what;
		int pod;
		bool claimed, used;
		int64_t deleted_ago_ms; /* 0: never */
		int session;            /* its state; -1: none */
		enum member_state state;
	} cases[] = {
	    {"created", NO_POD, false, false, 0, -1, MEMBER_EXPECTED},
	    {"its container does not run", STARTS, false, false, 0, -1, MEMBER_STARTING},
	    {"never opened", RUNS, false, false, 0, -1, MEMBER_LOST},
	    {"being opened", RUNS, false, false, 0, SESSION_OPENING, MEMBER_OPENING},
	    {"waits", RUNS, false, false, 0, SESSION_PARKED, MEMBER_READY},
	    {"stream lost", RUNS, false, false, 0, SESSION_LOST, MEMBER_LOST},
	    {"ended", ENDED, false, false, 0, SESSION_PARKED, MEMBER_ENDED},
	    {"claimed, whatever its Pod does", ENDED, true, false, 0, -1, MEMBER_CLAIMED},
	    {"used comes before claimed", RUNS, true, true, 0, -1, MEMBER_USED},
	    {"is going", GOING, true, true, 0, -1, MEMBER_DELETED},
	    {"we deleted it a moment ago", RUNS, false, false, 9999, SESSION_PARKED, MEMBER_DELETED},
	    {"and it is still there: again", RUNS, false, false, 10000, SESSION_PARKED, MEMBER_READY},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct session session = {.state = (enum session_state)cases[i].session};
		struct pod pod = {.ready = cases[i].pod == RUNS || cases[i].pod == GOING,
				  .terminated = cases[i].pod == ENDED,
				  .meta.deleted_ms = cases[i].pod == GOING};
		struct sandbox sandbox = {
		    .pod = cases[i].pod == NO_POD ? NULL : &pod,
		    .session = cases[i].session < 0 ? NULL : &session,
		    .claimed = cases[i].claimed,
		    .used = cases[i].used,
		    .fits = true,
		    .deleted_ms = cases[i].deleted_ago_ms ? FAKE_NOW_MS - cases[i].deleted_ago_ms : 0};
		if (sandbox_state(&sandbox, FAKE_NOW_MS) != cases[i].state)
			fail_msg("%s: %d", cases[i].what, sandbox_state(&sandbox, FAKE_NOW_MS));
	}
}

static void test_another_pool_of_the_same_name(void **state)
{
	(void)state;
	struct session session = {.state = SESSION_PARKED};
	struct pool *first = fake_pool(pools, "ns/p", "first", "bash:5");
	fake_sandbox(first, "sbp-1", &session);
	assert_ptr_equal(fake_pool(pools, "ns/p", "first", "bash:5"), first);
	assert_int_equal(pool_size(first), 1);
	struct pool *second = fake_pool(pools, "ns/p", "second", "bash:5");
	assert_string_equal(second->uid, "second");
	assert_int_equal(pool_size(second), 0);
	assert_int_equal(fake_sessions_freed, 1);
	assert_null(pool_by_uid(pools, "first"));
	assert_ptr_equal(pool_by_uid(pools, "second"), second);
	assert_ptr_equal(pool_find(pools, STR("ns/p")), second);
	assert_null(pool_find(pools, STR("ns/q")));
}

static bool woken, has_one;

static void wake(void *context, bool one)
{
	assert_null(context);
	woken = true;
	has_one = one;
}

/* Whoever waited for it looks for another way; whoever waits for another pool does not hear of it. */
static void test_a_pool_that_goes(void **state)
{
	(void)state;
	struct run_shape shape = fake_run("bash:5"), other = fake_run("node:20");
	struct demand demand = {.key = STR("ns/a"), .namespace = "ns", .wake = wake};
	struct demand unconcerned = {.key = STR("ns/b"), .namespace = "ns", .wake = wake};
	struct pool *pool = fake_pool(pools, "ns/p", "u", "bash:5");
	pools_wait(pools, &unconcerned, &other);
	pool_turn_away(pool);
	assert_false(woken);
	pools_wait(pools, &demand, &shape);
	pool_drop(pool);
	assert_true(woken);
	assert_false(has_one);
	assert_int_equal(demand.state, DEMAND_NONE);
	assert_int_equal(unconcerned.state, DEMAND_WAITS);
	demand_cancel(&unconcerned);
}

static void test_counts(void **state)
{
	(void)state;
	struct session parked = {.state = SESSION_PARKED};
	struct pool *one = fake_pool(pools, "ns/p", "1", "bash:5"),
		    *two = fake_pool(pools, "ns/q", "2", "bash:5");
	fake_sandbox(one, "starts", NULL);
	fake_sandbox(one, "ready", &parked);
	fake_sandbox(two, "starts", NULL);
	fake_sandbox(two, "claimed", NULL)->claimed = true;
	fake_sandbox(two, "deleted", NULL)->deleted_ms = 1;
	assert_int_equal(pool_starting(one), 1);
	assert_int_equal(pool_starting(two), 1);
	assert_true(pool_has_one_coming(one));
	sandbox_free(pool_find_sandbox(one, "starts"));
	assert_false(pool_has_one_coming(one));
	fake_sandbox(one, "starts", NULL);
	struct pool_counts counts = pools_count(pools);
	assert_int_equal(counts.starting, 2);
	assert_int_equal(counts.ready, 1);
	assert_int_equal(counts.claimed, 1);
	assert_ptr_equal(pool_find_sandbox(one, "ready")->session, &parked);
	assert_null(pool_find_sandbox(one, "claimed"));
}

static void test_its_execution_is_looked_at(void **state)
{
	(void)state;
	static const struct execution execution;
	struct sandbox *sandbox = fake_sandbox(fake_pool(pools, "ns/p", "1", "bash:5"), "sbp-1", NULL);
	sandbox_look_at_execution(sandbox); /* it has none */
	assert_int_equal(fake_looks, 0);
	sandbox->execution_id = str_dup(STR("id"));
	fake_execution = &execution;
	sandbox_look_at_execution(sandbox);
	assert_int_equal(fake_looks, 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_states), TEST(test_another_pool_of_the_same_name), TEST(test_a_pool_that_goes),
	    TEST(test_counts), TEST(test_its_execution_is_looked_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
