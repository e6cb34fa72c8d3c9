/* Bodies on their way in: counted before they are taken, and whole at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/http/body.h"

#include <stdlib.h>
#include <string.h>

#define SMALL 1000
#define LARGE ((int64_t)3 << 20)

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
	    .limits = {.transfer_memory = 4 << 20, .transfer_size = (int64_t)80 << 20},
	    .policy = {.max_files_size = 1 << 20},
	    .max_skill_size = 1 << 20};
	test.metrics = metrics_new(apiserver_metric_table, APISERVER_METRIC_COUNT, &err);
	test.usage = usage_new(&test.config, test.metrics, &err);
	*state = &test;
	return 0;
}

static int teardown(void **state)
{
	struct test *test = *state;
	assert_int_equal(usage_now(test->usage, USAGE_MEMORY), 0);
	assert_int_equal(usage_now(test->usage, USAGE_FILES), 0);
	usage_free(test->usage);
	metrics_free(test->metrics);
	return 0;
}

static void comes_whole(struct test *test, int64_t size, int64_t announced, size_t piece_size)
{
	struct error err;
	struct body body = {0};
	struct str whole;
	char *bytes = malloc((size_t)size);
	for (int64_t i = 0; i < size; i++)
		bytes[i] = (char)('a' + i % 23);
	assert_int_equal(body_begin(&body, test->usage, "a", announced, false, &err), 0);
	if (announced > 0)
		assert_int_equal(usage_now(test->usage, USAGE_MEMORY) + usage_now(test->usage, USAGE_FILES),
				 announced);
	for (size_t at = 0; at < (size_t)size; at += piece_size) {
		size_t n = (size_t)size - at < piece_size ? (size_t)size - at : piece_size;
		assert_int_equal(body_add(&body, (struct str){bytes + at, n}, &err), 0);
	}
	enum usage_kind kind = size > (int64_t)USAGE_IN_MEMORY_MAX ? USAGE_FILES : USAGE_MEMORY;
	assert_int_equal(usage_now(test->usage, kind), size);
	assert_int_equal(usage_now(test->usage, kind == USAGE_FILES ? USAGE_MEMORY : USAGE_FILES), 0);
	assert_int_equal(body_end(&body, &whole, &err), 0);
	assert_int_equal(whole.n, size);
	assert_memory_equal(whole.p, bytes, (size_t)size);
	body_clear(&body);
	body_clear(&body);
	free(bytes);
}

static void test_sizes(void **state)
{
	static const int64_t sizes[] = {1, SMALL, (64 << 10), (64 << 10) + 1, LARGE};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		comes_whole(*state, sizes[i], sizes[i], 10000);
		comes_whole(*state, sizes[i], -1, 10000);
		comes_whole(*state, sizes[i], -1, (size_t)sizes[i]);
	}
}

static void test_what_is_announced_is_reserved(void **state)
{
	struct test *test = *state;
	struct error err;
	struct body bodies[2] = {0};
	int64_t share = apiserver_config_largest_body(&test->config);
	share = share > test->config.limits.transfer_size / 4 ? share : test->config.limits.transfer_size / 4;
	assert_int_equal(body_begin(&bodies[0], test->usage, "a", share, false, &err), 0);
	assert_int_equal(body_begin(&bodies[1], test->usage, "a", LARGE, false, &err), -1);
	assert_int_equal(err.code, ERR_NO_CAPACITY);
	body_clear(&bodies[1]);
	assert_int_equal(body_begin(&bodies[1], test->usage, "b", LARGE, false, &err), 0);
	body_clear(&bodies[0]);
	body_clear(&bodies[1]);
}

static void test_a_chunked_one_that_grows_too_large(void **state)
{
	struct test *test = *state;
	struct error err;
	struct body body = {0};
	struct usage_hold others = {0};
	char *piece = calloc(1, 60000);
	int64_t share = test->config.limits.transfer_size / 4;
	assert_int_equal(usage_take(test->usage, "a", USAGE_FILES, share - 100000, &others, &err), 0);
	assert_int_equal(body_begin(&body, test->usage, "a", -1, false, &err), 0);
	assert_int_equal(body_add(&body, (struct str){piece, 60000}, &err), 0);
	assert_int_equal(usage_now(test->usage, USAGE_MEMORY), 60000);
	assert_int_equal(body_add(&body, (struct str){piece, 60000}, &err), -1);
	assert_int_equal(err.code, ERR_NO_CAPACITY);
	body_clear(&body);
	usage_release(&others);
	free(piece);
}

/* An upload, which its route writes to a file of its own. */
static void test_elsewhere(void **state)
{
	struct test *test = *state;
	struct error err;
	struct body body = {0};
	assert_int_equal(body_begin(&body, test->usage, "a", -1, true, &err), 0);
	assert_int_equal(body_add(&body, STR("0123456789"), &err), 0);
	assert_int_equal(usage_now(test->usage, USAGE_FILES), 10);
	assert_null(body.text.data);
	body_clear(&body);
}

static void test_none(void **state)
{
	struct error err;
	struct body body = {0};
	struct str whole;
	struct test *test = *state;
	assert_int_equal(body_begin(&body, test->usage, NULL, 0, false, &err), 0);
	assert_int_equal(body_end(&body, &whole, &err), 0);
	assert_int_equal(whole.n, 0);
	body_clear(&body);
	body = (struct body){0};
	body_clear(&body); /* never begun */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_what_is_announced_is_reserved, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_chunked_one_that_grows_too_large, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_elsewhere, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_none, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
