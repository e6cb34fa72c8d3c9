/* A sandbox that waits is given away: to whom, which one, and only once. */
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
	fake_now_ms += 10000; /* whoever runs what is known by now */
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pools_free(pools);
	return 0;
}

static void test_given_once(void **state)
{
	(void)state;
	struct session session = {.state = SESSION_PARKED};
	struct sandbox *sandbox = fake_sandbox(fake_pool(pools, "ns/p", "u", "bash:5"), "sbp-1", &session);
	struct run_shape shape = fake_run("bash:5");
	struct found_claim found;
	struct claim claim;
	struct error err;
	assert_int_equal(pools_offer(pools, "ns", NULL, &shape), POOL_READY);
	assert_int_equal(pools_claim(pools, "ns", "id-1", &shape, &claim, &err), 0);
	assert_ptr_equal(claim.session, &session);
	assert_string_equal(claim.pod_name, "sbp-1");
	assert_string_equal(claim.pod_uid, "pod-uid");
	assert_null(sandbox->session);        /* it is the receiver's now */
	assert_int_equal(fake_later_ms, 500); /* the place is filled when the run is over, or then */
	assert_true(pools_find_claimed(pools, "ns", "id-1", &found));
	assert_string_equal(found.pod_name, "sbp-1");
	assert_string_equal(found.pod_uid, "pod-uid");
	assert_null(found.shape);
	assert_false(pools_find_claimed(pools, "ns", "id-2", &found));
	assert_false(pools_find_claimed(pools, "else", "id-1", &found));
	free(claim.pod_name);
	free(claim.pod_uid);
	assert_int_equal(pools_claim(pools, "ns", "id-2", &shape, &claim, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_int_equal(pools_offer(pools, "ns", NULL, &shape), POOL_COMING);
	pools_release(pools, "ns", "sbp-1", true);
	assert_true(sandbox->used);
	assert_int_equal(sandbox->deleted_ms, fake_now_ms);
	assert_int_equal(fake_enqueued, 1);
	assert_false(pools_find_claimed(pools, "ns", "id-1", &found));
}

/* What makes a sandbox nobody's to have. */
static void test_what_is_not_given(void **state)
{
	(void)state;
	struct session session = {.state = SESSION_PARKED};
	struct pool *pool = fake_pool(pools, "ns/p", "u", "bash:5");
	struct sandbox *sandbox = fake_sandbox(pool, "sbp-1", &session);
	struct run_shape shape = fake_run("bash:5"), larger = shape, image = fake_run("node:20");
	larger.memory = 1;
	assert_int_equal(pools_offer(pools, "else", NULL, &shape), POOL_NONE);
	assert_int_equal(pools_offer(pools, "ns", NULL, &larger), POOL_NONE);
	assert_int_equal(pools_offer(pools, "ns", NULL, &image), POOL_NONE);
	for (int reason = 0; reason < 7; reason++) {
		sandbox->fits = reason != 0;
		sandbox->used = reason == 1;
		sandbox->deleted_ms = reason == 2;
		session.state = reason == 3 ? SESSION_LOST : SESSION_PARKED;
		session.found = reason == 4 ? "another's" : NULL;
		pool->failures = reason == 5 || reason == 6;
		pool->replicas = reason == 6 ? 0 : 1;
		sandbox->session = reason == 5 ? NULL : &session;
		/* a pool that is well will make another; one that fails is left out, though what waits is
		 * good */
		assert_int_equal(pools_offer(pools, "ns", NULL, &shape), reason == 5   ? POOL_NONE
									 : reason == 6 ? POOL_READY
										       : POOL_COMING);
	}
	sandbox->session = NULL;
}

/* Who waits for a pool is told what keeps its sandboxes from starting. */
static void test_trouble(void **state)
{
	(void)state;
	struct pool *pool = fake_pool(pools, "ns/p", "u", "bash:5");
	struct run_shape shape = fake_run("bash:5"), other = fake_run("node:20");
	fake_sandbox(pool, "well", NULL);
	struct sandbox *sandbox = fake_sandbox(pool, "troubled", NULL);
	assert_null(pools_trouble(pools, "ns", &shape));
	sandbox->trouble = (struct trouble){"Unschedulable", "no room"};
	assert_string_equal(pools_trouble(pools, "ns", &shape)->message, "no room");
	assert_null(pools_trouble(pools, "else", &shape));
	assert_null(pools_trouble(pools, "ns", &other));
	sandbox->deleted_ms = 1;
	assert_null(pools_trouble(pools, "ns", &shape));
}

/* One with the skill's files, then one whose interpreter is the skill's own, then the one that waits longest.
 */
static void test_the_best_one(void **state)
{
	(void)state;
	struct session sessions[4];
	for (size_t i = 0; i < 4; i++)
		sessions[i] = (struct session){.state = SESSION_PARKED};
	struct pool *plain = fake_pool(pools, "ns/plain", "1", "bash:5"),
		    *warm = fake_pool(pools, "ns/warm", "2", "bash:5"),
		    *bound = fake_pool(pools, "ns/bound", "3", "bash:5");
	struct run_shape shape = fake_run("bash:5");
	snprintf(shape.lang, sizeof(shape.lang), "bash");
	snprintf(shape.skill_digest, sizeof(shape.skill_digest), "sha256:x");
	snprintf(shape.skill_version, sizeof(shape.skill_version), "1");
	snprintf(warm->shape.lang, sizeof(warm->shape.lang), "bash");
	snprintf(bound->shape.lang, sizeof(bound->shape.lang), "bash");
	snprintf(bound->shape.skill_digest, sizeof(bound->shape.skill_digest), "sha256:x");
	snprintf(bound->shape.skill_version, sizeof(bound->shape.skill_version), "1");
	fake_sandbox(plain, "plain", &sessions[0])->created_ms = 1;
	fake_sandbox(warm, "younger", &sessions[1])->created_ms = 9;
	fake_sandbox(warm, "older", &sessions[2])->created_ms = 5;
	fake_sandbox(bound, "bound", &sessions[3])->created_ms = 10;
	static const char *const order[] = {"bound", "older", "younger", "plain"};
	for (size_t i = 0; i < 4; i++) {
		struct claim claim;
		struct error err;
		assert_int_equal(pools_claim(pools, "ns", "id", &shape, &claim, &err), 0);
		assert_string_equal(claim.pod_name, order[i]);
		free(claim.pod_name);
		free(claim.pod_uid);
	}
}

/* A new controller does not know yet which sandbox runs what: nothing is made for what may run already. */
static void test_settling(void **state)
{
	(void)state;
	struct session session = {.state = SESSION_OPENING};
	struct pool *pool = fake_pool(pools, "ns/p", "u", "bash:5");
	struct run_shape shape = fake_run("bash:5");
	struct pod pod = {.meta = {.namespace = (char *)"ns", .name = (char *)"sbp-1"},
			  .pool_uid = (char *)"u",
			  .ready = true};
	char token[TOKEN_SIZE];
	pod.meta.owner_uid = (char *)"u";
	assert_int_equal(token_make(&fake_key, "ns", "sbp-1", "u", token, NULL), 0);
	fake_now_ms = FAKE_NOW_MS + 7999;
	fake_pods[0] = &pod;
	assert_int_equal(pools_offer(pools, "ns", &pod, &shape),
			 POOL_COMING); /* a stranger's tells nothing */
	pod.token = token;
	assert_int_equal(pools_offer(pools, "ns", NULL, &shape), POOL_SETTLING);
	assert_int_equal(pools_offer(pools, "else", NULL, &shape), POOL_NONE);
	fake_now_ms++;
	assert_int_equal(pools_offer(pools, "ns", NULL, &shape), POOL_COMING);
	/* the one that its record names is waited for, however long it takes */
	assert_int_equal(pools_offer(pools, "ns", &pod, &shape), POOL_SETTLING);
	struct sandbox *sandbox = fake_sandbox(pool, "sbp-1", &session);
	assert_int_equal(pools_offer(pools, "ns", &pod, &shape), POOL_SETTLING);
	session.state = SESSION_PARKED; /* it waits: it has nothing */
	assert_int_equal(pools_offer(pools, "ns", &pod, &shape), POOL_READY);
	sandbox->session = NULL;
	sandbox->claimed = true; /* it told what it has */
	sandbox->execution_id = str_dup(STR("id"));
	assert_int_equal(pools_offer(pools, "ns", &pod, &shape), POOL_COMING);
}

static void test_who_waits_has_the_pools_looked_at(void **state)
{
	(void)state;
	struct run_shape shape = fake_run("bash:5");
	struct demand demand = {.key = STR("ns/a"), .namespace = "ns"};
	fake_pool(pools, "ns/p", "1", "bash:5");
	fake_pool(pools, "ns/q", "2", "bash:5");
	fake_pool(pools, "ns/r", "3", "node:20");
	pools_wait(pools, &demand, &shape);
	assert_int_equal(fake_enqueued, 2);
	assert_int_equal(demand.state, DEMAND_WAITS);
	demand_cancel(&demand);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_given_once), TEST(test_what_is_not_given),
	    TEST(test_trouble),    TEST(test_the_best_one),
	    TEST(test_settling),   TEST(test_who_waits_has_the_pools_looked_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
