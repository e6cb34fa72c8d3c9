/* One function moves an Execution between its states: what each holds, who waits, what is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/controller/execution/fake_cluster.h"

static size_t in_state(const struct executions *executions, enum tracked_state state)
{
	const struct tracked *tracked;
	size_t n = 0;
	TAILQ_FOREACH(tracked, &executions->by_state[state], link) {
		assert_int_equal(tracked->state, state);
		n++;
	}
	return n;
}

/* What one in that state counts as; whatever it was before. */
static void test_what_each_state_holds(void **state)
{
	(void)state;
	static const struct {
		enum tracked_state state;
		int64_t waiting, starting, ready;
	} cases[] = {
	    {TRACKED_IDLE, 0, 0, 0},    {TRACKED_WAITING, 1, 0, 0},  {TRACKED_IN_LINE, 0, 0, 0},
	    {TRACKED_WOKEN, 0, 0, 0},   {TRACKED_STARTING, 0, 1, 0}, {TRACKED_READY, 0, 0, 1},
	    {TRACKED_SETTLED, 0, 0, 0},
	};
	size_t n = sizeof(cases) / sizeof(cases[0]);
	for (size_t from = 0; from < n; from++)
		for (size_t to = 0; to < n; to++) {
			struct executions *executions = fake_open();
			struct tracked *tracked = fake_track(executions, "ns/a");
			tracked_move(tracked, cases[from].state);
			tracked_move(tracked, cases[to].state);
			struct capacity_counts counts = executions_count(executions);
			if (counts.waiting != cases[to].waiting || counts.starting != cases[to].starting ||
			    counts.ready != cases[to].ready)
				fail_msg("%s → %s", tracked_state_name(cases[from].state),
					 tracked_state_name(cases[to].state));
			for (int k = 0; k < TRACKED_STATE_COUNT; k++)
				assert_int_equal(in_state(executions, (enum tracked_state)k),
						 (enum tracked_state)k == cases[to].state);
			executions_free(executions);
		}
}

/* While its last status is written it holds what it held, and has it again if the write fails. */
static void test_ending(void **state)
{
	(void)state;
	struct executions *executions = fake_open();
	struct tracked *tracked = fake_track(executions, "ns/a");
	tracked_move(tracked, TRACKED_READY);
	tracked_move(tracked, TRACKED_ENDING);
	assert_true(tracked_is_ending(tracked));
	assert_int_equal(executions_count(executions).ready, 1);
	tracked_move(tracked, TRACKED_END_SHOWN);
	assert_true(tracked_is_ending(tracked));
	assert_int_equal(executions_count(executions).ready, 1);
	assert_int_equal(tracked->before, TRACKED_READY);
	tracked_move(tracked, tracked->before);
	assert_int_equal(tracked->state, TRACKED_READY);
	tracked_move(tracked, TRACKED_ENDING);
	tracked_move(tracked, TRACKED_SETTLED);
	assert_int_equal(executions_count(executions).ready, 0);
	executions_free(executions);
}

/* Only in the two states of the line a pool may wake it. */
static void test_who_leaves_the_line_is_not_woken(void **state)
{
	(void)state;
	static const struct run_shape shape = {.image = "bash:5"};
	struct executions *executions = fake_open();
	struct tracked *tracked = fake_track(executions, "ns/a");
	struct demand_list line;
	demand_list_init(&line);
	tracked_move(tracked, TRACKED_IN_LINE);
	demand_wait(&line, &tracked->demand, &shape);
	demand_wake(&tracked->demand, true);
	assert_int_equal(tracked->state, TRACKED_WOKEN);
	assert_int_equal(tracked->demand.state, DEMAND_WOKEN);
	assert_string_equal(fake.enqueued[0], "ns/a");
	tracked_move(tracked, TRACKED_READY);
	assert_int_equal(tracked->demand.state, DEMAND_NONE);
	assert_true(TAILQ_EMPTY(&line.woken));

	tracked_move(tracked, TRACKED_IN_LINE);
	demand_wait(&line, &tracked->demand, &shape);
	demand_wake(&tracked->demand, false); /* it had better look for another way */
	assert_int_equal(tracked->state, TRACKED_IDLE);
	assert_int_equal(fake.enqueued_count, 2);
	executions_free(executions);
}

static void test_the_next_one_is_looked_at(void **state)
{
	(void)state;
	struct executions *executions = fake_open();
	struct tracked *first = fake_track(executions, "ns/a"), *second = fake_track(executions, "ns/b"),
		       *third = fake_track(executions, "ns/c");
	tracked_move(first, TRACKED_STARTING);
	tracked_move(second, TRACKED_WAITING);
	assert_int_equal(fake.enqueued_count, 0);
	tracked_move(first, TRACKED_READY);
	assert_int_equal(fake.enqueued_count, 1);
	assert_string_equal(fake.enqueued[0], "ns/b");
	tracked_move(third, TRACKED_WAITING);
	tracked_drop(first);
	assert_int_equal(fake.enqueued_count, 2);
	assert_string_equal(fake.enqueued[1], "ns/c");
	assert_null(tracked_find(executions, STR("ns/a")));
	executions_free(executions);
}

/* Deleted and made again under the same name: nothing of the first is the second's. */
static void test_another_object_of_the_same_name(void **state)
{
	(void)state;
	struct error err;
	struct session session = {0};
	struct executions *executions = fake_open();
	struct tracked *tracked = fake_track(executions, "ns/a");
	assert_ptr_equal(fake_track(executions, "ns/a"), tracked);
	tracked->session = &session;
	tracked->claimed_pod = str_dup(STR("pod"));
	tracked_move(tracked, TRACKED_READY);
	tracked = tracked_get(executions, STR("ns/a"), "another", &err);
	assert_non_null(tracked);
	assert_string_equal(tracked->uid, "another");
	assert_int_equal(tracked->state, TRACKED_IDLE);
	assert_null(tracked->session);
	assert_int_equal(fake.sessions_freed, 1);
	assert_int_equal(fake.released, 1);
	assert_string_equal(fake.released_pod, "pod");
	executions_free(executions);
}

static void test_forget_the_sandbox(void **state)
{
	(void)state;
	static const struct run_shape shape = {.image = "bash:5"};
	struct session session = {0};
	struct executions *executions = fake_open();
	struct tracked *tracked = fake_track(executions, "ns/a");
	assert_null(tracked_shape(tracked));
	tracked_set_shape(tracked, &shape);
	assert_string_equal(tracked_shape(tracked)->image, "bash:5");
	tracked->session = &session;
	tracked->claimed_pod = str_dup(STR("pod"));
	tracked->stream_losses = 3;
	tracked->pod_created_ms = 5;
	tracked_note_refusal(tracked, &(struct trouble){.reason = "QuotaExceeded"});
	assert_true(executions_have_another(executions, STR("ns/a"), "other"));
	assert_false(executions_have_another(executions, STR("ns/a"), "pod"));
	tracked_forget_sandbox(tracked);
	assert_null(tracked_shape(tracked));
	assert_null(tracked->session);
	assert_null(tracked->claimed_pod);
	assert_null(tracked->refusal);
	assert_int_equal(tracked->stream_losses + (unsigned)tracked->pod_created_ms, 0);
	assert_false(fake.released_deleted);
	assert_false(executions_have_another(executions, STR("ns/a"), "other"));
	executions_free(executions);
}

/* It is tried again, later each time, and the first refusal is remembered: it has a deadline. */
static void test_refusals(void **state)
{
	(void)state;
	static const int64_t pauses[] = {500, 1000, 2000, 4000, 8000, 10000, 10000};
	struct executions *executions = fake_open();
	struct tracked *tracked = fake_track(executions, "ns/a");
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		tracked_note_refusal(tracked, &(struct trouble){.reason = i ? "Second" : "First"});
		assert_string_equal(tracked->refusal->reason, i ? "Second" : "First");
		assert_int_equal(tracked->refused_ms, FAKE_NOW_MS);
		assert_int_equal(tracked->retry_ms - fake.now_us / 1000, pauses[i]);
		fake.now_us += 1000;
	}
	tracked_forget_refusal(tracked);
	assert_null(tracked->refusal);
	assert_int_equal(tracked->refused_ms + tracked->retry_ms + tracked->refusals, 0);
	executions_free(executions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_each_state_holds),
	    cmocka_unit_test(test_ending),
	    cmocka_unit_test(test_who_leaves_the_line_is_not_woken),
	    cmocka_unit_test(test_the_next_one_is_looked_at),
	    cmocka_unit_test(test_another_object_of_the_same_name),
	    cmocka_unit_test(test_forget_the_sandbox),
	    cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
