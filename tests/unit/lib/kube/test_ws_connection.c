#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/kube/ws_connection.h"
#include "lib/kube/ws_internal.h"
#include "tests/unit/lib/kube/fake_client.h"
#include "tests/unit/lib/kube/fake_server.h"

#include <stdio.h>

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

struct fixture {
	uv_loop_t loop;
	struct fake_server server;
	struct kube_client client;
	struct kube_ws *ws;
	struct ws_connection *connection;

	/* the script */
	void (*on_request)(struct fixture *f, struct fake_peer *peer);
	int reason_status; /* of the plain GET after a refusal */
	const char *reason;
	const char *to_send;   /* what fill sends, once */
	bool close_at_receive; /* close inside `received` */
	bool close_at_established;

	/* what happened */
	struct buffer head, path, received, frames;
	unsigned established, messages, pongs, closed;
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

	(void)peer;
	buffer_appendf(&f->frames, "%d:", opcode);
	if (opcode == CLOSE)
		fake_peer_hang_up(peer);
	else
		buffer_append_str(&f->frames, payload);
	buffer_append_c(&f->frames, " ");
}

static int on_reason(void *context, const char *path, struct buffer *body)
{
	struct fixture *f = context;

	buffer_append_c(&f->path, path);
	buffer_append_c(body, f->reason ? f->reason : "");
	return f->reason_status;
}

static void established(void *context)
{
	struct fixture *f = context;

	f->established++;
	if (f->close_at_established)
		f->connection = ws_connection_close(f->connection);
	else if (f->to_send)
		ws_connection_want_write(f->connection);
}

static void received(void *context, struct str piece, bool last)
{
	struct fixture *f = context;

	assert_int_equal(f->closed, 0);
	buffer_append_str(&f->received, piece);
	if (last) {
		f->messages++;
		buffer_append_c(&f->received, "|");
	}
	if (f->close_at_receive)
		f->connection = ws_connection_close(f->connection);
}

static size_t fill(void *context, unsigned char *out)
{
	struct fixture *f = context;
	size_t n = f->to_send ? strlen(f->to_send) : 0;

	if (n > 0)
		memcpy(out, f->to_send, n);
	f->to_send = NULL;
	return n;
}

static void pong(void *context)
{
	((struct fixture *)context)->pongs++;
}

static void closed(void *context, const struct error *problem)
{
	struct fixture *f = context;

	f->closed++;
	f->problem = *problem;
	f->connection = NULL;
}

static int setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	*f = (struct fixture){.head = BUFFER(65536),
			      .path = BUFFER(65536),
			      .received = BUFFER(32 << 20),
			      .frames = BUFFER(1 << 20)};
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->server.context = f;
	f->server.request = on_request;
	f->server.frame = on_frame;
	fake_server_start(&f->server, &f->loop);
	fake_client_init(&f->client, &f->loop, f->server.port, on_reason, f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ws_connection_close(f->connection);
	kube_ws_free(f->ws);
	fake_server_stop(&f->server);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	buffer_free(&f->head);
	buffer_free(&f->path);
	buffer_free(&f->received);
	buffer_free(&f->frames);
	assert_int_equal(f->server.open, 0);
	return uv_loop_close(&f->loop); /* EBUSY if anything was left on the loop */
}

static void start(struct fixture *f, const char *path, const char *subprotocol, unsigned timeout_ms)
{
	struct ws_options options = {
	    .path = path,
	    .subprotocol = subprotocol,
	    .open_timeout_ms = timeout_ms,
	    .handler = {established, received, fill, pong, closed},
	    .context = f,
	};
	struct error err = {0};

	if (!f->ws)
		f->ws = kube_ws_new(&f->client, &err);
	assert_string_equal(err.message, "");
	assert_non_null(f->ws);
	f->connection = ws_connection_open(f->ws, &options, &err);
	assert_string_equal(err.message, "");
	assert_non_null(f->connection);
	assert_int_equal(f->closed, 0); /* never from inside */
}

#define RUN_UNTIL(f, condition)                                                                              \
	while (!(condition))                                                                                 \
	assert_true(uv_run(&(f)->loop, UV_RUN_ONCE))

static void accept_plain(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	fake_peer_accept(peer, NULL);
}

static void the_handshake_says_what_kubernetes_wants(void **state)
{
	struct fixture *f = *state;
	char host[64];

	f->client.token = "secret.token-1";
	f->on_request = accept_plain;
	start(f, "/api/v1/pods?watch=true&labelSelector=a%3Db", NULL, 5000);
	RUN_UNTIL(f, f->established);
	snprintf(host, sizeof host, "Host: 127.0.0.1:%u\r\n", f->server.port);
	assert_non_null(strstr(f->head.data, host));
	assert_int_equal(
	    strncmp(f->head.data, "GET /api/v1/pods?watch=true&labelSelector=a%3Db HTTP/1.1\r\n", 57), 0);
	assert_non_null(strcasestr(f->head.data, "\r\nOrigin: http"));
	assert_non_null(strstr(f->head.data, "\r\nAuthorization: Bearer secret.token-1\r\n"));
	assert_null(strcasestr(f->head.data, "Sec-WebSocket-Protocol"));
	assert_null(strcasestr(f->head.data, "Sec-WebSocket-Extensions"));
	assert_int_equal(f->closed, 0);
}

static void a_longest_path_arrives_whole_and_a_longer_one_is_refused(void **state)
{
	struct fixture *f = *state;
	char path[WS_MAX_PATH + 2];
	struct ws_options options = {.path = path, .open_timeout_ms = 1000};
	struct error err;

	memset(path, 'x', sizeof path);
	path[0] = '/';
	path[WS_MAX_PATH - 1] = 'z';
	path[WS_MAX_PATH] = '\0';
	f->on_request = accept_plain;
	start(f, path, NULL, 5000);
	RUN_UNTIL(f, f->established);
	assert_int_equal(strncmp(f->head.data + 4, path, WS_MAX_PATH), 0);
	assert_int_equal(strncmp(f->head.data + 4 + WS_MAX_PATH, " HTTP/1.1\r\n", 11), 0);
	path[WS_MAX_PATH] = 'x';
	path[WS_MAX_PATH + 1] = '\0';
	assert_null(ws_connection_open(f->ws, &options, &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void a_token_that_a_header_cannot_carry_is_not_sent(void **state)
{
	struct fixture *f = *state;

	f->client.token = "two\r\nX-Evil: 1";
	f->on_request = accept_plain;
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->closed);
	assert_int_equal(f->problem.code, ERR_UNAUTHORIZED);
	assert_null(strstr(f->problem.message, "Evil"));
	assert_int_equal(f->head.len, 0);
}

static void send_messages(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	fake_peer_accept(peer, NULL);
	fake_peer_frame(peer, TEXT, true, STR("one"));
	fake_peer_frame(peer, TEXT, false, STR("t"));
	fake_peer_frame(peer, PING, true, STR("between")); /* control frames may stand between fragments */
	fake_peer_frame(peer, 0, false, STR(""));
	fake_peer_frame(peer, 0, false, STR("w"));
	fake_peer_frame(peer, 0, true, STR("o"));
	fake_peer_frame(peer, BINARY, true, STR(""));
	fake_peer_frame(peer, TEXT, true, STR("three"));
}

static void messages_in_pieces_of_every_size(void **state)
{
	struct fixture *f = *state;

	f->on_request = send_messages;
	for (size_t piece = 0; piece < 40; piece++) {
		f->server.piece = piece;
		f->messages = 0;
		buffer_reset(&f->received);
		buffer_reset(&f->frames);
		start(f, "/x", NULL, 5000);
		RUN_UNTIL(f, f->messages == 4 && f->frames.len > 0);
		assert_string_equal(f->received.data, "one|two||three|");
		assert_string_equal(f->frames.data, "10:between ");
		f->connection = ws_connection_close(f->connection);
	}
}

static void send_large(struct fixture *f, struct fake_peer *peer)
{
	static char bytes[3 << 20];

	(void)f;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)('a' + i % 26);
	fake_peer_accept(peer, NULL);
	fake_peer_frame(peer, TEXT, true, (struct str){bytes, sizeof bytes});
	fake_peer_frame(peer, TEXT, true, STR("end"));
}

static void a_large_message_comes_whole(void **state)
{
	struct fixture *f = *state;

	f->on_request = send_large;
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->messages == 2);
	assert_int_equal(f->received.len, (3 << 20) + 1 + 4);
	for (size_t i = 0; i < 3 << 20; i++)
		assert_true(f->received.data[i] == (char)('a' + i % 26));
	assert_string_equal(f->received.data + (3 << 20), "|end|");
}

static void our_messages_are_sent(void **state)
{
	struct fixture *f = *state;

	f->on_request = accept_plain;
	f->to_send = "hello";
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->frames.len > 0);
	assert_string_equal(f->frames.data, "2:hello ");
}

static void refuse_404(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	fake_peer_send(peer, STR("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nlost"));
}

static void a_refusal_is_explained_by_a_plain_get(void **state)
{
	struct fixture *f = *state;

	f->on_request = refuse_404;
	f->reason_status = 404;
	f->reason = "pods \"a\" not found";
	start(f, "/api/v1/pods?watch=true", NULL, 5000);
	RUN_UNTIL(f, f->closed);
	assert_int_equal(f->problem.code, ERR_NOT_FOUND);
	assert_string_equal(f->problem.message, "pods \"a\" not found");
	assert_string_equal(f->path.data, "/api/v1/pods?watch=true&timeoutSeconds=1");
	assert_int_equal(f->established, 0);
}

static void a_refusal_without_explanation_keeps_its_status(void **state)
{
	struct fixture *f = *state;

	f->on_request = refuse_404;
	f->reason_status = 200; /* it would be let through now */
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->closed);
	assert_int_equal(f->problem.code, ERR_NOT_FOUND);
	assert_string_equal(f->problem.message, "the server answered the WebSocket handshake with 404");
	assert_string_equal(f->path.data, "/x?timeoutSeconds=1");
}

static void close_while_the_explanation_is_awaited(void **state)
{
	struct fixture *f = *state;

	f->on_request = refuse_404;
	f->reason_status = 0;
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->client.waiting);
	f->connection = ws_connection_close(f->connection);
	assert_int_equal(f->client.cancelled, 1);
}

static void redirect(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	fake_peer_send(
	    peer, STR("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"));
}

static void redirects_are_not_followed(void **state)
{
	struct fixture *f = *state;

	f->on_request = redirect;
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->closed);
	assert_non_null(strstr(f->problem.message, "302"));
	assert_int_equal(f->server.accepted, 1);
}

static void garbage(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	fake_peer_send(peer, STR("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
	fake_peer_hang_up(peer);
}

static void a_server_that_speaks_something_else(void **state)
{
	struct fixture *f = *state;

	f->on_request = garbage;
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->closed);
	assert_int_equal(f->problem.code, ERR_UNAVAILABLE);
}

static void wrong_accept(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	fake_peer_send(peer,
		       STR("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			   "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"));
}

static void a_wrong_accept_key_is_refused(void **state)
{
	struct fixture *f = *state;

	f->on_request = wrong_accept;
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->closed);
	assert_int_equal(f->problem.code, ERR_UNAVAILABLE);
	assert_int_equal(f->established, 0);
}

static void accept_v5(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	fake_peer_accept(peer, "v5.channel.k8s.io");
}

static void a_subprotocol_is_agreed(void **state)
{
	struct fixture *f = *state;

	f->on_request = accept_v5;
	start(f, "/x", "v5.channel.k8s.io", 5000);
	RUN_UNTIL(f, f->established);
	assert_non_null(strstr(f->head.data, "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"));
}

static void a_server_that_does_not_agree_to_the_subprotocol(void **state)
{
	struct fixture *f = *state;

	f->on_request = accept_plain;
	start(f, "/x", "v5.channel.k8s.io", 5000);
	RUN_UNTIL(f, f->closed);
	assert_int_equal(f->problem.code, ERR_PROTOCOL);
	assert_string_equal(f->problem.message, "the server doesn't speak v5.channel.k8s.io");
}

static void send_close(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	fake_peer_accept(peer, NULL);
	fake_peer_frame(peer, TEXT, true, STR("bye"));
	fake_peer_frame(peer, CLOSE, true, STR("\003\350going away"));
}

static void a_close_frame_ends_it_with_its_words(void **state)
{
	struct fixture *f = *state;

	f->on_request = send_close;
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->closed);
	assert_string_equal(f->received.data, "bye|");
	assert_int_equal(f->problem.code, ERR_UNAVAILABLE);
	assert_string_equal(f->problem.message, "the server closed the stream (code 1000: going away)");
	RUN_UNTIL(f, f->frames.len > 0);
	assert_int_equal(strncmp(f->frames.data, "8:", 2), 0); /* our answer */
}

static void hang_up_inside_message(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	fake_peer_accept(peer, NULL);
	fake_peer_send(peer, STR("\201\012half"));
	fake_peer_hang_up(peer);
}

static void a_connection_lost_inside_a_message(void **state)
{
	struct fixture *f = *state;

	f->on_request = hang_up_inside_message;
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->closed);
	assert_int_equal(f->messages, 0);
	assert_int_equal(f->problem.code, ERR_UNAVAILABLE);
	assert_string_equal(f->problem.message, "the connection was lost");
}

static void break_the_protocol(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	fake_peer_accept(peer, NULL);
	fake_peer_send(peer, STR("\xc1\003abc")); /* a reserved bit without an extension */
}

static void frames_that_break_the_protocol_end_it(void **state)
{
	struct fixture *f = *state;

	f->on_request = break_the_protocol;
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->closed);
	assert_int_equal(f->received.len, 0);
}

static void say_nothing(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	(void)peer;
}

static void a_server_that_never_answers(void **state)
{
	struct fixture *f = *state;

	f->on_request = say_nothing;
	start(f, "/x", NULL, 50);
	RUN_UNTIL(f, f->closed);
	assert_int_equal(f->problem.code, ERR_TIMEOUT);
	assert_non_null(strstr(f->problem.message, "within 50 ms"));
	RUN_UNTIL(f, f->server.open == 0); /* the socket is closed too */
}

static void nobody_listens(void **state)
{
	struct fixture *f = *state;

	fake_server_stop(&f->server);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	for (int i = 0; i < 5; i++) {
		f->closed = 0;
		start(f, "/x", NULL, 5000);
		RUN_UNTIL(f, f->closed);
		assert_int_equal(f->problem.code, ERR_UNAVAILABLE);
		assert_non_null(strstr(f->problem.message, "can't connect to 127.0.0.1:"));
	}
}

static void a_name_is_looked_up_off_the_loop(void **state)
{
	struct fixture *f = *state;

	snprintf(f->client.server, sizeof f->client.server, "http://localhost:%u/prefix/", f->server.port);
	f->on_request = accept_plain;
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->established); /* should ::1 come first, nobody listens there */
	assert_int_equal(strncmp(f->head.data, "GET /prefix/x HTTP/1.1\r\n", 24), 0);
}

static void a_name_that_does_not_exist(void **state)
{
	struct fixture *f = *state;

	snprintf(f->client.server, sizeof f->client.server, "http://no-such-host.invalid");
	start(f, "/x", NULL, 20000);
	RUN_UNTIL(f, f->closed);
	assert_int_equal(f->problem.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(f->problem.message, "no-such-host.invalid"));
}

static void close_at_every_stage(void **state)
{
	struct fixture *f = *state;

	f->on_request = send_messages;
	for (int turns = 0; turns < 30; turns++) {
		f->established = f->messages = 0;
		start(f, "/x", NULL, 5000);
		for (int i = 0; i < turns; i++)
			uv_run(&f->loop, UV_RUN_NOWAIT);
		f->connection = ws_connection_close(f->connection);
		f->established = f->messages = 0;
		RUN_UNTIL(f, f->server.open == 0);
		assert_int_equal(f->established, 0);
		assert_int_equal(f->messages, 0);
		assert_int_equal(f->closed, 0);
	}
}

static void close_inside_callbacks(void **state)
{
	struct fixture *f = *state;

	f->on_request = send_messages;
	f->close_at_receive = true;
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->established && f->server.open == 0);
	assert_string_equal(f->received.data, "one|");
	f->close_at_receive = false;
	f->close_at_established = true;
	f->established = f->messages = 0;
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->established && f->server.open == 0);
	assert_int_equal(f->messages, 0);
	assert_int_equal(f->closed, 0);
}

static void free_with_everything_open(void **state)
{
	struct fixture *f = *state;

	f->on_request = send_messages;
	for (int i = 0; i < 20; i++) {
		start(f, "/x", NULL, 5000);
		for (int turns = 0; turns < i; turns++)
			uv_run(&f->loop, UV_RUN_NOWAIT);
		ws_connection_close(f->connection);
	}
	f->connection = NULL;
	f->ws = kube_ws_free(f->ws);
	uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void pause_holds_messages_back(void **state)
{
	struct fixture *f = *state;
	struct str kilobyte;
	char bytes[1024];

	memset(bytes, 'x', sizeof bytes);
	kilobyte = (struct str){bytes, sizeof bytes};
	f->on_request = accept_plain;
	start(f, "/x", NULL, 5000);
	RUN_UNTIL(f, f->established);
	ws_connection_pause(f->connection, true);
	for (int i = 0; i < 100; i++)
		fake_peer_frame(f->server.last, BINARY, true, kilobyte);
	for (int i = 0; i < 50; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_int_equal(f->messages, 0);
	ws_connection_pause(f->connection, false);
	RUN_UNTIL(f, f->messages == 100);
}

static void server_urls(void **state)
{
	static const struct {
		const char *url, *host, *header, *prefix;
		int port;
		bool tls;
	} good[] = {
	    {"https://10.96.0.1:443", "10.96.0.1", "10.96.0.1:443", "", 443, true},
	    {"https://kubernetes.default.svc", "kubernetes.default.svc", "kubernetes.default.svc", "", 443,
	     true},
	    {"https://[fd00::1]:6443", "fd00::1", "[fd00::1]:6443", "", 6443, true},
	    {"https://[fd00::1]/", "fd00::1", "[fd00::1]", "", 443, true},
	    {"http://localhost:8001/k8s/clusters/c-1//", "localhost", "localhost:8001", "/k8s/clusters/c-1",
	     8001, false},
	};
	static const char *const bad[] = {
	    "",
	    "10.0.0.1",
	    "ftp://x",
	    "https://",
	    "https:///x",
	    "https://x:",
	    "https://x:0",
	    "https://x:65536",
	    "https://x:y",
	    "https://[::1",
	    "https://[::1]6443",
	    "https://[::1]:",
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct ws_server server;

		assert_int_equal(ws_server_parse(good[i].url, &server, NULL), 0);
		assert_string_equal(server.host, good[i].host);
		assert_string_equal(server.header, good[i].header);
		assert_string_equal(server.prefix, good[i].prefix);
		assert_int_equal(server.port, good[i].port);
		assert_int_equal(server.tls, good[i].tls);
		ws_server_free(&server);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ws_server server = {0};
		struct error err;

		assert_int_equal(ws_server_parse(bad[i], &server, &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_null(server.host);
		ws_server_free(&server);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(the_handshake_says_what_kubernetes_wants),
	    TEST(a_longest_path_arrives_whole_and_a_longer_one_is_refused),
	    TEST(a_token_that_a_header_cannot_carry_is_not_sent),
	    TEST(messages_in_pieces_of_every_size),
	    TEST(a_large_message_comes_whole),
	    TEST(our_messages_are_sent),
	    TEST(a_refusal_is_explained_by_a_plain_get),
	    TEST(a_refusal_without_explanation_keeps_its_status),
	    TEST(close_while_the_explanation_is_awaited),
	    TEST(redirects_are_not_followed),
	    TEST(a_server_that_speaks_something_else),
	    TEST(a_wrong_accept_key_is_refused),
	    TEST(a_subprotocol_is_agreed),
	    TEST(a_server_that_does_not_agree_to_the_subprotocol),
	    TEST(a_close_frame_ends_it_with_its_words),
	    TEST(a_connection_lost_inside_a_message),
	    TEST(frames_that_break_the_protocol_end_it),
	    TEST(a_server_that_never_answers),
	    TEST(nobody_listens),
	    TEST(a_name_is_looked_up_off_the_loop),
	    TEST(a_name_that_does_not_exist),
	    TEST(close_at_every_stage),
	    TEST(close_inside_callbacks),
	    TEST(free_with_everything_open),
	    TEST(pause_holds_messages_back),
	    cmocka_unit_test(server_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
