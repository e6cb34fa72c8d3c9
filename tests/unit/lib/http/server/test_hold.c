/* A request whose handler decides later whether it takes the body. */
#include "tests/unit/lib/http/test_app.h"

#define HOST "Host: h\r\n"

static void start(struct app *app, struct raw_client *client, const char *request)
{
	raw_connect(client, &app->loop, app->port);
	raw_read(client);
	raw_send(client, request);
	LOOP_UNTIL(&app->loop, app->begins == 1);
	for (int i = 0; i < 5; i++) /* nothing may happen meanwhile */
		uv_run(&app->loop, UV_RUN_NOWAIT);
	assert_int_equal(app->body_bytes, 0);
	assert_int_equal(app->completes, 0);
	assert_false(client->received.len > 0);
}

static void check_goes_on(const char *request, const char *expected)
{
	struct app *app = app_start();
	struct raw_client client;
	start(app, &client, request);
	http_exchange_go_on(app->last);
	LOOP_UNTIL(&app->loop, raw_has(&client, expected));
	assert_int_equal(app->completes, 1);
	assert_true(raw_has(&client, "HTTP/1.1 200 OK\r\n"));
	/* the connection is as good as new */
	raw_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nagain");
	LOOP_UNTIL(&app->loop, raw_has(&client, "\r\n\r\nagain"));
	raw_close(&client);
	app_finish(app);
}

static void test_goes_on(void **state)
{
	(void)state;
	check_goes_on("POST /held HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", "\r\n\r\nhello");
	check_goes_on("POST /held HTTP/1.1\r\n" HOST
		      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		      "\r\n\r\nabc");
	check_goes_on("POST /held HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		      "Content-Length: 0\r\n");
	check_goes_on("POST /held HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "Content-Length: 0\r\n");
	check_goes_on("GET /held HTTP/1.1\r\n" HOST "\r\n", "Content-Length: 0\r\n");
}

static void test_body_comes_later(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	start(app, &client, "POST /held HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n");
	http_exchange_go_on(app->last);
	for (int i = 0; i < 5; i++)
		uv_run(&app->loop, UV_RUN_NOWAIT);
	assert_int_equal(app->completes, 0);
	raw_send(&client, "later");
	LOOP_UNTIL(&app->loop, raw_has(&client, "\r\n\r\nlater"));
	raw_close(&client);
	app_finish(app);
}

static void test_expect_continue(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	start(app, &client,
	      "POST /held HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	http_exchange_go_on(app->last);
	LOOP_UNTIL(&app->loop, raw_has(&client, "100 Continue"));
	raw_send(&client, "hello");
	LOOP_UNTIL(&app->loop, raw_has(&client, "\r\n\r\nhello"));
	raw_close(&client);
	app_finish(app);
}

static void check_refused(const char *request, bool has_body)
{
	struct app *app = app_start();
	struct raw_client client;
	start(app, &client, request);
	http_exchange_answer(app->last, 401, "text/plain", STR("no"));
	LOOP_UNTIL(&app->loop, raw_has(&client, "\r\n\r\nno"));
	assert_false(raw_has(&client, "100 Continue"));
	assert_int_equal(app->completes, 0);
	assert_int_equal(app->body_bytes, 0);
	if (has_body)
		LOOP_UNTIL(&app->loop, client.ended);
	assert_false(client.reset);
	raw_close(&client);
	app_finish(app);
}

static void test_refused(void **state)
{
	(void)state;
	check_refused("POST /held HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", true);
	check_refused("POST /held HTTP/1.1\r\n" HOST "Content-Length: 500000\r\n\r\nhello", true);
	check_refused("POST /held HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
		      true);
	check_refused("POST /held HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true);
	check_refused("GET /held HTTP/1.1\r\n" HOST "\r\n", false);
}

/* A client that has sent all and shut down its side, while it isn't decided yet whether that is wanted. */
static void test_half_closed(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	raw_connect(&client, &app->loop, app->port);
	raw_read(&client);
	raw_send(&client, "POST /held HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
	raw_shutdown(&client);
	LOOP_UNTIL(&app->loop, app->begins == 1);
	for (int i = 0; i < 20; i++)
		uv_run(&app->loop, UV_RUN_NOWAIT);
	http_exchange_go_on(app->last);
	LOOP_UNTIL(&app->loop, client.ended);
	assert_true(raw_has(&client, "\r\n\r\nhello"));
	raw_close(&client);
	app_finish(app);
}

static void test_client_hangs_up(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	start(app, &client, "POST /held HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n");
	uv_tcp_close_reset(&client.tcp, NULL);
	buffer_free(&client.received);
	LOOP_UNTIL(&app->loop, app->ends == 1);
	assert_int_equal(app->completes, 0);
	app_finish(app);
}

static void test_server_ends(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	start(app, &client, "POST /held HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
	raw_close(&client);
	app_finish(app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_goes_on),         cmocka_unit_test(test_body_comes_later),
	    cmocka_unit_test(test_expect_continue), cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_half_closed),     cmocka_unit_test(test_client_hangs_up),
	    cmocka_unit_test(test_server_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
