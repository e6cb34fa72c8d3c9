/* A set in order, compared with a sorted array; and how much of it is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/map.h"
#include "lib/base/ordered.h"

#include <stdlib.h>

#define MEMBERS 2000

struct member {
	struct ordered_node node;
	int key;
	bool is_in;
};

static struct member members[MEMBERS];
static size_t comparisons;

static const struct member *member_of(const struct ordered_node *node)
{
	return (const struct member *)(const void *)node; /* the first member */
}

static int compare(const struct ordered_node *a, const struct ordered_node *b)
{
	comparisons++;
	return (member_of(a)->key > member_of(b)->key) - (member_of(a)->key < member_of(b)->key);
}

struct seen {
	int after, last;
	size_t looked_at, count, max;
};

static bool is_behind(void *context, const struct ordered_node *node)
{
	struct seen *seen = context;
	seen->looked_at++;
	return member_of(node)->key > seen->after;
}

static bool visit(void *context, struct ordered_node *node)
{
	struct seen *seen = context;
	assert_true(member_of(node)->is_in);
	assert_true(member_of(node)->key > seen->last);
	seen->last = member_of(node)->key;
	return ++seen->count < seen->max;
}

static struct seen walk(const struct ordered *set, int after, size_t max)
{
	struct seen seen = {.after = after, .last = after, .max = max};
	const struct ordered_walk how = {is_behind, visit, &seen};
	ordered_each(set, &how);
	return seen;
}

static size_t count_above(int after)
{
	size_t count = 0;
	for (size_t i = 0; i < MEMBERS; i++)
		count += members[i].is_in && members[i].key > after;
	return count;
}

static void fill(struct ordered *set, int (*key)(size_t i))
{
	ordered_init(set, compare);
	for (size_t i = 0; i < MEMBERS; i++) {
		members[i] = (struct member){.key = key(i), .is_in = true};
		ordered_insert(set, &members[i].node);
	}
	assert_int_equal(set->count, MEMBERS);
}

static int upward(size_t i)
{
	return (int)i;
}

static int downward(size_t i)
{
	return (int)(MEMBERS - i);
}

static int mixed(size_t i)
{
	return (int)(i * 7919 % MEMBERS); /* a prime: each key once */
}

static void test_order(void **state)
{
	static int (*const keys[])(size_t i) = {upward, downward, mixed};
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct ordered set;
		fill(&set, keys[k]);
		for (size_t i = 0; i < MEMBERS; i += 3) {
			ordered_remove(&set, &members[i].node);
			members[i].is_in = false;
		}
		for (size_t i = 0; i < MEMBERS; i += 9) {
			ordered_insert(&set, &members[i].node);
			members[i].is_in = true;
		}
		for (int after = -1; after < MEMBERS; after += 97)
			assert_int_equal(walk(&set, after, SIZE_MAX).count, count_above(after));
		for (size_t i = 0; i < MEMBERS; i++)
			if (members[i].is_in)
				ordered_remove(&set, &members[i].node);
		assert_int_equal(set.count, 0);
		assert_null(set.root);
	}
}

/* The way to a place is short wherever it is, in whichever order they came. */
static void test_little_is_looked_at(void **state)
{
	static int (*const keys[])(size_t i) = {upward, downward, mixed};
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct ordered set;
		comparisons = 0;
		fill(&set, keys[k]);
		assert_true(comparisons < (size_t)MEMBERS * 60);
		for (int after = -1; after < MEMBERS - 1; after += 53) {
			struct seen seen = walk(&set, after, 1);
			assert_int_equal(seen.count, 1);
			assert_true(seen.looked_at < 120);
		}
	}
}

/* From the first on, and an empty one. */
static void test_whole(void **state)
{
	struct ordered set;
	struct seen seen = {.last = -1, .max = SIZE_MAX};
	const struct ordered_walk how = {NULL, visit, &seen};
	(void)state;
	ordered_init(&set, compare);
	ordered_each(&set, &how);
	assert_int_equal(seen.count, 0);
	fill(&set, mixed);
	ordered_each(&set, &how);
	assert_int_equal(seen.count, MEMBERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_little_is_looked_at),
	    cmocka_unit_test(test_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
