/* What is taken and given back, by tenant and in all; what is refused takes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/usage.h"

#include <string.h>

struct test {
	struct apiserver_config config;
	struct metrics *metrics;
	struct usage *usage;
};

static int setup(void **state)
{
	static struct test test;
	struct error err;
	test.config = (struct apiserver_config){
	    .limits = {.max_waiting_calls = 2, .transfer_memory = 1000, .transfer_size = (int64_t)80 << 20},
	    .policy = {.max_files_size = 1 << 20},
	    .max_skill_size = 1 << 20};
	test.metrics = metrics_new(apiserver_metric_table, APISERVER_METRIC_COUNT, &err);
	test.usage = usage_new(&test.config, test.metrics, &err);
	assert_true(test.metrics && test.usage);
	*state = &test;
	return 0;
}

static int teardown(void **state)
{
	struct test *test = *state;
	usage_free(test->usage);
	metrics_free(test->metrics);
	return 0;
}

static void takes(struct test *test, const char *tenant, enum usage_kind kind, int64_t amount,
		  struct usage_hold *hold)
{
	struct error err;
	if (usage_take(test->usage, tenant, kind, amount, hold, &err) != 0)
		fail_msg("%s", err.message);
}

static void refuses(struct test *test, const char *tenant, enum usage_kind kind, int64_t amount,
		    enum error_code code, const char *words)
{
	struct error err;
	struct usage_hold hold = {0};
	int64_t before = usage_now(test->usage, kind);
	assert_int_equal(usage_take(test->usage, tenant, kind, amount, &hold, &err), -1);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, words))
		fail_msg("'%s' is not in: %s", words, err.message);
	assert_int_equal(usage_now(test->usage, kind), before);
	assert_null(hold.usage);
}

static void test_a_quarter_a_tenant(void **state)
{
	struct test *test = *state;
	struct usage_hold holds[4] = {0}, more = {0};
	static const char *const tenants[] = {"a", "b", "c", NULL};
	for (int i = 0; i < 4; i++) {
		takes(test, tenants[i], USAGE_MEMORY, 200, &holds[i]);
		refuses(test, tenants[i], USAGE_MEMORY, 51, ERR_NO_CAPACITY, "SKILLBOX_TRANSFER_MEMORY");
		takes(test, tenants[i], USAGE_MEMORY, 50, &holds[i]);
	}
	assert_int_equal(usage_now(test->usage, USAGE_MEMORY), 1000);
	refuses(test, "d", USAGE_MEMORY, 1, ERR_UNAVAILABLE, "SKILLBOX_TRANSFER_MEMORY");
	assert_true(metrics_get(test->metrics, APISERVER_REFUSED, METRIC_AT(REFUSED_TRANSFER_MEMORY)) == 5);
	usage_give_back(&holds[1], USAGE_MEMORY, 100);
	takes(test, "d", USAGE_MEMORY, 100, &more);
	for (int i = 0; i < 4; i++)
		usage_release(&holds[i]);
	assert_int_equal(usage_now(test->usage, USAGE_MEMORY), 100);
	usage_release(&more);
	usage_release(&more);
	assert_int_equal(usage_now(test->usage, USAGE_MEMORY), 0);
}

static void test_the_largest_body_is_always_possible(void **state)
{
	struct test *test = *state;
	struct usage_hold hold = {0}, moved = {0};
	test->config.policy.max_files_size = (int64_t)50 << 20;
	int64_t largest = apiserver_config_largest_body(&test->config);
	assert_true(largest > test->config.limits.transfer_size / 4);
	takes(test, "a", USAGE_FILES, largest, &hold);
	refuses(test, "a", USAGE_FILES, 1, ERR_NO_CAPACITY, "SKILLBOX_TRANSFER_SIZE");
	usage_move(&moved, &hold);
	usage_release(&hold);
	assert_int_equal(usage_now(test->usage, USAGE_FILES), largest);
	usage_release(&moved);
	assert_int_equal(usage_now(test->usage, USAGE_FILES), 0);
}

static void test_places_to_wait(void **state)
{
	struct test *test = *state;
	struct usage_hold holds[3] = {0};
	takes(test, "a", USAGE_WAITING, 1, &holds[0]);
	takes(test, "a", USAGE_WAITING, 1, &holds[1]);
	takes(test, "a", USAGE_MEMORY, 10, &holds[1]);
	refuses(test, "a", USAGE_WAITING, 1, ERR_NO_CAPACITY, "SKILLBOX_MAX_WAITING_CALLS");
	takes(test, "b", USAGE_WAITING, 1, &holds[2]);
	usage_give_back(&holds[1], USAGE_WAITING, 1);
	takes(test, "a", USAGE_WAITING, 1, &holds[1]);
	for (int i = 0; i < 3; i++)
		usage_release(&holds[i]);
	assert_int_equal(usage_now(test->usage, USAGE_WAITING), 0);
	assert_int_equal(usage_now(test->usage, USAGE_MEMORY), 0);
}

/* A test's server has no account. */
static void test_without_an_account(void **state)
{
	struct usage_hold hold = {0};
	(void)state;
	assert_int_equal(usage_take(NULL, "a", USAGE_FILES, INT64_MAX, &hold, NULL), 0);
	usage_release(&hold);
	assert_int_equal(usage_now(NULL, USAGE_FILES), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_quarter_a_tenant, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_largest_body_is_always_possible, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_places_to_wait, setup, teardown),
	    cmocka_unit_test(test_without_an_account),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
