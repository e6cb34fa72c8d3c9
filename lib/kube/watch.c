#include "lib/kube/watch.h"

#include "lib/base/id.h"
#include "lib/base/jsontext.h"
#include "lib/kube/client.h"
#include "lib/kube/query.h"
#include "lib/kube/watch_event.h"
#include "lib/kube/ws_connection.h"

#include <inttypes.h>
#include <stdlib.h>

#define DEFAULT_PAGE 500
/* A page is in memory as a whole, and five resources may be listed at once. How large objects are is told by
 * the page before; the next has no more than twice as many, and one that is too large is asked for again with
 * fewer. */
#define FIRST_PAGE 8
#define PAGE_BYTES ((size_t)4 << 20)     /* wished */
#define MAX_PAGE_BYTES ((size_t)8 << 20) /* of a page with more than one object */
#define DEFAULT_MAX_OBJECT (8 * 1024 * 1024)
#define EVENT_FRAME 64 /* {"type":"MODIFIED","object":…} around an object, bytes */
#define OPEN_TIMEOUT_MS 10000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 30000
#define DEFAULT_SILENCE_MS 90000
#define SYNCED_GRACE_MS 60000
#define QUIET_MS 35000           /* a stream that is well has answered a ping (ws.c) in that time */
#define SETTLED_AFTER_MS 1000    /* the server has refused by then to go on from our version, if it does */
#define HEALTHY_AFTER_MS 10000   /* a stream that lived so long starts the backoff anew */
#define ERRORS_BEFORE_LIST 3     /* of the server, each ending a stream from the same version */
#define MAX_VERSION 1024         /* of a resourceVersion, bytes */
#define MAX_CONTINUE (16 << 10)  /* of the token that asks for the next page */
#define MAX_LIST_PATH (64 << 10) /* with that token, each byte as %XX */

struct watch {
	struct kube_ws *ws;
	uv_loop_t *loop;
	struct watch_options options; /* strings are our own */
	char *path, *label_selector, *field_selector;

	struct http_request *list_call;
	struct buffer resource_version; /* opaque: as the server gave it; empty: list first */
	struct buffer continue_token;   /* empty: the first page */
	unsigned page_size;             /* of the next page */

	struct ws_connection *stream;
	struct watch_message message;
	bool stream_up;
	bool has_list;
	uint64_t stream_since_ms, last_heard_ms, last_good_ms;
	uint64_t current_ms; /* what was told was all there is, then, beside what the stream says */

	unsigned failures; /* since something worked */
	uv_timer_t retry_timer, silence_timer;
	unsigned open_handles;
	bool stopped;
};

static void start_list(struct watch *watch);
static void start_stream(struct watch *watch);

/* Trying again */

static void report(struct watch *watch, const struct error *problem)
{
	if (watch->options.problem && !watch->stopped)
		watch->options.problem(watch->options.context, problem);
}

/* Between half and all of 100 ms, 200 ms … 30 s. */
static uint64_t backoff_ms(unsigned failures)
{
	uint64_t delay = BACKOFF_FIRST_MS;
	uint32_t random;

	while (--failures > 0 && delay < BACKOFF_MAX_MS)
		delay *= 2;
	if (delay > BACKOFF_MAX_MS)
		delay = BACKOFF_MAX_MS;
	id_random(&random, sizeof random);
	return delay / 2 + random % (delay / 2 + 1);
}

static void on_retry(uv_timer_t *timer)
{
	struct watch *watch = timer->data;

	if (watch->resource_version.len > 0)
		start_stream(watch);
	else
		start_list(watch);
}

static void retry_later(struct watch *watch)
{
	if (!watch->stopped)
		uv_timer_start(&watch->retry_timer, on_retry, backoff_ms(++watch->failures), 0);
}

/* When it was last sure that nothing is missing. */
static uint64_t last_current_ms(const struct watch *watch)
{
	uint64_t now = uv_now(watch->loop);

	if (!watch->stream_up || now - watch->stream_since_ms < SETTLED_AFTER_MS)
		return watch->current_ms;
	return now - watch->last_heard_ms < QUIET_MS ? now : watch->last_heard_ms;
}

static void drop_stream(struct watch *watch)
{
	uint64_t now = uv_now(watch->loop);

	watch->current_ms = last_current_ms(watch);
	if (watch->stream_up) {
		watch->last_good_ms = now;
		if (now - watch->stream_since_ms >= HEALTHY_AFTER_MS)
			watch->failures = 0;
	}
	watch->stream_up = false;
	watch->stream = ws_connection_close(watch->stream);
	uv_timer_stop(&watch->silence_timer);
}

/* What we know may have a gap, or the server can't go on from there. */
static void list_again(struct watch *watch)
{
	buffer_reset(&watch->resource_version);
	buffer_reset(&watch->continue_token);
}

/* The stream ended, or must. A version that the server no longer has is no fault: list at once, the first
 * time. */
static void stream_failed(struct watch *watch, const struct error *problem)
{
	drop_stream(watch);
	if (problem->code == ERR_GONE)
		list_again(watch);
	report(watch, problem);
	if (problem->code == ERR_GONE && watch->failures == 0 && !watch->stopped) {
		watch->failures++;
		start_list(watch);
	} else {
		retry_later(watch);
	}
}

/* List */

static int build_path(const struct watch *watch, struct buffer *path, struct error *err)
{
	buffer_append_c(path, watch->path);
	if (watch->label_selector)
		query_add(path, "labelSelector", str_of(watch->label_selector));
	if (watch->field_selector)
		query_add(path, "fieldSelector", str_of(watch->field_selector));
	return path->failed ? error_set(err, ERR_TOO_LARGE, "the watch's path is too long") : 0;
}

static void list_failed(struct watch *watch, const struct error *problem)
{
	list_again(watch);
	report(watch, problem);
	retry_later(watch);
}

/* False: the watch was stopped meanwhile. */
static bool each_listed(struct watch *watch, struct str items, unsigned *ret_count)
{
	size_t position = 0;
	struct str item;

	*ret_count = 0;
	while (items.n > 0 && jsontext_split_element(items, &position, &item) == JSONTEXT_PART) {
		++*ret_count;
		watch->options.event(watch->options.context, WATCH_LISTED, item);
		if (watch->stopped)
			return false;
	}
	return true;
}

/* The strings are taken as they are: raw text with escapes would not be what the server meant. */
static int keep(struct buffer *where, struct str raw, const char *what, struct error *err)
{
	cleanup_buffer struct buffer quoted = BUFFER(where->max + 2);

	buffer_reset(where);
	buffer_append_byte(&quoted, '"');
	buffer_append_str(&quoted, raw);
	buffer_append_byte(&quoted, '"');
	if (quoted.failed || jsontext_decode_string(buffer_str(&quoted), where, NULL) < 0)
		return error_set(err, ERR_PROTOCOL, "the %s is longer than %zu bytes or not text", what,
				 where->max);
	return 0;
}

static int take_page(struct watch *watch, struct str body, struct watch_page *ret, struct error *err)
{
	if (watch_page_parse(body, ret, err) < 0)
		return -1;
	return keep(&watch->continue_token, ret->raw_continue, "continue token", err);
}

static unsigned max_page(const struct watch *watch)
{
	return watch->options.page_size ? watch->options.page_size : DEFAULT_PAGE;
}

/* By what the last page had. */
static void size_next_page(struct watch *watch, size_t bytes, unsigned count)
{
	size_t wished = count ? PAGE_BYTES / (bytes / count + 1) : watch->page_size;

	if (wished > 2 * (size_t)watch->page_size)
		wished = 2 * (size_t)watch->page_size;
	if (wished > max_page(watch))
		wished = max_page(watch);
	watch->page_size = wished ? (unsigned)wished : 1;
}

static void on_page(void *context, const struct kube_response *response)
{
	struct watch *watch = context;
	bool first = watch->continue_token.len == 0;
	struct watch_page page;
	struct error err;
	unsigned count;

	watch->list_call = NULL;
	if (response->error && response->error->code == ERR_TOO_LARGE && watch->page_size > 1) {
		watch->page_size = watch->page_size > FIRST_PAGE ? FIRST_PAGE : watch->page_size / 2;
		start_list(watch);
		return;
	}
	if (response->error) {
		err = *response->error;
		error_wrap(&err, "list of %s", watch->path);
		list_failed(watch, &err);
		return;
	}
	if (take_page(watch, response->body, &page, &err) < 0) {
		error_wrap(&err, "list of %s", watch->path);
		list_failed(watch, &err);
		return;
	}
	if (first)
		watch->options.event(watch->options.context, WATCH_LIST_BEGIN, (struct str){0});
	if (watch->stopped || !each_listed(watch, page.items, &count))
		return;
	size_next_page(watch, page.items.n, count);
	if (watch->continue_token.len > 0) {
		start_list(watch);
		return;
	}
	if (keep(&watch->resource_version, page.raw_resource_version, "resourceVersion", &err) < 0) {
		list_failed(watch, &err);
		return;
	}
	watch->has_list = true;
	watch->last_good_ms = watch->current_ms = uv_now(watch->loop);
	watch->options.event(watch->options.context, WATCH_LIST_END, (struct str){0});
	if (!watch->stopped)
		start_stream(watch);
}

/* The next page: the first, or the one that continue_token asks for. */
static void start_list(struct watch *watch)
{
	cleanup_buffer struct buffer path = BUFFER(MAX_LIST_PATH);
	struct kube_call call = {.method = "GET",
				 .max_response = watch->page_size > 1 ? MAX_PAGE_BYTES : 0,
				 .done = on_page,
				 .context = watch};
	struct error err;
	char limit[16];

	snprintf(limit, sizeof limit, "%u", watch->page_size);
	if (build_path(watch, &path, &err) < 0) {
		list_failed(watch, &err);
		return;
	}
	query_add(&path, "limit", str_of(limit));
	if (watch->continue_token.len > 0)
		query_add(&path, "continue", buffer_str(&watch->continue_token));
	call.path = path.data;
	if (path.failed)
		error_set(&err, ERR_TOO_LARGE, "the path of the list of %s is too long", watch->path);
	else
		watch->list_call = kube_client_call(kube_ws_client(watch->ws), &call, &err);
	if (!watch->list_call)
		list_failed(watch, &err);
}

/* Stream */

static void on_established(void *context)
{
	struct watch *watch = context;

	watch->stream_up = true;
	watch->stream_since_ms = watch->last_heard_ms = uv_now(watch->loop);
}

static void on_pong(void *context)
{
	struct watch *watch = context;

	watch->last_heard_ms = uv_now(watch->loop);
}

/* A message that we can't read or take is a gap: only a list is sure to close it. */
static void stream_broken(struct watch *watch, struct error *problem)
{
	list_again(watch);
	error_wrap(problem, "watch of %s", watch->path);
	stream_failed(watch, problem);
}

static void on_message(struct watch *watch)
{
	struct watch_parsed parsed;
	struct error err;

	if (watch_message_parse(buffer_str(&watch->message.text), &parsed, &err) < 0) {
		stream_broken(watch, &err);
		return;
	}
	if (parsed.kind == WATCH_MESSAGE_ERROR) {
		if (watch->failures >= ERRORS_BEFORE_LIST)
			list_again(watch);
		error_wrap(&parsed.problem, "watch of %s", watch->path);
		stream_failed(watch, &parsed.problem);
		return;
	}
	if (keep(&watch->resource_version, parsed.raw_resource_version, "resourceVersion", &err) < 0) {
		stream_broken(watch, &err);
		return;
	}
	watch->failures = 0;
	if (parsed.kind == WATCH_MESSAGE_OBJECT)
		watch->options.event(watch->options.context, parsed.type, parsed.object);
}

static void on_received(void *context, struct str piece, bool last)
{
	struct watch *watch = context;
	struct error err;

	watch->last_heard_ms = uv_now(watch->loop);
	if (watch_message_add(&watch->message, piece, last, &err) < 0)
		stream_broken(watch, &err);
	else if (last)
		on_message(watch);
}

static void on_closed(void *context, const struct error *problem)
{
	struct watch *watch = context;
	struct error wrapped = *problem;

	watch->stream = NULL;
	error_wrap(&wrapped, "watch of %s", watch->path);
	stream_failed(watch, &wrapped);
}

static void on_silence(uv_timer_t *timer)
{
	struct watch *watch = timer->data;
	uint64_t silent = uv_now(watch->loop) - watch->last_heard_ms;
	struct error err;

	if (!watch->stream_up || silent < watch->options.max_silence_ms)
		return;
	error_set(&err, ERR_TIMEOUT, "watch of %s: nothing heard for %" PRIu64 " ms", watch->path, silent);
	stream_failed(watch, &err);
}

static void start_stream(struct watch *watch)
{
	cleanup_buffer struct buffer path = BUFFER(WS_MAX_PATH);
	struct ws_options options = {
	    .open_timeout_ms = OPEN_TIMEOUT_MS,
	    .handler =
		{
		    .established = on_established,
		    .received = on_received,
		    .pong = on_pong,
		    .closed = on_closed,
		},
	    .context = watch,
	};
	struct error err;

	buffer_reset(&watch->message.text);
	watch->message.complete = true;
	if (build_path(watch, &path, &err) == 0) {
		query_add(&path, "watch", STR("true"));
		query_add(&path, "allowWatchBookmarks", STR("true"));
		query_add(&path, "resourceVersion", buffer_str(&watch->resource_version));
		if (path.failed)
			error_set(&err, ERR_TOO_LARGE, "the path of the watch of %s is too long",
				  watch->path);
	}
	options.path = path.data;
	if (!path.failed)
		watch->stream = ws_connection_open(watch->ws, &options, &err);
	if (!watch->stream) {
		report(watch, &err);
		retry_later(watch);
		return;
	}
	uv_timer_start(&watch->silence_timer, on_silence, watch->options.max_silence_ms / 6 + 1,
		       watch->options.max_silence_ms / 6 + 1);
}

/* The interface */

static void on_handle_closed(uv_handle_t *handle)
{
	struct watch *watch = handle->data;

	if (--watch->open_handles > 0)
		return;
	buffer_free(&watch->resource_version);
	buffer_free(&watch->continue_token);
	buffer_free(&watch->message.text);
	free(watch->path);
	free(watch->label_selector);
	free(watch->field_selector);
	free(watch);
}

static int copy_strings(struct watch *watch, const struct watch_options *options, struct error *err)
{
	watch->path = str_dup(str_of(options->path));
	if (options->label_selector)
		watch->label_selector = str_dup(str_of(options->label_selector));
	if (options->field_selector)
		watch->field_selector = str_dup(str_of(options->field_selector));
	if (!watch->path || (options->label_selector && !watch->label_selector) ||
	    (options->field_selector && !watch->field_selector))
		return error_no_memory(err);
	return 0;
}

struct watch *watch_start(struct kube_ws *ws, const struct watch_options *options, struct error *err)
{
	struct watch *watch = calloc(1, sizeof *watch);

	if (!watch) {
		error_no_memory(err);
		return NULL;
	}
	watch->ws = ws;
	watch->loop = kube_client_loop(kube_ws_client(ws));
	watch->options = *options;
	if (!watch->options.max_silence_ms)
		watch->options.max_silence_ms = DEFAULT_SILENCE_MS;
	watch->page_size = max_page(watch) < FIRST_PAGE ? max_page(watch) : FIRST_PAGE;
	watch->resource_version = BUFFER(MAX_VERSION);
	watch->continue_token = BUFFER(MAX_CONTINUE);
	watch->message.text =
	    BUFFER((options->max_object ? options->max_object : DEFAULT_MAX_OBJECT) + EVENT_FRAME);
	uv_timer_init(watch->loop, &watch->retry_timer);
	uv_timer_init(watch->loop, &watch->silence_timer);
	watch->retry_timer.data = watch->silence_timer.data = watch;
	watch->open_handles = 2;
	if (copy_strings(watch, options, err) < 0)
		return watch_stop(watch);
	/* From the loop, so that no callback comes before the caller has our pointer. */
	uv_timer_start(&watch->retry_timer, on_retry, 0, 0);
	return watch;
}

struct watch *watch_stop(struct watch *watch)
{
	if (!watch || watch->stopped)
		return NULL;
	watch->stopped = true;
	if (watch->list_call)
		http_request_cancel(watch->list_call);
	watch->list_call = NULL;
	watch->stream = ws_connection_close(watch->stream);
	uv_close((uv_handle_t *)&watch->retry_timer, on_handle_closed);
	uv_close((uv_handle_t *)&watch->silence_timer, on_handle_closed);
	return NULL;
}

bool watch_is_synced(const struct watch *watch)
{
	return watch->has_list &&
	       (watch->stream_up || uv_now(watch->loop) - watch->last_good_ms <= SYNCED_GRACE_MS);
}

uint64_t watch_age_ms(const struct watch *watch)
{
	return watch->has_list ? uv_now(watch->loop) - last_current_ms(watch) : UINT64_MAX;
}
