/* The history while nobody answers. With a database: tests/postgres. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/history.h"
#include "lib/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define UID "11111111-2222-3333-4444-555555555555"
#define OTHER_UID "99999999-2222-3333-4444-555555555555"
#define KEY STR("ns/name")

struct fixture {
	uv_loop_t loop;
	struct db *db;
	struct history *history;
	int64_t now_us, delay_ms;
	unsigned looks;
	struct clock clock;
};

static int64_t now_us(void *context)
{
	return ((struct fixture *)context)->now_us;
}

static int64_t now_ms(void *context)
{
	return 1800000000000 + ((struct fixture *)context)->now_us / 1000;
}

static void look(void *context, struct str key, int64_t delay_ms)
{
	struct fixture *fixture = context;
	assert_true(str_starts_with(key, STR("ns/")));
	fixture->looks++;
	fixture->delay_ms = delay_ms;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct error err;
	uv_loop_init(&fixture->loop);
	log_init("test", LOG_ERROR);
	fixture->clock = (struct clock){now_ms, now_us, fixture};
	fixture->db = db_new(&fixture->loop, &(struct db_options){.dsn = "postgresql://127.0.0.1:1/d"}, &err);
	assert_non_null(fixture->db);
	struct history_options options = {
	    .db = fixture->db, .clock = &fixture->clock, .look = look, .context = fixture};
	fixture->history = history_new(&options, &err);
	assert_non_null(fixture->history);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	assert_null(history_free(fixture->history));
	db_free(fixture->db);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	free(fixture);
	return 0;
}

static struct execution *ended(const char *uid)
{
	static struct execution execution;
	execution = (struct execution){
	    .meta = {.namespace = (char *)"ns", .name = (char *)"name", .uid = (char *)(uintptr_t)uid},
	    .requested_ms = 1800000000000,
	    .spec = {.skill_name = (char *)"adder", .skill_version = (char *)""},
	    .status = {.succeeded = {.status = (char *)"True"}}};
	return &execution;
}

static void run_until_looked(struct fixture *fixture, unsigned looks)
{
	while (fixture->looks < looks)
		uv_run(&fixture->loop, UV_RUN_ONCE);
}

static enum history_state state_of(const struct history *history, struct str key, const char *uid)
{
	int64_t retry_ms;
	return history_state(history, key, uid, &retry_ms);
}

static void test_without_database_everything_counts_as_archived(void **state)
{
	(void)state;
	assert_int_equal(state_of(NULL, KEY, UID), HISTORY_DONE);
	history_put(NULL, KEY, ended(UID), "t");
	history_forget(NULL, KEY);
	assert_null(history_free(NULL));
}

static void test_tries_again_with_backoff(void **state)
{
	struct fixture *fixture = *state;
	int64_t longest = 0;
	assert_int_equal(state_of(fixture->history, KEY, UID), HISTORY_MISSING);
	for (unsigned i = 1; i <= 10; i++) {
		unsigned looks = fixture->looks;
		history_put(fixture->history, KEY, ended(UID), "t");
		run_until_looked(fixture, looks + 1);
		/* within [d/2, d] of a delay that doubles from 250 ms to 15 s */
		int64_t delay = i > 6 ? 15000 : 250LL << (i - 1);
		assert_in_range(fixture->delay_ms, delay / 2, delay + 1);
		longest = fixture->delay_ms > longest ? fixture->delay_ms : longest;
		assert_int_equal(state_of(fixture->history, KEY, UID), HISTORY_PENDING);
		/* a look that comes too early is told the right moment, and asks for nothing by itself */
		fixture->now_us += 1000;
		int64_t left = fixture->delay_ms, retry_ms;
		looks = fixture->looks;
		assert_int_equal(history_state(fixture->history, KEY, UID, &retry_ms), HISTORY_PENDING);
		assert_in_range(retry_ms, left - 2, left);
		assert_int_equal(fixture->looks, looks);
		history_put(fixture->history, KEY, ended(UID), "t"); /* not due: nothing happens */
		fixture->now_us += fixture->delay_ms * 1000;
		assert_int_equal(state_of(fixture->history, KEY, UID), HISTORY_MISSING);
	}
	assert_true(longest > 7000);
}

static void test_another_object_of_the_name_is_another(void **state)
{
	struct fixture *fixture = *state;
	history_put(fixture->history, KEY, ended(UID), "t");
	assert_int_equal(state_of(fixture->history, KEY, UID), HISTORY_PENDING);
	assert_int_equal(state_of(fixture->history, KEY, OTHER_UID), HISTORY_MISSING);
	history_put(fixture->history, KEY, ended(OTHER_UID), NULL);
	unsigned looks = fixture->looks;
	/* the answer for the first one changes nothing for the second */
	run_until_looked(fixture, looks + 1);
	assert_int_equal(state_of(fixture->history, KEY, OTHER_UID), HISTORY_PENDING);
}

static void test_forgotten_while_it_is_on_its_way(void **state)
{
	struct fixture *fixture = *state;
	history_put(fixture->history, KEY, ended(UID), "t");
	history_forget(fixture->history, KEY);
	history_forget(fixture->history, KEY);
	assert_int_equal(state_of(fixture->history, KEY, UID), HISTORY_MISSING);
	while (db_run(fixture->db, &(struct db_call){.statement = DB_PING}, NULL) ==
	       0) /* until the failure is known */
		uv_run(&fixture->loop, UV_RUN_ONCE);
	assert_int_equal(fixture->looks, 0);
}

/* More than are sent at once wait their turn, and each of them gets it. */
static void test_a_crowd(void **state)
{
	struct fixture *fixture = *state;
	char names[100][16];
	struct execution executions[100];
	for (int i = 0; i < 100; i++) {
		snprintf(names[i], sizeof(names[i]), "ns/%d", i);
		executions[i] = *ended(UID);
		history_put(fixture->history, str_of(names[i]), &executions[i], "t");
		assert_int_equal(state_of(fixture->history, str_of(names[i]), UID), HISTORY_PENDING);
	}
	assert_int_equal(history_backlog(fixture->history), 100);
	run_until_looked(fixture, 64); /* 32 failures, and 32 whose turn it is */
	int due = 0;
	for (int i = 0; i < 100; i++)
		due += state_of(fixture->history, str_of(names[i]), UID) == HISTORY_MISSING;
	assert_int_equal(due, 32);
	/* one whose turn it is goes away: another one takes it */
	for (int i = 32; i < 64; i++)
		history_forget(fixture->history, str_of(names[i]));
	assert_int_equal(history_backlog(fixture->history), 68);
	assert_int_equal(history_backlog(NULL), 0);
	due = 0;
	for (int i = 64; i < 100; i++)
		due += state_of(fixture->history, str_of(names[i]), UID) == HISTORY_MISSING;
	assert_int_equal(due, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_without_database_everything_counts_as_archived),
	    cmocka_unit_test_setup_teardown(test_tries_again_with_backoff, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_another_object_of_the_name_is_another, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_forgotten_while_it_is_on_its_way, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_crowd, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
