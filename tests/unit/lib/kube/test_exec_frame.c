#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/kube/exec_frame.h"

struct message {
	const char *bytes;
	size_t n;
};
#define MESSAGE(literal)                                                                                     \
	{                                                                                                    \
		literal, sizeof(literal) - 1                                                                 \
	}

static const struct message messages[] = {
    MESSAGE(""),     /* the greeting */
    MESSAGE("\001"), /* a channel without data */
    MESSAGE("\001hello "),
    MESSAGE("\002oops\n"),
    MESSAGE("\001w\000rld"),
    MESSAGE("\004later version's"),
    MESSAGE("\377\001"),
    MESSAGE("\003{\"status\":\"Success\"}"),
};

struct outputs {
	struct buffer out, err;
};

/* Feed the messages cut into pieces of `size` bytes; sockets give empty pieces too. */
static void feed_in_pieces(struct exec_parser *parser, size_t size, bool with_empty, struct outputs *outputs)
{
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
		size_t at = 0;

		do {
			size_t n = messages[i].n - at < size ? messages[i].n - at : size;
			enum exec_channel channel;
			struct str data;

			assert_false(parser->status_complete);
			assert_int_equal(exec_parser_feed(parser, (struct str){messages[i].bytes + at, n},
							  at + n == messages[i].n && !with_empty, &channel,
							  &data, NULL),
					 0);
			assert_true(data.n == 0 || channel == EXEC_STDOUT || channel == EXEC_STDERR);
			buffer_append_str(channel == EXEC_STDOUT ? &outputs->out : &outputs->err, data);
			at += n;
			if (with_empty) {
				assert_int_equal(exec_parser_feed(parser, (struct str){"", 0},
								  at == messages[i].n, &channel, &data, NULL),
						 0);
				assert_int_equal(data.n, 0);
			}
		} while (at < messages[i].n);
	}
}

static void pieces_of_every_size(void **state)
{
	(void)state;
	for (size_t size = 1; size < 30; size++)
		for (int with_empty = 0; with_empty < 2; with_empty++) {
			struct outputs outputs = {BUFFER(1024), BUFFER(1024)};
			struct exec_parser parser;
			int exit_code = -1;

			exec_parser_init(&parser);
			feed_in_pieces(&parser, size, with_empty, &outputs);
			assert_int_equal(outputs.out.len, 11);
			assert_memory_equal(outputs.out.data, "hello w\0rld", 11);
			assert_string_equal(outputs.err.data, "oops\n");
			assert_true(parser.status_complete);
			assert_int_equal(exec_status_read(buffer_str(&parser.status), &exit_code, NULL), 0);
			assert_int_equal(exit_code, 0);
			buffer_free(&outputs.out);
			buffer_free(&outputs.err);
			exec_parser_free(&parser);
		}
}

static void an_endless_status_is_refused(void **state)
{
	static char kilobyte[1024];
	struct exec_parser parser;
	enum exec_channel channel;
	struct error err;
	struct str data;
	int result = 0, count = 0;

	(void)state;
	memset(kilobyte, '\003', sizeof kilobyte);
	exec_parser_init(&parser);
	while (result == 0 && count++ < 1000)
		result = exec_parser_feed(&parser, (struct str){kilobyte, sizeof kilobyte}, false, &channel,
					  &data, &err);
	assert_int_equal(result, -1);
	assert_int_equal(err.code, ERR_PROTOCOL);
	assert_int_equal(count, EXEC_MAX_STATUS / 1024 + 1);
	exec_parser_free(&parser);
}

static void a_second_status_is_refused(void **state)
{
	struct exec_parser parser;
	enum exec_channel channel;
	struct error err;
	struct str data;

	(void)state;
	exec_parser_init(&parser);
	assert_int_equal(exec_parser_feed(&parser, STR("\003{}"), true, &channel, &data, &err), 0);
	assert_int_equal(exec_parser_feed(&parser, STR("\003{}"), true, &channel, &data, &err), -1);
	assert_string_equal(err.message, "the exec stream has two final statuses");
	exec_parser_free(&parser);
}

static void statuses(void **state)
{
	static const struct {
		const char *status;
		int result, exit_code;
		enum error_code code;
		const char *message;
	} cases[] = {
	    {"{\"metadata\":{},\"status\":\"Success\"}", 0, 0, 0, NULL},
	    {"{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command terminated with non-zero exit "
	     "code: exit "
	     "status "
	     "3\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":\"Other\",\"message\":"
	     "\"7\"},"
	     "{\"reason\":\"ExitCode\",\"message\":\"3\"}]}}",
	     0, 3, 0, NULL},
	    {"{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"137\"}]"
	     "}}",
	     0, 137, 0, NULL},
	    {"{\"status\":\"Failure\",\"message\":\"Internal error occurred: no \\\"x\\\"\",\"code\":500}",
	     -1, 0, ERR_UNAVAILABLE, "Internal error occurred: no \"x\""},
	    {"{\"status\":\"Failure\",\"message\":\"pods \\\"a\\\" not found\",\"code\":404}", -1, 0,
	     ERR_NOT_FOUND, "pods \"a\" not found"},
	    {"{\"status\":\"Failure\",\"message\":\"no code\"}", -1, 0, ERR_UNAVAILABLE, "no code"},
	    {"{\"status\":\"Failure\",\"message\":\"m\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
	     "\"message\":\"x\"}]}}",
	     -1, 0, ERR_UNAVAILABLE, "m"},
	    {"{\"status\":\"Failure\",\"message\":\"m\",\"details\":[]}", -1, 0, ERR_UNAVAILABLE, "m"},
	    {"{\"status\":\"Failure\",\"message\":\"m\",\"details\":{\"causes\":[null,7,\"x\"]}}", -1, 0,
	     ERR_UNAVAILABLE, "m"},
	    {"{\"status\":7}", -1, 0, ERR_PROTOCOL,
	     "the exec stream's final status says neither success nor why not"},
	    {"{}", -1, 0, ERR_PROTOCOL, "the exec stream's final status says neither success nor why not"},
	    {"[]", -1, 0, ERR_PROTOCOL, "the exec stream's final status is not a JSON object"},
	    {"Success", -1, 0, ERR_PROTOCOL, "the exec stream's final status is not a JSON object"},
	    {"", -1, 0, ERR_PROTOCOL, "the exec stream's final status is not a JSON object"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error err = {0};
		int exit_code = 0;

		assert_int_equal(exec_status_read(str_of(cases[i].status), &exit_code, &err),
				 cases[i].result);
		if (cases[i].result == 0) {
			assert_int_equal(exit_code, cases[i].exit_code);
		} else {
			assert_string_equal(err.message, cases[i].message);
			if (cases[i].code != ERR_UNAVAILABLE)
				assert_int_equal(err.code, cases[i].code);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pieces_of_every_size),
	    cmocka_unit_test(an_endless_status_is_refused),
	    cmocka_unit_test(a_second_status_is_refused),
	    cmocka_unit_test(statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
