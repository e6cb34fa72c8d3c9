#include "tests/unit/lib/http/test_app.h"

#define HOST "Host: h\r\n"

static void test_echo(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	app_exchange(app, &client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
		     "\r\n\r\nhello");
	assert_true(raw_has(&client, "HTTP/1.1 200 OK\r\n"));
	assert_true(raw_has(&client, "\r\nContent-Type: text/plain\r\n"));
	assert_true(raw_has(&client, "\r\nContent-Length: 5\r\n"));
	assert_false(raw_has(&client, "Server:"));
	/* the connection is kept, and a request may come in pieces of any size */
	static const char again[] = "POST /echo HTTP/1.1\r\n" HOST
				    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
	for (size_t i = 0; i + 1 < sizeof(again); i++) {
		raw_send_bytes(&client, again + i, 1);
		uv_run(&app->loop, UV_RUN_NOWAIT);
	}
	LOOP_UNTIL(&app->loop, raw_has(&client, "\r\n\r\nabcde"));
	assert_int_equal(app->ends, 2);
	assert_int_equal(http_server_active(app->server), 0);
	raw_close(&client);
	app_finish(app);
}

static void test_pipelined(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	app_exchange(app, &client,
		     "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\noneGET /later HTTP/1.1\r\n" HOST
		     "\r\nPOST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nthree",
		     "one");
	LOOP_UNTIL(&app->loop, app->begins == 2);
	assert_int_equal(http_server_active(app->server), 1);
	assert_false(raw_has(&client, "three"));
	http_exchange_answer(app->last, 404, NULL, STR("two"));
	LOOP_UNTIL(&app->loop, raw_has(&client, "three"));
	const char *one = strstr(client.received.data, "one"), *two = strstr(client.received.data, "two");
	assert_true(one && two && one < two && two < strstr(client.received.data, "three"));
	raw_close(&client);
	app_finish(app);
}

static void test_what_the_handler_sees(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	struct str value;
	raw_connect(&client, &app->loop, app->port);
	raw_read(&client);
	raw_send(
	    &client,
	    "PATCH /a%2Fb/c+d?x=1+2%20%263&empty=&flag&%6eame=%c3%a4&bad=%zz%4&x=second HTTP/1.1\r\n" HOST
	    "X-Case: Value\r\nx-cASE: other\r\nContent-Length: 0\r\n\r\n");
	LOOP_UNTIL(&app->loop, app->completes == 1);
	struct http_exchange *exchange = app->last;
	assert_true(str_eq(http_exchange_method(exchange), STR("PATCH")));
	assert_true(str_eq(http_exchange_path(exchange), STR("/a%2Fb/c+d")));
	assert_int_equal(http_exchange_content_length(exchange), 0);
	assert_true(http_exchange_header(exchange, "x-case", &value) && str_eq(value, STR("Value")));
	assert_false(http_exchange_header(exchange, "X-Other", &value));
	assert_int_equal(http_exchange_header_count(exchange, "x-case"), 2);
	assert_int_equal(http_exchange_header_count(exchange, "Host"), 1);
	assert_int_equal(http_exchange_header_count(exchange, "X-Other"), 0);
	assert_int_equal(http_exchange_query_count(exchange, "x"), 2);
	assert_int_equal(http_exchange_query_count(exchange, "name"), 1);
	assert_int_equal(http_exchange_query_count(exchange, "y"), 0);
	assert_true(http_exchange_query(exchange, "x", &value) && str_eq(value, STR("1 2 &3")));
	assert_true(http_exchange_query(exchange, "empty", &value) && value.n == 0);
	assert_true(http_exchange_query(exchange, "flag", &value) && value.n == 0);
	assert_true(http_exchange_query(exchange, "name", &value) && str_eq(value, STR("\xc3\xa4")));
	assert_true(http_exchange_query(exchange, "bad", &value) && str_eq(value, STR("%zz%4")));
	assert_false(http_exchange_query(exchange, "y", &value));
	assert_false(http_exchange_query(exchange, "", &value));
	http_exchange_answer(exchange, 204, NULL, STR(""));
	http_exchange_answer(exchange, 500, NULL, STR("not again"));
	LOOP_UNTIL(&app->loop, raw_has(&client, "HTTP/1.1 204 No Content\r\n"));
	assert_false(raw_has(&client, "not again"));
	raw_send(&client, "GET / HTTP/1.1\r\n" HOST "\r\n");
	LOOP_UNTIL(&app->loop, app->completes == 2);
	assert_int_equal(http_exchange_content_length(app->last), -1);
	uv_tcp_close_reset(&client.tcp, NULL);
	buffer_free(&client.received);
	LOOP_UNTIL(&app->loop, app->ends == 2);
	app_finish(app);
}

static void test_absolute_form(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
	    {"http://example.org/a/b?x=1", "/a/b"},
	    {"HTTPS://[::1]:8080/a%2Fb", "/a%2Fb"},
	    {"http://example.org", "/"},
	    {"http://example.org?x=1", "/"},
	    {"http://example.org/", "/"},
	    {"/http://example.org/", "/http://example.org/"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct app *app = app_start();
		struct raw_client client;
		struct str value;
		char request[256];
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" HOST "\r\n", rows[i][0]);
		raw_connect(&client, &app->loop, app->port);
		raw_send(&client, request);
		LOOP_UNTIL(&app->loop, app->completes == 1);
		assert_true(str_eq(http_exchange_path(app->last), str_of(rows[i][1])));
		assert_int_equal(http_exchange_query(app->last, "x", &value),
				 strchr(rows[i][0], '?') != NULL);
		http_exchange_answer(app->last, 204, NULL, STR(""));
		LOOP_UNTIL(&app->loop, app->ends == 1);
		raw_close(&client);
		app_finish(app);
	}
}

static void test_ambiguous_requests_are_refused(void **state)
{
	(void)state;
	static const char *const requests[] = {
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello!",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
	    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "POST /echo HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
	    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
	    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n0\r\n\r\n",
	    "POST /echo HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length : 5\r\n\r\nhello",
	    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\nhello",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\nhello",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5x\r\n\r\nhello",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\nhello",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\nhello",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\nhello",
	    "GET /echo HTTP/1.1\r\n" HOST HOST "\r\n",
	    "GET /echo HTTP/1.1\r\n\r\n",
	    "GET /echo HTTP/1.1\r\n" HOST "X: a\x01z\r\n\r\n",
	    "GET /echo HTTP/1.1\r\n" HOST ": x\r\n\r\n",
	    "GET /echo HTTP/1.1\r\n" HOST ": x\r\nContent-Length: 3\r\n\r\nabc",
	    "GET /echo HTTP/1.1\r\n" HOST ":\r\nContent-Length: 3\r\n\r\nabc",
	    "GET /echo HTTP/1.1\r\n:\r\n" HOST "\r\n",
	    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\t0\r\nX: y\r\n\r\n0123456789",
	    "GET /echo HTTP/1.1\r\n" HOST "X: y\r\n z\r\n\r\n",
	    "GET /echo HTTP/1.1\nHost: h\n\n",
	    "GET /echo HTTP/1.1\r\nHost: h\r\n\n",
	    "GET /echo HTTP/1.1\r\n" HOST "no colon\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct app *app = app_start();
		struct raw_client client;
		app_exchange(app, &client, requests[i], "HTTP/1.1 400 ");
		LOOP_UNTIL(&app->loop, client.ended);
		assert_false(client.reset);
		if (app->begins)
			fail_msg("the handler saw request %zu", i);
		raw_close(&client);
		app_finish(app);
	}
}

/* The daemon takes a NUL for the path's end, and a proxy in front does not. */
static void test_a_nul_in_the_target(void **state)
{
	(void)state;
#define REQUEST(target, is_refused)                                                                          \
	{                                                                                                    \
		"GET " target " HTTP/1.1\r\n" HOST "\r\n",                                                   \
		    sizeof("GET " target " HTTP/1.1\r\n" HOST "\r\n") - 1, is_refused                        \
	}
	static const struct {
		const char *bytes;
		size_t n;
		bool is_refused;
	} rows[] = {
	    REQUEST("/a\0b", true),     REQUEST("/a\0b?x=1", true),     REQUEST("/a\0?x=1", true),
	    REQUEST("/a?x=1", false),   REQUEST("/a?", false),          REQUEST("/a?&x", false),
	    REQUEST("/a?%00=1", false), REQUEST("http://h?x=1", false), REQUEST("http://h/a\0b", true)};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct app *app = app_start();
		struct raw_client client;
		raw_connect(&client, &app->loop, app->port);
		raw_read(&client);
		raw_send_bytes(&client, rows[i].bytes, rows[i].n);
		LOOP_UNTIL(&app->loop, app->completes == 1 || raw_has(&client, "HTTP/1.1 400 "));
		if ((app->completes == 0) != rows[i].is_refused)
			fail_msg("row %zu", i);
		if (app->completes)
			http_exchange_answer(app->last, 204, NULL, STR(""));
		LOOP_UNTIL(&app->loop, raw_has(&client, "\r\n\r\n"));
		raw_close(&client);
		app_finish(app);
	}
}

static void test_nonsense(void **state)
{
	(void)state;
	static const char *const requests[] = {
	    "\x16\x03\x01\x02 TLS to a plain port\r\n\r\n",
	    "GET\r\n\r\n",
	    "GET / HTTP/9.9\r\n" HOST "\r\n",
	    "GET /a b HTTP/1.1\r\n" HOST "\r\n",
	};
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct app *app = app_start();
		struct raw_client client;
		raw_connect(&client, &app->loop, app->port);
		raw_read(&client);
		raw_send(&client, requests[i]);
		LOOP_UNTIL(&app->loop, client.ended);
		assert_int_equal(app->begins, 0);
		raw_close(&client);
		app_finish(app);
	}
	/* broken chunks, in a body that the handler takes already */
	static const char *const bodies[] = {"zz\r\n", "5\r\nhelloXX", "ffffffffffffffffff\r\n", "-1\r\n"};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct app *app = app_start();
		struct raw_client client;
		raw_connect(&client, &app->loop, app->port);
		raw_read(&client);
		raw_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
		raw_send(&client, bodies[i]);
		LOOP_UNTIL(&app->loop, client.ended);
		assert_int_equal(app->begins, 1);
		assert_int_equal(app->completes, 0);
		assert_int_equal(app->ends, 1);
		raw_close(&client);
		app_finish(app);
	}
}

static void test_header_bounds(void **state)
{
	(void)state;
	struct buffer request = BUFFER(1 << 20);
	struct app *app = app_start();
	struct raw_client client;
	buffer_append_c(&request, "GET /echo HTTP/1.1\r\n" HOST);
	for (int i = 0; i < 2000; i++)
		buffer_appendf(&request, "X-%d: some value that is long enough to matter\r\n", i);
	buffer_append_c(&request, "\r\n");
	app_exchange(app, &client, request.data, "HTTP/1.1 431 ");
	LOOP_UNTIL(&app->loop, client.ended);
	raw_close(&client);
	buffer_reset(&request);
	buffer_append_c(&request, "GET /");
	for (int i = 0; i < 10000; i++)
		buffer_append_c(&request, "long path ");
	app_exchange(app, &client, request.data, "HTTP/1.1 4");
	raw_close(&client);
	assert_int_equal(app->begins, 0);
	/* what is large but not absurd works */
	for (int i = 1; i <= 3; i++) {
		buffer_reset(&request);
		buffer_append_c(&request, "GET /echo HTTP/1.1\r\n" HOST "X-Long: ");
		for (int j = 0; j < 1500 * i; j++)
			buffer_append_c(&request, "0123456789");
		buffer_append_c(&request, "\r\n\r\n");
		app_exchange(app, &client, request.data, "HTTP/1.1 200 ");
		raw_close(&client);
	}
	/* a request without any header, as HTTP/1.0 allows */
	app_exchange(app, &client, "GET /echo HTTP/1.0\r\n\r\n", " 200 ");
	raw_close(&client);
	buffer_free(&request);
	app_finish(app);
}

/* Clients that shut down their sending side behind the request get their answer, and then the end. */
static void test_half_closed(void **state)
{
	(void)state;
	static const char *const requests[] = {
	    "GET /later HTTP/1.1\r\n" HOST "\r\n",
	    "POST /later HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
	    "POST /later HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	    "GET /later HTTP/1.0\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct app *app = app_start();
		struct raw_client client;
		raw_connect(&client, &app->loop, app->port);
		raw_read(&client);
		raw_send(&client, requests[i]);
		raw_shutdown(&client);
		LOOP_UNTIL(&app->loop, app->completes == 1);
		for (int turn = 0; turn < 20; turn++) /* it is seen, and is no end */
			uv_run(&app->loop, UV_RUN_NOWAIT);
		assert_int_equal(app->ends, 0);
		http_exchange_answer(app->last, 200, NULL, STR("at last"));
		LOOP_UNTIL(&app->loop, client.ended);
		assert_true(raw_has(&client, "at last"));
		assert_false(client.reset);
		raw_close(&client);
		app_finish(app);
	}
}

static void test_half_closed_at_once_and_streamed(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	raw_connect(&client, &app->loop, app->port);
	raw_read(&client);
	raw_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
	raw_shutdown(&client);
	LOOP_UNTIL(&app->loop, client.ended);
	assert_true(raw_has(&client, "\r\n\r\nhello"));
	raw_close(&client);
	raw_connect(&client, &app->loop, app->port);
	raw_read(&client);
	raw_send(&client, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	raw_shutdown(&client);
	LOOP_UNTIL(&app->loop, app->completes == 2 && raw_has(&client, "chunked"));
	for (int i = 0; i < 20; i++)
		uv_run(&app->loop, UV_RUN_NOWAIT);
	assert_true(http_exchange_stream_write(app->last, STR("piece")));
	LOOP_UNTIL(&app->loop, raw_has(&client, "piece"));
	http_exchange_stream_finish(app->last);
	LOOP_UNTIL(&app->loop, client.ended);
	assert_true(raw_has(&client, "0\r\n\r\n"));
	raw_close(&client);
	app_finish(app);
}

/* What was sent before the end is answered, all of it. */
static void test_half_closed_and_pipelined(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	raw_connect(&client, &app->loop, app->port);
	raw_read(&client);
	raw_send(&client,
		 "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\noneGET /later HTTP/1.1\r\n" HOST
		 "\r\nPOST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nthree");
	raw_shutdown(&client);
	LOOP_UNTIL(&app->loop, app->begins == 2);
	for (int i = 0; i < 20; i++)
		uv_run(&app->loop, UV_RUN_NOWAIT);
	http_exchange_answer(app->last, 200, NULL, STR("two"));
	LOOP_UNTIL(&app->loop, client.ended);
	assert_true(raw_has(&client, "\r\n\r\none"));
	assert_true(raw_has(&client, "\r\n\r\ntwo"));
	assert_true(raw_has(&client, "\r\n\r\nthree"));
	assert_false(client.reset);
	raw_close(&client);
	app_finish(app);
}

/* The daemon read connections before it answered them, all but the one that had been silent for longest, and
 * closed those where it found the end. */
static void test_many_half_closed(void **state)
{
	(void)state;
	static const char *const requests[] = {
	    "GET /later HTTP/1.1\r\n" HOST "\r\n",
	    "POST /later HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
	    "POST /held HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
	    "POST /held HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	};
	enum { COUNT = 12 };
	struct app *app = app_start();
	struct raw_client clients[COUNT];
	struct http_exchange *exchanges[COUNT];
	for (unsigned i = 0; i < COUNT; i++) {
		raw_connect(&clients[i], &app->loop, app->port);
		raw_read(&clients[i]);
		raw_send(&clients[i], requests[i % 4]);
		raw_shutdown(&clients[i]);
		LOOP_UNTIL(&app->loop, app->begins == i + 1);
		exchanges[i] = app->last;
	}
	LOOP_UNTIL(&app->loop, app->completes == COUNT / 2);
	for (int turn = 0; turn < 20; turn++)
		uv_run(&app->loop, UV_RUN_NOWAIT);
	assert_int_equal(app->ends, 0);
	for (unsigned i = 0; i < COUNT; i++) {
		if (i % 4 < 2)
			http_exchange_answer(exchanges[i], 200, NULL, STR("hello"));
		else
			http_exchange_go_on(exchanges[i]);
	}
	for (unsigned i = 0; i < COUNT; i++) {
		LOOP_UNTIL(&app->loop, clients[i].ended);
		if (!raw_has(&clients[i], " 200 OK\r\n"))
			fail_msg("client %u got no answer", i);
		raw_close(&clients[i]);
	}
	app_finish(app);
}

/* It still was there when it was asked, but a reset says that it has gone. */
static void test_half_closed_then_gone(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	raw_connect(&client, &app->loop, app->port);
	raw_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	raw_shutdown(&client);
	LOOP_UNTIL(&app->loop, app->completes == 1);
	for (int i = 0; i < 20; i++)
		uv_run(&app->loop, UV_RUN_NOWAIT);
	uv_os_fd_t fd;
	struct linger at_once = {.l_onoff = 1};
	uv_fileno((uv_handle_t *)&client.tcp, &fd);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	raw_close(&client);
	LOOP_UNTIL(&app->loop, app->ends == 1);
	app_finish(app);
}

static void test_hangup_while_suspended(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	raw_connect(&client, &app->loop, app->port);
	raw_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	LOOP_UNTIL(&app->loop, app->completes == 1);
	assert_int_equal(http_server_active(app->server), 1);
	raw_close(&client); /* as good as a half-close, but for its reaction to urgent data */
	LOOP_UNTIL(&app->loop, app->ends == 1);
	assert_int_equal(http_server_active(app->server), 0);
	/* answering in the turn in which the client goes away, before that is known */
	raw_connect(&client, &app->loop, app->port);
	raw_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	LOOP_UNTIL(&app->loop, app->completes == 2);
	struct http_exchange *exchange = app->last;
	uv_close((uv_handle_t *)&client.tcp, NULL);
	http_exchange_answer(exchange, 200, NULL, STR("to no one"));
	LOOP_UNTIL(&app->loop, app->ends == 2);
	buffer_free(&client.received);
	/* a reset instead of an end, with a pipelined request waiting */
	raw_connect(&client, &app->loop, app->port);
	raw_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\nGET /later HTTP/1.1\r\n" HOST "\r\n");
	LOOP_UNTIL(&app->loop, app->completes == 3);
	uv_tcp_close_reset(&client.tcp, NULL);
	LOOP_UNTIL(&app->loop, app->ends == 3);
	buffer_free(&client.received);
	app_finish(app);
}

/* A client of a stream that has closed its socket is noticed, one that only sends no more goes on. */
static void test_hangup_of_a_stream(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	app_exchange(app, &client, "GET /stream HTTP/1.1\r\n" HOST "\r\n", " 200 OK");
	raw_shutdown(&client);
	for (int i = 0; i < 20; i++)
		uv_run(&app->loop, UV_RUN_NOWAIT);
	http_exchange_stream_write(app->last, STR("an event"));
	LOOP_UNTIL(&app->loop, raw_has(&client, "an event"));
	assert_int_equal(app->ends, 0);
	http_exchange_stream_finish(app->last);
	LOOP_UNTIL(&app->loop, client.ended);
	assert_true(str_ends_with(buffer_str(&client.received), STR("\r\n\r\n8\r\nan event\r\n0\r\n\r\n")));
	raw_close(&client);
	app_exchange(app, &client, "GET /stream HTTP/1.1\r\n" HOST "\r\n", " 200 OK");
	raw_close(&client);
	LOOP_UNTIL(&app->loop, app->ends == 2);
	app_finish(app);
}

/* What no handler hears of is told once, in the words of the server, and the connection ended. */
static void test_what_can_not_be_read_is_told_once(void **state)
{
	(void)state;
	static const struct {
		const char *request, *status, *words;
	} rows[] = {
	    {"GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n",
	     "the request is malformed\n"},
	    {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "the request is malformed\n"},
	    {"GET / HTTP/9.9\r\n" HOST "\r\n", "HTTP/1.1 505 ", "send HTTP/1.1\n"},
	    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
	     "HTTP/1.1 400 Bad Request\r\n", "the request is malformed\n"},
	    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
	     "HTTP/1.1 413 ", "the body is too large\n"},
	};
	struct app *app = app_start();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct raw_client client;
		raw_connect(&client, &app->loop, app->port);
		raw_read(&client);
		raw_send(&client, rows[i].request);
		LOOP_UNTIL(&app->loop, client.ended);
		struct str answer = buffer_str(&client.received);
		if (client.reset || !str_starts_with(answer, str_of(rows[i].status)) ||
		    !str_ends_with(answer, str_of(rows[i].words)) ||
		    strstr(client.received.data + 1, "HTTP/1.1 "))
			fail_msg("row %zu: %s", i, client.received.data);
		raw_close(&client);
	}
	app_finish(app);
}

/* Whoever reads a bare LF in the framing of chunks otherwise than we do must not be made to see another
 * request: it is refused, however the bytes come. */
static void test_bare_line_feeds_around_chunks(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		bool is_refused;
	} rows[] = {
	    {"5\nhello\r\n0\r\n\r\n", true},
	    {"5;x=y\nhello\r\n0\r\n\r\n", true},
	    {"5\r\nhello\n0\r\n\r\n", true},
	    {"5\r\nhello\r\n0\n\r\n", true},
	    {"5\r\nhello\r\n0\r\n\n", true},
	    {"5\r\nhello\r\n0\r\nTrailer: x\n\r\n", true},
	    {"5\r\nhel\no\r\n1;x=y\r\n\n\r\n0\r\nTrailer: x\r\n\r\n", false},
	};
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const char *body = rows[i / 2].body;
		bool byte_by_byte = i % 2;
		struct app *app = app_start();
		struct raw_client client;
		raw_connect(&client, &app->loop, app->port);
		raw_read(&client);
		raw_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
		for (const char *c = body; byte_by_byte && *c; c++) {
			raw_send_bytes(&client, c, 1);
			for (int turn = 0; turn < 4; turn++)
				uv_run(&app->loop, UV_RUN_NOWAIT);
		}
		raw_send(&client, byte_by_byte ? "" : body);
		LOOP_UNTIL(&app->loop, client.ended || raw_has(&client, "\r\n\r\n"));
		bool is_refused = raw_has(&client, "HTTP/1.1 400 ");
		if (is_refused != rows[i / 2].is_refused || raw_has(&client, "HTTP/1.1 200 ") == is_refused)
			fail_msg("row %zu: %s", i, client.received.data);
		raw_close(&client);
		app_finish(app);
	}
}

static void test_hangup_in_body(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	raw_connect(&client, &app->loop, app->port);
	raw_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\npart");
	LOOP_UNTIL(&app->loop, app->body_bytes == 4);
	raw_close(&client);
	LOOP_UNTIL(&app->loop, app->ends == 1);
	assert_int_equal(app->completes, 0);
	app_finish(app);
}

static void test_answer_during_the_body_from_outside(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	raw_connect(&client, &app->loop, app->port);
	raw_read(&client);
	raw_send(&client, "POST /later HTTP/1.1\r\n" HOST "Content-Length: 8\r\n\r\npart");
	LOOP_UNTIL(&app->loop, app->body_bytes == 4);
	http_exchange_answer(app->last, 409, NULL, STR("decided"));
	raw_send(&client, "rest");
	LOOP_UNTIL(&app->loop, raw_has(&client, "decided"));
	assert_int_equal(app->body_bytes, 4);
	assert_int_equal(app->completes, 0);
	raw_close(&client);
	app_finish(app);
}

static void test_handler_that_neither_takes_nor_answers(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	app_exchange(app, &client, "GET /unanswered HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 500 ");
	raw_close(&client);
	app_finish(app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_echo),
	    cmocka_unit_test(test_pipelined),
	    cmocka_unit_test(test_what_the_handler_sees),
	    cmocka_unit_test(test_absolute_form),
	    cmocka_unit_test(test_ambiguous_requests_are_refused),
	    cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_a_nul_in_the_target),
	    cmocka_unit_test(test_header_bounds),
	    cmocka_unit_test(test_half_closed),
	    cmocka_unit_test(test_half_closed_at_once_and_streamed),
	    cmocka_unit_test(test_half_closed_and_pipelined),
	    cmocka_unit_test(test_many_half_closed),
	    cmocka_unit_test(test_half_closed_then_gone),
	    cmocka_unit_test(test_hangup_while_suspended),
	    cmocka_unit_test(test_bare_line_feeds_around_chunks),
	    cmocka_unit_test(test_hangup_of_a_stream),
	    cmocka_unit_test(test_what_can_not_be_read_is_told_once),
	    cmocka_unit_test(test_hangup_in_body),
	    cmocka_unit_test(test_answer_during_the_body_from_outside),
	    cmocka_unit_test(test_handler_that_neither_takes_nor_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
