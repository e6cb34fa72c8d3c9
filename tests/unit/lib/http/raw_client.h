/* For tests: a TCP client that sends bytes as they are and keeps what comes, on the test's own loop; and
 * curl's command line as a process beside it. */
#ifndef SKILLBOX_TESTS_HTTP_RAW_CLIENT_H
#define SKILLBOX_TESTS_HTTP_RAW_CLIENT_H

#include "lib/base/buffer.h"
#include "tests/unit/lib/http/loop_util.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct raw_client {
	uv_tcp_t tcp;
	uv_connect_t connect;
	struct buffer received;
	unsigned writes; /* that run */
	bool connected, refused, ended, reset;
};

static inline void raw_on_connected(uv_connect_t *connect, int status)
{
	struct raw_client *client = connect->handle->data;
	client->connected = status == 0;
	client->refused = status == UV_ECONNREFUSED;
}

static inline void raw_allocate(uv_handle_t *handle, size_t wish, uv_buf_t *ret)
{
	(void)handle;
	*ret = uv_buf_init(malloc(wish), (unsigned)wish);
}

static inline void raw_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct raw_client *client = stream->data;
	if (n > 0)
		assert_int_equal(buffer_append(&client->received, buf->base, (size_t)n), 0);
	else if (n < 0)
		client->ended = true;
	if (n < 0 && n != UV_EOF)
		client->reset = true;
	free(buf->base);
}

static inline void raw_read(struct raw_client *client)
{
	uv_read_start((uv_stream_t *)&client->tcp, raw_allocate, raw_on_read);
}

/* Connect; reading starts with raw_read. */
static inline void raw_connect(struct raw_client *client, uv_loop_t *loop, uint16_t port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	memset(client, 0, sizeof(*client));
	client->received = BUFFER(64 << 20);
	uv_tcp_init(loop, &client->tcp);
	client->tcp.data = client;
	uv_tcp_connect(&client->connect, &client->tcp, (struct sockaddr *)&address, raw_on_connected);
	LOOP_UNTIL(loop, client->connected || client->refused);
}

struct raw_write {
	uv_write_t request;
	struct raw_client *client;
	char bytes[];
};

static inline void raw_on_written(uv_write_t *request, int status)
{
	struct raw_write *write = (struct raw_write *)request;
	if (status != UV_ECANCELED)
		write->client->writes--;
	free(write);
}

static inline void raw_on_shut_down(uv_shutdown_t *request, int status)
{
	(void)status;
	free(request);
}

static inline void raw_send_bytes(struct raw_client *client, const char *bytes, size_t n)
{
	struct raw_write *write = malloc(sizeof(*write) + n);
	memcpy(write->bytes, bytes, n);
	write->client = client;
	client->writes++;
	uv_buf_t buf = {.base = write->bytes, .len = n};
	assert_int_equal(uv_write(&write->request, (uv_stream_t *)&client->tcp, &buf, 1, raw_on_written), 0);
}

/* No more is sent; what is written already goes out. The answer still comes. */
static inline void raw_shutdown(struct raw_client *client)
{
	uv_shutdown_t *request = malloc(sizeof(*request));
	assert_int_equal(uv_shutdown(request, (uv_stream_t *)&client->tcp, raw_on_shut_down), 0);
}

static inline void raw_send(struct raw_client *client, const char *text)
{
	raw_send_bytes(client, text, strlen(text));
}

static inline bool raw_has(const struct raw_client *client, const char *text)
{
	return client->received.data && strstr(client->received.data, text);
}

static inline void raw_close(struct raw_client *client)
{
	uv_close((uv_handle_t *)&client->tcp, NULL);
	uv_run(client->tcp.loop, UV_RUN_NOWAIT); /* its writes are cancelled while the client still exists */
	buffer_free(&client->received);
}

/* Curl */

struct curl_run {
	uv_process_t process;
	uv_pipe_t output;
	struct buffer text;
	bool exited, closed;
	int64_t status;
};

static inline void curl_on_exit(uv_process_t *process, int64_t status, int signal)
{
	(void)signal;
	struct curl_run *run = process->data;
	run->status = status;
	run->exited = true;
	uv_close((uv_handle_t *)process, NULL);
}

static inline void curl_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct curl_run *run = stream->data;
	if (n > 0)
		buffer_append(&run->text, buf->base, (size_t)n);
	free(buf->base);
	if (n < 0) {
		run->closed = true;
		uv_close((uv_handle_t *)stream, NULL);
	}
}

/* Run curl with the arguments (the first is "curl", the last NULL) to its end; what it printed is in text. */
static inline void curl_run(struct curl_run *run, uv_loop_t *loop, char **arguments)
{
	memset(run, 0, sizeof(*run));
	run->text = BUFFER(64 << 20);
	uv_pipe_init(loop, &run->output, 0);
	run->output.data = run->process.data = run;
	uv_stdio_container_t stdio[3] = {
	    {.flags = UV_IGNORE},
	    {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&run->output},
	    {.flags = UV_INHERIT_FD, .data.fd = 2},
	};
	uv_process_options_t options = {
	    .file = "curl", .args = arguments, .exit_cb = curl_on_exit, .stdio = stdio, .stdio_count = 3};
	assert_int_equal(uv_spawn(loop, &run->process, &options), 0);
	uv_read_start((uv_stream_t *)&run->output, raw_allocate, curl_on_read);
	LOOP_UNTIL(loop, run->exited && run->closed);
}

#endif
