#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/remote/events.h"

#include <string.h>

static int note(void *context, struct str name, struct str data, struct error *err)
{
	struct buffer *out = context;
	(void)err;
	buffer_appendf(out, "%.*s=%.*s|", (int)name.n, name.p, (int)data.n, data.p ? data.p : "");
	return 0;
}

/* In pieces of every size. */
static void expect(const char *stream, const char *wanted)
{
	size_t length = strlen(stream);
	for (size_t size = 1; size <= length; size++) {
		cleanup_buffer struct buffer out = BUFFER(65536);
		struct events events;
		buffer_append_c(&out, "");
		events_init(&events, note, &out);
		for (size_t at = 0; at < length; at += size)
			assert_int_equal(
			    events_feed(&events,
					(struct str){stream + at, length - at < size ? length - at : size},
					NULL),
			    0);
		events_free(&events);
		assert_string_equal(out.data, wanted);
	}
}

static void test_forms(void **state)
{
	(void)state;
	expect("data: one\n\ndata:two\n\n", "message=one|message=two|");
	expect("data: a\r\n\r\ndata: b\r\rdata: c\n\n", "message=a|message=b|message=c|");
	expect("data: a\ndata:  b\n\n", "message=a\n b|");
	expect("data\n\ndata:\n\n", "message=|message=|");
	expect(": comment\n\nid: 3\nretry: 5\n\n", "");
	expect("event: end\ndata: {}\n\ndata: x\n\n", "end={}|message=x|");
	expect("event: end\n\ndata: x\n\n", "message=x|");
	expect("data: not whole\n", "");
	expect("data: é…\n\n", "message=é…|");
}

static void test_a_line_without_end(void **state)
{
	(void)state;
	static char piece[1 << 20];
	cleanup_buffer struct buffer out = BUFFER(64);
	struct events events;
	struct error err = {0};
	int status = 0;
	memset(piece, 'x', sizeof(piece));
	events_init(&events, note, &out);
	for (int i = 0; i < 32 && status == 0; i++)
		status = events_feed(&events, (struct str){piece, sizeof(piece)}, &err);
	events_free(&events);
	assert_int_equal(status, -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_a_line_without_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
