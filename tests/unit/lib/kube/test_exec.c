#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/kube/exec.h"
#include "tests/unit/lib/kube/fake_client.h"
#include "tests/unit/lib/kube/fake_server.h"

#include <stdio.h>
#include <stdlib.h>

enum { BINARY = 2, CLOSE = 8 };

struct fixture {
	uv_loop_t loop;
	struct fake_server server;
	struct kube_client client;
	struct kube_ws *ws;
	struct exec_stream *stream;

	void (*on_request)(struct fixture *f, struct fake_peer *peer);
	int reason_status;
	const char *reason;
	bool echo; /* stdin comes back as stdout */
	enum { NOWHERE, AT_OPEN, AT_OUTPUT, AT_DRAINED } close_at;

	struct buffer head, output, error_output, input;
	unsigned frames, largest_frame, opened, drained, closed;
	bool input_closed;
	int exit_code;
	bool failed;
	struct error problem;
};

static void on_request(void *context, struct fake_peer *peer, const char *head)
{
	struct fixture *f = context;

	buffer_reset(&f->head);
	buffer_append_c(&f->head, head);
	f->on_request(f, peer);
}

static void on_frame(void *context, struct fake_peer *peer, int opcode, struct str payload)
{
	struct fixture *f = context;

	if (opcode != BINARY)
		return;
	f->frames++;
	if (payload.n > f->largest_frame)
		f->largest_frame = (unsigned)payload.n;
	assert_true(payload.n > 1);
	if ((unsigned char)payload.p[0] == 255) {
		assert_int_equal(payload.n, 2);
		assert_int_equal(payload.p[1], 0);
		f->input_closed = true;
		return;
	}
	assert_int_equal(payload.p[0], 0);
	assert_false(f->input_closed);
	buffer_append(&f->input, payload.p + 1, payload.n - 1);
	if (f->echo) {
		cleanup_free char *copy = malloc(payload.n);

		assert_non_null(copy);
		memcpy(copy, payload.p, payload.n);
		copy[0] = 1;
		fake_peer_frame(peer, BINARY, true, (struct str){copy, payload.n});
	}
}

static int on_reason(void *context, const char *path, struct buffer *body)
{
	struct fixture *f = context;

	assert_non_null(strstr(path, "/exec?container="));
	buffer_append_c(body, f->reason);
	return f->reason_status;
}

static void on_open(void *context)
{
	struct fixture *f = context;

	f->opened++;
	if (f->close_at == AT_OPEN)
		f->stream = exec_stream_close(f->stream);
}

static void on_output(void *context, struct str data)
{
	struct fixture *f = context;

	assert_int_equal(f->closed, 0);
	buffer_append_str(&f->output, data);
	if (f->close_at == AT_OUTPUT)
		f->stream = exec_stream_close(f->stream);
}

static void on_error_output(void *context, struct str data)
{
	buffer_append_str(&((struct fixture *)context)->error_output, data);
}

static void on_drained(void *context)
{
	struct fixture *f = context;

	f->drained++;
	if (f->close_at == AT_DRAINED)
		f->stream = exec_stream_close(f->stream);
}

static void on_closed(void *context, const struct error *problem, int exit_code)
{
	struct fixture *f = context;

	f->closed++;
	f->stream = NULL;
	f->exit_code = exit_code;
	f->failed = problem != NULL;
	if (problem)
		f->problem = *problem;
}

static int setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	*f = (struct fixture){.head = BUFFER(65536),
			      .output = BUFFER(64 << 20),
			      .error_output = BUFFER(1 << 20),
			      .input = BUFFER(64 << 20)};
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->server.context = f;
	f->server.request = on_request;
	f->server.frame = on_frame;
	fake_server_start(&f->server, &f->loop);
	fake_client_init(&f->client, &f->loop, f->server.port, on_reason, f);
	f->ws = kube_ws_new(&f->client, NULL);
	assert_non_null(f->ws);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	exec_stream_close(f->stream);
	kube_ws_free(f->ws);
	fake_server_stop(&f->server);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	buffer_free(&f->head);
	buffer_free(&f->output);
	buffer_free(&f->error_output);
	buffer_free(&f->input);
	return uv_loop_close(&f->loop);
}

static const char *const cat[] = {"/bin/cat", "a b&c", "\xc3\xbc", NULL};

static struct exec_options options_of(struct fixture *f)
{
	return (struct exec_options){
	    .namespace = "tenant-a",
	    .pod = "pod-1",
	    .container = "main",
	    .command = cat,
	    .handler = {on_open, on_output, on_error_output, on_drained, on_closed},
	    .context = f,
	};
}

static void start(struct fixture *f, size_t max_queue)
{
	struct exec_options options = options_of(f);
	struct error err = {0};

	options.max_queue = max_queue;
	f->stream = exec_stream_open(f->ws, &options, &err);
	assert_string_equal(err.message, "");
	assert_non_null(f->stream);
}

#define RUN_UNTIL(f, condition)                                                                              \
	while (!(condition))                                                                                 \
	assert_true(uv_run(&(f)->loop, UV_RUN_ONCE))

static void accept_exec(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	fake_peer_accept(peer, "v5.channel.k8s.io");
	fake_peer_frame(peer, BINARY, true, STR(""));
}

static void frame(struct fixture *f, struct str bytes)
{
	fake_peer_frame(f->server.last, BINARY, true, bytes);
}

static void the_request_names_the_command(void **state)
{
	struct fixture *f = *state;

	f->on_request = accept_exec;
	start(f, 0);
	assert_int_equal(exec_stream_write(f->stream, STR("too early")), 0);
	RUN_UNTIL(f, f->opened);
	assert_non_null(
	    strstr(f->head.data,
		   "GET /api/v1/namespaces/tenant-a/pods/pod-1/exec?container=main&stdin=true&stdout=true&"
		   "stderr=true&command=%2Fbin%2Fcat&command=a%20b%26c&command=%C3%BC HTTP/1.1\r\n"));
	assert_non_null(strstr(f->head.data, "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"));
}

static void names_are_checked(void **state)
{
	struct fixture *f = *state;
	struct exec_options options = options_of(f);
	const char *const none[] = {NULL};
	char longest[2000];
	const char *const too_long[] = {longest, NULL};
	struct error err;

	options.pod = "../../secrets/x";
	assert_null(exec_stream_open(f->ws, &options, &err));
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_string_equal(err.message, "\"../../secrets/x\" is not a valid Kubernetes name");
	options = options_of(f);
	options.container = NULL;
	assert_null(exec_stream_open(f->ws, &options, &err));
	options = options_of(f);
	options.command = none;
	assert_null(exec_stream_open(f->ws, &options, &err));
	assert_string_equal(err.message, "exec needs a command");
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	options.command = too_long;
	assert_null(exec_stream_open(f->ws, &options, &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void outputs_and_exit_code(void **state)
{
	struct fixture *f = *state;

	f->on_request = accept_exec;
	f->server.piece = 3;
	start(f, 0);
	RUN_UNTIL(f, f->opened);
	frame(f, STR("\001out"));
	frame(f, STR("\002err"));
	frame(f, STR("\001put"));
	frame(f, STR("\003{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{"
		     "\"reason\":"
		     "\"ExitCode\",\"message\":\"42\"}]}}"));
	RUN_UNTIL(f, f->closed);
	assert_false(f->failed);
	assert_int_equal(f->exit_code, 42);
	assert_string_equal(f->output.data, "output");
	assert_string_equal(f->error_output.data, "err");
	RUN_UNTIL(f, f->server.open == 0); /* it hangs up by itself */
}

static void a_command_that_could_not_run(void **state)
{
	struct fixture *f = *state;

	f->on_request = accept_exec;
	start(f, 0);
	RUN_UNTIL(f, f->opened);
	frame(f, STR("\003{\"status\":\"Failure\",\"message\":\"no such file\",\"code\":500}"));
	RUN_UNTIL(f, f->closed);
	assert_true(f->failed);
	assert_string_equal(f->problem.message, "no such file");
}

static void a_stream_without_a_status_is_an_error(void **state)
{
	struct fixture *f = *state;

	f->on_request = accept_exec;
	start(f, 0);
	RUN_UNTIL(f, f->opened);
	frame(f, STR("\001partial"));
	fake_peer_frame(f->server.last, CLOSE, true, STR("\003\350"));
	RUN_UNTIL(f, f->closed);
	assert_true(f->failed);
	assert_int_equal(f->problem.code, ERR_UNAVAILABLE);
	assert_string_equal(
	    f->problem.message,
	    "the exec stream ended without a status: the server closed the stream (code 1000)");
	assert_string_equal(f->output.data, "partial");
	f->closed = 0;
	start(f, 0);
	RUN_UNTIL(f, f->opened == 2);
	fake_peer_hang_up(f->server.last);
	RUN_UNTIL(f, f->closed);
	assert_true(f->failed);
	assert_string_equal(f->problem.message,
			    "the exec stream ended without a status: the connection was lost");
}

static void refuse(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	fake_peer_send(peer, STR("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
}

static void a_refused_stream_says_why(void **state)
{
	struct fixture *f = *state;

	f->on_request = refuse;
	f->reason_status = 404;
	f->reason = "pods \"pod-1\" not found";
	start(f, 0);
	RUN_UNTIL(f, f->closed);
	assert_true(f->failed);
	assert_int_equal(f->problem.code, ERR_NOT_FOUND);
	assert_string_equal(f->problem.message, "pods \"pod-1\" not found");
	assert_int_equal(f->opened, 0);
}

static void the_plain_get_cannot_upgrade_either(void **state)
{
	struct fixture *f = *state;

	f->on_request = refuse;
	f->reason_status = 400;
	f->reason = "Upgrade request required";
	start(f, 0);
	RUN_UNTIL(f, f->closed);
	assert_int_equal(f->problem.code, ERR_NOT_FOUND);
	assert_string_equal(f->problem.message, "the server answered the WebSocket handshake with 404");
}

static void small_writes_go_out_together(void **state)
{
	struct fixture *f = *state;
	cleanup_buffer struct buffer expected = BUFFER(1 << 20);

	f->on_request = accept_exec;
	start(f, 0);
	RUN_UNTIL(f, f->opened);
	for (int i = 0; i < 20000; i++) {
		char line[16];
		int n = snprintf(line, sizeof line, "%d\n", i);

		assert_int_equal(exec_stream_write(f->stream, (struct str){line, (size_t)n}), n);
		buffer_append(&expected, line, (size_t)n);
	}
	assert_int_equal(exec_stream_queued(f->stream), expected.len);
	RUN_UNTIL(f, f->input.len == expected.len);
	assert_memory_equal(f->input.data, expected.data, expected.len);
	assert_int_equal(f->frames, expected.len / 65535 + 1);
	assert_int_equal(f->largest_frame, 65536);
	assert_int_equal(exec_stream_queued(f->stream), 0);
}

static void the_queue_is_bounded(void **state)
{
	struct fixture *f = *state;
	size_t total = 6 << 20, sent = 0, n;
	char *bytes = malloc(total);
	unsigned refusals = 0;

	assert_non_null(bytes);
	for (size_t i = 0; i < total; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	f->on_request = accept_exec;
	start(f, 200000);
	RUN_UNTIL(f, f->opened);
	fake_peer_pause(f->server.last, true); /* the socket's buffers fill up, then the queue */
	for (unsigned still = 0; sent < total && still < 50;) {
		n = exec_stream_write(f->stream, (struct str){bytes + sent, total - sent});
		assert_true(exec_stream_queued(f->stream) <= 200000);
		still = n > 0 ? 0 : still + 1;
		sent += n;
		uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(exec_stream_queued(f->stream), 200000);
	f->drained = 0;
	fake_peer_pause(f->server.last, false);
	while (sent < total) {
		n = exec_stream_write(f->stream, (struct str){bytes + sent, total - sent});
		sent += n;
		if (n > 0)
			continue;
		refusals++;
		RUN_UNTIL(f, f->drained);
		f->drained = 0;
		assert_true(exec_stream_queued(f->stream) < 100000);
	}
	RUN_UNTIL(f, f->input.len == total);
	assert_memory_equal(f->input.data, bytes, total);
	assert_true(refusals > 0);
	free(bytes);
}

static void end_of_input_comes_after_the_queue(void **state)
{
	struct fixture *f = *state;
	static char bytes[300000];

	f->on_request = accept_exec;
	start(f, 0);
	RUN_UNTIL(f, f->opened);
	assert_int_equal(exec_stream_write(f->stream, (struct str){bytes, sizeof bytes}), sizeof bytes);
	exec_stream_end_input(f->stream);
	exec_stream_end_input(f->stream);
	assert_int_equal(exec_stream_write(f->stream, STR("late")), 0);
	RUN_UNTIL(f, f->input_closed);
	assert_int_equal(f->input.len, sizeof bytes);
	frame(f, STR("\003{\"status\":\"Success\"}"));
	RUN_UNTIL(f, f->closed);
	assert_false(f->failed);
	assert_int_equal(f->exit_code, 0);
}

static void end_of_input_alone(void **state)
{
	struct fixture *f = *state;

	f->on_request = accept_exec;
	start(f, 0);
	RUN_UNTIL(f, f->opened);
	exec_stream_end_input(f->stream);
	RUN_UNTIL(f, f->input_closed);
	assert_int_equal(f->frames, 1);
}

/* Echo with the reader stopping and going at random: nothing lost, nothing doubled, nothing stuck. */
static void pause_and_resume_lose_nothing(void **state)
{
	struct fixture *f = *state;
	size_t total = 8 << 20, sent = 0;
	char *bytes = malloc(total);
	uint32_t random = 1;

	assert_non_null(bytes);
	for (size_t i = 0; i < total; i++)
		bytes[i] = (char)(i * 13 + i / 509);
	f->on_request = accept_exec;
	f->echo = true;
	start(f, 0);
	RUN_UNTIL(f, f->opened);
	while (f->output.len < total) {
		random = random * 1664525 + 1013904223;
		if (random >> 28 == 0)
			exec_stream_pause(f->stream, true);
		else if (random >> 30 == 1)
			exec_stream_pause(f->stream, false);
		sent += exec_stream_write(f->stream, (struct str){bytes + sent, total - sent});
		uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(f->output.len, total);
	assert_memory_equal(f->output.data, bytes, total);
	free(bytes);
}

static void close_inside_callbacks(void **state)
{
	struct fixture *f = *state;
	static char bytes[300000];

	f->on_request = accept_exec;
	f->close_at = AT_OPEN;
	start(f, 0);
	RUN_UNTIL(f, f->opened && f->server.open == 0);
	f->close_at = AT_OUTPUT;
	start(f, 0);
	RUN_UNTIL(f, f->opened == 2);
	frame(f, STR("\001first"));
	frame(f, STR("\001second"));
	RUN_UNTIL(f, f->server.open == 0);
	assert_string_equal(f->output.data, "first");
	f->close_at = AT_DRAINED;
	start(f, sizeof bytes);
	RUN_UNTIL(f, f->opened == 3);
	assert_int_equal(exec_stream_write(f->stream, (struct str){bytes, sizeof bytes}), sizeof bytes);
	RUN_UNTIL(f, f->server.open == 0);
	assert_int_equal(f->drained, 1);
	assert_int_equal(f->closed, 0);
}

static void many_streams_at_once(void **state)
{
	enum { COUNT = 300 };
	struct fixture *f = *state;
	struct exec_stream *streams[COUNT];
	struct exec_options options = options_of(f);

	f->on_request = accept_exec;
	f->echo = true;
	for (int i = 0; i < COUNT; i++) {
		streams[i] = exec_stream_open(f->ws, &options, NULL);
		assert_non_null(streams[i]);
	}
	RUN_UNTIL(f, f->opened == COUNT);
	assert_int_equal(f->server.open, COUNT);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(exec_stream_write(streams[i], STR("ping")), 4);
	RUN_UNTIL(f, f->output.len == 4 * COUNT);
	for (int i = 0; i < COUNT; i++)
		exec_stream_close(streams[i]);
	RUN_UNTIL(f, f->server.open == 0);
	assert_int_equal(f->closed, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(the_request_names_the_command),
	    TEST(names_are_checked),
	    TEST(outputs_and_exit_code),
	    TEST(a_command_that_could_not_run),
	    TEST(a_stream_without_a_status_is_an_error),
	    TEST(a_refused_stream_says_why),
	    TEST(the_plain_get_cannot_upgrade_either),
	    TEST(small_writes_go_out_together),
	    TEST(the_queue_is_bounded),
	    TEST(end_of_input_comes_after_the_queue),
	    TEST(end_of_input_alone),
	    TEST(pause_and_resume_lose_nothing),
	    TEST(close_inside_callbacks),
	    TEST(many_streams_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
