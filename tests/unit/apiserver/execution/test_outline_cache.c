/* Records of finished executions give their data back after a while, unless somebody is at work with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/outline_cache.h"

#include <stdio.h>

struct test {
	uv_loop_t loop;
	struct clock clock;
	int64_t now_us;
	struct outline_cache *cache;
	struct shared_execution *shared;
};

static int64_t test_now(void *context)
{
	return ((struct test *)context)->now_us;
}

static int setup(void **state)
{
	static struct test test;
	static const char object[] =
	    "{\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\",\"uid\":\"u\"},"
	    "\"spec\":{\"skillRef\":{\"name\":\"s\"},\"inputText\":\"[1]\",\"env\":[{\"name\":\"A\","
	    "\"value\":\"b\"}]},"
	    "\"status\":{\"conditions\":[{\"type\":\"Succeeded\",\"status\":\"True\",\"reason\":"
	    "\"Succeeded\"}],"
	    "\"completionTime\":\"1970-01-01T01:23:20.000000Z\",\"output\":\"{}\",\"logs\":\"said\","
	    "\"files\":[\"f\"],\"image\":\"bash:5\",\"skillVersion\":\"1."
	    "0.0\","
	    "\"filesRef\":{\"digest\":"
	    "\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"size\":7}}}";
	struct error err;
	test = (struct test){.now_us = 5000000};
	test.clock = (struct clock){test_now, test_now, &test};
	assert_int_equal(uv_loop_init(&test.loop), 0);
	test.cache = outline_cache_new(&test.loop, &test.clock, &err);
	assert_non_null(test.cache);
	test.shared = shared_execution_from_json(str_of(object), &err);
	if (!test.shared)
		fail_msg("%s", err.message);
	assert_string_equal(test.shared->execution->status.output, "{}");
	*state = &test;
	return 0;
}

static int teardown(void **state)
{
	struct test *test = *state;
	shared_execution_unref(test->shared);
	outline_cache_free(test->cache);
	uv_run(&test->loop, UV_RUN_DEFAULT);
	return uv_loop_close(&test->loop);
}

static void later(struct test *test, int64_t ms)
{
	test->now_us += ms * 1000;
	outline_cache_pass(test->cache);
}

static void data_goes_after_a_while(void **state)
{
	struct test *test = *state;
	const struct execution *execution = test->shared->execution;
	outline_cache_add(test->cache, test->shared);
	later(test, OUTLINE_CACHE_KEEP_MS - 1);
	assert_false(test->shared->is_outline);
	assert_string_equal(execution->spec.input, "[1]");
	later(test, 1);
	assert_true(test->shared->is_outline);
	assert_null(execution->spec.input);
	assert_int_equal(execution->spec.env_count, 0);
	assert_null(execution->status.output);
	assert_null(execution->status.logs);
	assert_int_equal(execution->status.file_count, 0);
	/* what lists show, and what the sweep of blobs goes by */
	assert_string_equal(execution->spec.skill_name, "s");
	assert_string_equal(execution->status.image, "bash:5");
	assert_string_equal(execution->status.skill_version, "1.0.0");
	assert_non_null(execution->status.files_ref.digest);
	assert_true(execution_is_finished(execution));
	assert_int_equal(test->shared->references, 1);
}

static void what_ended_long_ago_gives_it_at_once(void **state)
{
	struct test *test = *state;
	test->now_us += OUTLINE_CACHE_KEEP_MS; /* the wall clock, too, which counts milliseconds */
	outline_cache_add(test->cache, test->shared);
	assert_true(test->shared->is_outline);
	assert_null(test->shared->execution->status.output);
	assert_int_equal(test->shared->references, 1);
}

static void unless_somebody_answers_with_it(void **state)
{
	struct test *test = *state;
	test->now_us += OUTLINE_CACHE_KEEP_MS;
	struct shared_execution *answer = shared_execution_ref(test->shared);
	outline_cache_add(test->cache, test->shared);
	assert_false(answer->is_outline);
	shared_execution_unref(answer);
	later(test, OUTLINE_CACHE_KEEP_MS);
	assert_true(test->shared->is_outline);
}

static void whoever_answers_with_it_keeps_it(void **state)
{
	struct test *test = *state;
	outline_cache_add(test->cache, test->shared);
	struct shared_execution *answer = shared_execution_ref(test->shared);
	later(test, OUTLINE_CACHE_KEEP_MS);
	assert_false(answer->is_outline);
	assert_string_equal(answer->execution->status.output, "{}");
	shared_execution_unref(answer);
	later(test, OUTLINE_CACHE_KEEP_MS);
	assert_true(test->shared->is_outline);
}

/* The cache let go of it in the meantime: a newer one came, or it was deleted. */
static void one_that_the_cache_dropped_is_freed(void **state)
{
	struct test *test = *state;
	outline_cache_add(test->cache, test->shared);
	shared_execution_unref(test->shared);
	test->shared = NULL;
	later(test, OUTLINE_CACHE_KEEP_MS);
}

/* kubectl makes as many as it likes, of 1.5 MiB each. */
#define LARGE ((size_t)3 << 19)
#define MANY 16

static struct shared_execution *make_large(unsigned i, const char *status)
{
	static char json[LARGE + 1024];
	struct error err;
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"e%u\",\"namespace\":\"ns\",\"uid\":\"u%u\"},"
		 "\"spec\":{\"skillRef\":{\"name\":\"s\"},\"inputText\":\"%*d\"},\"status\":{%s}}",
		 i, i, (int)LARGE, 1, status);
	struct shared_execution *shared = shared_execution_from_json(str_of(json), &err);
	if (!shared)
		fail_msg("%s", err.message);
	return shared;
}

static void those_that_have_not_ended_keep_it_while_there_is_room(void **state)
{
	struct test *test = *state;
	struct shared_execution *all[MANY];
	unsigned whole = 0;
	for (unsigned i = 0; i < MANY; i++) {
		all[i] = make_large(i, "");
		outline_cache_add(test->cache, all[i]);
		assert_true(outline_cache_bytes(test->cache) <= OUTLINE_CACHE_MAX_BYTES);
	}
	for (unsigned i = 0; i < MANY; i++)
		whole += !all[i]->is_outline;
	assert_int_equal(whole, OUTLINE_CACHE_MAX_BYTES / LARGE);
	assert_true(all[0]->is_outline); /* the oldest went first */
	assert_false(all[MANY - 1]->is_outline);
	later(test, 100 * OUTLINE_CACHE_KEEP_MS);
	assert_false(all[MANY - 1]->is_outline); /* no time is over */
	for (unsigned i = 0; i < MANY; i++)
		shared_execution_unref(all[i]); /* newer ones came, or none */
	later(test, 1);
	assert_int_equal(outline_cache_bytes(test->cache), 0);
}

static void what_answers_hold_is_passed_over(void **state)
{
	struct test *test = *state;
	struct shared_execution *all[MANY], *answer;
	for (unsigned i = 0; i < MANY; i++) {
		all[i] = make_large(i, "");
		if (i == 0)
			answer = shared_execution_ref(all[0]);
		outline_cache_add(test->cache, all[i]);
	}
	assert_false(all[0]->is_outline);
	assert_true(all[1]->is_outline);
	shared_execution_unref(answer);
	for (unsigned i = 0; i < MANY; i++)
		shared_execution_unref(all[i]);
}

static void without_data_there_is_nothing_to_read(void **state)
{
	struct test *test = *state;
	struct error err;
	struct shared_execution *shared = shared_execution_from_json(
	    STR("{\"metadata\":{\"name\":\"e\",\"namespace\":\"ns\",\"uid\":\"u\"},"
		"\"spec\":{\"skillRef\":{\"name\":\"s\"}}}"),
	    &err);
	assert_non_null(shared);
	outline_cache_add(test->cache, shared);
	later(test, OUTLINE_CACHE_KEEP_MS);
	assert_false(shared->is_outline);
	assert_int_equal(shared->references, 1);
	shared_execution_unref(shared);
}

static void the_end_comes_earlier(void **state)
{
	struct test *test = *state;
	outline_cache_add(test->cache, test->shared);
	outline_cache_add(test->cache, test->shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(data_goes_after_a_while, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_ended_long_ago_gives_it_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(unless_somebody_answers_with_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(whoever_answers_with_it_keeps_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(one_that_the_cache_dropped_is_freed, setup, teardown),
	    cmocka_unit_test_setup_teardown(those_that_have_not_ended_keep_it_while_there_is_room, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(what_answers_hold_is_passed_over, setup, teardown),
	    cmocka_unit_test_setup_teardown(without_data_there_is_nothing_to_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_end_comes_earlier, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
