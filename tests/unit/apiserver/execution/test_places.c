/* A place is taken before the create, counts once whatever the watch says and when, and is not lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/places.h"
#include "tests/unit/apiserver/stage.h"

#include <stdlib.h>

#define SIZE 1000

static void take(struct stage *stage, const char *name)
{
	struct error err;
	const struct place_wish wish = {name, SIZE};
	if (places_take(&stage->server, stage->caller, &wish, &err) != 0)
		fail_msg("%s: %s", name, err.message);
}

static void refused(struct stage *stage, const char *name, int64_t size, const char *words)
{
	struct error err;
	const struct place_wish wish = {name, size};
	assert_int_equal(places_check(&stage->server, stage->caller, &wish, &err), -1);
	assert_int_equal(places_take(&stage->server, stage->caller, &wish, &err), -1);
	assert_int_equal(err.code, ERR_NO_CAPACITY);
	if (!strstr(err.message, words))
		fail_msg("\"%s\" lacks \"%s\"", err.message, words);
}

static void expect(struct stage *stage, size_t count)
{
	assert_int_equal(places_count(stage->server.places, "ns"), count);
}

#define CONCURRENCY "has 3 executions that have not ended, the limit (SKILLBOX_MAX_CONCURRENT_EXECS)"

/* Nothing of it is in the cache yet. */
static void test_a_burst(void **state)
{
	struct stage *stage = *state;
	take(stage, "a");
	take(stage, "b");
	take(stage, "c");
	refused(stage, "d", SIZE, CONCURRENCY);
	assert_true(metrics_get(stage->server.metrics, APISERVER_REFUSED, METRIC_AT(REFUSED_CONCURRENCY)) ==
		    2);
	places_give_back(stage->server.places, "ns", "b");
	take(stage, "d");
	refused(stage, "e", SIZE, CONCURRENCY);
	/* Another tenant's account is another. */
	free(stage->caller->namespace);
	stage->caller->namespace = str_dup(STR("another"));
	take(stage, "a");
}

/* The watch may be faster than the answer or slower, and shows it again and again. */
static void test_each_counts_once(void **state)
{
	struct stage *stage = *state;
	for (int is_faster = 0; is_faster < 2; is_faster++) {
		take(stage, "a");
		if (!is_faster)
			places_keep(stage->server.places, "ns", "a", stage->now_us);
		expect(stage, 1);
		stage_execution(stage, stage_execution_json("a", "pending", ""));
		expect(stage, 0);
		if (is_faster)
			places_keep(stage->server.places, "ns", "a", stage->now_us);
		stage_execution(stage, stage_execution_json("a", "running", ""));
		take(stage, "b");
		take(stage, "c");
		refused(stage, "d", SIZE, CONCURRENCY);
		places_give_back(stage->server.places, "ns", "b");
		places_give_back(stage->server.places, "ns", "c");
		places_give_back(stage->server.places, "ns", "a"); /* which has none any more */
		stage_execution(stage, stage_execution_json("a", "success", ""));
		expect(stage, 0);
		stage_execution_gone(stage, stage_execution_json("a", "success", ""));
	}
}

/* With one idempotency key there are several wishes for one execution; and for one that is there. */
static void test_the_same_name(void **state)
{
	struct stage *stage = *state;
	take(stage, "a");
	take(stage, "a");
	expect(stage, 1);
	places_give_back(stage->server.places, "ns", "a");
	expect(stage, 1);
	places_keep(stage->server.places, "ns", "a", stage->now_us);
	places_keep(stage->server.places, "ns", "a", stage->now_us);
	places_give_back(stage->server.places, "ns", "a");
	expect(stage, 1); /* it may have been created */
	stage_execution(stage, stage_execution_json("a", "pending", ""));
	take(stage, "b");
	take(stage, "c");
	take(stage, "a"); /* at the limit: it is no other one */
	expect(stage, 2);
}

/* It was deleted while the watch was broken. */
static void test_never_shown(void **state)
{
	struct stage *stage = *state;
	static const char *const names[] = {"a", "b", "c"};
	for (size_t i = 0; i < 3; i++) {
		take(stage, names[i]);
		places_keep(stage->server.places, "ns", names[i], stage->now_us);
		stage_later(stage, 1000);
	}
	stage_later(stage, PLACES_UNSEEN_MS - 3001);
	refused(stage, "d", SIZE, CONCURRENCY);
	stage_later(stage, 1);
	take(stage, "d");
	expect(stage, 3);
	stage_later(stage, 2 * PLACES_UNSEEN_MS); /* d is under way, however long that takes */
	take(stage, "e");
	expect(stage, 2);
}

static void test_what_is_stored(void **state)
{
	struct stage *stage = *state;
	stage->config.limits.max_stored_executions = 4;
	stage_execution(stage, stage_execution_json("a", "cancelled", ""));
	stage_execution(stage, stage_execution_json("b", "success", ""));
	take(stage, "c");
	take(stage, "d");
	refused(stage, "e", SIZE,
		"has 4 executions in the cluster, ended ones included, the limit "
		"(SKILLBOX_MAX_STORED_EXECUTIONS)");
	assert_true(
	    metrics_get(stage->server.metrics, APISERVER_REFUSED, METRIC_AT(REFUSED_STORED_EXECUTIONS)) == 2);
	stage_execution_gone(stage, stage_execution_json("a", "cancelled", ""));
	take(stage, "e");
}

static void test_their_bytes(void **state)
{
	struct stage *stage = *state;
	const char *json = stage_execution_json("a", "success", "");
	stage->config.limits.max_stored_executions_size = (int64_t)strlen(json) + 2 * SIZE;
	stage_execution(stage, json);
	take(stage, "b");
	refused(stage, "c", SIZE + 1, "the limit (SKILLBOX_MAX_STORED_EXECUTIONS_SIZE)");
	take(stage, "c");
	refused(stage, "d", 1, "the limit (SKILLBOX_MAX_STORED_EXECUTIONS_SIZE)");
	stage->config.limits.max_stored_executions_size += SIZE - (int64_t)strlen(json);
	refused(stage, "d", SIZE, "the executions of tenant \"acme\" have ");
	stage_execution_gone(stage, json);
	take(stage, "d");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_burst),     TEST(test_each_counts_once), TEST(test_the_same_name),
	    TEST(test_never_shown), TEST(test_what_is_stored),   TEST(test_their_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
