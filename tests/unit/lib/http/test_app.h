/* For tests of the server: a small application whose behaviour is chosen by the path, and a fixture around
 * it. */
#ifndef SKILLBOX_TESTS_HTTP_TEST_APP_H
#define SKILLBOX_TESTS_HTTP_TEST_APP_H

#include "lib/http/server/server.h"
#include "tests/unit/lib/http/raw_client.h"

#include <stdio.h>

struct app {
	uv_loop_t loop;
	struct http_server *server;
	uint16_t port;
	unsigned begins, completes, ends;
	size_t body_bytes;
	struct http_exchange *last; /* of the exchange that runs, NULL after its end */
	struct buffer body;
	unsigned drained;
	int file_fd; /* for /file */
	int64_t file_size;
};

static inline bool path_is(const struct http_exchange *exchange, const char *path)
{
	return str_eq(http_exchange_path(exchange), str_of(path));
}

static inline bool app_begin(void *context, struct http_exchange *exchange)
{
	struct app *app = context;
	app->begins++;
	app->last = exchange;
	buffer_reset(&app->body);
	http_exchange_set_data(exchange, app);
	if (path_is(exchange, "/early")) {
		http_exchange_add_header(exchange, "WWW-Authenticate", "Bearer");
		http_exchange_answer(exchange, 401, "text/plain", STR("who are you"));
		return false;
	}
	if (path_is(exchange, "/held"))
		http_exchange_hold(exchange);
	return !path_is(exchange, "/unanswered");
}

static inline void app_body(void *context, struct http_exchange *exchange, struct str piece)
{
	struct app *app = context;
	app->body_bytes += piece.n;
	assert_int_equal(buffer_append_str(&app->body, piece), 0);
	if (path_is(exchange, "/middle"))
		http_exchange_answer(exchange, 413, "text/plain", STR("too much"));
}

static inline void app_on_drained(void *context, struct http_exchange *exchange)
{
	struct app *app = context;
	assert_ptr_equal(app->last, exchange);
	app->drained++;
}

static inline void app_complete(void *context, struct http_exchange *exchange)
{
	struct app *app = context;
	app->completes++;
	if (path_is(exchange, "/echo") || path_is(exchange, "/held"))
		http_exchange_answer(exchange, 200, "text/plain", buffer_str(&app->body));
	else if (path_is(exchange, "/file"))
		http_exchange_answer_file(exchange, 200, "application/gzip", app->file_fd, app->file_size);
	else if (path_is(exchange, "/stream"))
		assert_int_equal(http_exchange_stream_start(exchange, 200, "text/plain", app_on_drained, app),
				 0);
}

static inline void app_end(void *context, struct http_exchange *exchange)
{
	struct app *app = context;
	assert_ptr_equal(http_exchange_data(exchange), app);
	app->ends++;
	if (app->last == exchange)
		app->last = NULL;
}

static inline struct app *app_start_with(struct http_server_options options)
{
	struct app *app = calloc(1, sizeof(*app));
	struct error err;
	struct http_handler handler = {
	    .begin = app_begin, .body = app_body, .complete = app_complete, .end = app_end, .context = app};
	uv_loop_init(&app->loop);
	app->body = BUFFER(64 << 20);
	app->file_fd = -1;
	app->server = http_server_new(&app->loop, &options, &handler, &err);
	if (!app->server)
		fail_msg("%s", err.message);
	app->port = http_server_port(app->server);
	assert_int_not_equal(app->port, 0);
	return app;
}

static inline struct app *app_start(void)
{
	return app_start_with((struct http_server_options){0});
}

static inline void app_finish(struct app *app)
{
	http_server_free(app->server);
	assert_int_equal(app->begins, app->ends);
	loop_end(&app->loop);
	buffer_free(&app->body);
	free(app);
}

/* Send a request on a fresh connection and wait for `expected` in the answer. */
static inline void app_exchange(struct app *app, struct raw_client *client, const char *request,
				const char *expected)
{
	raw_connect(client, &app->loop, app->port);
	raw_read(client);
	raw_send(client, request);
	LOOP_UNTIL(&app->loop, raw_has(client, expected) || client->ended);
	if (!raw_has(client, expected))
		fail_msg("no '%s' in the answer to '%s': %s", expected, request,
			 client->received.data ? client->received.data : "(nothing)");
}

#endif
