/* Who asks for much waits for their own work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/lanes.h"

#include <stdio.h>
#include <string.h>

struct piece {
	struct lane_item item; /* the first member */
	char letter;
};

static struct piece pieces[64];
static size_t piece_count;

static void push(struct lanes *lanes, const char *tenant, const char *letters)
{
	for (; *letters; letters++) {
		struct piece *piece = &pieces[piece_count++];
		piece->letter = *letters;
		assert_int_equal(lanes_push(lanes, str_of(tenant), &piece->item, NULL), 0);
	}
}

static void pop(struct lanes *lanes, const char *letters)
{
	char got[65] = "";
	for (size_t i = 0; letters[i]; i++) {
		struct piece *piece = (struct piece *)(void *)lanes_pop(lanes);
		assert_non_null(piece);
		got[i] = piece->letter;
	}
	assert_string_equal(got, letters);
}

static void test_turns(void **state)
{
	struct lanes lanes;
	(void)state;
	piece_count = 0;
	assert_int_equal(lanes_init(&lanes, NULL), 0);
	assert_null(lanes_pop(&lanes));
	push(&lanes, "many", "abcdef");
	push(&lanes, "few", "1");
	push(&lanes, "", "xy");
	assert_int_equal(lanes.count, 9);
	assert_int_equal(lanes_waiting(&lanes, STR("many")), 6);
	pop(&lanes, "a1xb");
	push(&lanes, "few", "2"); /* again behind one of each */
	pop(&lanes, "yc2def");
	assert_int_equal(lanes.count, 0);
	assert_int_equal(lanes_waiting(&lanes, STR("many")), 0);
	assert_null(lanes_pop(&lanes));
	push(&lanes, "few", "3"); /* what still waits is the caller's */
	lanes_free(&lanes);
}

static void test_names(void **state)
{
	struct lanes lanes;
	struct error err;
	char name[LANES_NAME_MAX + 1];
	(void)state;
	memset(name, 'a', sizeof(name));
	assert_int_equal(lanes_init(&lanes, NULL), 0);
	assert_int_equal(lanes_push(&lanes, (struct str){name, sizeof(name)}, &pieces[0].item, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_int_equal(lanes_push(&lanes, (struct str){name, LANES_NAME_MAX}, &pieces[0].item, &err), 0);
	assert_ptr_equal(lanes_pop(&lanes), &pieces[0].item);
	lanes_free(&lanes);
	struct lanes never = {0};
	lanes_free(&never);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_turns), cmocka_unit_test(test_names)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
