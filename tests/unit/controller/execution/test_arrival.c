/* What the watch shows of Executions that needs no look: our own last write, and one more of a burst. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/execution/arrival.h"
#include "controller/execution/plan.h"
#include "tests/unit/controller/execution/fake_cluster.h"

static const struct execution *cached[2];
static struct demand *in_line;
static int64_t later_ms;
static unsigned later;

const struct execution *cache_execution(const struct cache *cache, struct str key)
{
	(void)cache;
	for (size_t i = 0; i < 2; i++)
		if (cached[i] && key.n > 3 &&
		    str_eq((struct str){key.p + 3, key.n - 3}, str_of(cached[i]->meta.name)))
			return cached[i];
	return NULL;
}

void cache_key(const struct object_meta *meta, struct buffer *out)
{
	buffer_appendf(out, "%s/%s", meta->namespace, meta->name);
}

void pools_wait(struct pools *pools, struct demand *demand, const struct run_shape *shape)
{
	(void)pools;
	in_line = demand;
	if (&demand->shape != shape)
		demand->shape = *shape;
}

int workqueue_add_after(struct workqueue *queue, struct str key, int64_t delay_ms)
{
	(void)queue;
	(void)key;
	later++;
	later_ms = delay_ms;
	return 0;
}

static struct executions *executions;
static struct execution fresh;

static int set_up(void **state)
{
	(void)state;
	executions = fake_open();
	memset(cached, 0, sizeof(cached));
	in_line = NULL;
	later = 0;
	later_ms = -1;
	fresh = (struct execution){
	    .meta = {.namespace = (char *)"ns", .name = (char *)"a", .uid = (char *)"uid"},
	    .spec = {.skill_name = (char *)"s", .ttl_seconds = 60},
	    .status = {.succeeded.status = (char *)"True", .completed_ms = FAKE_NOW_MS - 10000}};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	executions_free(executions);
	return 0;
}

/* The write was answered first: with the watch nothing is left, but the time to live. */
static void test_written_then_shown(void **state)
{
	(void)state;
	struct tracked *tracked = fake_track(executions, "ns/a");
	tracked_move(tracked, TRACKED_ENDING);
	arrival_settle(tracked);
	assert_int_equal(tracked->state, TRACKED_SETTLED);
	assert_int_equal(later_ms, 30000); /* in case the watch never shows it */
	assert_true(arrival_is_own_end(executions, &fresh));
	assert_null(tracked_find(executions, STR("ns/a")));
	assert_int_equal(later_ms, 50000);
}

static void test_shown_then_written(void **state)
{
	(void)state;
	struct tracked *tracked = fake_track(executions, "ns/a");
	tracked_move(tracked, TRACKED_READY);
	tracked_move(tracked, TRACKED_ENDING);
	assert_true(arrival_is_own_end(executions, &fresh));
	assert_int_equal(tracked->state, TRACKED_END_SHOWN);
	assert_int_equal(later, 0);
	cached[0] = &fresh;
	arrival_settle(tracked);
	assert_null(tracked_find(executions, STR("ns/a")));
	assert_int_equal(later_ms, 50000);
}

static void test_the_time_to_live(void **state)
{
	(void)state;
	static const struct {
		int64_t ttl, ended_ago_ms, left_ms;
	} cases[] = {{60, 10000, 50000}, {-1, 10000, 90000}, {0, 10000, 1}, {5, 10000, 1}, {10, 10000, 1}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tracked *tracked = fake_track(executions, "ns/a");
		tracked_move(tracked, TRACKED_SETTLED);
		fresh.spec.ttl_seconds = cases[i].ttl;
		fresh.status.completed_ms = FAKE_NOW_MS - cases[i].ended_ago_ms;
		assert_true(arrival_is_own_end(executions, &fresh));
		assert_int_equal(later_ms, cases[i].left_ms);
	}
}

static void test_what_is_not_our_end(void **state)
{
	(void)state;
	struct tracked *tracked = fake_track(executions, "ns/a");
	for (int reason = 0; reason < 7; reason++) {
		struct execution other = fresh;
		tracked_move(tracked, reason == 0 ? TRACKED_READY : TRACKED_SETTLED);
		executions->services.history = reason == 1 ? (struct history *)&other : NULL;
		if (reason == 2)
			other.status.succeeded.status = (char *)"Unknown";
		if (reason == 3)
			other.meta.deleted_ms = 1;
		if (reason == 4)
			other.meta.uid = (char *)"made again";
		if (reason == 6)
			other.meta.generation = 2; /* cancelled since: that is to be seen */
		tracked->pass = reason == 5 ? (struct pass *)&other : NULL; /* calls are under way */
		assert_false(arrival_is_own_end(executions, &other));
		assert_ptr_equal(tracked_find(executions, STR("ns/a")), tracked);
		tracked->pass = NULL;
	}
	fresh.meta.name = (char *)"unknown";
	assert_false(arrival_is_own_end(executions, &fresh));
}

/* One more of a burst waits where the others wait, without a look of its own. */
static void test_who_joins(void **state)
{
	(void)state;
	static struct env_var env = {(char *)"A", (char *)"b"};
	struct execution first = {
	    .meta = {.namespace = (char *)"ns", .name = (char *)"a", .uid = (char *)"1"},
	    .spec = {.skill_name = (char *)"s", .timeout_ms = 5}};
	for (int reason = 0; reason < 11; reason++) {
		tear_down(NULL);
		set_up(NULL);
		struct tracked *waiting = fake_track(executions, "ns/a");
		snprintf(waiting->demand.shape.image, sizeof(waiting->demand.shape.image), "bash:5");
		tracked_move(waiting, reason == 1 ? TRACKED_WAITING : TRACKED_IN_LINE);
		cached[0] = &first;
		struct execution second = first;
		second.meta.name = (char *)"b";
		second.meta.uid = (char *)"2";
		if (reason == 2)
			second.spec.skill_name = (char *)"t";
		if (reason == 3)
			second.spec.skill_version = (char *)"2";
		if (reason == 4)
			second.spec.timeout_ms = 6;
		if (reason == 5) {
			second.spec.env = &env;
			second.spec.env_count = 1;
		}
		if (reason == 6)
			second.spec.cancel = true;
		if (reason == 7)
			second.status.succeeded.status = (char *)"True";
		if (reason == 8)
			second.meta.namespace = (char *)"else";
		if (reason == 10)
			second.meta.deleted_ms = 1;
		if (reason == 9)
			fake_track(executions, "ns/b"); /* it is worked on already */
		bool joined = arrival_joins(executions, &second);
		assert_int_equal(joined, reason == 0);
		if (!joined) {
			assert_null(in_line);
			continue;
		}
		struct tracked *tracked = tracked_find(executions, STR("ns/b"));
		assert_int_equal(tracked->state, TRACKED_IN_LINE);
		assert_ptr_equal(in_line, &tracked->demand);
		assert_string_equal(in_line->shape.image, "bash:5");
		assert_int_equal(later, 1); /* to tell what it waits for, if it still does */
		assert_int_equal(later_ms, PLAN_SILENCE_MS);
	}
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_written_then_shown),  TEST(test_shown_then_written), TEST(test_the_time_to_live),
	    TEST(test_what_is_not_our_end), TEST(test_who_joins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
