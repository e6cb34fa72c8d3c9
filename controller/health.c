#include "controller/health.h"

#include "lib/base/buffer.h"
#include "lib/base/jsontext.h"

#define METRICS_MAX ((size_t)8 << 20)

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

static void answer_metrics(struct controller *controller, struct http_exchange *exchange)
{
	struct buffer out __attribute__((cleanup(buffer_free))) = BUFFER(METRICS_MAX);
	controller_metrics_append(controller, &out);
	if (out.failed)
		http_exchange_answer(exchange, 503, "text/plain; charset=utf-8", STR("out of memory\n"));
	else
		http_exchange_answer(exchange, 200, METRICS_TYPE, buffer_str(&out));
}

static void complete(void *context, struct http_exchange *exchange)
{
	struct controller *controller = context;
	struct str path = http_exchange_path(exchange);
	const char *type = "application/json; charset=utf-8";
	const char *problem = NULL;
	if (str_eq(path, STR("/health"))) {
		http_exchange_answer(exchange, 200, type, STR("{\"status\":\"ok\"}"));
	} else if (str_eq(path, STR("/metrics"))) {
		answer_metrics(controller, exchange);
	} else if (!str_eq(path, STR("/ready"))) {
		http_exchange_answer(
		    exchange, 404, type,
		    STR("{\"error\":\"not_found\",\"message\":\"use /health, /ready or /metrics\"}"));
	} else if (controller_is_ready(controller, &problem)) {
		http_exchange_answer(exchange, 200, type, STR("{\"status\":\"ready\"}"));
	} else {
		struct buffer out __attribute__((cleanup(buffer_free))) = BUFFER(4096);
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

struct http_server *health_start(struct controller *controller, struct error *err)
{
	struct http_handler handler = {begin, body, complete, end, controller};
	struct http_server_options options = {.port = (uint16_t)controller->config.health_port,
					      .max_connections = 32};
	return http_server_new(controller->loop, &options, &handler, err);
}
