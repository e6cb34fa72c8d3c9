#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/wait.h"

struct test {
	uv_loop_t loop;
	struct clock clock;
	int64_t now_us;
	struct waiters *waiters;
};

struct woken {
	int calls, timeouts;
	const void *object;
	bool done; /* what the callback answers */
};

static int64_t test_now(void *context)
{
	return ((struct test *)context)->now_us;
}

static int setup(void **state)
{
	static struct test test;
	struct error err;
	test = (struct test){.now_us = 5000000};
	test.clock = (struct clock){test_now, test_now, &test};
	assert_int_equal(uv_loop_init(&test.loop), 0);
	test.waiters = waiters_new(&test.loop, &test.clock, &err);
	assert_non_null(test.waiters);
	*state = &test;
	return 0;
}

static int teardown(void **state)
{
	struct test *test = *state;
	waiters_free(test->waiters);
	uv_run(&test->loop, UV_RUN_DEFAULT);
	return uv_loop_close(&test->loop);
}

static bool wake(void *context, const void *object, bool timed_out)
{
	struct woken *woken = context;
	woken->calls++;
	woken->timeouts += timed_out;
	woken->object = object;
	return woken->done;
}

static struct waiter *add(struct test *test, const char *namespace, const char *name, struct woken *woken)
{
	struct error err;
	struct waiter *waiter =
	    wait_add(test->waiters, WAIT_EXECUTION, namespace, name, 1000, wake, woken, &err);
	assert_non_null(waiter);
	return waiter;
}

static void test_only_its_object_wakes_a_waiter(void **state)
{
	struct test *test = *state;
	struct woken woken = {0}, other = {.done = true};
	int object;
	add(test, "ns", "a", &woken);
	add(test, "ns", "b", &other);
	assert_int_equal(waiters_count(test->waiters, WAIT_EXECUTION), 2);
	assert_int_equal(waiters_count(test->waiters, WAIT_SKILL), 0);
	waiters_notify(test->waiters, WAIT_EXECUTION, "ns2", "a", &object);
	waiters_notify(test->waiters, WAIT_EXECUTION, "ns", "aa", &object);
	waiters_notify(test->waiters, WAIT_SKILL, "ns", "a", &object);
	assert_int_equal(woken.calls, 0);
	waiters_notify(test->waiters, WAIT_EXECUTION, "ns", "a", &object);
	assert_ptr_equal(woken.object, &object);
	waiters_notify(test->waiters, WAIT_EXECUTION, "ns", "a", NULL);
	assert_int_equal(woken.calls, 2); /* it goes on waiting until it says that it's done */
	assert_null(woken.object);
	woken.done = true;
	waiters_notify(test->waiters, WAIT_EXECUTION, "ns", "a", &object);
	waiters_notify(test->waiters, WAIT_EXECUTION, "ns", "a", &object);
	assert_int_equal(woken.calls, 3);
	assert_int_equal(other.calls, 0);
}

static void test_several_wait_for_one(void **state)
{
	struct test *test = *state;
	struct woken woken[5] = {0};
	for (int i = 0; i < 5; i++) {
		woken[i].done = i % 2 == 0;
		add(test, "ns", "a", &woken[i]);
	}
	for (int turn = 0; turn < 2; turn++)
		waiters_notify(test->waiters, WAIT_EXECUTION, "ns", "a", &woken);
	for (int i = 0; i < 5; i++)
		assert_int_equal(woken[i].calls, i % 2 == 0 ? 1 : 2);
}

static void test_deadlines(void **state)
{
	struct test *test = *state;
	struct woken first = {0}, second = {0};
	add(test, "ns", "a", &first);
	test->now_us += 999999;
	add(test, "ns", "a", &second);
	waiters_expire(test->waiters);
	assert_int_equal(first.calls, 0);
	test->now_us += 1;
	waiters_expire(test->waiters);
	waiters_expire(test->waiters); /* a timeout ends it, whatever it says */
	assert_int_equal(first.timeouts, 1);
	assert_int_equal(second.calls, 0);
	waiters_expire_all(test->waiters);
	assert_int_equal(second.timeouts, 1);
	assert_int_equal(second.calls, 1);
}

static void test_cancel(void **state)
{
	struct test *test = *state;
	struct woken woken = {0};
	struct waiter *waiters[3];
	for (int i = 0; i < 3; i++)
		waiters[i] = add(test, "ns", "a", &woken);
	wait_cancel(test->waiters, waiters[1]);
	wait_cancel(test->waiters, waiters[2]);
	wait_cancel(test->waiters, NULL);
	waiters_notify(test->waiters, WAIT_EXECUTION, "ns", "a", &woken);
	assert_int_equal(woken.calls, 1);
	/* The one that is left goes without a word with the end. */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_only_its_object_wakes_a_waiter, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_several_wait_for_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_deadlines, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
