#include "apiserver/http/answer.h"

#include "apiserver/failure.h"
#include "apiserver/http/request.h"
#include "lib/base/json_write.h"
#include "lib/base/log.h"

#include <stdarg.h>
#include <unistd.h>

#define ERROR_BODY_MAX 16384

void answer_header(struct request *request, const char *name, const char *value)
{
	if (request->exchange && !request->status &&
	    http_exchange_add_header(request->exchange, name, value) != 0)
		log_warn("a response header could not be set", "request_id",
			 request->operation.caller->request_id, "header", name, NULL);
}

bool answer_is_given(const struct request *request)
{
	return request->status != 0;
}

static void give(struct request *request, int status, const char *content_type, struct str text)
{
	if (request->status)
		return;
	if (request->exchange) {
		/* What the answer says may be another tomorrow, and is nobody else's. */
		answer_header(request, "Cache-Control", "no-store");
		http_exchange_answer(request->exchange, status, content_type, text);
	}
	request->status = status;
}

static void give_spilt(struct request *request, int status, const char *content_type, struct spill *spill)
{
	answer_header(request, "Cache-Control", "no-store");
	usage_move(&request->hold, &spill->hold);
	http_exchange_answer_file(request->exchange, status, content_type, spill->fd, spill->size);
	spill->fd = -1; /* the exchange's */
	request->status = status;
}

void answer_spill(struct request *request, int status, const char *content_type, struct spill *spill)
{
	struct error err;
	if (request->status)
		return;
	if (!request->exchange) { /* nobody listens any more */
		request->status = status;
		return;
	}
	int result = spill_finish(spill, &err);
	/* Until the client has taken it. */
	if (result == 0 && spill->fd < 0 &&
	    (result = usage_take(request->operation.server->usage, request->operation.caller->tenant,
				 USAGE_MEMORY, (int64_t)spill->text.len, &request->hold, &err)) != 0)
		err.code = ERR_UNAVAILABLE;
	if (result != 0)
		answer_error(request, &err);
	else if (spill->fd >= 0)
		give_spilt(request, status, content_type, spill);
	else
		give(request, status, content_type, buffer_str(&spill->text));
}

void answer_text(struct request *request, int status, const char *content_type, struct str text)
{
	cleanup_spill struct spill spill;
	answer_begin(request, &spill);
	buffer_append_str(&spill.text, text);
	answer_spill(request, status, content_type, &spill);
}

void answer_begin(const struct request *request, struct spill *ret)
{
	spill_init(ret, request->operation.server->usage, request->operation.caller->tenant);
}

void answer_json(struct request *request, int status, const struct buffer *body)
{
	if (body->failed)
		answer_refuse(request, ERR_UNAVAILABLE,
			      body->no_memory ? "out of memory"
					      : "the answer has more than %zu bytes, the limit",
			      body->max);
	else
		answer_text(request, status, ANSWER_JSON_TYPE, buffer_str(body));
}

void answer_file(struct request *request, int status, const char *content_type, int fd, int64_t size)
{
	if (request->status || !request->exchange) {
		close(fd);
		return;
	}
	http_exchange_answer_file(request->exchange, status, content_type, fd, size);
	request->status = status;
}

int answer_stream_start(struct request *request, const char *content_type,
			void (*drained)(void *context, struct http_exchange *exchange), void *context)
{
	if (request->status || !request->exchange)
		return -1;
	answer_header(request, "Cache-Control", "no-store");
	request->status = 200;
	return http_exchange_stream_start(request->exchange, 200, content_type, drained, context);
}

void answer_error_as(struct request *request, int status, const char *code, const char *message)
{
	cleanup_buffer struct buffer body = BUFFER(ERROR_BODY_MAX);
	struct metrics *metrics = request->operation.server->metrics;
	if (!request->status)
		metrics_add(metrics, APISERVER_ERRORS,
			    METRIC_AT(metrics_label(metrics, APISERVER_ERRORS, 0, str_of(code))), 1);
	json_open(&body, '{');
	json_put_string(&body, "error", code);
	json_put_string(&body, "message", message);
	json_put_string(&body, "request_id", request->operation.caller->request_id);
	json_close(&body, '}');
	if (status == 401)
		answer_header(request, "WWW-Authenticate", "Bearer");
	if (status == 429 || status == 503)
		answer_header(request, "Retry-After", "1");
	give(request, status, ANSWER_JSON_TYPE,
	     body.failed ? STR("{\"error\":\"unavailable\",\"message\":\"out of memory\"}")
			 : buffer_str(&body));
}

void answer_failure(struct request *request, const struct error *failure)
{
	answer_error_as(request, error_code_http_status(failure->code), error_code_name(failure->code),
			failure->message);
}

void answer_done(void *context, const struct error *failure)
{
	struct request *request = context;
	if (failure)
		answer_failure(request, failure);
	else
		answer_text(request, 204, NULL, STR(""));
	request_unref(request);
}

void answer_error(struct request *request, const struct error *err)
{
	struct error failure;
	failure_of_error(request->operation.caller, err, &failure);
	answer_failure(request, &failure);
}

void answer_refuse(struct request *request, enum error_code code, const char *format, ...)
{
	struct error err = {.code = code};
	va_list args;
	va_start(args, format);
	vsnprintf(err.message, sizeof(err.message), format, args);
	va_end(args);
	answer_error(request, &err);
}

void answer_fault(struct request *request, const char *what, const struct error *err)
{
	struct error failure;
	failure_of_fault(request->operation.caller, what, err, &failure);
	answer_failure(request, &failure);
}
