#include "lib/kube/exec.h"

#include "lib/base/buffer.h"
#include "lib/kube/exec_frame.h"
#include "lib/kube/query.h"
#include "lib/kube/ws_connection.h"

#include <stdlib.h>

#define SUBPROTOCOL "v5.channel.k8s.io"
#define DEFAULT_QUEUE (4 * 1024 * 1024)
#define DEFAULT_OPEN_TIMEOUT_MS 10000
#define CHUNK_SIZE 16384

struct chunk { /* of the write queue */
	struct chunk *next;
	size_t start, end;
	char bytes[CHUNK_SIZE];
};

struct exec_stream {
	struct ws_connection *connection;
	struct exec_handler handler;
	void *context;
	struct exec_parser parser;
	bool is_open;
	bool input_ended; /* no more is taken, the server is told after the queue */
	bool end_sent;
	struct chunk *first, **end;
	size_t queued, max_queue;
	unsigned busy; /* callbacks that run: the object goes when none does */
	bool gone;
};

static void destroy(struct exec_stream *stream)
{
	while (stream->first) {
		struct chunk *next = stream->first->next;

		free(stream->first);
		stream->first = next;
	}
	exec_parser_free(&stream->parser);
	free(stream);
}

static void leave(struct exec_stream *stream)
{
	if (--stream->busy == 0 && stream->gone)
		destroy(stream);
}

struct exec_stream *exec_stream_close(struct exec_stream *stream)
{
	if (!stream || stream->gone)
		return NULL;
	stream->gone = true;
	stream->is_open = false;
	stream->connection = ws_connection_close(stream->connection);
	if (stream->busy == 0)
		destroy(stream);
	return NULL;
}

/* The stream is over: tell, then forget. */
static void finish(struct exec_stream *stream, const struct error *problem, int exit_code)
{
	if (stream->gone)
		return;
	stream->gone = true;
	stream->is_open = false;
	stream->connection = ws_connection_close(stream->connection);
	stream->handler.closed(stream->context, problem, exit_code);
}

static void finish_with_status(struct exec_stream *stream)
{
	struct error err;
	int exit_code = 0;

	if (exec_status_read(buffer_str(&stream->parser.status), &exit_code, &err) < 0)
		finish(stream, &err, -1);
	else
		finish(stream, NULL, exit_code);
}

static void on_established(void *context)
{
	struct exec_stream *stream = context;

	stream->busy++;
	stream->is_open = true;
	stream->handler.open(stream->context);
	leave(stream);
}

static void on_received(void *context, struct str piece, bool last)
{
	struct exec_stream *stream = context;
	enum exec_channel channel;
	struct error err;
	struct str data;

	stream->busy++;
	if (exec_parser_feed(&stream->parser, piece, last, &channel, &data, &err) < 0)
		finish(stream, &err, -1);
	else if (data.n > 0 && channel == EXEC_STDOUT)
		stream->handler.output(stream->context, data);
	else if (data.n > 0 && stream->handler.error_output)
		stream->handler.error_output(stream->context, data);
	/* The server sends the final Status when both outputs are copied to their end, so nothing comes after
	 * it. */
	if (stream->parser.status_complete)
		finish_with_status(stream);
	leave(stream);
}

static size_t take_queued(struct exec_stream *stream, unsigned char *out, size_t room)
{
	size_t taken = 0;

	while (stream->first && taken < room) {
		struct chunk *chunk = stream->first;
		size_t n = chunk->end - chunk->start;

		if (n > room - taken)
			n = room - taken;
		memcpy(out + taken, chunk->bytes + chunk->start, n);
		chunk->start += n;
		taken += n;
		if (chunk->start < chunk->end)
			break;
		stream->first = chunk->next;
		if (!stream->first)
			stream->end = &stream->first;
		free(chunk);
	}
	stream->queued -= taken;
	return taken;
}

static size_t on_fill(void *context, unsigned char *out)
{
	struct exec_stream *stream = context;
	size_t before = stream->queued, n;

	if (before == 0) {
		if (!stream->input_ended || stream->end_sent)
			return 0;
		stream->end_sent = true;
		out[0] = EXEC_CLOSE;
		out[1] = EXEC_STDIN;
		return 2;
	}
	stream->busy++;
	out[0] = EXEC_STDIN;
	n = take_queued(stream, out + 1, WS_MAX_MESSAGE_OUT - 1);
	if (stream->handler.drained && before >= stream->max_queue / 2 &&
	    stream->queued < stream->max_queue / 2)
		stream->handler.drained(stream->context);
	leave(stream);
	return n + 1;
}

static void on_closed(void *context, const struct error *problem)
{
	struct exec_stream *stream = context;
	struct error ended;

	stream->connection = NULL;
	stream->busy++;
	if (stream->is_open) {
		error_set(&ended, ERR_UNAVAILABLE, "the exec stream ended without a status: %s",
			  problem->message);
		problem = &ended;
	}
	finish(stream, problem, -1);
	leave(stream);
}

static int build_path(const struct exec_options *options, struct buffer *path, struct error *err)
{
	const char *names[] = {options->namespace, options->pod, options->container};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!kube_name_is_valid(str_of(names[i])))
			return error_set(err, ERR_BAD_REQUEST, "\"%s\" is not a valid Kubernetes name",
					 names[i] ? names[i] : "");
	if (!options->command || !options->command[0])
		return error_set(err, ERR_BAD_REQUEST, "exec needs a command");
	buffer_appendf(path, "/api/v1/namespaces/%s/pods/%s/exec", options->namespace, options->pod);
	query_add(path, "container", str_of(options->container));
	query_add(path, "stdin", STR("true"));
	query_add(path, "stdout", STR("true"));
	query_add(path, "stderr", STR("true"));
	for (const char *const *argument = options->command; *argument; argument++)
		query_add(path, "command", str_of(*argument));
	if (path->failed)
		return error_set(err, ERR_TOO_LARGE, "the command is too long for a request line (%d bytes)",
				 WS_MAX_PATH);
	return 0;
}

struct exec_stream *exec_stream_open(struct kube_ws *ws, const struct exec_options *options,
				     struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(WS_MAX_PATH);
	struct exec_stream *stream = NULL;
	struct ws_options connection = {
	    .subprotocol = SUBPROTOCOL,
	    .open_timeout_ms = options->open_timeout_ms ? options->open_timeout_ms : DEFAULT_OPEN_TIMEOUT_MS,
	    .handler =
		{
		    .established = on_established,
		    .received = on_received,
		    .fill = on_fill,
		    .closed = on_closed,
		},
	};

	if (build_path(options, &path, err) < 0)
		return NULL;
	stream = calloc(1, sizeof *stream);
	if (!stream) {
		error_no_memory(err);
		return NULL;
	}
	stream->handler = options->handler;
	stream->context = options->context;
	stream->max_queue = options->max_queue ? options->max_queue : DEFAULT_QUEUE;
	stream->end = &stream->first;
	exec_parser_init(&stream->parser);
	connection.path = path.data;
	connection.context = stream;
	stream->connection = ws_connection_open(ws, &connection, err);
	if (!stream->connection) {
		destroy(stream);
		return NULL;
	}
	return stream;
}

static struct chunk *chunk_with_room(struct exec_stream *stream)
{
	struct chunk *chunk;

	if (stream->first) {
		chunk = (struct chunk *)(void *)((char *)stream->end - offsetof(struct chunk, next));
		if (chunk->end < CHUNK_SIZE)
			return chunk;
	}
	chunk = malloc(sizeof *chunk);
	if (!chunk)
		return NULL;
	chunk->next = NULL;
	chunk->start = chunk->end = 0;
	*stream->end = chunk;
	stream->end = &chunk->next;
	return chunk;
}

size_t exec_stream_write(struct exec_stream *stream, struct str data)
{
	size_t taken = 0, room = stream->max_queue - stream->queued;

	if (!stream->is_open || stream->input_ended)
		return 0;
	if (data.n > room)
		data.n = room;
	while (taken < data.n) {
		struct chunk *chunk = chunk_with_room(stream);
		size_t n = data.n - taken;

		if (!chunk)
			break; /* no memory is a full queue: what is queued goes first */
		if (n > CHUNK_SIZE - chunk->end)
			n = CHUNK_SIZE - chunk->end;
		memcpy(chunk->bytes + chunk->end, data.p + taken, n);
		chunk->end += n;
		taken += n;
		stream->queued += n;
	}
	if (taken > 0)
		ws_connection_want_write(stream->connection);
	return taken;
}

size_t exec_stream_queued(const struct exec_stream *stream)
{
	return stream->queued;
}

void exec_stream_end_input(struct exec_stream *stream)
{
	if (!stream->is_open || stream->input_ended)
		return;
	stream->input_ended = true;
	ws_connection_want_write(stream->connection);
}

void exec_stream_pause(struct exec_stream *stream, bool pause)
{
	if (stream->is_open)
		ws_connection_pause(stream->connection, pause);
}
