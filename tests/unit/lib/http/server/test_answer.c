#include "tests/unit/lib/http/test_app.h"

#include <fcntl.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

static void start_stream(struct app *app, struct raw_client *client)
{
	app_exchange(app, client, GET("/stream"), "Transfer-Encoding: chunked\r\n");
	assert_non_null(app->last);
}

static void test_stream(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	start_stream(app, &client);
	assert_true(http_exchange_stream_write(app->last, STR("first")));
	LOOP_UNTIL(&app->loop, raw_has(&client, "5\r\nfirst\r\n"));
	assert_true(http_exchange_stream_write(app->last, STR("")));
	assert_true(http_exchange_stream_write(app->last, STR("se")));
	assert_true(http_exchange_stream_write(app->last, STR("cond")));
	http_exchange_stream_finish(app->last);
	LOOP_UNTIL(&app->loop, raw_has(&client, "6\r\nsecond\r\n0\r\n\r\n"));
	assert_int_equal(app->ends, 1);
	assert_int_equal(app->drained, 0);
	/* the connection is kept; and an empty stream is an answer too */
	buffer_reset(&client.received);
	raw_send(&client, GET("/stream"));
	LOOP_UNTIL(&app->loop, app->begins == 2 && raw_has(&client, "chunked"));
	http_exchange_stream_finish(app->last);
	LOOP_UNTIL(&app->loop, raw_has(&client, "\r\n\r\n0\r\n\r\n"));
	raw_close(&client);
	app_finish(app);
}

static void test_stream_back_pressure(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	char piece[50000];
	memset(piece, 's', sizeof(piece));
	start_stream(app, &client);
	uv_read_stop((uv_stream_t *)&client.tcp);
	/* until the queue and the sockets' buffers are full */
	size_t taken = 0;
	unsigned idle = 0;
	while (idle < 20) {
		idle++;
		while (http_exchange_stream_write(app->last, (struct str){piece, sizeof(piece)})) {
			taken += sizeof(piece);
			idle = 0;
		}
		uv_run(&app->loop, UV_RUN_NOWAIT);
		assert_true(taken < 64 << 20);
	}
	assert_true(taken >= (1 << 20) - sizeof(piece));
	unsigned drained = app->drained;
	raw_read(&client);
	LOOP_UNTIL(&app->loop, app->drained > drained);
	assert_true(http_exchange_stream_write(app->last, (struct str){piece, sizeof(piece)}));
	taken += sizeof(piece);
	http_exchange_stream_finish(app->last);
	LOOP_UNTIL(&app->loop, app->ends == 1 && client.received.len > taken);
	size_t found = 0;
	for (const char *c = strstr(client.received.data, "\r\n\r\n"); *c; c++)
		found += *c == 's';
	assert_int_equal(found, taken);
	/* more than the queue holds is never taken */
	static char huge[(1 << 20) + 1];
	raw_send(&client, GET("/stream"));
	LOOP_UNTIL(&app->loop, app->begins == 2 && app->last);
	assert_false(http_exchange_stream_write(app->last, (struct str){huge, sizeof(huge)}));
	raw_close(&client);
	app_finish(app);
}

static void test_stream_hangup(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	/* while it waits for something to send */
	start_stream(app, &client);
	raw_close(&client);
	LOOP_UNTIL(&app->loop, app->ends == 1);
	/* while there is something that can't be sent */
	char piece[50000];
	memset(piece, 's', sizeof(piece));
	start_stream(app, &client);
	uv_read_stop((uv_stream_t *)&client.tcp);
	for (int i = 0; i < 100; i++) {
		while (http_exchange_stream_write(app->last, (struct str){piece, sizeof(piece)}))
			;
		uv_run(&app->loop, UV_RUN_NOWAIT);
	}
	raw_close(&client);
	LOOP_UNTIL(&app->loop, app->ends == 2);
	/* written to in the turn in which the client goes */
	start_stream(app, &client);
	struct http_exchange *exchange = app->last;
	uv_close((uv_handle_t *)&client.tcp, NULL);
	http_exchange_stream_write(exchange, STR("to no one"));
	http_exchange_stream_finish(exchange);
	http_exchange_stream_finish(exchange);
	LOOP_UNTIL(&app->loop, app->ends == 3);
	buffer_free(&client.received);
	app_finish(app);
}

static void test_stream_head_and_old_clients(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	/* HEAD: no body, and the connection goes on */
	raw_connect(&client, &app->loop, app->port);
	raw_read(&client);
	raw_send(&client, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	LOOP_UNTIL(&app->loop, raw_has(&client, "\r\n\r\n") && app->ends == 1);
	raw_send(&client, GET("/echo"));
	LOOP_UNTIL(&app->loop, raw_has(&client, "Content-Length: 0"));
	raw_close(&client);
	/* HTTP/1.0: not chunked, ends with the connection */
	raw_connect(&client, &app->loop, app->port);
	raw_read(&client);
	raw_send(&client, "GET /stream HTTP/1.0\r\n\r\n");
	LOOP_UNTIL(&app->loop, app->begins == 3 && app->last);
	assert_true(http_exchange_stream_write(app->last, STR("old")));
	http_exchange_stream_finish(app->last);
	LOOP_UNTIL(&app->loop, client.ended);
	assert_true(raw_has(&client, "\r\n\r\nold"));
	assert_false(raw_has(&client, "chunked"));
	raw_close(&client);
	app_finish(app);
}

static int temporary_file(size_t size)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	static char block[4096];
	memset(block, 'f', sizeof(block));
	for (size_t left = size; left > 0; left -= left < sizeof(block) ? left : sizeof(block))
		assert_true(write(fd, block, left < sizeof(block) ? left : sizeof(block)) > 0);
	return fd;
}

static void test_file(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 100000, 8 << 20};
	for (size_t i = 0; i < 4; i++) {
		struct app *app = app_start();
		struct raw_client client;
		char length[64];
		app->file_fd = temporary_file(sizes[i]);
		app->file_size = (int64_t)sizes[i];
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", sizes[i]);
		app_exchange(app, &client, GET("/file"), length);
		LOOP_UNTIL(&app->loop, app->ends == 1);
		LOOP_UNTIL(&app->loop, strlen(strstr(client.received.data, "\r\n\r\n") + 4) == sizes[i]);
		const char *body = strstr(client.received.data, "\r\n\r\n") + 4;
		assert_int_equal(strspn(body, "f"), sizes[i]);
		assert_true(raw_has(&client, "Content-Type: application/gzip\r\n"));
		assert_int_equal(fcntl(app->file_fd, F_GETFD), -1); /* closed */
		raw_send(&client, GET("/echo"));
		LOOP_UNTIL(&app->loop, app->ends == 2);
		raw_close(&client);
		app_finish(app);
	}
}

static void test_file_shorter_than_said(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	app->file_fd = temporary_file(10);
	app->file_size = 1000;
	app_exchange(app, &client, GET("/file"), "HTTP/1.1 500 ");
	assert_int_equal(fcntl(app->file_fd, F_GETFD), -1);
	raw_close(&client);
	app_finish(app);
}

static void test_second_answers_are_ignored(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	raw_connect(&client, &app->loop, app->port);
	raw_read(&client);
	raw_send(&client, GET("/later"));
	LOOP_UNTIL(&app->loop, app->completes == 1);
	int fd = temporary_file(5);
	http_exchange_answer(app->last, 200, NULL, STR("the one"));
	http_exchange_answer_file(app->last, 201, NULL, fd, 5);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(http_exchange_stream_start(app->last, 202, NULL, NULL, NULL), -1);
	assert_true(http_exchange_stream_write(app->last, STR("x")));
	assert_int_equal(http_exchange_add_header(app->last, "X", "y"), -1);
	LOOP_UNTIL(&app->loop, raw_has(&client, "the one"));
	raw_close(&client);
	app_finish(app);
}

static void test_headers(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	raw_connect(&client, &app->loop, app->port);
	raw_read(&client);
	raw_send(&client, GET("/later"));
	LOOP_UNTIL(&app->loop, app->completes == 1);
	assert_int_equal(http_exchange_add_header(app->last, "X-Bad", "a\r\nSet-Cookie: b"), -1);
	assert_int_equal(http_exchange_add_header(app->last, "X-Bad", "a\nb"), -1);
	for (int i = 0; i < 32; i++) {
		char value[16];
		snprintf(value, sizeof(value), "value-%d", i);
		assert_int_equal(http_exchange_add_header(app->last, "X-Many", value), 0);
	}
	assert_int_equal(http_exchange_add_header(app->last, "X-Many", "one more"), -1);
	http_exchange_answer(app->last, 429, "application/json", STR("{}"));
	LOOP_UNTIL(&app->loop, raw_has(&client, "\r\n\r\n{}"));
	assert_true(raw_has(&client, "HTTP/1.1 429 "));
	assert_true(raw_has(&client, "\r\nX-Many: value-0\r\n"));
	assert_true(raw_has(&client, "\r\nX-Many: value-31\r\n"));
	assert_false(raw_has(&client, "X-Bad"));
	assert_false(raw_has(&client, "one more"));
	raw_close(&client);
	app_finish(app);
}

static void test_large_answer_to_a_client_that_reads_late(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	size_t size = 16 << 20;
	char *body = malloc(size);
	memset(body, 'a', size);
	raw_connect(&client, &app->loop, app->port);
	raw_send(&client, GET("/later"));
	LOOP_UNTIL(&app->loop, app->completes == 1);
	http_exchange_answer(app->last, 200, NULL, (struct str){body, size});
	free(body); /* it was copied */
	for (int i = 0; i < 50; i++)
		uv_run(&app->loop, UV_RUN_NOWAIT);
	assert_int_equal(app->ends, 0);
	raw_read(&client);
	LOOP_UNTIL(&app->loop, client.received.len > size && app->ends == 1);
	raw_close(&client);
	app_finish(app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stream),
	    cmocka_unit_test(test_stream_back_pressure),
	    cmocka_unit_test(test_stream_hangup),
	    cmocka_unit_test(test_stream_head_and_old_clients),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_file_shorter_than_said),
	    cmocka_unit_test(test_second_answers_are_ignored),
	    cmocka_unit_test(test_headers),
	    cmocka_unit_test(test_large_answer_to_a_client_that_reads_late),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
