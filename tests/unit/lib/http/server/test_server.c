#include "lib/http/client/client.h"
#include "tests/unit/lib/http/test_app.h"
#include "tests/unit/lib/http/tls_fixture.h"

#include <errno.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

static void test_quiesce(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client, late;
	raw_connect(&client, &app->loop, app->port);
	raw_read(&client);
	raw_send(&client, GET("/later"));
	LOOP_UNTIL(&app->loop, app->completes == 1);
	http_server_quiesce(app->server);
	http_server_quiesce(app->server);
	raw_connect(&late, &app->loop, app->port);
	assert_true(late.refused);
	raw_close(&late);
	assert_int_equal(http_server_active(app->server), 1);
	http_exchange_answer(app->last, 200, NULL, STR("still served"));
	LOOP_UNTIL(&app->loop, raw_has(&client, "still served"));
	assert_true(raw_has(&client, "Connection: close\r\n"));
	LOOP_UNTIL(&app->loop, client.ended);
	assert_int_equal(http_server_active(app->server), 0);
	raw_close(&client);
	app_finish(app);
}

static void test_free_with_exchanges_running(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client suspended, streaming, uploading, headless, lingering;
	raw_connect(&suspended, &app->loop, app->port);
	raw_send(&suspended, GET("/later"));
	app_exchange(app, &streaming, GET("/stream"), "chunked");
	raw_connect(&uploading, &app->loop, app->port);
	raw_send(&uploading, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\npart");
	raw_connect(&headless, &app->loop, app->port);
	raw_send(&headless, "GET /ec");
	app_exchange(app, &lingering, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\npart",
		     "who are you");
	LOOP_UNTIL(&app->loop, app->begins == 4 && app->completes == 2 && app->body_bytes == 4);
	http_server_free(app->server);
	assert_int_equal(app->ends, 4);
	raw_close(&suspended);
	raw_close(&streaming);
	raw_close(&uploading);
	raw_close(&headless);
	raw_close(&lingering);
	app->server = NULL;
	app_finish(app);
	assert_null(http_server_free(NULL));
}

static void test_idle_timeout(void **state)
{
	(void)state;
	struct app *app = app_start_with((struct http_server_options){.idle_timeout_s = 1});
	struct raw_client half, body, waiting;
	raw_connect(&waiting, &app->loop, app->port);
	raw_read(&waiting);
	raw_send(&waiting, GET("/later"));
	LOOP_UNTIL(&app->loop, app->completes == 1);
	struct http_exchange *exchange = app->last;
	raw_connect(&half, &app->loop, app->port);
	raw_read(&half);
	raw_send(&half, "GET /echo HTTP/1.1\r\nHo");
	raw_connect(&body, &app->loop, app->port);
	raw_read(&body);
	raw_send(&body, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\npart");
	LOOP_UNTIL(&app->loop, half.ended && body.ended);
	assert_int_equal(app->ends, 1);
	/* a suspended one is not idle, it waits for us */
	assert_false(waiting.ended);
	http_exchange_answer(exchange, 200, NULL, STR("at last"));
	LOOP_UNTIL(&app->loop, raw_has(&waiting, "at last"));
	raw_close(&half);
	raw_close(&body);
	raw_close(&waiting);
	app_finish(app);
}

/* Bytes that come now and then keep no connection open: not before a request, not between two, not in a body.
 */
static void test_slow_requests(void **state)
{
	(void)state;
	struct app *app = app_start_with(
	    (struct http_server_options){.header_timeout_ms = 300, .idle_timeout_s = 1, .pace_ms = 300});
	struct raw_client slow[3];
	raw_connect(&slow[0], &app->loop, app->port);
	raw_read(&slow[0]);
	raw_send(&slow[0], "GET /echo HTTP/1.1\r\nX: ");
	app_exchange(app, &slow[1], GET("/echo") "GET /echo HTTP/1.1\r\nX: ", "200 OK");
	raw_connect(&slow[2], &app->loop, app->port);
	raw_read(&slow[2]);
	raw_send(&slow[2], "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999\r\n\r\n");
	for (bool all_ended = false; !all_ended;) {
		all_ended = true;
		for (int i = 0; i < 3; i++) {
			if (slow[i].ended)
				continue;
			all_ended = false;
			raw_send(&slow[i], "x");
		}
		uv_sleep(20);
		uv_run(&app->loop, UV_RUN_NOWAIT);
	}
	const struct http_counts *counts = http_server_counts(app->server);
	assert_int_equal(counts->slow_headers, 2);
	assert_int_equal(counts->slow_bodies, 1);
	for (int i = 0; i < 3; i++)
		raw_close(&slow[i]);
	app_finish(app);
}

/* A file that nobody takes goes; a stream without anything to send, and one who waits, stay. */
static void test_slow_readers(void **state)
{
	(void)state;
	char path[] = "/tmp/skillbox-test-XXXXXX";
	struct app *app = app_start_with((struct http_server_options){.pace_ms = 300});
	app->file_size = 64 << 20;
	app->file_fd = mkstemp(path);
	unlink(path);
	assert_int_equal(ftruncate(app->file_fd, app->file_size), 0);
	struct raw_client stream, waiting, unread;
	app_exchange(app, &stream, GET("/stream"), "200 OK");
	struct http_exchange *streaming = app->last;
	raw_connect(&waiting, &app->loop, app->port);
	raw_read(&waiting);
	raw_send(&waiting, GET("/later"));
	LOOP_UNTIL(&app->loop, app->completes == 2);
	struct http_exchange *later = app->last;
	raw_connect(&unread, &app->loop, app->port);
	raw_send(&unread, GET("/file"));
	LOOP_UNTIL(&app->loop, http_server_counts(app->server)->slow_answers == 1);
	LOOP_UNTIL(&app->loop, app->ends == 1);
	assert_false(stream.ended || waiting.ended);
	http_exchange_stream_finish(streaming);
	http_exchange_answer(later, 200, NULL, STR("at last"));
	LOOP_UNTIL(&app->loop, raw_has(&stream, "0\r\n\r\n") && raw_has(&waiting, "at last"));
	raw_close(&unread);
	raw_close(&stream);
	raw_close(&waiting);
	app_finish(app);
}

static void test_addresses_of_both_kinds(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct curl_run run;
	static const char *const hosts[] = {"127.0.0.1", "[::1]"};
	for (int i = 0; i < 2; i++) {
		char url[64];
		snprintf(url, sizeof(url), "http://%s:%u/echo", hosts[i], app->port);
		char *arguments[] = {(char *)"curl",        (char *)"-sS", (char *)"-g", (char *)"-d",
				     (char *)"both answer", (char *)url,   NULL};
		if (i == 1 && access("/proc/net/if_inet6", R_OK) != 0)
			break; /* a machine without IPv6 has IPv4 only, and the server started there */
		curl_run(&run, &app->loop, arguments);
		assert_string_equal(run.text.data, "both answer");
		buffer_free(&run.text);
	}
	app_finish(app);
}

static void test_connection_limit(void **state)
{
	(void)state;
	struct app *app = app_start_with((struct http_server_options){.max_connections = 2});
	struct raw_client clients[3];
	for (int i = 0; i < 3; i++) {
		raw_connect(&clients[i], &app->loop, app->port);
		raw_read(&clients[i]);
		raw_send(&clients[i], GET("/echo"));
	}
	LOOP_UNTIL(&app->loop, raw_has(&clients[0], "200 OK") && raw_has(&clients[1], "200 OK"));
	LOOP_UNTIL(&app->loop, clients[2].ended);
	assert_false(clients[2].reset);
	assert_true(str_starts_with(buffer_str(&clients[2].received), STR("HTTP/1.1 503 ")));
	assert_int_equal(http_server_counts(app->server)->refused, 1);
	raw_close(&clients[0]);
	raw_close(&clients[2]);
	LOOP_UNTIL(&app->loop, http_server_counts(app->server)->connections == 1);
	app_exchange(app, &clients[0], GET("/echo"), "200 OK");
	raw_close(&clients[0]);
	raw_close(&clients[1]);
	app_finish(app);
}

static void expect_new_error(struct http_server_options options, enum error_code code, const char *message)
{
	uv_loop_t loop;
	struct error err;
	struct http_handler handler = {0};
	uv_loop_init(&loop);
	assert_null(http_server_new(&loop, &options, &handler, &err));
	assert_int_equal(err.code, code);
	if (!strstr(err.message, message))
		fail_msg("'%s' is not in: %s", message, err.message);
	loop_end(&loop);
}

static void test_errors_at_start(void **state)
{
	(void)state;
	struct app *app = app_start();
	expect_new_error((struct http_server_options){.port = app->port}, ERR_IO, "Address already in use");
	app_finish(app);
	expect_new_error((struct http_server_options){.address = "localhost"}, ERR_BAD_REQUEST,
			 "not an IP address to listen at: localhost");
	expect_new_error((struct http_server_options){.address = "192.0.2.1"}, ERR_IO,
			 "listening at 192.0.2.1");
	expect_new_error((struct http_server_options){.tls_cert_pem = tls_cert}, ERR_BAD_REQUEST,
			 "both a certificate and a key");
	expect_new_error((struct http_server_options){.tls_key_pem = tls_key}, ERR_BAD_REQUEST,
			 "both a certificate and a key");
	expect_new_error((struct http_server_options){.tls_cert_pem = "nonsense", .tls_key_pem = "nonsense"},
			 ERR_BAD_REQUEST, "are certificate and key a pair?");
	expect_new_error((struct http_server_options){.tls_cert_pem = tls_other_cert, .tls_key_pem = tls_key},
			 ERR_BAD_REQUEST, "are certificate and key a pair?");
}

static void test_addresses(void **state)
{
	(void)state;
	struct raw_client client;
	struct app *app = app_start_with((struct http_server_options){.address = "127.0.0.1"});
	app_exchange(app, &client, GET("/echo"), "200 OK");
	raw_close(&client);
	app_finish(app);
	/* a port of our choice can be taken again at once */
	app = app_start();
	uint16_t port = app->port;
	app_exchange(app, &client, GET("/echo"), "200 OK");
	raw_close(&client);
	app_finish(app);
	app = app_start_with((struct http_server_options){.port = port});
	assert_int_equal(app->port, port);
	app_finish(app);
}

/* TLS, with the project's own client */

struct result {
	unsigned calls;
	int status;
	size_t size;
	char body[64];
	struct error error;
};

static void on_done(void *context, const struct http_response *response)
{
	struct result *result = context;
	result->calls++;
	result->status = response->status;
	result->size = response->body.n;
	snprintf(result->body, sizeof(result->body), "%.60s", response->body.p);
	if (response->error)
		result->error = *response->error;
}

static void expect_status(const struct result *result, int status)
{
	if (result->status != status)
		fail_msg("status %d, not %d: %s", result->status, status, result->error.message);
}

static void call(struct app *app, struct http_client_options options, const char *path, struct str body,
		 struct result *result)
{
	char url[64];
	struct error err;
	struct http_client *client = http_client_new(&app->loop, &options, &err);
	assert_non_null(client);
	memset(result, 0, sizeof(*result));
	snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", app->port, path);
	struct http_request_options request = {.method = "POST",
					       .url = url,
					       .body = body,
					       .body_fd = -1,
					       .response_fd = -1,
					       .done = on_done,
					       .context = result};
	assert_non_null(http_client_send(client, &request, &err));
	LOOP_UNTIL(&app->loop, result->calls == 1);
	http_client_free(client);
}

static void test_tls(void **state)
{
	(void)state;
	struct result result;
	struct app *app =
	    app_start_with((struct http_server_options){.tls_cert_pem = tls_cert, .tls_key_pem = tls_key});
	struct http_client_options trusted = {.ca_pem = str_of(tls_cert)};
	call(app, trusted, "/echo", STR("secret"), &result);
	expect_status(&result, 200);
	assert_string_equal(result.body, "secret");
	/* a CA of one's own is the only one */
	call(app, (struct http_client_options){.ca_pem = str_of(tls_other_cert)}, "/echo", STR("x"), &result);
	expect_status(&result, 0);
	assert_int_equal(result.error.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(result.error.message, "certificate"));
	call(app, (struct http_client_options){0}, "/echo", STR("x"), &result);
	expect_status(&result, 0);
	call(app, (struct http_client_options){.insecure_skip_verify = true}, "/echo", STR("x"), &result);
	expect_status(&result, 200);
	/* broken client certificates are an error, not a connection without one */
	call(app,
	     (struct http_client_options){
		 .ca_pem = str_of(tls_cert), .client_cert_pem = STR("x"), .client_key_pem = STR("y")},
	     "/echo", STR("x"), &result);
	expect_status(&result, 0);
	/* large bodies both ways, and an early answer */
	size_t size = 8 << 20;
	char *body = malloc(size);
	memset(body, 'b', size);
	call(app, trusted, "/echo", (struct str){body, size}, &result);
	expect_status(&result, 200);
	assert_int_equal(result.size, size);
	for (int i = 0; i < 5; i++) {
		call(app, trusted, "/early", (struct str){body, size}, &result);
		expect_status(&result, 401);
		assert_string_equal(result.body, "who are you");
	}
	free(body);
	app_finish(app);
}

/* Over TLS, too, it is one answer, in our words. */
static void test_what_can_not_be_read_over_tls(void **state)
{
	(void)state;
	struct app *app =
	    app_start_with((struct http_server_options){.tls_cert_pem = tls_cert, .tls_key_pem = tls_key});
	struct curl_run run;
	char url[64];
	static char header[70000] = "X: ";
	memset(header + 3, 'x', sizeof(header) - 4);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/echo", app->port);
	char *arguments[] = {(char *)"curl", (char *)"-ski", (char *)"-m", (char *)"20",
			     (char *)"-H",   header,         (char *)url,  NULL};
	curl_run(&run, &app->loop, arguments);
	assert_int_equal(run.status, 0);
	assert_true(str_starts_with(buffer_str(&run.text), STR("HTTP/1.1 431 ")));
	assert_true(str_ends_with(buffer_str(&run.text), STR("\r\n\r\nthe headers are too large\n")));
	buffer_free(&run.text);
	app_finish(app);
}

/* Who speaks TLS to a plain port, or plain HTTP to one with TLS, is told so at once. */

static void expect_told(struct app *app, const char *request, size_t n, const char *words)
{
	struct raw_client client;
	raw_connect(&client, &app->loop, app->port);
	raw_read(&client);
	raw_send_bytes(&client, request, n);
	LOOP_UNTIL(&app->loop, client.ended);
	assert_false(client.reset);
	assert_ptr_equal(strstr(client.received.data, "HTTP/1.1 400 Bad Request\r\n"), client.received.data);
	assert_true(raw_has(&client, "Connection: close\r\n"));
	if (!raw_has(&client, words))
		fail_msg("%s lacks %s", client.received.data, words);
	assert_int_equal(app->begins, 0);
	raw_close(&client);
}

static void on_unheard(void *context, enum http_unheard why, struct buffer *headers, struct buffer *body)
{
	struct app *app = context;
	app->drained++;
	buffer_append_c(headers, "X-Id: 7\r\n");
	buffer_append_c(body, why == HTTP_SENT_TLS ? "{\"sent\":\"TLS\"}" : "{\"sent\":\"HTTP\"}");
}

static void test_tls_to_a_plain_port(void **state)
{
	(void)state;
	static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and no end of a line";
	struct app *app = app_start();
	expect_told(app, hello, sizeof(hello) - 1, "this port speaks plain HTTP, not TLS\n");
	/* and the next one is served */
	struct raw_client client;
	app_exchange(app, &client, GET("/echo"), "200 OK");
	raw_close(&client);
	app->begins = app->ends = 0;
	struct curl_run run;
	char url[64];
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/echo", app->port);
	char *arguments[] = {(char *)"curl", (char *)"-sSk", (char *)"-m", (char *)"20", (char *)url, NULL};
	curl_run(&run, &app->loop, arguments);
	assert_int_equal(run.status, 35); /* the handshake, and not 28, the time */
	buffer_free(&run.text);
	app_finish(app);
}

static void test_plain_http_to_a_tls_port(void **state)
{
	(void)state;
	struct app *app =
	    app_start_with((struct http_server_options){.tls_cert_pem = tls_cert, .tls_key_pem = tls_key});
	static const char request[] = GET("/echo");
	expect_told(app, request, sizeof(request) - 1, "this port speaks TLS\n");
	static char upload[100000] = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99000\r\n\r\n";
	expect_told(app, upload, strlen(upload), "this port speaks TLS\n");
	app_finish(app);
}

static void test_misdirected_clients_are_told_in_the_handlers_words(void **state)
{
	(void)state;
	struct app *app = calloc(1, sizeof(*app));
	struct error err;
	struct http_handler handler = {.begin = app_begin,
				       .body = app_body,
				       .complete = app_complete,
				       .end = app_end,
				       .context = app,
				       .unheard = on_unheard};
	uv_loop_init(&app->loop);
	app->server = http_server_new(&app->loop, &(struct http_server_options){0}, &handler, &err);
	assert_non_null(app->server);
	app->port = http_server_port(app->server);
	expect_told(app, "\x16\x03\x01\x02", 4, "\r\nX-Id: 7\r\n");
	expect_told(app, "\x16\x03\x01\x02", 4, "\r\n\r\n{\"sent\":\"TLS\"}");
	assert_int_equal(app->drained, 2);
	app_finish(app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_quiesce),
	    cmocka_unit_test(test_free_with_exchanges_running),
	    cmocka_unit_test(test_idle_timeout),
	    cmocka_unit_test(test_slow_requests),
	    cmocka_unit_test(test_slow_readers),
	    cmocka_unit_test(test_addresses_of_both_kinds),
	    cmocka_unit_test(test_connection_limit),
	    cmocka_unit_test(test_errors_at_start),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_tls),
	    cmocka_unit_test(test_what_can_not_be_read_over_tls),
	    cmocka_unit_test(test_tls_to_a_plain_port),
	    cmocka_unit_test(test_plain_http_to_a_tls_port),
	    cmocka_unit_test(test_misdirected_clients_are_told_in_the_handlers_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
