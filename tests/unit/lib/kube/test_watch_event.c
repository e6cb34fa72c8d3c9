#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pieces_of_every_size),
	    cmocka_unit_test(too_long_is_refused),
	    cmocka_unit_test(events),
	    cmocka_unit_test(errors_that_the_server_sends),
	    cmocka_unit_test(what_is_no_watch_event),
	    cmocka_unit_test(pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
