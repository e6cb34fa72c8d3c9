/* Who may start a sandbox: what is counted, and who is woken when a place becomes free. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/capacity.h"

#include <stdio.h>

#define PLACES 6

static struct capacity capacity;
static struct capacity_place places[PLACES];
static char woken[64];

static void wake(void *context, struct str key)
{
	assert_ptr_equal(context, &woken);
	size_t n = strlen(woken);
	snprintf(woken + n, sizeof(woken) - n, "%.*s", (int)key.n, key.p);
}

/* Place i has the key "0", "1" …, the tenant that `tenants` names by a letter, and is as old as its index. */
static void enter(const char *tenants, int64_t max_starting)
{
	static char keys[PLACES][2];
	struct error err;
	assert_int_equal(capacity_init(&capacity, &(struct capacity_limits){max_starting, 100, NULL}, &err),
			 0);
	woken[0] = '\0';
	for (size_t i = 0; tenants[i]; i++) {
		char tenant[2] = {tenants[i], '\0'};
		keys[i][0] = (char)('0' + i);
		places[i] = (struct capacity_place){
		    .key = str_of(keys[i]), .since_us = (int64_t)i, .wake = wake, .context = &woken};
		assert_int_equal(capacity_enter(&capacity, &places[i], tenant, &err), 0);
	}
}

static void leave(size_t n)
{
	for (size_t i = 0; i < n; i++)
		capacity_leave(&places[i]);
	assert_int_equal(capacity.counts.waiting + capacity.counts.starting + capacity.counts.ready, 0);
	assert_true(LIST_EMPTY(&capacity.waiting));
	capacity_free(&capacity);
}

static void test_counts(void **state)
{
	(void)state;
	enter("aab", 16);
	capacity_move(&places[0], CAPACITY_STARTING);
	capacity_move(&places[1], CAPACITY_READY);
	capacity_move(&places[2], CAPACITY_STARTING);
	assert_int_equal(capacity.counts.starting, 2);
	assert_int_equal(capacity.counts.ready, 1);
	static const struct {
		int64_t room, tenant_starting, tenant_sandboxes;
	} others[] = {{8, 0, 1}, {7, 1, 1}, {8, 0, 0}};
	for (size_t i = 0; i < 3; i++) {
		struct capacity_view view = capacity_others(&places[i]);
		assert_int_equal(view.room, others[i].room);
		assert_int_equal(view.tenant_starting, others[i].tenant_starting);
		assert_int_equal(view.tenant_any_starting, others[i].tenant_starting);
		assert_int_equal(view.tenant_sandboxes, others[i].tenant_sandboxes);
	}
	leave(3);
}

/* What pools start counts for everybody, and takes nothing of what the tenant's Executions may have. */
static void test_pools_count(void **state)
{
	(void)state;
	enter("aab", 16);
	places[0].of_pool = true;
	capacity_set_pool(&places[0], 3);
	capacity_move(&places[1], CAPACITY_READY);
	assert_int_equal(capacity_others(&places[0]).room, 8); /* its own are no others */
	assert_int_equal(capacity_others(&places[0]).tenant_any_starting, 0);
	assert_int_equal(capacity_others(&places[1]).room, 5);
	assert_int_equal(capacity_others(&places[1]).tenant_starting, 0);
	assert_int_equal(capacity_others(&places[1]).tenant_any_starting, 3);
	assert_int_equal(capacity_others(&places[1]).tenant_sandboxes, 0);
	assert_int_equal(capacity_others(&places[2]).room, 8);
	assert_int_equal(capacity_others(&places[2]).tenant_any_starting, 0);
	capacity_move(&places[0], CAPACITY_WAITING);
	assert_int_equal(capacity.counts.waiting, 0); /* of Executions */
	leave(3);
	assert_int_equal(capacity.counts.pool_starting, 0);
}

static void test_who_is_woken(void **state)
{
	(void)state;
	/* one may start: 0 of a does; 1 and 2 of a, 3 and 4 of b wait; 5 of b is ready */
	static const struct {
		const char *what;
		enum capacity_stage from, to;
		const char *woken;
	} cases[] = {
	    {"it is ready: b has one sandbox as a has, and a's waits longer", CAPACITY_STARTING,
	     CAPACITY_READY, "13"}, /* and b, which has none that starts, needs no place */
	    {"it is gone: a has none", CAPACITY_STARTING, CAPACITY_NONE, "13"},
	    {"a ready one is gone", CAPACITY_READY, CAPACITY_NONE, "13"},
	    {"nothing was held", CAPACITY_NONE, CAPACITY_WAITING, ""},
	    {"nothing changed", CAPACITY_STARTING, CAPACITY_STARTING, ""},
	    {"a ready one starts anew: no place is free", CAPACITY_READY, CAPACITY_STARTING, ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enter("aaabbb", 1);
		capacity_move(&places[0], cases[i].from);
		for (size_t k = 1; k <= 4; k++)
			capacity_move(&places[k], CAPACITY_WAITING);
		capacity_move(&places[5], CAPACITY_READY);
		woken[0] = '\0';
		capacity_move(&places[0], cases[i].to);
		if (strcmp(woken, cases[i].woken) != 0)
			fail_msg("%s: woke \"%s\"", cases[i].what, woken);
		leave(6);
	}
}

/* A flood of one tenant does not keep another waiting. */
static void test_the_tenant_with_the_fewest(void **state)
{
	(void)state;
	enter("aaaab", 2);
	for (size_t k = 0; k < 2; k++)
		capacity_move(&places[k], CAPACITY_STARTING);
	capacity_move(&places[2], CAPACITY_WAITING);
	capacity_move(&places[3], CAPACITY_WAITING);
	capacity_move(&places[4], CAPACITY_WAITING);
	capacity_move(&places[0], CAPACITY_NONE); /* a still has one, b none, though b's came last */
	assert_string_equal(woken, "4");
	capacity_move(&places[4], CAPACITY_STARTING);
	capacity_move(&places[1], CAPACITY_NONE);
	assert_string_equal(woken, "42");
	leave(5);
}

/* Half of the places, the larger one, are the most that one tenant's sandboxes take while they start: what
 * others wait for is never all in the hands of one whose sandboxes don't come up. */
static void test_half_is_for_others(void **state)
{
	(void)state;
	enter("aaaabb", 5);
	for (size_t k = 0; k < 3; k++)
		capacity_move(&places[k], CAPACITY_STARTING);
	assert_int_equal(capacity_others(&places[3]).room, 0);
	assert_int_equal(capacity_others(&places[4]).room, 2);
	capacity_move(&places[3], CAPACITY_WAITING);
	capacity_move(&places[4], CAPACITY_STARTING);
	capacity_move(&places[4], CAPACITY_NONE); /* a place is free, and not for a */
	assert_string_equal(woken, "");
	capacity_move(&places[0], CAPACITY_READY);
	assert_string_equal(woken, "3");
	leave(6);
}

/* A quarter, as long as others run something. */
static int64_t now_us;
static int64_t read_clock(void *context)
{
	(void)context;
	return now_us;
}

static void test_others_are_active(void **state)
{
	(void)state;
	static const struct clock clock = {read_clock, read_clock, NULL};
	static const char *const tenants[] = {"a", "a", "b"};
	struct error err;
	now_us = 5000000;
	assert_int_equal(capacity_init(&capacity, &(struct capacity_limits){8, 100, &clock}, &err), 0);
	woken[0] = '\0';
	for (size_t i = 0; i < 3; i++) {
		places[i] = (struct capacity_place){
		    .key = STR("x"), .of_pool = i == 0, .wake = wake, .context = &woken};
		assert_int_equal(capacity_enter(&capacity, &places[i], tenants[i], &err), 0);
		assert_int_equal(capacity_others(&places[0]).room,
				 i == 2 ? 2 : 4); /* a pool's is no activity, nor one's own */
		now_us += 1000000;
	}
	assert_int_equal(capacity_others(&places[2]).room, 2);
	now_us = 16000000; /* ten seconds after a's, nine after b's */
	assert_int_equal(capacity_others(&places[2]).room, 4);
	assert_int_equal(capacity_others(&places[0]).room, 2);
	now_us = 17000000;
	assert_int_equal(capacity_others(&places[0]).room, 4);
	leave(3);
}

/* One tenant's quota takes two sandboxes: of five, the refused ones ask again in turn, one when one ends and
 * one after a pause, and never all. */
static void test_a_quota_that_refuses(void **state)
{
	(void)state;
	enter("aaaaa", 10);
	for (size_t k = 0; k < 4; k++) /* all at once: nobody knows of the quota */
		capacity_move(&places[k], CAPACITY_STARTING);
	capacity_accept(&places[0]);
	capacity_accept(&places[1]);
	capacity_refuse(&places[2], 1000, 101);
	capacity_move(&places[2], CAPACITY_NONE);
	capacity_refuse(&places[3], 1000, 102);
	capacity_move(&places[3], CAPACITY_NONE);
	for (size_t k = 2; k < 5; k++) {
		assert_int_equal(capacity_others(&places[k]).quota_ms, 2000); /* 500 ms, doubled once */
		capacity_move(&places[k], CAPACITY_WAITING);
	}
	assert_string_equal(woken, "");
	capacity_move(&places[0], CAPACITY_READY);
	assert_string_equal(woken, "");
	capacity_move(&places[0], CAPACITY_NONE);
	assert_string_equal(woken, "4"); /* which was never refused, comes before those that were */
	assert_int_equal(capacity_others(&places[4]).quota_ms, 0);
	capacity_move(&places[4], CAPACITY_STARTING);
	capacity_accept(&places[4]);
	assert_string_equal(woken, "42"); /* and asks whether there is room for more */
	capacity_move(&places[2], CAPACITY_STARTING);
	assert_int_equal(capacity_others(&places[3]).quota_ms, INT64_MAX); /* one asks already */
	capacity_refuse(&places[2], 5000, 103);
	capacity_move(&places[2], CAPACITY_WAITING);
	assert_string_equal(woken, "42");
	assert_int_equal(capacity_others(&places[3]).quota_ms, 5500); /* accepted meanwhile: it begins anew */
	leave(5);
}

/* The place that somebody was woken for is taken: whoever comes before his look finds none, and it is given
 * on if he has no use for it. */
static void test_a_place_is_kept(void **state)
{
	(void)state;
	enter("aab", 1);
	capacity_move(&places[0], CAPACITY_STARTING);
	capacity_move(&places[1], CAPACITY_WAITING);
	capacity_move(&places[0], CAPACITY_NONE);
	assert_string_equal(woken, "1");
	assert_int_equal(capacity_others(&places[2]).room, 0);
	assert_int_equal(capacity_others(&places[1]).room, 1); /* his own */
	assert_int_equal(capacity.counts.waiting, 1);
	capacity_move(&places[1], CAPACITY_WAITING); /* he could not use it: nobody is woken in a circle */
	assert_string_equal(woken, "1");
	assert_int_equal(capacity_others(&places[2]).room, 1);
	capacity_move(&places[0], CAPACITY_STARTING);
	capacity_move(&places[0], CAPACITY_NONE);
	capacity_move(&places[0], CAPACITY_WAITING);
	assert_string_equal(woken, "11");
	capacity_move(&places[1], CAPACITY_NONE); /* he wants none any more */
	assert_string_equal(woken, "110");
	leave(3);
}

/* As many are woken as there are places, whoever left them. */
static void test_all_places_are_given(void **state)
{
	(void)state;
	enter("abcdef", 3);
	places[0].of_pool = true;
	capacity_set_pool(&places[0], 3);
	for (size_t k = 1; k < 6; k++)
		capacity_move(&places[k], CAPACITY_WAITING);
	capacity_set_pool(&places[0], 0);    /* all of its sandboxes are ready */
	assert_string_equal(woken, "12345"); /* three, and each tenant may always start one */
	leave(6);
}

/* Pools wait like everybody, for one place at a time. */
static void test_a_pool_waits(void **state)
{
	(void)state;
	enter("aab", 1);
	places[0].of_pool = true;
	capacity_move(&places[2], CAPACITY_STARTING);
	capacity_set_pool(&places[0], 1); /* its tenant had none */
	capacity_move(&places[0], CAPACITY_WAITING);
	capacity_move(&places[1], CAPACITY_WAITING);
	capacity_move(&places[2], CAPACITY_READY);
	assert_string_equal(woken, ""); /* one starts, and that is a's */
	capacity_set_pool(&places[0], 0);
	assert_string_equal(woken, "0"); /* the older one */
	capacity_set_pool(&places[0], 1);
	capacity_move(&places[0], CAPACITY_NONE);
	capacity_set_pool(&places[0], 0);
	assert_string_equal(woken, "01");
	leave(3);
}

/* One that may have no more sandboxes is not woken for a place that it can't use. */
static void test_a_tenant_that_is_full(void **state)
{
	(void)state;
	enter("aab", 1);
	capacity.limits.max_tenant = 1;
	capacity_move(&places[0], CAPACITY_READY);
	capacity_move(&places[2], CAPACITY_STARTING);
	capacity_move(&places[1], CAPACITY_WAITING);
	capacity_move(&places[2], CAPACITY_NONE);
	assert_string_equal(woken, "");
	capacity_move(&places[0], CAPACITY_NONE);
	assert_string_equal(woken, "1");
	leave(3);
}

/* Whoever comes back to the line has its old place in it. */
static void test_the_oldest_first(void **state)
{
	(void)state;
	enter("aaa", 1);
	capacity_move(&places[0], CAPACITY_STARTING);
	capacity_move(&places[2], CAPACITY_WAITING);
	capacity_move(&places[1], CAPACITY_WAITING);
	capacity_move(&places[0], CAPACITY_WAITING);
	assert_string_equal(woken, "0"); /* its own place is free again, and it is the oldest */
	leave(3);
}

static void test_who_leaves_frees_its_place(void **state)
{
	(void)state;
	enter("ab", 1);
	capacity_move(&places[0], CAPACITY_STARTING);
	capacity_move(&places[1], CAPACITY_WAITING);
	capacity_leave(&places[0]);
	assert_string_equal(woken, "1");
	assert_null(map_get(&capacity.tenants, STR("a")));
	capacity_leave(&places[1]);
	capacity_free(&capacity);
}

/* Ten thousand of a thousand tenants wait, one of each in turn: what is gone through for a place that becomes
 * free are the tenants, and each gets one before any gets its second. */
#define MANY_TENANTS 1000
#define MANY (10 * MANY_TENANTS)
static size_t waits_for[MANY_TENANTS], order[MANY], woken_count;

static void note_woken(void *context, struct str key)
{
	(void)key;
	order[woken_count++] = (size_t)(uintptr_t)context;
}

static void test_many_that_interleave(void **state)
{
	(void)state;
	static struct capacity_place many[MANY];
	struct error err;
	woken_count = 0;
	memset(waits_for, 0, sizeof(waits_for));
	assert_int_equal(capacity_init(&capacity, &(struct capacity_limits){MANY, 100, NULL}, &err), 0);
	for (size_t i = 0; i < MANY; i++) {
		char tenant[16];
		snprintf(tenant, sizeof(tenant), "t%zu", i % MANY_TENANTS);
		many[i] = (struct capacity_place){.key = STR("k"),
						  .since_us = (int64_t)i,
						  .wake = note_woken,
						  .context = (void *)(uintptr_t)(i % MANY_TENANTS)};
		assert_int_equal(capacity_enter(&capacity, &many[i], tenant, &err), 0);
		capacity_move(&many[i], CAPACITY_WAITING);
	}
	const struct capacity_tenant *tenant;
	size_t gone_through = 0;
	LIST_FOREACH(tenant, &capacity.waiting, link)
		gone_through++;
	assert_int_equal(gone_through, MANY_TENANTS);
	/* whatever frees a place */
	struct capacity_place other = {.key = STR("o"), .wake = note_woken};
	assert_int_equal(capacity_enter(&capacity, &other, "other", &err), 0);
	capacity_move(&other, CAPACITY_STARTING);
	capacity_move(&other, CAPACITY_NONE);
	assert_int_equal(woken_count, MANY);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(waits_for[order[i]]++, i / MANY_TENANTS);
	capacity_leave(&other);
	for (size_t i = 0; i < MANY; i++)
		capacity_leave(&many[i]);
	capacity_free(&capacity);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_counts),
	    cmocka_unit_test(test_pools_count),
	    cmocka_unit_test(test_who_is_woken),
	    cmocka_unit_test(test_the_tenant_with_the_fewest),
	    cmocka_unit_test(test_half_is_for_others),
	    cmocka_unit_test(test_others_are_active),
	    cmocka_unit_test(test_a_quota_that_refuses),
	    cmocka_unit_test(test_a_place_is_kept),
	    cmocka_unit_test(test_all_places_are_given),
	    cmocka_unit_test(test_a_pool_waits),
	    cmocka_unit_test(test_a_tenant_that_is_full),
	    cmocka_unit_test(test_the_oldest_first),
	    cmocka_unit_test(test_who_leaves_frees_its_place),
	    cmocka_unit_test(test_many_that_interleave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
