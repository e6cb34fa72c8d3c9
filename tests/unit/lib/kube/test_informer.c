#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/buffer.h"
#include "lib/base/jsontext.h"
#include "lib/kube/informer.h"

#include <stdio.h>
#include <stdlib.h>

/* The owner's object: {"metadata": {"namespace", "name"}, "v", "color", "shape"} */
struct object {
	char name[64], color[32], shape[32];
	int version;
};

struct log { /* what the callbacks were told */
	struct buffer text;
	struct informer *informer;
	const char *stop_at; /* stop the informer when an object of this name changes */
	int unreadable;
	char who[256]; /* the last one that was left out */
	struct error why;
};

static int live_objects;

static void read_text(struct str object, const char *key, char *ret, size_t size)
{
	cleanup_buffer struct buffer text = BUFFER(1024);
	struct str value;

	ret[0] = '\0';
	if (jsontext_member(object, str_of(key), &value) && jsontext_decode_string(value, &text, NULL) == 0)
		snprintf(ret, size, "%s", text.data ? text.data : "");
}

static void *parse(struct str json, struct error *err)
{
	struct object *object;
	struct str metadata, value;
	char namespace[32], name[32];
	int64_t version;

	if (jsontext_check(json, &(struct jsontext_rules){0}, err) < 0)
		return NULL;
	if (!jsontext_member(json, STR("metadata"), &metadata) || !jsontext_member(json, STR("v"), &value) ||
	    !str_to_i64(value, 0, 1000000, &version)) {
		error_set(err, ERR_PROTOCOL, "no version");
		return NULL;
	}
	object = calloc(1, sizeof *object);
	assert_non_null(object);
	live_objects++;
	object->version = (int)version;
	read_text(metadata, "namespace", namespace, sizeof namespace);
	read_text(metadata, "name", name, sizeof name);
	snprintf(object->name, sizeof object->name, "%s%s%s", namespace, namespace[0] ? "/" : "", name);
	read_text(json, "color", object->color, sizeof object->color);
	read_text(json, "shape", object->shape, sizeof object->shape);
	return object;
}

static void free_object(void *object)
{
	live_objects--;
	free(object);
}

static void key_of(const void *object, struct buffer *out)
{
	buffer_append_c(out, ((const struct object *)object)->name);
}

static void color_of(const void *object, struct buffer *out)
{
	buffer_append_c(out, ((const struct object *)object)->color);
}

static void shape_of(const void *object, struct buffer *out)
{
	buffer_append_c(out, ((const struct object *)object)->shape);
}

static void changed(void *context, const void *old, const void *fresh)
{
	struct log *log = context;
	const struct object *before = old, *after = fresh;

	buffer_appendf(&log->text, "%s:", (after ? after : before)->name);
	if (before)
		buffer_appendf(&log->text, "%d", before->version);
	buffer_append_c(&log->text, ">");
	if (after) {
		buffer_appendf(&log->text, "%d", after->version);
		/* The cache already holds the new one. */
		assert_ptr_equal(informer_get(log->informer, str_of(after->name)), after);
	} else {
		assert_null(informer_get(log->informer, str_of(before->name)));
	}
	buffer_append_c(&log->text, " ");
	if (log->stop_at && str_eq(str_of(log->stop_at), str_of((after ? after : before)->name)))
		log->informer = informer_stop(log->informer);
}

static void synced(void *context)
{
	buffer_append_c(&((struct log *)context)->text, "synced ");
}

static void unreadable(void *context, const struct informer_name *object, const struct error *why)
{
	struct log *log = context;

	log->unreadable++;
	log->why = *why;
	snprintf(log->who, sizeof log->who, "%s/%s %s %s", object->namespace, object->name, object->uid,
		 object->version);
}

static int setup(void **state)
{
	static struct log log;
	struct informer_options options = {
	    .watch = {.path = "/apis/x/things"},
	    .parse = parse,
	    .unreadable = unreadable,
	    .free_object = free_object,
	    .key = key_of,
	    .indexes = {color_of, NULL, shape_of},
	    .changed = changed,
	    .synced = synced,
	    .context = &log,
	};
	struct error err;

	log = (struct log){.text = BUFFER(1 << 20)};
	live_objects = 0;
	log.informer = informer_new(&options, &err);
	assert_non_null(log.informer);
	*state = &log;
	return 0;
}

static int teardown(void **state)
{
	struct log *log = *state;

	informer_stop(log->informer);
	buffer_free(&log->text);
	return live_objects; /* each parsed object was freed once */
}

static void handle(struct log *log, enum watch_event_type type, const char *json)
{
	informer_handle(log->informer, type, str_of(json));
}

static void expect(struct log *log, const char *text)
{
	assert_string_equal(log->text.data ? log->text.data : "", text);
	buffer_reset(&log->text);
	if (log->text.data)
		log->text.data[0] = '\0';
}

#define A1 "{\"metadata\":{\"namespace\":\"n\",\"name\":\"a\"},\"v\":1,\"color\":\"red\",\"shape\":\"cube\"}"
#define A2 "{\"metadata\":{\"namespace\":\"n\",\"name\":\"a\"},\"v\":2,\"color\":\"blue\",\"shape\":\"cube\"}"
#define A3 "{\"metadata\":{\"namespace\":\"n\",\"name\":\"a\"},\"v\":3}"
#define B1 "{\"metadata\":{\"namespace\":\"n\",\"name\":\"b\"},\"v\":1,\"color\":\"red\"}"
#define C1 "{\"metadata\":{\"name\":\"c\"},\"v\":1,\"color\":\"blue\"}"
#define UNREADABLE(version)                                                                                  \
	"{\"metadata\":{\"namespace\":\"n\",\"name\":\"a\",\"uid\":\"u-1\",\"resourceVersion\":\"" version   \
	"\"},\"v\":\"x\"}"
#define A_UNREADABLE UNREADABLE("17")
#define A_UNREADABLE_LATER UNREADABLE("18")

static bool visit_name(void *context, const void *object)
{
	buffer_appendf(context, "%s ", ((const struct object *)object)->name);
	return true;
}

static bool visit_first(void *context, const void *object)
{
	visit_name(context, object);
	return false;
}

static void expect_index(struct log *log, unsigned index, const char *key, const char *names)
{
	cleanup_buffer struct buffer found = BUFFER(4096);

	buffer_append_c(&found, "");
	informer_index_each(log->informer, index, str_of(key), visit_name, &found);
	assert_string_equal(found.data ? found.data : "", names);
}

static void events_change_the_cache(void **state)
{
	struct log *log = *state;

	handle(log, WATCH_ADDED, A1);
	handle(log, WATCH_ADDED, C1);
	handle(log, WATCH_MODIFIED, A2);
	handle(log, WATCH_DELETED, A3);
	handle(log, WATCH_DELETED, A3); /* unknown by now: nothing */
	expect(log, "n/a:>1 c:>1 n/a:1>2 n/a:2> ");
	assert_int_equal(informer_count(log->informer), 1);
	assert_null(informer_get(log->informer, STR("n/a")));
	assert_non_null(informer_get(log->informer, STR("c")));
}

static void equal_versions_are_told_too(void **state)
{
	struct log *log = *state;

	handle(log, WATCH_ADDED, A1);
	handle(log, WATCH_MODIFIED, A1);
	expect(log, "n/a:>1 n/a:1>1 ");
}

static void a_list_replaces(void **state)
{
	struct log *log = *state;

	handle(log, WATCH_LIST_BEGIN, "");
	handle(log, WATCH_LISTED, A1);
	handle(log, WATCH_LISTED, B1);
	assert_false(informer_has_synced(log->informer));
	handle(log, WATCH_LIST_END, "");
	assert_true(informer_has_synced(log->informer));
	expect(log, "n/a:>1 n/b:>1 synced ");
	handle(log, WATCH_ADDED, C1);
	handle(log, WATCH_LIST_BEGIN, "");
	handle(log, WATCH_LISTED, A2);
	handle(log, WATCH_LISTED, C1);
	expect(log, "c:>1 n/a:1>2 c:1>1 ");
	handle(log, WATCH_LIST_END, "");
	expect(log, "n/b:1> "); /* and "synced" only once */
}

static void a_broken_off_list_deletes_nothing(void **state)
{
	struct log *log = *state;

	handle(log, WATCH_LIST_BEGIN, "");
	handle(log, WATCH_LISTED, A1);
	handle(log, WATCH_LISTED, B1);
	handle(log, WATCH_LIST_END, "");
	handle(log, WATCH_LIST_BEGIN, "");
	handle(log, WATCH_LISTED, A1);
	handle(log, WATCH_LIST_BEGIN, ""); /* the connection was lost in between */
	assert_int_equal(informer_count(log->informer), 2);
	handle(log, WATCH_LISTED, B1);
	handle(log, WATCH_LIST_END, ""); /* what only the broken list named is gone */
	assert_int_equal(informer_count(log->informer), 1);
	assert_non_null(informer_get(log->informer, STR("n/b")));
}

static void indexes_follow_the_objects(void **state)
{
	struct log *log = *state;

	handle(log, WATCH_ADDED, A1);
	handle(log, WATCH_ADDED, B1);
	handle(log, WATCH_ADDED, C1);
	expect_index(log, 0, "red", "n/b n/a ");
	expect_index(log, 0, "blue", "c ");
	expect_index(log, 2, "cube", "n/a ");
	expect_index(log, 1, "cube", ""); /* there is no such index */
	expect_index(log, 7, "cube", "");
	handle(log, WATCH_MODIFIED, A2);
	expect_index(log, 0, "red", "n/b ");
	expect_index(log, 0, "blue", "n/a c ");
	handle(log, WATCH_MODIFIED, A3); /* in no index */
	expect_index(log, 0, "blue", "c ");
	expect_index(log, 2, "cube", "");
	handle(log, WATCH_DELETED, B1);
	expect_index(log, 0, "red", "");
}

static void a_visit_can_stop(void **state)
{
	struct log *log = *state;
	cleanup_buffer struct buffer found = BUFFER(64);

	handle(log, WATCH_ADDED, A1);
	handle(log, WATCH_ADDED, B1);
	informer_index_each(log->informer, 0, STR("red"), visit_first, &found);
	assert_string_equal(found.data, "n/b ");
	buffer_reset(&found);
	informer_each(log->informer, visit_first, &found);
	assert_int_equal(found.len, 4);
	informer_each(log->informer, visit_name, &found);
	assert_int_equal(found.len, 12);
}

static void expect_left_out(struct log *log, int told, size_t count)
{
	assert_int_equal(log->unreadable, told);
	assert_int_equal(informer_unreadable_count(log->informer), count);
}

static void an_unreadable_object_is_left_out(void **state)
{
	struct log *log = *state;

	handle(log, WATCH_ADDED, A1);
	handle(log, WATCH_MODIFIED, A_UNREADABLE);
	expect_left_out(log, 1, 1);
	assert_string_equal(log->why.message, "no version");
	assert_string_equal(log->who, "n/a u-1 17");
	expect(log, "n/a:>1 n/a:1> "); /* what was known is out of date */
	handle(log, WATCH_ADDED, B1);
	expect(log, "n/b:>1 "); /* the others go on */
	handle(log, WATCH_ADDED, A1);
	expect_left_out(log, 1, 0); /* it can be read again */
	handle(log, WATCH_MODIFIED, A_UNREADABLE);
	expect_left_out(log, 2, 1);
	handle(log, WATCH_DELETED, A_UNREADABLE);
	expect_left_out(log, 2, 0);
	expect(log, "n/a:>1 n/a:1> ");
	handle(log, WATCH_MODIFIED, A_UNREADABLE);
	handle(log, WATCH_DELETED, A3); /* the last one that is told of is a good one */
	expect_left_out(log, 3, 0);
	handle(log, WATCH_ADDED, A1);
	handle(log, WATCH_DELETED, A_UNREADABLE);
	expect(log, "n/a:>1 n/a:1> ");
	expect_left_out(log, 3, 0);
}

/* Those without a name have one place together. */
static void what_has_no_name_is_left_out(void **state)
{
	static const char *const texts[] = {
	    "not JSON",
	    "[]",
	    "{\"metadata\":[]}",
	    "{\"metadata\":{\"name\":7}}",
	    "{\"metadata\":{\"name\":\"\\ud800\"}}",
	    "{\"metadata\":{\"name\":\"a\\u0000b\"}}",
	    "{\"metadata\":{\"name\":\"\xff\"}}",
	    "{\"metadata\":{},\"v\":1}", /* readable, without a key */
	};
	struct log *log = *state;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		handle(log, WATCH_ADDED, texts[i]);
	expect_left_out(log, 1, 1);
	assert_string_equal(log->who, "/  ");
	expect(log, "");
	handle(log, WATCH_ADDED, A1);
	expect(log, "n/a:>1 ");
}

/* Who it is can be read at whatever depth the rest is. */
static void a_deep_object_has_a_name(void **state)
{
	struct log *log = *state;
	cleanup_buffer struct buffer text = BUFFER(1 << 20);

	buffer_append_c(&text, "{\"x\":");
	for (int i = 0; i < 20000; i++)
		buffer_append_c(&text, i % 2 ? "[" : "{\"metadata\":");
	buffer_append_c(&text, "{\"name\":\"inner\"}");
	for (int i = 20000; i-- > 0;)
		buffer_append_c(&text, i % 2 ? "]" : "}");
	buffer_append_c(&text,
			",\"metadata\":{\"name\":\"deep\",\"namespace\":\"n\",\"resourceVersion\":\"5\"}}");
	handle(log, WATCH_ADDED, text.data);
	expect_left_out(log, 1, 1);
	assert_string_equal(log->who, "n/deep  5");
}

/* Each list names it again, and the log need not. */
static void each_version_is_told_once(void **state)
{
	struct log *log = *state;

	for (int i = 0; i < 5; i++) {
		handle(log, WATCH_LIST_BEGIN, "");
		handle(log, WATCH_LISTED, A_UNREADABLE);
		handle(log, WATCH_LISTED, B1);
		handle(log, WATCH_LIST_END, "");
		expect_left_out(log, 1, 1);
	}
	handle(log, WATCH_MODIFIED, A_UNREADABLE_LATER);
	expect_left_out(log, 2, 1);
	assert_string_equal(log->who, "n/a u-1 18");
	handle(log, WATCH_LIST_BEGIN, "");
	handle(log, WATCH_LISTED, B1);
	handle(log, WATCH_LIST_END, "");
	expect_left_out(log, 2, 0); /* it is gone */
}

/* Their number is bounded, and so is what is remembered of them. */
static void more_than_are_told_apart(void **state)
{
	struct log *log = *state;
	char json[128];

	for (int i = 0; i < INFORMER_MAX_UNREADABLE + 10; i++) {
		snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"o%d\",\"resourceVersion\":\"%d\"}}", i,
			 i);
		handle(log, WATCH_ADDED, json);
	}
	expect_left_out(log, INFORMER_MAX_UNREADABLE, INFORMER_MAX_UNREADABLE);
	handle(log, WATCH_ADDED, A1);
	expect(log, "n/a:>1 ");
}

static void an_unreadable_listed_object_is_gone(void **state)
{
	struct log *log = *state;

	handle(log, WATCH_ADDED, A1);
	handle(log, WATCH_LIST_BEGIN, "");
	handle(log, WATCH_LISTED, A_UNREADABLE);
	handle(log, WATCH_LIST_END, "");
	assert_int_equal(informer_count(log->informer), 0);
}

static void stop_inside_a_callback(void **state)
{
	struct log *log = *state;

	log->stop_at = "n/b";
	handle(log, WATCH_LIST_BEGIN, "");
	handle(log, WATCH_LISTED, A1);
	handle(log, WATCH_LISTED, B1);
	assert_null(log->informer);
	expect(log, "n/a:>1 n/b:>1 ");
	assert_int_equal(live_objects, 0);
}

static void stop_while_a_list_sweeps(void **state)
{
	struct log *log = *state;

	handle(log, WATCH_ADDED, A1);
	handle(log, WATCH_ADDED, B1);
	log->stop_at = "n/a";
	handle(log, WATCH_LIST_BEGIN, "");
	handle(log, WATCH_LIST_END, "");
	assert_null(log->informer);
	assert_int_equal(live_objects, 0);
	assert_null(strstr(log->text.data, "synced"));
}

static void many_objects(void **state)
{
	struct log *log = *state;
	char json[256];

	for (int round = 0; round < 3; round++) {
		handle(log, WATCH_LIST_BEGIN, "");
		for (int i = round * 1000; i < round * 1000 + 3000; i++) {
			snprintf(json, sizeof json,
				 "{\"metadata\":{\"namespace\":\"n%d\",\"name\":\"o%d\"},\"v\":%d,\"color\":"
				 "\"c%d\"}",
				 i % 7, i, round, i % 100);
			handle(log, WATCH_LISTED, json);
		}
		handle(log, WATCH_LIST_END, "");
		assert_int_equal(informer_count(log->informer), 3000);
	}
	buffer_reset(&log->text);
	informer_index_each(log->informer, 0, STR("c42"), visit_name, &log->text);
	assert_non_null(strstr(log->text.data, "o2042 "));
	assert_non_null(strstr(log->text.data, "o4942 "));
	assert_null(strstr(log->text.data, "o1942 "));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(events_change_the_cache),
	    TEST(equal_versions_are_told_too),
	    TEST(a_list_replaces),
	    TEST(a_broken_off_list_deletes_nothing),
	    TEST(indexes_follow_the_objects),
	    TEST(a_visit_can_stop),
	    TEST(an_unreadable_object_is_left_out),
	    TEST(what_has_no_name_is_left_out),
	    TEST(a_deep_object_has_a_name),
	    TEST(each_version_is_told_once),
	    TEST(more_than_are_told_apart),
	    TEST(an_unreadable_listed_object_is_gone),
	    TEST(stop_inside_a_callback),
	    TEST(stop_while_a_list_sweeps),
	    TEST(many_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
