/* While the execution runs its lines come from the Pod's log. When it has ended the Pod goes at once, maybe
 * before its last lines came: the rest is taken from the Execution, which has the whole log. */
#include "apiserver/execution/follow.h"

#include "apiserver/execution/event_lines.h"
#include "apiserver/execution/find.h"
#include "apiserver/execution/texts.h"
#include "apiserver/failure.h"
#include "apiserver/operation.h"
#include "lib/api/pod.h"
#include "lib/base/json_write.h"
#include "lib/base/log.h"
#include "lib/base/mapping.h"
#include "lib/kube/log_stream.h"

#include <stdlib.h>

/* Bytes that wait for the listener, after which the Pod's log has to wait. */
#define PAUSE_AT ((size_t)128 << 10)
#define REST_PIECE ((size_t)64 << 10)
/* An event and what is around it. */
#define EVENT_BUFFER_MAX (EVENT_MAX + 1024)
#define WAIT_EXTRA_MS (5 * 60 * 1000)

/* Its memory goes when the loop has closed it, which is later than the follow's. */
struct beat {
	uv_timer_t timer;
	struct follow *follow;
};

struct follow {
	struct operation operation;
	struct follow_listener listener;
	/* follow_free was here: the references that remain are those of calls that come back for nothing. */
	bool is_over;
	/* Holds a reference. */
	struct waiter *waiter;
	/* The Pod's log; NULL: not yet, or over. */
	struct log_stream *stream;
	bool was_opened;
	struct event_lines lines;
	/* One that the listener has not taken yet. */
	struct buffer event;
	/* The execution, once it has ended. */
	struct shared_execution *ended;
	/* What the listener doesn't have yet of the kept log, in `ended` or in a blob. */
	struct str rest;
	struct mapping kept;
	/* No more lines will come; problem: why, if not because the execution has ended. */
	bool is_complete;
	const char *problem;
	bool end_is_sent;
	/* NULL: none, or over. */
	struct beat *beat;
};

static struct follow *of(struct operation *operation)
{
	return (struct follow *)operation;
}

static void destroy(struct operation *operation)
{
	struct follow *follow = of(operation);
	shared_execution_unref(follow->ended);
	buffer_free(&follow->lines.text);
	buffer_free(&follow->event);
	mapping_clear(&follow->kept);
	free(follow);
}

/* To the listener */

static void append_end(struct follow *follow)
{
	const struct caller *caller = follow->operation.caller;
	struct buffer *out = &follow->event;
	buffer_append_c(out, follow->problem ? "event: error\ndata: " : "event: end\ndata: ");
	cleanup_buffer struct buffer body = BUFFER(EVENT_MAX);
	if (follow->problem) {
		json_open(&body, '{');
		json_put_string(&body, "error", "unavailable");
		json_put_string(&body, "message", follow->problem);
		json_put_string(&body, "request_id", caller->request_id);
		json_close(&body, '}');
	} else {
		const struct render_texts none = {0};
		render_execution(follow->ended, RENDER_SUMMARY, caller->tenant, NULL, &none, &body);
	}
	buffer_append_str(out, buffer_str(&body));
	buffer_append_c(out, "\n\n");
}

/* The next piece of the kept log; without memory for it the rest is not shown. */
static void take_rest(struct follow *follow)
{
	struct str piece = {follow->rest.p, follow->rest.n < REST_PIECE ? follow->rest.n : REST_PIECE};
	follow->rest = (struct str){follow->rest.p + piece.n, follow->rest.n - piece.n};
	if (event_lines_add(&follow->lines, piece) == 0)
		return;
	follow->rest = STR("");
	follow->problem = "the rest of the log is too large for this server's memory";
}

/* Make the next event; false: there is none for now, or none at all any more. */
static bool next_event(struct follow *follow)
{
	for (; !event_lines_next(&follow->lines, follow->is_complete && follow->rest.n == 0, &follow->event);
	     take_rest(follow))
		if (follow->rest.n == 0)
			break;
	if (follow->event.len > 0)
		return true;
	if (!follow->is_complete || follow->end_is_sent)
		return false;
	append_end(follow);
	follow->end_is_sent = true;
	return true;
}

/* Signs of life */

static void on_beat_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void stop_beat(struct follow *follow)
{
	if (follow->beat)
		uv_close((uv_handle_t *)&follow->beat->timer, on_beat_closed);
	follow->beat = NULL;
}

static void on_beat(uv_timer_t *timer)
{
	struct beat *beat = timer->data;
	const struct follow_listener *listener = &beat->follow->listener;
	/* One that waits shows as much. */
	if (beat->follow->event.len == 0)
		(void)listener->event(listener->context, STR(": nothing new\n\n"));
}

/* Without memory for it the log comes all the same. */
static void start_beat(struct follow *follow)
{
	uint64_t every = (uint64_t)follow->listener.beat_ms;
	struct beat *beat = every ? calloc(1, sizeof(*beat)) : NULL;
	if (!beat)
		return;
	uv_timer_init(follow->operation.server->loop, &beat->timer);
	beat->timer.data = beat;
	beat->follow = follow;
	follow->beat = beat;
	uv_timer_start(&beat->timer, on_beat, every, every);
}

/* Send what the listener takes. */
static void pump(struct follow *follow)
{
	const struct follow_listener *listener = &follow->listener;
	if (follow->is_over)
		return;
	while (follow->event.len > 0 || next_event(follow)) {
		if (!listener->event(listener->context, buffer_str(&follow->event)))
			break;
		buffer_reset(&follow->event);
		if (follow->beat)
			uv_timer_again(&follow->beat->timer);
	}
	if (follow->end_is_sent)
		stop_beat(follow);
	if (follow->end_is_sent && follow->event.len == 0)
		listener->finish(listener->context);
	else if (follow->stream)
		log_stream_pause(follow->stream, event_lines_waiting(&follow->lines) > PAUSE_AT);
}

void follow_go_on(struct follow *follow)
{
	pump(follow);
}

static void fail(struct follow *follow, const struct error *failure)
{
	if (!follow->is_over)
		follow->listener.fail(follow->listener.context, failure);
}

/* The end */

static void complete(struct follow *follow, const char *problem)
{
	follow->is_complete = true;
	follow->problem = problem;
	pump(follow);
}

/* The kept log, which is whole unless it has a gap: what the listener doesn't have yet of it. */
static void add_rest(struct follow *follow, struct str log)
{
	bool has_gap = follow->ended->execution->status.logs_truncated;
	if (has_gap && follow->lines.lines > 0) {
		complete(follow, NULL); /* its lines can't be counted: the Pod's own last ones must do */
		return;
	}
	event_lines_drop(&follow->lines); /* a line that has not ended is in the kept log, too */
	follow->rest = event_lines_skip(log, follow->lines.lines);
	complete(follow, NULL);
}

static void on_log_fetched(struct operation *operation, const struct error *error, int fd, int64_t size)
{
	struct follow *follow = of(operation);
	struct error err;
	if (!error && mapping_take(&follow->kept, fd, size, &err) != 0)
		error = &err;
	if (!error) {
		add_rest(follow, follow->kept.text);
		return;
	}
	log_error("a log could not be read from storage", "request_id", operation->caller->request_id,
		  "reason", error->message, NULL);
	complete(follow, "the rest of the log could not be read from storage");
}

static void finish(struct follow *follow, const struct shared_execution *shared)
{
	struct operation *operation = &follow->operation;
	const struct execution *execution = shared->execution;
	struct blob_key key = {BLOB_EXECUTIONS, operation->caller->tenant, execution->status.logs_ref.digest};
	struct error err;
	follow->stream = log_stream_close(follow->stream);
	follow->ended = shared_execution_ref(shared);
	if (!key.digest)
		add_rest(follow, str_of(execution->status.logs));
	else if (operation_blob_get(operation, &key, (int64_t)TEXTS_MAX, on_log_fetched, &err) != 0)
		complete(follow, "the rest of the log could not be read from storage");
}

/* While it runs */

static void on_data(void *context, struct str bytes)
{
	struct follow *follow = context;
	if (event_lines_add(&follow->lines, bytes) != 0)
		log_warn("a followed log is cut: no memory", "request_id",
			 follow->operation.caller->request_id, NULL);
	pump(follow);
}

/* The end of the log or a loss: either way the Execution will have the rest. */
static void on_closed(void *context, const struct error *problem)
{
	struct follow *follow = context;
	follow->stream = NULL;
	log_debug("a followed log has ended", "request_id", follow->operation.caller->request_id, "reason",
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
	follow->stream = log_stream_open(follow->operation.server->ws, execution->meta.namespace,
					 execution->status.pod_name, POD_CONTAINER, &handler, &err);
	if (!follow->stream)
		log_warn("a log can't be followed", "request_id", follow->operation.caller->request_id,
			 "reason", err.message, NULL);
}

/* wait_cb */
static bool on_changed(void *context, const void *object, bool timed_out)
{
	struct follow *follow = context;
	const struct shared_execution *shared = object;
	if (!timed_out && shared && !execution_is_finished(shared->execution)) {
		open_stream(follow, shared->execution);
		return false;
	}
	follow->waiter = NULL;
	if (!timed_out && shared) {
		finish(follow, shared);
	} else {
		follow->stream = log_stream_close(follow->stream);
		complete(follow, timed_out ? "the server stops following here; ask again"
					   : "the execution was deleted");
	}
	operation_unref(&follow->operation);
	return true;
}

static int start_waiting(struct follow *follow, const struct execution *execution, struct error *err)
{
	struct apiserver *server = follow->operation.server;
	follow->waiter =
	    wait_add(server->waiters, WAIT_EXECUTION, execution->meta.namespace, execution->meta.name,
		     server->config->policy.max_timeout_ms + WAIT_EXTRA_MS, on_changed, follow, err);
	if (!follow->waiter)
		return -1;
	operation_ref(&follow->operation);
	open_stream(follow, execution);
	return 0;
}

static void start(struct follow *follow, const struct shared_execution *shared)
{
	struct error err;
	bool has_ended = execution_is_finished(shared->execution);
	if (!has_ended && start_waiting(follow, shared->execution, &err) != 0) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		fail(follow, &err);
		return;
	}
	follow->listener.start(follow->listener.context);
	start_beat(follow);
	if (has_ended)
		finish(follow, shared);
}

/* execution_found_cb; it holds a reference. */
static void on_found(void *context, const struct shared_execution *execution, const struct error *failure)
{
	struct follow *follow = context;
	if (failure)
		fail(follow, failure);
	else if (!follow->is_over)
		start(follow, execution);
	operation_unref(&follow->operation);
}

struct follow *execution_follow(struct apiserver *server, struct caller *caller, struct str id,
				const struct follow_listener *listener)
{
	struct error err;
	struct follow *follow = calloc(1, sizeof(*follow));
	if (!follow) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		listener->fail(listener->context, &err);
		return NULL;
	}
	operation_init(&follow->operation, server, caller, destroy);
	follow->listener = *listener;
	follow->lines.text = BUFFER(TEXTS_MAX);
	follow->event = BUFFER(EVENT_BUFFER_MAX);
	operation_ref(&follow->operation);
	execution_find(server, caller, id, on_found, follow);
	return follow;
}

struct follow *follow_free(struct follow *follow)
{
	if (!follow)
		return NULL;
	follow->is_over = true;
	stop_beat(follow);
	follow->stream = log_stream_close(follow->stream);
	if (follow->waiter) {
		wait_cancel(follow->operation.server->waiters, follow->waiter);
		follow->waiter = NULL;
		operation_unref(&follow->operation);
	}
	operation_unref(&follow->operation);
	return NULL;
}
