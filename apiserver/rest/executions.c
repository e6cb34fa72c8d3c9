#include "apiserver/rest/executions.h"

#include "apiserver/execution/cancel.h"
#include "apiserver/execution/find.h"
#include "apiserver/execution/follow.h"
#include "apiserver/execution/list.h"
#include "apiserver/execution/log.h"
#include "apiserver/execution/pending.h"
#include "apiserver/execution/render.h"
#include "apiserver/execution/submit.h"
#include "apiserver/execution/texts.h"
#include "apiserver/http/answer.h"
#include "apiserver/http/request.h"
#include "lib/base/json_write.h"
#include "lib/base/utf8.h"

#include <stdlib.h>

#define EVENTS_BEAT_MS 15000 /* load balancers cut what is silent for a minute */

/* An execution as the answer: with what of it is in the blob store */

struct execution_answer {
	struct request *request; /* a reference */
	enum render_form form;
	int status;
};

/* Bytes of the texts that are in it. */
static int64_t size_of(enum render_form form, const struct render_texts *texts)
{
	return form == RENDER_SUMMARY ? 0
				      : (int64_t)(texts->output.n + texts->logs.n +
						  (form == RENDER_RECORD ? texts->input.n : 0));
}

/* What is wrong is the answer, not the execution. */
static void refuse_answer(struct request *request, enum render_form form,
			  const struct shared_execution *execution, struct spill *body)
{
	struct error err;
	const char *id = execution_id(execution->execution);
	if (spill_finish(body, &err) == 0)
		return;
	if (form == RENDER_RESULT)
		error_wrap(&err, "execution %s has ended, read it at /v1/executions/%s", id, id);
	answer_error(request, &err);
}

/* texts_cb */
static void on_texts(void *context, const struct shared_execution *execution,
		     const struct render_texts *texts, const struct error *failure)
{
	struct execution_answer *answer = context;
	struct request *request = answer->request;
	char stalled[PENDING_MESSAGE_SIZE];
	cleanup_spill struct spill body;
	answer_begin(request, &body);
	if (failure) {
		answer_failure(request, failure);
	} else if (request->exchange) {
		if (spill_expect(&body, size_of(answer->form, texts)))
			render_execution(execution, answer->form, request->operation.caller->tenant,
					 pending_stalled(request->operation.server, execution, stalled),
					 texts, &body.text);
		if (body.text.failed)
			refuse_answer(request, answer->form, execution, &body);
		else
			answer_spill(request, answer->status, ANSWER_JSON_TYPE, &body);
	}
	request_unref(request);
	free(answer);
}

static void answer_execution(struct request *request, const struct shared_execution *execution,
			     enum render_form form, int status)
{
	if (!request->exchange) /* nobody listens any more */
		return;
	struct execution_answer *answer = malloc(sizeof(*answer));
	if (!answer) {
		answer_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return;
	}
	*answer = (struct execution_answer){request_ref(request), form, status};
	texts_fetch(request->operation.server, request->operation.caller, execution, texts_of_form(form),
		    on_texts, answer);
}

/* POST /v1/executions: at once when async, else when it has ended */

static void finish_submit(struct request *request, const struct shared_execution *execution,
			  const struct error *failure, int status)
{
	request->gone = NULL;
	if (failure && request->exchange)
		answer_failure(request, failure);
	else if (!failure)
		answer_execution(request, execution, RENDER_RESULT, status);
	request_unref(request);
}

/* request.gone */
static void on_gone(void *context)
{
	submit_go_alone(context);
}

/* One more request of its tenant that stays for a run's time. */
static int take_waiting_place(struct request *request, struct error *err)
{
	return usage_take(request->operation.server->usage, request->operation.caller->tenant, USAGE_WAITING,
			  1, &request->hold, err);
}

/* submit_cb */
static void on_submitted(void *context, const struct shared_execution *execution, const struct error *failure)
{
	finish_submit(context, execution, failure, 200);
}

/* submit_cb */
static void on_submitted_async(void *context, const struct shared_execution *execution,
			       const struct error *failure)
{
	finish_submit(context, execution, failure, 202);
}

void rest_execution_create(struct request *request)
{
	struct error err;
	struct str header;
	struct execution_wish wish = {.body = str_trim(request->body), .hold = &request->taken.hold};
	if (execution_request_parse(wish.body, &wish.request, &err) != 0) {
		answer_error(request, &err);
		return;
	}
	if (http_exchange_header(request->exchange, "Prefer", &header) && prefer_is_async(header))
		wish.request.async = true;
	if (http_exchange_header(request->exchange, "Idempotency-Key", &header))
		wish.idempotency_key = str_trim(header);
	if (!wish.request.async && take_waiting_place(request, &err) != 0) {
		execution_request_clear(&wish.request);
		answer_error(request, &err);
		return;
	}
	request_ref(request);
	request_ref(request); /* until the wish is of no more use */
	request->gone_context =
	    execution_submit(request->operation.server, request->operation.caller, &wish,
			     wish.request.async ? on_submitted_async : on_submitted, request);
	request->gone = request->gone_context ? on_gone : NULL;
	execution_request_clear(&wish.request);
	body_clear(&request->taken); /* it may be large, and the wait long */
	request_unref(request);
}

/* GET /v1/executions */

/* execution_page_cb */
static void on_listed(void *context, const struct execution_page *page, const struct error *failure)
{
	struct request *request = context;
	const struct render_texts none = {0};
	char next[LIST_CURSOR_SIZE], stalled[PENDING_MESSAGE_SIZE];
	cleanup_spill struct spill spill;
	struct buffer *body = &spill.text;
	answer_begin(request, &spill);
	if (failure) {
		answer_failure(request, failure);
		request_unref(request);
		return;
	}
	buffer_append_c(body, "{\"executions\":[");
	for (size_t i = 0; i < page->count; i++)
		render_execution(page->executions[i], RENDER_SUMMARY, request->operation.caller->tenant,
				 pending_stalled(request->operation.server, page->executions[i], stalled),
				 &none, body);
	json_close(body, ']');
	if (page->has_next) {
		list_cursor_format(&page->next, next);
		json_put_string(body, "next", next);
	}
	json_close(body, '}');
	answer_spill(request, 200, ANSWER_JSON_TYPE, &spill);
	request_unref(request);
}

/* Empty if it is left out. */
static struct str parameter(const struct request *request, const char *name)
{
	struct str value;
	return http_exchange_query(request->exchange, name, &value) ? value : STR("");
}

static int check_parameters(const struct request *request, struct error *err)
{
	static const char *const names[] = {"skill", "status", "limit", "cursor"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (http_exchange_query_count(request->exchange, names[i]) > 1)
			return error_set(err, ERR_BAD_REQUEST,
					 "the parameter '%s' is there twice: send it once", names[i]);
	return 0;
}

void rest_execution_list(struct request *request)
{
	struct error err;
	struct execution_query query;
	if (check_parameters(request, &err) != 0 ||
	    execution_query_read(parameter(request, "skill"), parameter(request, "status"),
				 parameter(request, "limit"), parameter(request, "cursor"), &query,
				 &err) != 0) {
		answer_error(request, &err);
		return;
	}
	request_ref(request);
	execution_list(request->operation.server, request->operation.caller, &query, on_listed, request);
}

/* GET /v1/executions/:id */

/* execution_found_cb */
static void on_found(void *context, const struct shared_execution *execution, const struct error *failure)
{
	struct request *request = context;
	if (failure)
		answer_failure(request, failure);
	else
		answer_execution(request, execution, RENDER_RECORD, 200);
	request_unref(request);
}

void rest_execution_get(struct request *request)
{
	request_ref(request);
	execution_find(request->operation.server, request->operation.caller, request->match.params[0],
		       on_found, request);
}

/* DELETE /v1/executions/:id */

/* execution_found_cb */
static void on_cancelled(void *context, const struct shared_execution *execution, const struct error *failure)
{
	struct request *request = context;
	if (failure)
		answer_failure(request, failure);
	else
		answer_execution(request, execution, RENDER_SUMMARY,
				 execution_is_finished(execution->execution) ? 200 : 202);
	request_unref(request);
}

void rest_execution_cancel(struct request *request)
{
	request_ref(request);
	execution_cancel(request->operation.server, request->operation.caller, request->match.params[0],
			 on_cancelled, request);
}

/* GET /v1/executions/:id/logs */

/* execution_log_cb */
static void on_log(void *context, struct str text, const struct error *failure)
{
	struct request *request = context;
	cleanup_spill struct spill clean;
	answer_begin(request, &clean);
	if (!failure && spill_expect(&clean, (int64_t)text.n))
		utf8_append_clean(&clean.text, text);
	if (failure)
		answer_failure(request, failure);
	else
		answer_spill(request, 200, "text/plain; charset=utf-8", &clean);
	request_unref(request);
}

/* GET /v1/executions/:id/logs?follow=true: request->state is the follow, which ends with the request */

static void on_drained(void *context, struct http_exchange *exchange)
{
	const struct request *request = context;
	(void)exchange;
	if (request->state)
		follow_go_on(request->state);
}

static void on_follow_started(void *context)
{
	/* nginx would collect them. */
	answer_header(context, "X-Accel-Buffering", "no");
	(void)answer_stream_start(context, "text/event-stream", on_drained, context);
}

static void on_follow_failed(void *context, const struct error *failure)
{
	answer_failure(context, failure);
}

static bool on_event(void *context, struct str event)
{
	const struct request *request = context;
	return !request->exchange || http_exchange_stream_write(request->exchange, event);
}

static void on_last_event(void *context)
{
	const struct request *request = context;
	if (request->exchange)
		http_exchange_stream_finish(request->exchange);
}

static void end_follow(void *state)
{
	follow_free(state);
}

static void follow(struct request *request)
{
	struct error err;
	if (take_waiting_place(request, &err) != 0) {
		answer_error(request, &err);
		return;
	}
	const struct follow_listener listener = {on_follow_started, on_follow_failed, on_event,
						 on_last_event,     request,          EVENTS_BEAT_MS};
	request_ref(request);
	request_set_state(request,
			  execution_follow(request->operation.server, request->operation.caller,
					   request->match.params[0], &listener),
			  end_follow);
	request_unref(request);
}

static int wants_stream(const struct request *request, bool *ret, struct error *err)
{
	struct str follow = parameter(request, "follow"), accept;
	*ret = str_eq(follow, STR("true")) || str_eq(follow, STR("1"));
	if (!*ret && follow.n && !str_eq(follow, STR("false")) && !str_eq(follow, STR("0")))
		return error_set(err, ERR_BAD_REQUEST, "follow must be true or false, not \"%.*s\"",
				 utf8_shown(follow), follow.p);
	if (!*ret)
		*ret = http_exchange_header(request->exchange, "Accept", &accept) &&
		       str_starts_with_ignore_case(str_trim(accept), STR("text/event-stream"));
	return 0;
}

void rest_execution_logs(struct request *request)
{
	struct error err;
	bool is_followed;
	if (wants_stream(request, &is_followed, &err) != 0) {
		answer_error(request, &err);
		return;
	}
	if (is_followed) {
		follow(request);
		return;
	}
	request_ref(request);
	execution_log(request->operation.server, request->operation.caller, request->match.params[0], on_log,
		      request);
}
