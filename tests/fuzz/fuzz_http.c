/* Requests as bytes on a connection, through the listener: whatever comes, each request that begins ends, and
 * what is answered is HTTP. A handler like ours reads the query and headers. */
#include "apiserver/execution/execution_request.h"
#include "apiserver/execution/list_cursor.h"
#include "apiserver/http/auth.h"
#include "lib/base/clock.h"
#include "lib/http/server/server_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUEST_MAX = 32768, PATIENCE_MS = 5000, QUIET_TURNS = 30 };

static uv_loop_t loop;
static struct http_server *server;
static unsigned begun, ended;

static bool on_begin(void *context, struct http_exchange *exchange)
{
	struct str value, key;
	struct error err;
	struct list_cursor cursor;
	(void)context;
	begun++;
	if (http_exchange_query(exchange, "cursor", &value))
		(void)list_cursor_parse(value, &cursor, &err);
	if (http_exchange_header(exchange, "Authorization", &value) && auth_bearer(&value, &key, &err) == 0 &&
	    key.n == 0)
		abort();
	if (http_exchange_header(exchange, "Prefer", &value))
		(void)prefer_is_async(value);
	bool refused = http_exchange_query(exchange, "refuse", &value);
	if (refused)
		http_exchange_answer(exchange, 403, "text/plain", value);
	return !refused;
}

static void on_body(void *context, struct http_exchange *exchange, struct str piece)
{
	(void)context;
	if (piece.n > 100 && piece.p[0] == '!')
		http_exchange_answer(exchange, 413, "text/plain", STR("enough"));
}

static void on_complete(void *context, struct http_exchange *exchange)
{
	struct str value = STR("");
	(void)context;
	http_exchange_query(exchange, "echo", &value);
	if (http_exchange_add_header(exchange, "X-Method", http_exchange_method(exchange).p) != 0)
		value = STR("no such header");
	http_exchange_answer(exchange, 200, "text/plain", value);
}

static void on_end(void *context, struct http_exchange *exchange)
{
	(void)context;
	(void)exchange;
	ended++;
}

static void start(void)
{
	const struct http_server_options options = {.address = "127.0.0.1"};
	const struct http_handler handler = {
	    .begin = on_begin, .body = on_body, .complete = on_complete, .end = on_end};
	struct error err;
	if (uv_loop_init(&loop) != 0 || !(server = http_server_new(&loop, &options, &handler, &err)))
		abort();
}

/* A socket pair, since ports would run out. */
static int connect_to_server(void)
{
	const struct sockaddr_in address = {.sin_family = AF_INET};
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		abort();
	http_connection_accepted(server, pair[0], (const struct sockaddr *)&address, sizeof(address));
	return pair[1];
}

/* Whatever the server says; true when it has said its last. A client that sent half a request may wait a
 * minute for the server, so one that heard nothing for so many turns goes away. */
static bool listen_to_server(int fd, struct buffer *answer, unsigned *quiet)
{
	char block[4096];
	ssize_t n;
	++*quiet;
	while ((n = read(fd, block, sizeof(block))) > 0) {
		buffer_append(answer, block, (size_t)n);
		*quiet = 0;
	}
	return n == 0 || (errno != EAGAIN && errno != EINTR) || *quiet > QUIET_TURNS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!server)
		start();
	if (size > REQUEST_MAX)
		return 0;
	int fd = connect_to_server();
	cleanup_buffer struct buffer answer = BUFFER(1 << 20);
	if (size > 0 && send(fd, data, size, MSG_NOSIGNAL) != (ssize_t)size)
		abort();
	shutdown(fd, SHUT_WR);
	unsigned quiet = 0;
	while (!listen_to_server(fd, &answer, &quiet))
		uv_run(&loop, UV_RUN_NOWAIT);
	close(fd);
	int64_t deadline = clock_monotonic_us(&clock_system) + PATIENCE_MS * 1000;
	do {
		uv_run(&loop, UV_RUN_NOWAIT);
		if (clock_monotonic_us(&clock_system) > deadline)
			abort(); /* it hangs on to a request whose client is gone */
	} while (begun != ended);
	if (http_server_active(server) != 0 ||
	    (answer.len && !str_starts_with(buffer_str(&answer), STR("HTTP/1."))))
		abort();
	return 0;
}
