/* Who may start a sandbox: what is counted, and who is woken when a place becomes free. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/execution/capacity.h"

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
static void enter(const char *tenants)
{
	static char keys[PLACES][2];
	struct error err;
	assert_int_equal(capacity_init(&capacity, wake, &woken, &err), 0);
	woken[0] = '\0';
	for (size_t i = 0; tenants[i]; i++) {
		char tenant[2] = {tenants[i], '\0'};
		keys[i][0] = (char)('0' + i);
		places[i] = (struct capacity_place){.key = str_of(keys[i]), .since_us = (int64_t)i};
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
	enter("aab");
	capacity_move(&places[0], CAPACITY_STARTING);
	capacity_move(&places[1], CAPACITY_READY);
	capacity_move(&places[2], CAPACITY_STARTING);
	assert_int_equal(capacity.counts.starting, 2);
	assert_int_equal(capacity.counts.ready, 1);
	static const struct {
		int64_t starting, tenant_starting, tenant_sandboxes;
	} others[] = {{1, 0, 1}, {2, 1, 1}, {1, 0, 0}};
	for (size_t i = 0; i < 3; i++) {
		struct capacity_view view = capacity_others(&places[i]);
		assert_int_equal(view.starting, others[i].starting);
		assert_int_equal(view.tenant_starting, others[i].tenant_starting);
		assert_int_equal(view.tenant_sandboxes, others[i].tenant_sandboxes);
	}
	leave(3);
}

static void test_who_is_woken(void **state)
{
	(void)state;
	/* 0 of a starts; 1 and 2 of a, 3 and 4 of b wait; 5 of b is ready */
	static const struct {
		const char *what;
		enum capacity_stage from, to;
		const char *woken;
	} cases[] = {
	    {"it is ready: b has one sandbox as a has, and a's waits longer", CAPACITY_STARTING,
	     CAPACITY_READY, "1"},
	    {"it is gone: a has none", CAPACITY_STARTING, CAPACITY_NONE, "1"},
	    {"a ready one is gone", CAPACITY_READY, CAPACITY_NONE, "1"},
	    {"nothing was held", CAPACITY_NONE, CAPACITY_WAITING, ""},
	    {"nothing changed", CAPACITY_STARTING, CAPACITY_STARTING, ""},
	    {"a ready one starts anew: no place is free", CAPACITY_READY, CAPACITY_STARTING, ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enter("aaabbb");
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
	enter("aaaab");
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

/* Whoever comes back to the line has its old place in it. */
static void test_the_oldest_first(void **state)
{
	(void)state;
	enter("aaa");
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
	enter("ab");
	capacity_move(&places[0], CAPACITY_READY);
	capacity_move(&places[1], CAPACITY_WAITING);
	capacity_leave(&places[0]);
	assert_string_equal(woken, "1");
	assert_null(map_get(&capacity.tenants, STR("a")));
	capacity_leave(&places[1]);
	capacity_free(&capacity);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_counts),
	    cmocka_unit_test(test_who_is_woken),
	    cmocka_unit_test(test_the_tenant_with_the_fewest),
	    cmocka_unit_test(test_the_oldest_first),
	    cmocka_unit_test(test_who_leaves_frees_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
