/* What /health, /ready and /metrics answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/health.h"

#include <stdio.h>

/* One request, and its answer. */
struct http_exchange {
	const char *path;
	int status;
	char type[64], body[256];
};
static struct http_handler handler;
static struct http_server_options options;
static char server;

struct http_server *http_server_new(uv_loop_t *loop, const struct http_server_options *given,
				    const struct http_handler *given_handler, struct error *err)
{
	(void)loop;
	(void)err;
	options = *given;
	handler = *given_handler;
	return (struct http_server *)(void *)&server;
}

struct str http_exchange_path(const struct http_exchange *exchange)
{
	return str_of(exchange->path);
}

void http_exchange_answer(struct http_exchange *exchange, int status, const char *content_type,
			  struct str body)
{
	assert_int_equal(exchange->status, 0); /* one answer a request */
	exchange->status = status;
	snprintf(exchange->type, sizeof(exchange->type), "%s", content_type);
	snprintf(exchange->body, sizeof(exchange->body), "%.*s", (int)body.n, body.p);
}

struct source {
	const char *problem; /* NULL: ready */
	const char *metrics; /* NULL: there is no memory for them */
};

static bool is_ready(void *context, const char **ret_problem)
{
	const struct source *source = context;
	if (source->problem)
		*ret_problem = source->problem;
	return !source->problem;
}

static void append_metrics(void *context, struct buffer *out)
{
	const struct source *source = context;
	if (source->metrics)
		buffer_append_c(out, source->metrics);
	else
		out->failed = true;
}

#define JSON "application/json; charset=utf-8"

static void test_answers(void **state)
{
	static const struct {
		struct source source;
		const char *path;
		int status;
		const char *type, *body;
	} rows[] = {
	    {{NULL, "m"}, "/health", 200, JSON, "{\"status\":\"ok\"}"},
	    {{"down", "m"}, "/health", 200, JSON, "{\"status\":\"ok\"}"}, /* the process is well */
	    {{NULL, "m"}, "/ready", 200, JSON, "{\"status\":\"ready\"}"},
	    {{"a \"watch\" is not up", "m"},
	     "/ready",
	     503,
	     JSON,
	     "{\"status\":\"not_ready\",\"message\":\"a \\\"watch\\\" is not up\"}"},
	    {{"down", "skillbox 1\n"},
	     "/metrics",
	     200,
	     "text/plain; version=0.0.4; charset=utf-8",
	     "skillbox 1\n"},
	    {{NULL, NULL}, "/metrics", 503, "text/plain; charset=utf-8", "out of memory\n"},
	    {{NULL, "m"},
	     "/",
	     404,
	     JSON,
	     "{\"error\":\"not_found\",\"message\":\"use /health, /ready or /metrics\"}"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct source source = rows[i].source;
		const struct health_source asked = {&source, is_ready, append_metrics};
		struct http_exchange exchange = {.path = rows[i].path};
		assert_non_null(health_start(NULL, 8081, &asked, NULL));
		assert_int_equal(options.port, 8081);
		assert_true(handler.begin(handler.context, &exchange));
		handler.body(handler.context, &exchange, STR("a probe has none"));
		assert_int_equal(exchange.status, 0);
		handler.complete(handler.context, &exchange);
		handler.end(handler.context, &exchange);
		assert_int_equal(exchange.status, rows[i].status);
		assert_string_equal(exchange.type, rows[i].type);
		assert_string_equal(exchange.body, rows[i].body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
