/* Answers: JSON, files, and errors in one shape. */
#include "apiserver/http/request.h"

#include "lib/base/json_write.h"
#include "lib/base/log.h"
#include "lib/kube/client.h"

#include <stdarg.h>
#include <unistd.h>

void request_header(struct request *request, const char *name, const char *value)
{
	if (request->exchange && !request->status &&
	    http_exchange_add_header(request->exchange, name, value) != 0)
		log_warn("a response header could not be set", "request_id", request->id, "header", name,
			 NULL);
}

bool request_is_answered(const struct request *request)
{
	return request->status != 0;
}

void request_answer_text(struct request *request, int status, const char *content_type, struct str text)
{
	if (request->status)
		return;
	if (request->exchange) {
		/* What the answer says may be another tomorrow, and is nobody else's. */
		request_header(request, "Cache-Control", "no-store");
		http_exchange_answer(request->exchange, status, content_type, text);
	}
	request->status = status;
}

void request_answer_json(struct request *request, int status, const struct buffer *body)
{
	struct error err;
	if (!body->failed) {
		request_answer_text(request, status, REQUEST_JSON_TYPE, buffer_str(body));
		return;
	}
	error_set(&err, ERR_UNAVAILABLE, "the answer is too large for this server's memory");
	request_answer_error(request, &err);
}

void request_answer_file(struct request *request, const char *content_type, int fd, int64_t size)
{
	if (request->status || !request->exchange) {
		close(fd);
		return;
	}
	http_exchange_answer_file(request->exchange, 200, content_type, fd, size);
	request->status = 200;
}

int request_stream_start(struct request *request, const char *content_type,
			 void (*drained)(void *context, struct http_exchange *exchange), void *context)
{
	if (request->status || !request->exchange)
		return -1;
	request_header(request, "Cache-Control", "no-store");
	request->status = 200;
	return http_exchange_stream_start(request->exchange, 200, content_type, drained, context);
}

void request_answer_error_as(struct request *request, int status, const char *code, const char *message)
{
	cleanup_buffer struct buffer body = BUFFER(16384);
	struct metrics *metrics = request->server->metrics;
	if (!request->status)
		metrics_add(metrics, APISERVER_ERRORS,
			    METRIC_AT(metrics_label(metrics, APISERVER_ERRORS, 0, str_of(code))), 1);
	json_open(&body, '{');
	json_put_string(&body, "error", code);
	json_put_string(&body, "message", message);
	json_put_string(&body, "request_id", request->id);
	json_close(&body, '}');
	if (status == 401)
		request_header(request, "WWW-Authenticate", "Bearer");
	if (status == 429)
		request_header(request, "Retry-After", "1");
	request_answer_text(request, status, REQUEST_JSON_TYPE,
			    body.failed ? STR("{\"error\":\"unavailable\",\"message\":\"out of memory\"}")
					: buffer_str(&body));
}

void request_answer_error(struct request *request, const struct error *err)
{
	int status = error_code_http_status(err->code);
	if (status == 500) { /* what went wrong inside is for the log, not for the client */
		request_answer_fault(request, "the request failed", err);
		return;
	}
	request_answer_error_as(request, status, error_code_name(err->code), err->message);
}

void request_refuse(struct request *request, enum error_code code, const char *format, ...)
{
	struct error err = {.code = code};
	va_list args;
	va_start(args, format);
	vsnprintf(err.message, sizeof(err.message), format, args);
	va_end(args);
	request_answer_error(request, &err);
}

void request_answer_fault(struct request *request, const char *what, const struct error *err)
{
	char message[512];
	log_error(what, "request_id", request->id, "tenant", request->tenant, "reason", err->message, NULL);
	switch (err->code) {
	case ERR_UNAVAILABLE:
	case ERR_TIMEOUT:
	case ERR_RATE_LIMITED:
	case ERR_NO_CAPACITY:
	case ERR_NO_MEMORY:
		snprintf(message, sizeof(message), "%s; try again in a moment", what);
		request_answer_error_as(request, 503, "unavailable", message);
		break;
	default:
		snprintf(message, sizeof(message),
			 "%s; the server's log has the reason under this request_id", what);
		request_answer_error_as(request, 500, "internal_error", message);
	}
}

void request_answer_kube(struct request *request, const char *what, const struct kube_response *response)
{
	const struct error *err = response->error;
	char message[512];
	if (response->status == 403 && strstr(err->message, "exceeded quota")) {
		log_warn(what, "request_id", request->id, "tenant", request->tenant, "reason", err->message,
			 NULL);
		snprintf(message, sizeof(message),
			 "%s: the tenant's quota in the cluster is used up; try again later", what);
		measure_refusal(request->server->metrics, REFUSED_QUOTA);
		request_answer_error_as(request, 429, "no_capacity", message);
	} else if (response->status == 422 || response->status == 413) {
		log_warn(what, "request_id", request->id, "tenant", request->tenant, "reason", err->message,
			 NULL);
		snprintf(message, sizeof(message),
			 "%s: the cluster's rules refuse it as too large or malformed", what);
		request_answer_error_as(request, 400, "bad_request", message);
	} else {
		request_answer_fault(request, what, err);
	}
}
