#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/buffer.h"
#include "lib/kube/workqueue.h"

#include <stdio.h>

struct fixture {
	uv_loop_t loop;
	struct workqueue *queue;
	struct buffer log; /* keys in the order in which they were given to work */
	int running, most_running;
	int finish;             /* call workqueue_done from inside work: 0 no, 1 yes, 2 as failed */
	uint64_t last_ms;       /* the loop's time of the last work */
	const char *add_inside; /* a key that work adds */
	bool free_inside;
};

static void work(void *context, struct str key)
{
	struct fixture *f = context;

	buffer_append_str(&f->log, key);
	buffer_append_c(&f->log, " ");
	f->last_ms = uv_now(&f->loop);
	if (++f->running > f->most_running)
		f->most_running = f->running;
	if (f->add_inside)
		workqueue_add(f->queue, str_of(f->add_inside));
	if (f->free_inside)
		f->queue = workqueue_free(f->queue);
	else if (f->finish) {
		f->running--;
		workqueue_done(f->queue, key, f->finish == 2);
	}
}

static int setup_with(void **state, unsigned parallel)
{
	static struct fixture fixture;
	struct workqueue_options options = {
	    .work = work,
	    .context = &fixture,
	    .parallel = parallel,
	    .backoff_base_ms = 10,
	    .backoff_max_ms = 40,
	};

	fixture = (struct fixture){.log = BUFFER(1 << 20)};
	assert_int_equal(uv_loop_init(&fixture.loop), 0);
	fixture.queue = workqueue_new(&fixture.loop, &options, NULL);
	assert_non_null(fixture.queue);
	*state = &fixture;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, 0);
}

static int setup_two(void **state)
{
	return setup_with(state, 2);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	workqueue_free(f->queue);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	buffer_free(&f->log);
	return uv_loop_close(&f->loop); /* fails if a handle stayed open */
}

/* Run all that is due without waiting for timers. */
static void turn(struct fixture *f)
{
	for (int i = 0; i < 5; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void expect(struct fixture *f, const char *keys)
{
	assert_string_equal(f->log.data ? f->log.data : "", keys);
	buffer_reset(&f->log);
	buffer_append_c(&f->log, "");
	if (f->log.data)
		f->log.data[0] = '\0';
}

static void add(struct fixture *f, const char *key)
{
	assert_int_equal(workqueue_add(f->queue, str_of(key)), 0);
}

static void done(struct fixture *f, const char *key, bool failed)
{
	f->running--;
	workqueue_done(f->queue, str_of(key), failed);
}

static void a_key_waits_once(void **state)
{
	struct fixture *f = *state;

	f->finish = 1;
	add(f, "a");
	add(f, "b");
	add(f, "a");
	assert_int_equal(workqueue_length(f->queue), 2);
	expect(f, ""); /* never from inside add */
	turn(f);
	expect(f, "a b ");
	assert_int_equal(workqueue_length(f->queue), 0);
	add(f, "a");
	turn(f);
	expect(f, "a ");
}

static void added_while_worked_on_comes_again(void **state)
{
	struct fixture *f = *state;

	add(f, "a");
	turn(f);
	add(f, "a");
	add(f, "a");
	turn(f);
	expect(f, "a "); /* one worker at a time a key */
	done(f, "a", false);
	turn(f);
	expect(f, "a ");
	done(f, "a", false);
	turn(f);
	expect(f, "");
	assert_int_equal(workqueue_length(f->queue), 0);
}

static void no_more_than_parallel_keys_at_once(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 5; i++) {
		char key[8];

		snprintf(key, sizeof key, "%d", i);
		add(f, key);
	}
	turn(f);
	expect(f, "0 1 ");
	assert_int_equal(workqueue_length(f->queue), 5);
	struct workqueue_stats stats;
	workqueue_add_after(f->queue, STR("x"), 1000000);
	workqueue_stats(f->queue, &stats);
	assert_int_equal(stats.waiting, 3);
	assert_int_equal(stats.running, 2);
	assert_int_equal(stats.later, 1);
	assert_int_equal(stats.done, 0);
	done(f, "1", false);
	turn(f);
	expect(f, "2 ");
	done(f, "0", false);
	done(f, "2", false);
	turn(f);
	expect(f, "3 4 ");
	assert_int_equal(f->most_running, 2);
}

static void failure_backs_off_exponentially_and_success_forgets(void **state)
{
	struct fixture *f = *state;
	const uint64_t delays[] = {10, 20, 40, 40, 40};
	uint64_t before;

	add(f, "a");
	turn(f);
	for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
		uv_update_time(&f->loop);
		before = uv_now(&f->loop);
		done(f, "a", true);
		turn(f);
		buffer_reset(&f->log);
		while (f->log.len == 0)
			uv_run(&f->loop, UV_RUN_ONCE);
		assert_true(f->last_ms >= before + delays[i]);
	}
	expect(f, "a ");
	done(f, "a", false);
	struct workqueue_stats stats;
	workqueue_stats(f->queue, &stats);
	assert_int_equal(stats.done, 6);
	assert_int_equal(stats.failed, 5);
	add(f, "a");
	turn(f);
	uv_update_time(&f->loop);
	before = uv_now(&f->loop);
	done(f, "a", true);
	buffer_reset(&f->log);
	while (f->log.len == 0)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_true(f->last_ms >= before + 10);
	assert_true(f->last_ms < before + 10 + 1000); /* not 40: but a busy machine is slow */
}

static void add_does_not_wait_for_the_backoff(void **state)
{
	struct fixture *f = *state;

	add(f, "a");
	turn(f);
	done(f, "a", true);
	add(f, "a");
	turn(f);
	expect(f, "a a ");
	done(f, "a", false);
	uv_run(&f->loop, UV_RUN_DEFAULT); /* ends: nothing is left, not even a timer */
	expect(f, "");
}

static void the_earliest_time_wins(void **state)
{
	struct fixture *f = *state;
	uint64_t start;

	f->finish = 1;
	uv_update_time(&f->loop);
	start = uv_now(&f->loop);
	workqueue_add_after(f->queue, STR("late"), 60);
	workqueue_add_after(f->queue, STR("a"), 3600000);
	workqueue_add_after(f->queue, STR("a"), 30);
	workqueue_add_after(f->queue, STR("a"), 7200000);
	workqueue_add_after(f->queue, STR("first"), 5);
	workqueue_add_after(f->queue, STR("now"), 0);
	workqueue_add_after(f->queue, STR("past"), -5);
	assert_int_equal(workqueue_length(f->queue), 2);
	uv_run(&f->loop, UV_RUN_DEFAULT); /* ends: the hours are forgotten */
	expect(f, "now past first a late ");
	assert_true(f->last_ms >= start + 60);
	assert_true(f->last_ms < start + 3600000);
}

static void a_time_asked_while_worked_on_is_kept(void **state)
{
	struct fixture *f = *state;

	add(f, "a");
	turn(f);
	workqueue_add_after(f->queue, STR("a"), 5);
	done(f, "a", false);
	expect(f, "a ");
	while (f->log.len == 0)
		uv_run(&f->loop, UV_RUN_ONCE);
	expect(f, "a ");
}

static void due_while_worked_on_comes_afterwards(void **state)
{
	struct fixture *f = *state;

	add(f, "a");
	turn(f);
	workqueue_add_after(f->queue, STR("a"), 1);
	workqueue_add_after(f->queue, STR("clock"), 10);
	while (!f->log.data || !strstr(f->log.data, "clock"))
		uv_run(&f->loop, UV_RUN_ONCE);
	expect(f, "a clock ");
	done(f, "a", false);
	turn(f);
	expect(f, "a ");
}

static void work_that_adds_itself_does_not_starve_the_loop(void **state)
{
	struct fixture *f = *state;

	f->finish = 1;
	f->add_inside = "a";
	add(f, "a");
	uv_run(&f->loop, UV_RUN_NOWAIT);
	expect(f, "a ");
	uv_run(&f->loop, UV_RUN_NOWAIT);
	expect(f, "a ");
	f->add_inside = NULL;
	turn(f);
	expect(f, "a ");
}

static void done_for_an_unknown_key_is_nothing(void **state)
{
	struct fixture *f = *state;

	workqueue_done(f->queue, STR("never seen"), true);
	workqueue_add_after(f->queue, STR("waits"), 3600000);
	workqueue_done(f->queue, STR("waits"), false);
	assert_int_equal(workqueue_length(f->queue), 0);
}

static void free_inside_work(void **state)
{
	struct fixture *f = *state;

	f->free_inside = true;
	add(f, "a");
	add(f, "b");
	workqueue_add_after(f->queue, STR("c"), 3600000);
	turn(f);
	expect(f, "a ");
	assert_null(f->queue);
}

/* Random adds, delays and ends against a simple model: each key that was asked for is worked on after the
 * request. */
static void nothing_is_lost(void **state)
{
	enum { KEYS = 50 };
	struct fixture *f = *state;
	bool wanted[KEYS] = {0};
	uint32_t random = 12345;

	for (int step = 0; step < 20000; step++) {
		char key[8];
		uint32_t which, what;

		random = random * 1664525 + 1013904223;
		which = (random >> 8) % KEYS;
		what = (random >> 20) % 4;
		snprintf(key, sizeof key, "%u", which);
		if (what == 0)
			workqueue_add(f->queue, str_of(key));
		else if (what == 1)
			workqueue_add_after(f->queue, str_of(key), random % 4);
		else
			workqueue_done(f->queue, str_of(key), what == 3);
		if (what < 2)
			wanted[which] = true;
		uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	buffer_reset(&f->log);
	f->finish = 1;
	for (int i = 0; i < KEYS; i++) { /* end what runs; each is asked for once more */
		char key[8];

		snprintf(key, sizeof key, "%d", i);
		workqueue_add(f->queue, str_of(key));
		workqueue_done(f->queue, str_of(key), false);
	}
	uv_run(&f->loop, UV_RUN_DEFAULT);
	for (int i = 0; i < KEYS; i++) {
		char key[16];

		snprintf(key, sizeof key, "%d ", i);
		assert_true(wanted[i]);
		assert_non_null(strstr(f->log.data, key));
	}
	assert_int_equal(workqueue_length(f->queue), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_key_waits_once),
	    TEST(added_while_worked_on_comes_again),
	    cmocka_unit_test_setup_teardown(no_more_than_parallel_keys_at_once, setup_two, teardown),
	    TEST(failure_backs_off_exponentially_and_success_forgets),
	    TEST(add_does_not_wait_for_the_backoff),
	    TEST(the_earliest_time_wins),
	    TEST(a_time_asked_while_worked_on_is_kept),
	    TEST(due_while_worked_on_comes_afterwards),
	    TEST(work_that_adds_itself_does_not_starve_the_loop),
	    TEST(done_for_an_unknown_key_is_nothing),
	    TEST(free_inside_work),
	    TEST(nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
