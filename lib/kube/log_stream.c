#include "lib/kube/log_stream.h"

#include "lib/kube/query.h"
#include "lib/kube/ws_connection.h"

#include <stdlib.h>

#define SUBPROTOCOL "binary.k8s.io"
#define OPEN_TIMEOUT_MS 10000

struct log_stream {
	struct log_stream_handler handler;
	struct ws_connection *connection;
};

static void on_received(void *context, struct str piece, bool last)
{
	struct log_stream *stream = context;
	(void)last; /* messages are cut anywhere: only the bytes count */
	if (piece.n > 0)
		stream->handler.data(stream->handler.context, piece);
}

static void on_closed(void *context, const struct error *problem)
{
	struct log_stream *stream = context;
	stream->handler.closed(stream->handler.context, problem);
	free(stream);
}

struct log_stream *log_stream_open(struct kube_ws *ws, const char *namespace, const char *pod,
				   const char *container, const struct log_stream_handler *handler,
				   struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(WS_MAX_PATH);
	if (!kube_name_is_valid(str_of(namespace)) || !kube_name_is_valid(str_of(pod))) {
		error_set(err, ERR_BAD_REQUEST, "not a Pod's name: %.64s/%.64s", namespace, pod);
		return NULL;
	}
	buffer_appendf(&path, "/api/v1/namespaces/%s/pods/%s/log", namespace, pod);
	query_add(&path, "container", str_of(container));
	query_add(&path, "follow", STR("true"));
	struct log_stream *stream = path.failed ? NULL : calloc(1, sizeof(*stream));
	if (!stream) {
		error_no_memory(err);
		return NULL;
	}
	stream->handler = *handler;
	struct ws_options options = {
	    .path = path.data,
	    .subprotocol = SUBPROTOCOL,
	    .open_timeout_ms = OPEN_TIMEOUT_MS,
	    .handler = {.received = on_received, .closed = on_closed},
	    .context = stream,
	};
	stream->connection = ws_connection_open(ws, &options, err);
	if (stream->connection)
		return stream;
	free(stream);
	return NULL;
}

void log_stream_pause(struct log_stream *stream, bool pause)
{
	ws_connection_pause(stream->connection, pause);
}

struct log_stream *log_stream_close(struct log_stream *stream)
{
	if (!stream)
		return NULL;
	ws_connection_close(stream->connection);
	free(stream);
	return NULL;
}
