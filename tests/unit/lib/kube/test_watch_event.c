#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/jsontext.h"
#include "lib/kube/watch_event.h"

static void pieces_of_every_size(void **state)
{
	static const char *const texts[] = {
	    "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"41\"},\"x\":1.0}}\n",
	    "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"42\"}}}",
	    "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"resourceVersion\":\"43\"},\"n\":\"\\u00fc\"}}",
	};

	(void)state;
	for (size_t size = 1; size < 100; size++) {
		struct watch_message message = {.text = BUFFER(200)};

		for (size_t i = 0; i < 3; i++) {
			size_t n = strlen(texts[i]);

			for (size_t at = 0; at < n; at += size) {
				size_t piece = n - at < size ? n - at : size;

				assert_int_equal(watch_message_add(&message,
								   (struct str){texts[i] + at, piece},
								   at + piece == n, NULL),
						 0);
				assert_int_equal(message.complete, at + piece == n);
			}
			assert_true(str_eq(buffer_str(&message.text), str_of(texts[i])));
		}
		buffer_free(&message.text);
	}
}

static void too_long_is_refused(void **state)
{
	struct watch_message message = {.text = BUFFER(10)};
	struct error err;

	(void)state;
	assert_int_equal(watch_message_add(&message, STR("0123456789"), false, &err), 0);
	assert_int_equal(watch_message_add(&message, STR(""), false, &err), 0);
	assert_int_equal(watch_message_add(&message, STR("x"), true, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_string_equal(err.message, "a watch event is longer than 10 bytes");
	buffer_free(&message.text);
}

static void events(void **state)
{
	struct watch_parsed parsed;

	(void)state;
	assert_int_equal(
	    watch_message_parse(STR("{\"type\":\"MODIFIED\",\"object\": {\"a\":[1e400,0.10],\"metadata\":"
				    "{\"resourceVersion\":\"00x\"}} }\n"),
				&parsed, NULL),
	    0);
	assert_int_equal(parsed.kind, WATCH_MESSAGE_OBJECT);
	assert_int_equal(parsed.type, WATCH_MODIFIED);
	/* as written, not parsed and printed */
	assert_true(
	    str_eq(parsed.object, STR("{\"a\":[1e400,0.10],\"metadata\":{\"resourceVersion\":\"00x\"}}")));
	assert_true(str_eq(parsed.raw_resource_version, STR("00x")));
	assert_int_equal(
	    watch_message_parse(
		STR("{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}}"), &parsed,
		NULL),
	    0);
	assert_int_equal(parsed.type, WATCH_ADDED);
	assert_int_equal(
	    watch_message_parse(
		STR("{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}}"), &parsed,
		NULL),
	    0);
	assert_int_equal(parsed.type, WATCH_DELETED);
	assert_int_equal(
	    watch_message_parse(
		STR("{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\"}}}"), &parsed,
		NULL),
	    0);
	assert_int_equal(parsed.kind, WATCH_MESSAGE_BOOKMARK);
	assert_true(str_eq(parsed.raw_resource_version, STR("9")));
}

static void errors_that_the_server_sends(void **state)
{
	static const struct {
		const char *text;
		enum error_code code;
		const char *message;
	} cases[] = {
	    {"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"message\":\"too old resource version: 1 "
	     "(5)\",\"reason\":"
	     "\"Expired\",\"code\":410}}",
	     ERR_GONE, "too old resource version: 1 (5)"},
	    {"{\"type\":\"ERROR\",\"object\":{\"message\":\"x\",\"reason\":\"Gone\"}}", ERR_GONE, "x"},
	    {"{\"type\":\"ERROR\",\"object\":{\"message\":\"x\",\"code\":410}}", ERR_GONE, "x"},
	    {"{\"type\":\"ERROR\",\"object\":{\"message\":\"no\",\"code\":403}}", ERR_FORBIDDEN, "no"},
	    {"{\"type\":\"ERROR\",\"object\":{}}", ERR_UNAVAILABLE,
	     "the server ended the watch with an error"},
	    {"{\"type\":\"ERROR\",\"object\":{\"message\":7,\"code\":\"x\"}}", ERR_UNAVAILABLE,
	     "the server ended the watch with an error"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct watch_parsed parsed;

		assert_int_equal(watch_message_parse(str_of(cases[i].text), &parsed, NULL), 0);
		assert_int_equal(parsed.kind, WATCH_MESSAGE_ERROR);
		assert_int_equal(parsed.problem.code, cases[i].code);
		assert_string_equal(parsed.problem.message, cases[i].message);
	}
}

static void what_is_no_watch_event(void **state)
{
	static const char *const texts[] = {
	    "",
	    "{",
	    "null",
	    "[]",
	    "{}",
	    "{\"type\":\"ADDED\"}",
	    "{\"type\":7,\"object\":{}}",
	    "{\"type\":\"ADDED\",\"object\":[]}",
	    "{\"type\":\"ADDED\",\"object\":{}}",
	    "{\"type\":\"ADDED\",\"object\":{\"metadata\":{}}}",
	    "{\"type\":\"ADDED\",\"object\":{\"metadata\":7}}",
	    "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":7}}}",
	    "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"\"}}}",
	    "{\"type\":\"added\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}}",
	    "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}} x",
	    "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"\xff\"}}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct watch_parsed parsed;
		struct error err = {0};

		assert_int_equal(watch_message_parse(str_of(texts[i]), &parsed, &err), -1);
		assert_int_not_equal(err.code, ERR_NONE);
		assert_true(err.message[0] != '\0');
	}
}

static void pages(void **state)
{
	struct watch_page page;
	struct error err;

	(void)state;
	assert_int_equal(
	    watch_page_parse(STR("{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\",\"continue\":"
				 "\"abc\"},\"items\":[{\"a\":1}, {\"b\":2}]}"),
			     &page, &err),
	    0);
	assert_true(str_eq(page.raw_resource_version, STR("7")));
	assert_true(str_eq(page.raw_continue, STR("abc")));
	assert_true(str_eq(page.items, STR("[{\"a\":1}, {\"b\":2}]")));
	assert_int_equal(
	    watch_page_parse(
		STR("{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"\"},\"items\":null}"), &page,
		&err),
	    0);
	assert_int_equal(page.raw_continue.n, 0);
	assert_int_equal(page.items.n, 0);
	assert_int_equal(watch_page_parse(STR("{\"metadata\":{\"resourceVersion\":\"7\"}}"), &page, &err), 0);
	assert_int_equal(
	    watch_page_parse(STR("{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":{}}"), &page, &err),
	    -1);
	assert_string_equal(err.message, "a list's items are not an array");
	assert_int_equal(watch_page_parse(STR("{\"metadata\":{},\"items\":[]}"), &page, &err), -1);
	assert_string_equal(err.message, "a list has no resourceVersion");
	assert_int_equal(watch_page_parse(STR("[]"), &page, &err), -1);
	assert_int_equal(watch_page_parse(STR("<html>"), &page, &err), -1);
	assert_non_null(strstr(err.message, "list: invalid JSON at byte"));
}

/* An object whose text its owner can't use: too deep for any bound of ours, wrong brackets, no UTF-8. */
static void append_poison(struct buffer *out, int which)
{
	buffer_append_c(out,
			"{\"metadata\":{\"resourceVersion\":\"8\",\"name\":\"poison\"},\"spec\":{\"input\":");
	for (int i = 0; i < 10000 && which == 0; i++)
		buffer_append_c(out, i % 2 ? "[" : "{\"a\":");
	buffer_append_c(out, which == 1   ? "[{\"a\":1]}"
			     : which == 2 ? "\"\xff\""
			     : which == 3 ? "no JSON"
					  : "1");
	for (int i = 10000; i-- > 0 && which == 0;)
		buffer_append_c(out, i % 2 ? "]" : "}");
	buffer_append_c(out, "}}");
}

static void a_poisoned_object_is_handed_on(void **state)
{
	(void)state;
	for (int which = 0; which < 4; which++) {
		cleanup_buffer struct buffer poison = BUFFER(1 << 20), text = BUFFER(1 << 20);
		struct watch_parsed parsed;

		append_poison(&poison, which);
		buffer_append_c(&text, "{\"type\":\"ADDED\",\"object\":");
		buffer_append_str(&text, buffer_str(&poison));
		buffer_append_c(&text, "}\n");
		assert_int_equal(watch_message_parse(buffer_str(&text), &parsed, NULL), 0);
		assert_int_equal(parsed.type, WATCH_ADDED);
		assert_true(str_eq(parsed.object, buffer_str(&poison)));
		assert_true(str_eq(parsed.raw_resource_version, STR("8")));
	}
}

#define GOOD "{\"metadata\":{\"name\":\"good\"}}"

static void a_poisoned_object_leaves_its_list_whole(void **state)
{

	(void)state;
	for (int which = 0; which < 4; which++) {
		cleanup_buffer struct buffer poison = BUFFER(1 << 20), text = BUFFER(1 << 20);
		struct watch_page page;
		size_t position = 0;
		struct str item;

		append_poison(&poison, which);
		buffer_append_c(&text, "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[");
		buffer_appendf(&text, "%s,%s,%s,%s]}", GOOD, poison.data, GOOD, poison.data);
		assert_int_equal(watch_page_parse(buffer_str(&text), &page, NULL), 0);
		assert_true(str_eq(page.raw_resource_version, STR("9")));
		for (int i = 0; i < 4; i++) {
			assert_int_equal(jsontext_split_element(page.items, &position, &item), JSONTEXT_PART);
			assert_true(str_eq(item, i % 2 ? buffer_str(&poison) : STR(GOOD)));
		}
		assert_int_equal(jsontext_split_element(page.items, &position, &item), JSONTEXT_END);
	}
}

/* Before the first object is told of: half a list would delete what the other half names. */
static void half_a_list_is_none(void **state)
{
	static const char *const texts[] = {
	    "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{},{\"a\":[}]}",
	    "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{},{\"a\":\"}]}",
	    "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{},{}",
	    "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{},{}]",
	    "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{}] {}}",
	    "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{}]} {}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct watch_page page;
		struct error err = {0};

		assert_int_equal(watch_page_parse(str_of(texts[i]), &page, &err), -1);
		assert_int_not_equal(err.code, ERR_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pieces_of_every_size),
	    cmocka_unit_test(too_long_is_refused),
	    cmocka_unit_test(events),
	    cmocka_unit_test(errors_that_the_server_sends),
	    cmocka_unit_test(what_is_no_watch_event),
	    cmocka_unit_test(pages),
	    cmocka_unit_test(a_poisoned_object_is_handed_on),
	    cmocka_unit_test(a_poisoned_object_leaves_its_list_whole),
	    cmocka_unit_test(half_a_list_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
