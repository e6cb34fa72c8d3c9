/* The port: listening, and accepting as many connections as there may be. The daemon has no listening socket
 * of its own: it would stop accepting at its limit, and whoever comes then would get nothing at all. */
#include "lib/http/server/server_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_BYTES_S 1 /* a connection is handed over with its first bytes, or after that long */
#define ACCEPTS_A_TURN 64

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int listen_at(const union socket_address *address, socklen_t size)
{
	int on = 1, off = 0, first_bytes_s = FIRST_BYTES_S;
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &first_bytes_s, sizeof(first_bytes_s));
	if (address->any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, &address->any, size) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int listen_open(const struct http_server_options *options, struct error *err)
{
	union socket_address v4 = {.v4 = {.sin_family = AF_INET, .sin_port = htons(options->port)}};
	union socket_address v6 = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(options->port)}};
	const char *address = options->address ? options->address : "::";
	int fd = -1;
	if (inet_pton(AF_INET6, address, &v6.v6.sin6_addr) == 1) {
		fd = listen_at(&v6, sizeof(v6.v6));
		/* a machine without IPv6 */
		if (fd < 0 && !options->address && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
			fd = listen_at(&v4, sizeof(v4.v4));
	} else if (inet_pton(AF_INET, address, &v4.v4.sin_addr) == 1) {
		fd = listen_at(&v4, sizeof(v4.v4));
	} else {
		return error_set(err, ERR_BAD_REQUEST, "not an IP address to listen at: %.64s", address);
	}
	if (fd < 0)
		return error_errno(err, "listening at %s port %u", address, options->port);
	return fd;
}

static uint16_t port_of(int fd)
{
	union socket_address bound;
	socklen_t size = sizeof(bound);
	memset(&bound, 0, sizeof(bound));
	if (getsockname(fd, &bound.any, &size) != 0)
		return 0;
	return ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
}

/* Errors that say nothing of one connection: more tries would find the same. */
static bool is_out_of_descriptors(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static void on_connectable(uv_poll_t *poll, int status, int events)
{
	struct http_server *server = poll->data;
	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage from;
		socklen_t size = sizeof(from);
		memset(&from, 0, sizeof(from));
		int fd =
		    accept4(server->listen_fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			http_connection_accepted(server, fd, (struct sockaddr *)&from, size);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (is_out_of_descriptors(errno)) {
			uv_poll_stop(poll); /* until the next look at the deadlines */
			return;
		}
	}
}

void http_listener_go_on(struct http_server *server)
{
	if (server->listen_fd >= 0 && !server->closing)
		uv_poll_start(&server->listen_poll, UV_READABLE, on_connectable);
}

int http_listener_open(struct http_server *server, const struct http_server_options *options,
		       struct error *err)
{
	int fd = listen_open(options, err);
	if (fd < 0)
		return -1;
	server->listen_fd = fd;
	server->port = port_of(fd);
	return 0;
}

int http_listener_start(struct http_server *server, struct error *err)
{
	if (uv_poll_init(server->loop, &server->listen_poll, server->listen_fd) != 0)
		return error_set(err, ERR_INTERNAL, "the HTTP server's port can't be watched");
	server->listen_poll.data = server;
	server->handles++;
	http_listener_go_on(server);
	return 0;
}

void http_listener_close(struct http_server *server)
{
	if (server->listen_fd < 0)
		return;
	uv_close((uv_handle_t *)&server->listen_poll, http_server_on_handle_closed);
	close(server->listen_fd); /* after uv_close, which takes it out of the loop's epoll set at once */
	server->listen_fd = -1;
}
