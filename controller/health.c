#include "controller/health.h"

#include "lib/base/jsontext.h"
#include "lib/base/metrics.h"

#define METRICS_MAX ((size_t)8 << 20)
#define ANSWER_MAX 4096
#define MAX_CONNECTIONS 32

static bool begin(void *context, struct http_exchange *exchange)
{
	(void)context;
	(void)exchange;
	return true;
}

static void body(void *context, struct http_exchange *exchange, struct str piece)
{
	(void)context;
	(void)exchange;
	(void)piece; /* probes have none */
}

static void answer_metrics(const struct health_source *source, struct http_exchange *exchange)
{
	cleanup_buffer struct buffer out = BUFFER(METRICS_MAX);
	source->append_metrics(source->context, &out);
	if (out.failed)
		http_exchange_answer(exchange, 503, "text/plain; charset=utf-8", STR("out of memory\n"));
	else
		http_exchange_answer(exchange, 200, METRICS_TYPE, buffer_str(&out));
}

static void complete(void *context, struct http_exchange *exchange)
{
	const struct health_source *source = context;
	struct str path = http_exchange_path(exchange);
	const char *type = "application/json; charset=utf-8";
	const char *problem = NULL;
	if (str_eq(path, STR("/health"))) {
		http_exchange_answer(exchange, 200, type, STR("{\"status\":\"ok\"}"));
	} else if (str_eq(path, STR("/metrics"))) {
		answer_metrics(source, exchange);
	} else if (!str_eq(path, STR("/ready"))) {
		http_exchange_answer(
		    exchange, 404, type,
		    STR("{\"error\":\"not_found\",\"message\":\"use /health, /ready or /metrics\"}"));
	} else if (source->is_ready(source->context, &problem)) {
		http_exchange_answer(exchange, 200, type, STR("{\"status\":\"ready\"}"));
	} else {
		cleanup_buffer struct buffer out = BUFFER(ANSWER_MAX);
		buffer_append_c(&out, "{\"status\":\"not_ready\",\"message\":");
		jsontext_append_string(&out, str_of(problem));
		buffer_append_byte(&out, '}');
		http_exchange_answer(exchange, 503, type, buffer_str(&out));
	}
}

static void end(void *context, struct http_exchange *exchange)
{
	(void)context;
	(void)exchange;
}

struct http_server *health_start(uv_loop_t *loop, uint16_t port, const struct health_source *source,
				 struct error *err)
{
	struct http_handler handler = {.begin = begin,
				       .body = body,
				       .complete = complete,
				       .end = end,
				       .context = (void *)(uintptr_t)source};
	struct http_server_options options = {.port = port, .max_connections = MAX_CONNECTIONS};
	return http_server_new(loop, &options, &handler, err);
}
