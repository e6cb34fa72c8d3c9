/* Order and counts follow whatever the watch says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/object/execution_index.h"
#include "lib/base/buffer.h"

#include <stdio.h>

#define ID(n) "00000000-0000-4000-8000-00000000000" n

/* Made at that second. */
static struct shared_execution *make(const char *namespace, const char *id, int second, bool is_finished)
{
	char json[512];
	struct error err;
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\",\"creationTimestamp\":\"2025-11-24T10:"
		 "00:%02dZ\"},\"spec\":{\"skillRef\":{\"name\":\"s\"}},\"status\":{\"conditions\":[%s]}}",
		 id, namespace, second,
		 is_finished ? "{\"type\":\"Succeeded\",\"status\":\"True\",\"reason\":\"Succeeded\"}" : "");
	struct shared_execution *shared = shared_execution_from_json(str_of(json), &err);
	assert_non_null(shared);
	assert_int_equal(shared->size, strlen(json));
	return shared;
}

static bool append(void *context, const struct shared_execution *shared)
{
	const char *name = shared->execution->meta.name;
	return buffer_append_byte(context, name[strlen(name) - 1]) == 0;
}

static void expect(const struct execution_index *index, const char *namespace,
		   const struct execution_position *after, const char *ids)
{
	cleanup_buffer struct buffer seen = BUFFER(64);
	buffer_append_c(&seen, "");
	execution_index_each(index, namespace, after, append, &seen);
	assert_string_equal(seen.data ? seen.data : "", ids);
}

static void change(struct execution_index *index, struct shared_execution *old,
		   struct shared_execution *fresh)
{
	assert_int_equal(execution_index_change(index, old, fresh, NULL), 0);
	shared_execution_unref(old);
}

static void test_changes(void **state)
{
	struct execution_index *index = execution_index_new(NULL);
	struct shared_execution *one = make("ns", ID("1"), 1, false), *two = make("ns", ID("2"), 3, false),
				*three = make("ns", ID("3"), 2, true), *other = make("b", ID("9"), 2, true);
	(void)state;
	assert_non_null(index);
	assert_int_equal(execution_index_counts(index, "ns").stored, 0);
	change(index, NULL, one);
	change(index, NULL, two);
	change(index, NULL, three);
	change(index, NULL, other);
	expect(index, "ns", NULL, "231");
	expect(index, "b", NULL, "9");
	expect(index, "c", NULL, "");
	assert_int_equal(execution_index_counts(index, "ns").stored, 3);
	assert_int_equal(execution_index_counts(index, "ns").unfinished, 2);
	assert_int_equal(execution_index_counts(index, "ns").size, one->size + two->size + three->size);
	/* It ends, and somebody gives it another time. */
	struct shared_execution *ended = make("ns", ID("1"), 9, true);
	change(index, one, ended);
	expect(index, "ns", NULL, "123");
	assert_int_equal(execution_index_counts(index, "ns").unfinished, 1);
	assert_int_equal(execution_index_highest(index).stored, 3);
	assert_int_equal(execution_index_highest(index).unfinished, 1);
	assert_int_equal(execution_index_highest(index).size, ended->size + two->size + three->size);
	change(index, two, NULL);
	change(index, ended, NULL);
	change(index, three, NULL);
	expect(index, "ns", NULL, "");
	assert_int_equal(execution_index_counts(index, "ns").stored, 0);
	assert_int_equal(execution_index_counts(index, "ns").size, 0);
	assert_int_equal(execution_index_highest(index).stored, 1);
	execution_index_free(index); /* what is in it is the owner's */
	shared_execution_unref(other);
	assert_null(execution_index_free(NULL));
}

/* Behind a place, also one whose execution is gone; the same time: the higher id comes before. */
static void test_places(void **state)
{
	struct execution_index *index = execution_index_new(NULL);
	struct shared_execution *all[6];
	(void)state;
	for (int i = 0; i < 6; i++) {
		char id[] = ID("0");
		id[sizeof(id) - 2] = (char)('0' + i);
		change(index, NULL, all[i] = make("ns", id, i < 4 ? 5 : 6, true));
	}
	expect(index, "ns", NULL, "543210");
	struct execution_position place = {all[0]->requested_ms, ID("3")};
	expect(index, "ns", &place, "210");
	place.id = ID("x");
	expect(index, "ns", &place, "3210");
	place.requested_ms++;
	expect(index, "ns", &place, "3210");
	place.requested_ms = 0;
	expect(index, "ns", &place, "");
	for (int i = 0; i < 6; i++)
		change(index, all[i], NULL);
	execution_index_free(index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_changes), cmocka_unit_test(test_places)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
