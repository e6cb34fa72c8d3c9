/* Who waits for a sandbox of the pools: in which order, and who is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/pool/demand.h"

#include <stdio.h>

static struct demand_list list;
static struct demand demands[4];
static char calls[64];

static void wake(void *context, bool has_one)
{
	size_t n = strlen(calls);
	snprintf(calls + n, sizeof(calls) - n, "%s%c", (const char *)context, has_one ? '+' : '-');
}

static int set_up(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	(void)state;
	calls[0] = '\0';
	demand_list_init(&list);
	for (size_t i = 0; i < 4; i++)
		demands[i] = (struct demand){.key = str_of(names[i]),
					     .since_us = (int64_t)i,
					     .wake = wake,
					     .context = (void *)(uintptr_t)names[i]};
	return 0;
}

static void wait_as(size_t i, const char *image)
{
	struct run_shape shape = {0};
	snprintf(shape.image, sizeof(shape.image), "%s", image);
	demand_wait(&list, &demands[i], &shape);
}

static const char *line(const struct demand_queue *queue)
{
	static char keys[16];
	const struct demand *demand;
	keys[0] = '\0';
	TAILQ_FOREACH(demand, queue, link)
		snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys), "%.1s", demand->key.p);
	return keys;
}

static void test_the_oldest_first(void **state)
{
	(void)state;
	wait_as(2, "x");
	wait_as(0, "x");
	wait_as(3, "x");
	wait_as(1, "x");
	assert_string_equal(line(&list.waiting), "abcd");
	demands[3].since_us = 1; /* as old as b, who asked first */
	wait_as(3, "x");
	assert_string_equal(line(&list.waiting), "abdc");
}

static void test_woken_and_turned_away(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++)
		wait_as(i, "x");
	demand_wake(&demands[1], true);
	assert_int_equal(demands[1].state, DEMAND_WOKEN);
	demand_wake(&demands[2], false);
	assert_int_equal(demands[2].state, DEMAND_NONE);
	assert_string_equal(calls, "b+c-");
	assert_string_equal(line(&list.waiting), "ad");
	assert_string_equal(line(&list.woken), "b");
	demand_wake(&demands[1], false); /* the sandbox that it was to get is gone */
	assert_string_equal(line(&list.woken), "");
	assert_string_equal(calls, "b+c-b-");
}

/* Whoever has left is not called, and leaving twice is nothing. */
static void test_cancel(void **state)
{
	(void)state;
	wait_as(0, "x");
	wait_as(1, "x");
	demand_wake(&demands[1], true);
	for (int times = 0; times < 2; times++) {
		demand_cancel(&demands[0]);
		demand_cancel(&demands[1]);
		demand_cancel(&demands[3]); /* never waited */
	}
	assert_true(TAILQ_EMPTY(&list.waiting) && TAILQ_EMPTY(&list.woken));
	assert_string_equal(calls, "b+");
}

/* Asking again is for what is asked last, at the old place. */
static void test_another_shape(void **state)
{
	(void)state;
	wait_as(0, "x");
	wait_as(1, "x");
	demand_wake(&demands[0], true);
	wait_as(0, "y");
	assert_string_equal(demands[0].shape.image, "y");
	assert_string_equal(line(&list.waiting), "ab");
	assert_true(TAILQ_EMPTY(&list.woken));
	demand_wait(&list, &demands[0], &demands[0].shape); /* its own shape */
	assert_string_equal(demands[0].shape.image, "y");
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_the_oldest_first), TEST(test_woken_and_turned_away),
					   TEST(test_cancel), TEST(test_another_shape)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
