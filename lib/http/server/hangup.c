/* A connection whose answer is awaited: suspended in the daemon, which then doesn't look at it, so we do, to
 * learn that the client went away.
 *
 * A client that has shut down its sending side (as `nc -N` and some libraries do behind the request) looks
 * like one that has closed its socket: either way a FIN comes, and only what we send tells them apart, since
 * a kernel whose socket is gone answers new bytes with a reset. So a FIN is no end, but we send a byte at
 * once: urgent data, which stands beside the stream (RFC 9293, 3.8.5), so that a client that is there never
 * reads it, whatever it speaks: TLS too. A reset is the end. Where the byte is lost (a stack without urgent
 * data, a client's machine that is gone) the kernel asks now and then (keep-alive probes), and learns it a
 * minute later. */
#include "lib/http/server/server_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#define PROBE_IDLE_S 15 /* from the FIN to the first probe, and between probes */
#define PROBE_COUNT 3   /* without an answer */

int http_connection_fd(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	return info ? info->connect_fd : -1;
}

int http_exchange_fd(const struct http_exchange *exchange)
{
	return http_connection_fd(exchange->connection);
}

static void on_watch_closed(uv_handle_t *handle)
{
	struct hangup_watch *watch = handle->data;
	struct http_server *server = watch->server;
	free(watch);
	http_server_handle_closed(server);
}

/* Failure of any of these leaves a client that has gone unnoticed until its answer is sent. */
static void probe(int fd)
{
	int on = 1, idle = PROBE_IDLE_S, count = PROBE_COUNT;
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static void on_event(uv_poll_t *poll_handle, int status, int events);

/* The client has shut down its sending side, or is gone. That stays so and would wake us again and again:
 * from here on only errors, which are always reported. */
static void on_half_closed(struct hangup_watch *watch, int fd)
{
	struct http_exchange *exchange = watch->exchange;
	bool was_known = exchange->half_closed;
	exchange->half_closed = true;
	uv_poll_start(&watch->poll, UV_PRIORITIZED, on_event);
	if (was_known)
		return;
	probe(fd);
	(void)!send(fd, "\n", 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void on_event(uv_poll_t *poll_handle, int status, int events)
{
	struct hangup_watch *watch = poll_handle->data;
	struct pollfd now = {.fd = http_exchange_fd(watch->exchange), .events = POLLRDHUP};
	if (status < 0 || poll(&now, 1, 0) < 0 || now.revents & (POLLERR | POLLHUP | POLLNVAL)) {
		watch->exchange->gone = true;
		http_exchange_resume(watch->exchange);
	} else if (events & UV_DISCONNECT && now.revents & POLLRDHUP) {
		on_half_closed(watch, now.fd);
	} else {
		/* Urgent data, which nobody takes. */
		uv_poll_stop(&watch->poll);
	}
}

/* Without memory for that, it is learnt when the answer is sent. */
static void watch_hangup(struct http_exchange *exchange)
{
	struct http_server *server = exchange->server;
	struct hangup_watch *watch = calloc(1, sizeof(*watch));
	if (!watch || uv_poll_init_socket(server->loop, &watch->poll, http_exchange_fd(exchange)) != 0) {
		free(watch);
		return;
	}
	watch->server = server;
	watch->exchange = exchange;
	watch->poll.data = watch;
	exchange->watch = watch;
	server->handles++;
	uv_poll_start(&watch->poll, UV_DISCONNECT, on_event);
}

/* A connection that was suspended while the daemon wanted to read is read first when it's resumed (seen in
 * 0.9.75: the wish isn't updated meanwhile), and if the read finds the FIN the daemon closes it, answer or
 * not. Connections with a timeout of their own get their turn before any read: so each has one from its
 * suspension to the call that follows it. */
static void be_first(struct http_exchange *exchange)
{
	exchange->is_first = MHD_set_connection_option(exchange->connection, MHD_CONNECTION_OPTION_TIMEOUT,
						       exchange->server->idle_timeout_s + 1) == MHD_YES;
}

void http_exchange_had_turn(struct http_exchange *exchange)
{
	if (exchange->is_first)
		MHD_set_connection_option(exchange->connection, MHD_CONNECTION_OPTION_TIMEOUT,
					  exchange->server->idle_timeout_s);
	exchange->is_first = false;
}

void http_exchange_suspend(struct http_exchange *exchange)
{
	if (!exchange->streaming) /* which is written to, not read */
		be_first(exchange);
	exchange->suspended = true;
	MHD_suspend_connection(exchange->connection);
	watch_hangup(exchange);
}

void http_exchange_resume(struct http_exchange *exchange)
{
	if (!exchange->suspended)
		return;
	exchange->suspended = false;
	if (exchange->watch)
		uv_close((uv_handle_t *)&exchange->watch->poll, on_watch_closed);
	exchange->watch = NULL;
	MHD_resume_connection(exchange->connection);
	http_server_wake(exchange->server);
}

/* The daemon's epoll tells it once of what comes, and it may have learnt of the FIN together with the last
 * bytes of the request. Then it would keep the connection, and the client, who waits for our end, would wait
 * for the idle timeout. Shutting down what is shut down already tells it again; requests that came before the
 * FIN are read and answered all the same. */
void http_exchange_end_half_closed(const struct http_exchange *exchange)
{
	struct pollfd now = {.fd = http_exchange_fd(exchange), .events = POLLRDHUP};
	if (poll(&now, 1, 0) > 0 && now.revents & POLLRDHUP)
		shutdown(now.fd, SHUT_RD);
}
