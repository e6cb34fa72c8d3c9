/* For tests: a server that answers each request with the next answer of a script, byte by byte as written
 * there, on the test's own loop. What it received can be looked at. */
#ifndef SKILLBOX_TESTS_HTTP_SCRIPTED_SERVER_H
#define SKILLBOX_TESTS_HTTP_SCRIPTED_SERVER_H

#include "lib/base/buffer.h"
#include "tests/unit/lib/http/loop_util.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum script_end {
	SCRIPT_KEEP,  /* leave the connection open */
	SCRIPT_CLOSE, /* close it when the answer is sent */
	SCRIPT_RESET, /* reset it */
};

struct script_step {
	const char *answer; /* NULL: none */
	enum script_end end;
};

#define SCRIPT_MAX_REQUESTS 256

struct scripted_server {
	uv_tcp_t listener;
	const struct script_step *steps; /* ends with {0}; the last is used for all further requests */
	uint16_t port;
	unsigned connections;   /* accepted so far */
	unsigned request_count; /* complete requests so far */
	char *requests[SCRIPT_MAX_REQUESTS];
	unsigned open;
	bool answer_at_headers; /* don't wait for the body */
	struct script_connection *first;
};

struct script_connection {
	uv_tcp_t tcp;
	struct scripted_server *server;
	struct buffer received;
	struct script_connection *next;
	bool closing;
};

static inline void script_on_closed(uv_handle_t *handle)
{
	struct script_connection *connection = handle->data;
	struct script_connection **at = &connection->server->first;
	while (*at != connection)
		at = &(*at)->next;
	*at = connection->next;
	connection->server->open--;
	buffer_free(&connection->received);
	free(connection);
}

static inline void script_close(struct script_connection *connection)
{
	if (!connection->closing)
		uv_close((uv_handle_t *)&connection->tcp, script_on_closed);
	connection->closing = true;
}

struct script_write {
	uv_write_t request;
	struct script_connection *connection;
	bool close;
};

static inline void script_on_written(uv_write_t *request, int status)
{
	(void)status;
	struct script_write *write = (struct script_write *)request;
	if (write->close)
		script_close(write->connection);
	free(write);
}

static inline void script_answer(struct script_connection *connection)
{
	struct scripted_server *server = connection->server;
	unsigned index = 0;
	while (index + 1 < server->request_count &&
	       (server->steps[index + 1].answer || server->steps[index + 1].end))
		index++;
	const struct script_step *step = &server->steps[index];
	if (step->end == SCRIPT_RESET) {
		connection->closing = true;
		uv_tcp_close_reset(&connection->tcp, script_on_closed);
		return;
	}
	if (step->answer) {
		struct script_write *write = calloc(1, sizeof(*write));
		uv_buf_t buf = {.base = (char *)step->answer, .len = strlen(step->answer)};
		write->connection = connection;
		write->close = step->end == SCRIPT_CLOSE;
		uv_write(&write->request, (uv_stream_t *)&connection->tcp, &buf, 1, script_on_written);
	} else if (step->end == SCRIPT_CLOSE) {
		script_close(connection);
	}
}

/* The size of the first request in the buffer, 0 if it isn't complete. */
static inline size_t script_request_size(const struct script_connection *connection)
{
	const char *data = connection->received.data;
	const char *end = strstr(data, "\r\n\r\n");
	if (!end)
		return 0;
	size_t size = (size_t)(end - data) + 4;
	const char *length = strstr(data, "Content-Length: ");
	if (length && length < end && !connection->server->answer_at_headers)
		size += strtoul(length + 16, NULL, 10);
	return connection->received.len >= size ? size : 0;
}

static inline void script_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct script_connection *connection = stream->data;
	struct scripted_server *server = connection->server;
	if (n > 0)
		buffer_append(&connection->received, buf->base, (size_t)n);
	free(buf->base);
	if (n < 0) {
		script_close(connection);
		return;
	}
	size_t size;
	while (n > 0 && !connection->closing && (size = script_request_size(connection)) > 0) {
		assert_true(server->request_count < SCRIPT_MAX_REQUESTS);
		server->requests[server->request_count++] =
		    str_dup((struct str){connection->received.data, size});
		buffer_consume(&connection->received, size);
		script_answer(connection);
	}
}

static inline void script_allocate(uv_handle_t *handle, size_t wish, uv_buf_t *ret)
{
	(void)handle;
	*ret = uv_buf_init(malloc(wish), (unsigned)wish);
}

static inline void script_on_connection(uv_stream_t *listener, int status)
{
	assert_int_equal(status, 0);
	struct scripted_server *server = listener->data;
	struct script_connection *connection = calloc(1, sizeof(*connection));
	uv_tcp_init(listener->loop, &connection->tcp);
	connection->tcp.data = connection;
	connection->server = server;
	connection->received = BUFFER(64 << 20);
	connection->next = server->first;
	server->first = connection;
	server->connections++;
	server->open++;
	assert_int_equal(uv_accept(listener, (uv_stream_t *)&connection->tcp), 0);
	uv_read_start((uv_stream_t *)&connection->tcp, script_allocate, script_on_read);
}

static inline void scripted_server_start(struct scripted_server *server, uv_loop_t *loop,
					 const struct script_step *steps)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int size = sizeof(address);
	memset(server, 0, sizeof(*server));
	server->steps = steps;
	uv_tcp_init(loop, &server->listener);
	server->listener.data = server;
	assert_int_equal(uv_tcp_bind(&server->listener, (struct sockaddr *)&address, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&server->listener, 128, script_on_connection), 0);
	assert_int_equal(uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &size), 0);
	server->port = ntohs(address.sin_port);
}

static inline void scripted_server_stop(struct scripted_server *server)
{
	uv_close((uv_handle_t *)&server->listener, NULL);
	for (struct script_connection *connection = server->first; connection; connection = connection->next)
		script_close(connection);
	for (unsigned i = 0; i < server->request_count; i++)
		free(server->requests[i]);
	server->request_count = 0;
}

#endif
