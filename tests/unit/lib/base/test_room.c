#include "lib/base/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void nobody_takes_all_of_it(void **state)
{
	(void)state;
	struct room room;
	assert_int_equal(room_init(&room, 100, 40, NULL), 0);
	assert_true(room_take(&room, "a", 30));
	assert_false(room_take(&room, "a", 11)); /* its share */
	assert_true(room_take(&room, "a", 10));
	assert_true(room_take(&room, "b", 40));
	assert_false(room_take(&room, "c", 21)); /* all there is */
	assert_true(room_take(&room, "c", 20));
	assert_int_equal(room.used, 100);
	assert_false(room_take(&room, "d", SIZE_MAX));
	room_free(&room);
}

static void what_is_given_back_can_be_taken_again(void **state)
{
	(void)state;
	struct room room;
	assert_int_equal(room_init(&room, 100, 100, NULL), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(room_take(&room, "a", 100));
		assert_false(room_take(&room, "b", 1));
		room_give(&room, "a", 60);
		room_give(&room, "a", 40);
	}
	assert_int_equal(room.used, 0);
	assert_int_equal(room.owners.count, 0); /* nothing is left of an owner without any */
	room_give(&room, "a", 5);
	assert_true(room_take(&room, "a", 0));
	assert_int_equal(room.used, 0);
	room_free(&room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_takes_all_of_it),
					   cmocka_unit_test(what_is_given_back_can_be_taken_again)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
