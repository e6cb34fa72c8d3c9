/* Closing a connection whose client is still sending its body: an answer that was given early (401, 413 …) is
 * sent, then the daemon closes; but closing a socket with unread bytes makes the kernel send a reset, and a
 * reset throws the answer away at a client that hasn't read it yet. So a second descriptor of the socket
 * keeps it open, and what comes is thrown away until the client closes, or a bound is met. (nginx calls this
 * lingering close.) */
#include "lib/http/server/server_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS 5000 /* a client that sends nothing for one tick is cut off */
#define MAX_TICKS 6  /* and every client after so many */
#define MAX_BYTES (256LL << 20)
#define READ_SIZE 65536

struct http_lingerer {
	TAILQ_ENTRY(http_lingerer) link;
	struct http_server *server;
	int fd;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles;
	unsigned ticks;
	int64_t bytes, bytes_at_tick;
};

static void on_closed(uv_handle_t *handle)
{
	struct http_lingerer *lingerer = handle->data;
	struct http_server *server = lingerer->server;
	if (--lingerer->handles == 0)
		free(lingerer);
	http_server_handle_closed(server);
}

static void lingerer_close(struct http_lingerer *lingerer)
{
	TAILQ_REMOVE(&lingerer->server->lingering, lingerer, link);
	lingerer->server->lingerers--;
	uv_close((uv_handle_t *)&lingerer->poll, on_closed);
	uv_close((uv_handle_t *)&lingerer->timer, on_closed);
	close(lingerer->fd); /* after uv_close, which takes it out of the loop's epoll set at once */
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)events;
	struct http_lingerer *lingerer = poll->data;
	char discard[READ_SIZE];
	ssize_t n = status < 0 ? 0 : recv(lingerer->fd, discard, sizeof(discard), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		lingerer->bytes += n;
	if (n <= 0 || lingerer->bytes > MAX_BYTES)
		lingerer_close(lingerer);
}

static void on_tick(uv_timer_t *timer)
{
	struct http_lingerer *lingerer = timer->data;
	if (lingerer->bytes == lingerer->bytes_at_tick || ++lingerer->ticks >= MAX_TICKS)
		lingerer_close(lingerer);
	else
		lingerer->bytes_at_tick = lingerer->bytes;
}

/* The daemon shuts its side down when it closes, but over TLS it may leave that to the close of the socket.
 */
static void on_first_tick(uv_timer_t *timer)
{
	struct http_lingerer *lingerer = timer->data;
	shutdown(lingerer->fd, SHUT_WR);
	uv_timer_start(timer, on_tick, TICK_MS, TICK_MS);
}

void http_linger(struct http_server *server, int fd)
{
	if (server->closing) {
		close(fd);
		return;
	}
	if (server->lingerers >= server->max_lingerers)
		lingerer_close(TAILQ_FIRST(&server->lingering));
	struct http_lingerer *lingerer = calloc(1, sizeof(*lingerer));
	if (!lingerer || uv_poll_init_socket(server->loop, &lingerer->poll, fd) != 0) {
		free(lingerer);
		close(fd);
		return;
	}
	uv_timer_init(server->loop, &lingerer->timer);
	lingerer->server = server;
	lingerer->fd = fd;
	lingerer->poll.data = lingerer->timer.data = lingerer;
	lingerer->handles = 2;
	server->handles += 2;
	server->lingerers++;
	TAILQ_INSERT_TAIL(&server->lingering, lingerer, link);
	uv_poll_start(&lingerer->poll, UV_READABLE, on_readable);
	uv_timer_start(&lingerer->timer, on_first_tick, 0, 0);
}

void http_linger_stop(struct http_server *server)
{
	while (!TAILQ_EMPTY(&server->lingering))
		lingerer_close(TAILQ_FIRST(&server->lingering));
}
