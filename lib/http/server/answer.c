/* The answer of an exchange: bytes, a file, or a stream that the connection pulls from a bounded queue. */
#include "lib/http/server/server_internal.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define STREAM_BLOCK 16384

int http_exchange_add_header(struct http_exchange *exchange, const char *name, const char *value)
{
	if (exchange->answered || exchange->header_count == HTTP_MAX_ANSWER_HEADERS || strpbrk(value, "\r\n"))
		return -1;
	char *copy = str_dup(str_of(value));
	if (!copy)
		return -1;
	exchange->headers[exchange->header_count++] = (struct http_answer_header){name, copy};
	return 0;
}

/* Take the response (NULL: it could not be made; the connection will be closed) and wake the connection. */
static void give(struct http_exchange *exchange, int status, const char *content_type,
		 struct MHD_Response *response)
{
	bool ok = response != NULL;
	if (ok && content_type)
		ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type) == MHD_YES;
	for (size_t i = 0; ok && i < exchange->header_count; i++)
		ok = MHD_add_response_header(response, exchange->headers[i].name,
					     exchange->headers[i].value) == MHD_YES;
	/* A server that ends wants its clients to go elsewhere with their next request. */
	if (ok && (exchange->server->quiesced || exchange->is_unseen))
		ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
	if (!ok && response) {
		MHD_destroy_response(response);
		response = NULL;
	}
	exchange->status = (unsigned)status;
	exchange->response = response;
	exchange->answered = true;
	exchange->answered_at_ms = uv_now(exchange->server->loop);
	http_exchange_resume(exchange);
}

void http_exchange_answer(struct http_exchange *exchange, int status, const char *content_type,
			  struct str body)
{
	if (exchange->answered)
		return;
	/* The library copies; its parameter isn't const for the modes in which it doesn't. */
	void *bytes = body.n ? (void *)body.p : "";
	give(exchange, status, content_type,
	     MHD_create_response_from_buffer(body.n, bytes, MHD_RESPMEM_MUST_COPY));
}

void http_exchange_answer_file(struct http_exchange *exchange, int status, const char *content_type, int fd,
			       int64_t size)
{
	if (exchange->answered) {
		close(fd);
		return;
	}
	/* The daemon would wait for ever for the rest of a file that ends early. */
	struct stat found;
	if (size < 0 || fstat(fd, &found) != 0 || found.st_size < size) {
		close(fd);
		http_exchange_answer(exchange, 500, "text/plain; charset=utf-8",
				     STR("the file is not whole"));
		return;
	}
	struct MHD_Response *response = MHD_create_response_from_fd64((uint64_t)size, fd);
	if (!response)
		close(fd);
	give(exchange, status, content_type, response);
}

/* Streams */

static size_t queued(const struct http_exchange *exchange)
{
	return exchange->queue.len - exchange->queue_start;
}

/* The connection can take up to `max` bytes. */
static ssize_t on_pull(void *context, uint64_t position, char *to, size_t max)
{
	(void)position;
	struct http_exchange *exchange = context;
	if (exchange->gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	size_t n = queued(exchange);
	if (n == 0) {
		if (exchange->finished)
			return MHD_CONTENT_READER_END_OF_STREAM;
		http_exchange_suspend(exchange);
		return 0;
	}
	if (n > max)
		n = max;
	memcpy(to, exchange->queue.data + exchange->queue_start, n);
	exchange->queue_start += n;
	if (queued(exchange) == 0) {
		buffer_reset(&exchange->queue);
		exchange->queue_start = 0;
	}
	if (exchange->wants_drained && queued(exchange) <= HTTP_STREAM_QUEUE / 2) {
		exchange->wants_drained = false;
		exchange->drained(exchange->drained_context, exchange);
	}
	return (ssize_t)n;
}

int http_exchange_stream_start(struct http_exchange *exchange, int status, const char *content_type,
			       void (*drained)(void *context, struct http_exchange *exchange), void *context)
{
	if (exchange->answered)
		return -1;
	exchange->streaming = true;
	exchange->drained = drained;
	exchange->drained_context = context;
	give(exchange, status, content_type,
	     MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_pull, exchange, NULL));
	return exchange->response ? 0 : -1;
}

bool http_exchange_stream_write(struct http_exchange *exchange, struct str piece)
{
	if (!exchange->streaming || exchange->finished || exchange->gone)
		return true; /* there is no one to send it to, and no `drained` to wait for: `end` comes */
	if (piece.n > HTTP_STREAM_QUEUE - queued(exchange)) {
		exchange->wants_drained = exchange->drained != NULL;
		return false;
	}
	if (exchange->queue.len + piece.n > exchange->queue.max) {
		buffer_consume(&exchange->queue, exchange->queue_start);
		exchange->queue_start = 0;
	}
	if (buffer_append_str(&exchange->queue, piece) != 0)
		exchange->gone = true; /* no memory: cut the stream, so that the client sees it isn't whole */
	if (queued(exchange) > 0 || exchange->gone)
		http_exchange_resume(exchange);
	return true;
}

void http_exchange_stream_finish(struct http_exchange *exchange)
{
	exchange->finished = true;
	if (exchange->streaming)
		http_exchange_resume(exchange);
}
