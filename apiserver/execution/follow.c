/* While the execution runs its lines come from the Pod's log. When it has ended the Pod goes at once, maybe
 * before its last lines came: the rest is taken from the record, which has the whole log. */
#include "apiserver/execution/follow.h"

#include "apiserver/execution/event_lines.h"
#include "apiserver/execution/executions.h"
#include "apiserver/execution/result.h"
#include "apiserver/http/call.h"
#include "lib/api/pod.h"
#include "lib/base/json_write.h"
#include "lib/base/log.h"
#include "lib/kube/log_stream.h"

#include <stdlib.h>

#define LOG_MAX ((size_t)80 << 20) /* bytes of a log that was fetched */
#define PAUSE_AT                                                                                             \
	((size_t)512 << 10) /* bytes that wait for the client, after which the Pod's log has to wait */
#define WAIT_EXTRA_MS (5 * 60 * 1000)

struct follow {
	struct request *request;
	struct waiter *waiter;     /* holds a reference of the request; what else is open ends with it */
	struct log_stream *stream; /* the Pod's log; NULL: not yet, or over */
	bool was_opened;
	struct event_lines lines;
	struct buffer event;  /* one that the client has not taken yet */
	struct record *ended; /* the execution, once it has ended */
	bool is_complete;     /* no more lines will come */
	const char *problem;  /* why, if not because the execution has ended */
	bool end_is_sent;
};

static void follow_free(void *state)
{
	struct follow *follow = state;
	log_stream_close(follow->stream);
	record_unref(follow->ended);
	buffer_free(&follow->lines.text);
	buffer_free(&follow->event);
	free(follow);
}

/* ---- to the client */

static void append_end(struct follow *follow)
{
	struct buffer *out = &follow->event;
	buffer_append_c(out, follow->problem ? "event: error\ndata: " : "event: end\ndata: ");
	cleanup_buffer struct buffer body = BUFFER(EVENT_MAX);
	if (follow->problem) {
		json_open(&body, '{');
		json_put_string(&body, "error", "unavailable");
		json_put_string(&body, "message", follow->problem);
		json_put_string(&body, "request_id", follow->request->id);
		json_close(&body, '}');
	} else {
		const struct render_texts none = {0};
		render_execution(follow->ended, RENDER_SUMMARY, follow->request->tenant, &none, &body);
	}
	buffer_append_str(out, buffer_str(&body));
	buffer_append_c(out, "\n\n");
}

/* Make the next event; false: there is none for now, or none at all any more. */
static bool next_event(struct follow *follow)
{
	if (event_lines_next(&follow->lines, follow->is_complete, &follow->event))
		return true;
	if (!follow->is_complete || follow->end_is_sent)
		return false;
	append_end(follow);
	follow->end_is_sent = true;
	return true;
}

/* Send what the client takes; on_drained goes on. */
static void pump(struct follow *follow)
{
	struct http_exchange *exchange = follow->request->exchange;
	if (!exchange)
		return;
	while (follow->event.len > 0 || next_event(follow)) {
		if (!http_exchange_stream_write(exchange, buffer_str(&follow->event)))
			break;
		buffer_reset(&follow->event);
	}
	if (follow->end_is_sent && follow->event.len == 0)
		http_exchange_stream_finish(exchange);
	else if (follow->stream)
		log_stream_pause(follow->stream, event_lines_waiting(&follow->lines) > PAUSE_AT);
}

static void on_drained(void *context, struct http_exchange *exchange)
{
	(void)exchange;
	pump(context);
}

/* ---- the end */

static void complete(struct follow *follow, const char *problem)
{
	follow->is_complete = true;
	follow->problem = problem;
	pump(follow);
}

/* The record's log, which is whole unless it has a gap: what the client doesn't have yet of it. */
static void add_rest(struct follow *follow, struct str log)
{
	bool has_gap = follow->ended->execution->status.logs_truncated;
	if (has_gap && follow->lines.lines > 0) {
		complete(follow, NULL); /* its lines can't be counted: the Pod's own last ones must do */
		return;
	}
	event_lines_drop(&follow->lines); /* a line that has not ended stands in the record, too */
	if (event_lines_add(&follow->lines, event_lines_skip(log, follow->lines.lines)) == 0)
		complete(follow, NULL);
	else
		complete(follow, "the rest of the log is too large for this server's memory");
}

static void on_log_fetched(struct request *request, const struct error *error, int fd, int64_t size)
{
	struct follow *follow = request->state;
	struct error err;
	cleanup_buffer struct buffer log = BUFFER(LOG_MAX);
	if (!error && result_read_fd(fd, size, &log, &err) != 0)
		error = &err;
	if (!error) {
		add_rest(follow, buffer_str(&log));
		return;
	}
	log_error("a log could not be read from storage", "request_id", request->id, "reason", error->message,
		  NULL);
	complete(follow, "the rest of the log could not be read from storage");
}

static void finish(struct follow *follow, const struct record *record)
{
	const struct execution *execution = record->execution;
	struct blob_key key = {BLOB_EXECUTIONS, follow->request->tenant, execution->status.logs_ref.digest};
	struct error err;
	follow->stream = log_stream_close(follow->stream);
	follow->ended = record_ref(record);
	if (!key.digest)
		add_rest(follow, str_of(execution->status.logs));
	else if (call_blob_get(follow->request, &key, (int64_t)LOG_MAX, on_log_fetched, &err) != 0)
		complete(follow, "the rest of the log could not be read from storage");
}

/* ---- while it runs */

static void on_data(void *context, struct str bytes)
{
	struct follow *follow = context;
	if (!follow->request->exchange) { /* the client hung up */
		follow->stream = log_stream_close(follow->stream);
		return;
	}
	if (event_lines_add(&follow->lines, bytes) != 0)
		log_warn("a followed log is cut: no memory", "request_id", follow->request->id, NULL);
	pump(follow);
}

/* The end of the log or a loss: either way the record will have the rest. */
static void on_closed(void *context, const struct error *problem)
{
	struct follow *follow = context;
	follow->stream = NULL;
	log_debug("a followed log has ended", "request_id", follow->request->id, "reason",
		  problem ? problem->message : NULL, NULL);
}

static void open_stream(struct follow *follow, const struct execution *execution)
{
	struct error err;
	struct log_stream_handler handler = {on_data, on_closed, follow};
	if (follow->was_opened || !execution->status.pod_name ||
	    !str_eq(str_of(execution_rest_status(execution)), STR("running")))
		return;
	follow->was_opened = true;
	follow->stream = log_stream_open(follow->request->server->ws, execution->meta.namespace,
					 execution->status.pod_name, POD_CONTAINER, &handler, &err);
	if (!follow->stream)
		log_warn("a log can't be followed", "request_id", follow->request->id, "reason", err.message,
			 NULL);
}

/* wait_cb */
static bool on_changed(void *context, const void *object, bool timed_out)
{
	struct request *request = context;
	struct follow *follow = request->state;
	const struct record *record = object;
	bool is_listening = request->exchange && !timed_out;
	if (is_listening && record && !execution_is_finished(record->execution)) {
		open_stream(follow, record->execution);
		return false;
	}
	follow->waiter = NULL;
	if (is_listening && record) {
		finish(follow, record);
	} else {
		follow->stream = log_stream_close(follow->stream);
		complete(follow, timed_out ? "the server stops following here; ask again"
					   : "the execution was deleted");
	}
	request_unref(request);
	return true;
}

static int start_waiting(struct follow *follow, const struct execution *execution, struct error *err)
{
	struct request *request = follow->request;
	follow->waiter = wait_add(
	    request->server->waiters, WAIT_EXECUTION, execution->meta.namespace, execution->meta.name,
	    request->server->config->policy.max_timeout_ms + WAIT_EXTRA_MS, on_changed, request, err);
	if (!follow->waiter)
		return -1;
	request_ref(request);
	open_stream(follow, execution);
	return 0;
}

static void start(struct request *request, const struct record *record)
{
	struct error err;
	struct follow *follow = calloc(1, sizeof(*follow));
	if (!follow) {
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return;
	}
	follow->request = request;
	follow->lines.text = BUFFER(LOG_MAX);
	follow->event = BUFFER(EVENT_MAX + 1024);
	request_set_state(request, follow, follow_free);
	bool has_ended = execution_is_finished(record->execution);
	if (!has_ended && start_waiting(follow, record->execution, &err) != 0)
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
	else if (request_stream_start(request, "text/event-stream", on_drained, follow) == 0 && has_ended)
		finish(follow, record);
}

void follow_logs(struct request *request)
{
	execution_find(request, start);
}
