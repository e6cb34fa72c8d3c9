#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/map.h"

#include <stdio.h>
#include <stdlib.h>

struct thing {
	int number;
	struct map_node node;
	char name[32];
};

static struct thing *thing_new(int number)
{
	struct thing *thing = calloc(1, sizeof *thing);

	assert_non_null(thing);
	thing->number = number;
	snprintf(thing->name, sizeof thing->name, "namespace-%d/name", number);
	thing->node.key = str_of(thing->name);
	return thing;
}

static struct thing *find(const struct map *map, int number)
{
	char name[32];
	struct map_node *node;

	snprintf(name, sizeof name, "namespace-%d/name", number);
	node = map_get(map, str_of(name));
	return node ? MAP_CONTAINER(node, struct thing, node) : NULL;
}

static void finds_what_was_inserted_and_not_removed(void **state)
{
	struct map map;

	(void)state;
	assert_int_equal(map_init(&map, NULL), 0);
	for (int i = 0; i < 5000; i++)
		map_insert(&map, &thing_new(i)->node);
	assert_int_equal(map.count, 5000);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(find(&map, i)->number, i);
	assert_null(find(&map, 5000));
	for (int i = 0; i < 5000; i += 2) {
		struct thing *thing = find(&map, i);

		map_remove(&map, &thing->node);
		free(thing);
	}
	assert_int_equal(map.count, 2500);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(find(&map, i) != NULL, i % 2);
	for (int i = 1; i < 5000; i += 2) {
		struct thing *thing = find(&map, i);

		map_remove(&map, &thing->node);
		free(thing);
	}
	assert_int_equal(map.count, 0);
	map_free(&map);
}

static void walk_visits_each_once_while_removing(void **state)
{
	struct map map;
	struct map_cursor cursor = {0};
	struct map_node *node;
	bool seen[1000] = {0};

	(void)state;
	assert_int_equal(map_init(&map, NULL), 0);
	assert_null(map_next(&map, &cursor));
	for (int i = 0; i < 1000; i++)
		map_insert(&map, &thing_new(i)->node);
	cursor = (struct map_cursor){0};
	while ((node = map_next(&map, &cursor))) {
		struct thing *thing = MAP_CONTAINER(node, struct thing, node);

		assert_false(seen[thing->number]);
		seen[thing->number] = true;
		map_remove(&map, node);
		free(thing);
	}
	for (int i = 0; i < 1000; i++)
		assert_true(seen[i]);
	assert_int_equal(map.count, 0);
	map_free(&map);
}

static void keys_of_every_length_and_with_nul_differ(void **state)
{
	static char bytes[64];
	struct map_node nodes[64] = {0};
	struct map map;

	(void)state;
	assert_int_equal(map_init(&map, NULL), 0);
	for (size_t n = 0; n < 64; n++) { /* all zero: they differ in length only */
		nodes[n].key = (struct str){bytes, n};
		assert_null(map_get(&map, nodes[n].key));
		map_insert(&map, &nodes[n]);
	}
	for (size_t n = 0; n < 64; n++)
		assert_ptr_equal(map_get(&map, (struct str){bytes, n}), &nodes[n]);
	map_free(&map);
}

static void two_maps_hash_differently(void **state)
{
	struct map_node one = {.key = STR("execution")}, two = {.key = STR("execution")};
	struct map first, second;

	(void)state;
	assert_int_equal(map_init(&first, NULL), 0);
	assert_int_equal(map_init(&second, NULL), 0);
	map_insert(&first, &one);
	map_insert(&second, &two);
	assert_true(one.hash != two.hash);
	map_free(&first);
	map_free(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_was_inserted_and_not_removed),
	    cmocka_unit_test(walk_visits_each_once_while_removing),
	    cmocka_unit_test(keys_of_every_length_and_with_nul_differ),
	    cmocka_unit_test(two_maps_hash_differently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
