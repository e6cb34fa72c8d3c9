/* The daemon and its loop: libmicrohttpd without threads, its epoll descriptor polled by libuv, its next
 * deadline a libuv timer. A resumed connection makes the epoll descriptor readable, so nothing else is needed
 * to wake it. */
#include "lib/http/server/server_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_CONNECTIONS 1024
#define DEFAULT_IDLE_TIMEOUT_S 75
#define FIRST_BYTES_S 1 /* a connection is handed over with its first bytes, or after that long */
#define MAX_TLS_SPINS 16

/* Listening */

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

/* Loop */

static void run(struct http_server *server);

static void on_time(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_idle(uv_idle_t *idle)
{
	run(idle->data);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	struct http_server *server = poll->data;
	server->spins = 0;
	run(server);
}

/* A turn at once is an idle handle, since a timer of 0 ms that is started in its own callback would run again
 * before the loop looks at any socket. Over TLS the daemon asks for a turn at once for as long as a handshake
 * waits for its client; so there the turns become a millisecond apart when nothing comes in. */
static void schedule(struct http_server *server, uint64_t timeout_ms)
{
	if (timeout_ms == 0 && server->tls_cert_pem && ++server->spins > MAX_TLS_SPINS)
		timeout_ms = 1;
	if (timeout_ms == 0)
		uv_idle_start(&server->idle, on_idle);
	else
		uv_timer_start(&server->timer, on_time, timeout_ms, 0);
}

static unsigned connections(const struct http_server *server)
{
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
	return info ? info->num_connections : 0;
}

static void run(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	unsigned before = connections(server);
	uv_idle_stop(&server->idle);
	uv_timer_stop(&server->timer);
	MHD_run(server->daemon);
	/* When a connection has ended, another turn at once: at its limit the daemon stops listening, and it
	 * only begins again in a turn after the one that made room. */
	if (connections(server) < before)
		schedule(server, 0);
	else if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES)
		schedule(server, timeout_ms);
}

void http_server_wake(struct http_server *server)
{
	if (!server->closing)
		uv_idle_start(&server->idle, on_idle);
}

/* Daemon */

/* Paths and queries stay as sent: the router and http_exchange_query decode what they need, once. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	(void)socket_context;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		http_misdirected_check(context, connection);
}

static struct MHD_Daemon *daemon_start(struct http_server *server, const struct http_server_options *options,
				       int listen_fd)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
	struct MHD_OptionItem tls[] = {
	    {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)http_tls_retrieve},
	    {MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
	    {MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	if (server->tls_cert_pem)
		flags |= MHD_USE_TLS;
	return MHD_start_daemon(
	    flags, 0, NULL, NULL, http_exchange_on_request, server, MHD_OPTION_LISTEN_SOCKET, listen_fd,
	    MHD_OPTION_NOTIFY_COMPLETED, http_exchange_on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
	    on_connection, server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEADER_MEMORY, MHD_OPTION_CONNECTION_LIMIT,
	    options->max_connections ? options->max_connections : (unsigned)DEFAULT_CONNECTIONS,
	    MHD_OPTION_CONNECTION_TIMEOUT, server->idle_timeout_s, MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY, server->tls_cert_pem ? tls : none,
	    MHD_OPTION_END);
}

static void server_release(struct http_server *server)
{
	http_tls_free(server->tls);
	free(server->tls_cert_pem);
	if (server->tls_key_pem)
		explicit_bzero(server->tls_key_pem, strlen(server->tls_key_pem));
	free(server->tls_key_pem);
	free(server);
}

void http_server_handle_closed(struct http_server *server)
{
	if (--server->handles == 0)
		server_release(server);
}

static void on_handle_closed(uv_handle_t *handle)
{
	http_server_handle_closed(handle->data);
}

static struct http_server *server_new(uv_loop_t *loop, const struct http_server_options *options,
				      const struct http_handler *handler, struct error *err)
{
	bool tls = options->tls_cert_pem && options->tls_key_pem;
	if (!tls && (options->tls_cert_pem || options->tls_key_pem)) {
		error_set(err, ERR_BAD_REQUEST, "TLS needs both a certificate and a key");
		return NULL;
	}
	struct http_server *server = calloc(1, sizeof(*server));
	if (server && tls) {
		server->tls_cert_pem = str_dup(str_of(options->tls_cert_pem));
		server->tls_key_pem = str_dup(str_of(options->tls_key_pem));
	}
	if (!server || (tls && (!server->tls_cert_pem || !server->tls_key_pem))) {
		if (server)
			server_release(server);
		error_no_memory(err);
		return NULL;
	}
	server->loop = loop;
	server->handler = *handler;
	server->max_lingerers =
	    (options->max_connections ? options->max_connections : DEFAULT_CONNECTIONS) / 4 + 1;
	server->idle_timeout_s = options->idle_timeout_s ? options->idle_timeout_s : DEFAULT_IDLE_TIMEOUT_S;
	LIST_INIT(&server->exchanges);
	TAILQ_INIT(&server->lingering);
	return server;
}

static int watch_daemon(struct http_server *server, struct error *err)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || uv_poll_init(server->loop, &server->poll, info->epoll_fd) != 0)
		return error_set(err, ERR_INTERNAL, "the HTTP server's descriptor can't be watched");
	uv_timer_init(server->loop, &server->timer);
	uv_idle_init(server->loop, &server->idle);
	server->poll.data = server->timer.data = server->idle.data = server;
	server->handles = 3;
	uv_poll_start(&server->poll, UV_READABLE, on_ready);
	/* The first turn puts the listener into the epoll set. */
	schedule(server, 0);
	return 0;
}

/* sendfile and TLS can't suppress SIGPIPE call by call, and a client that hangs up must not end the process.
 */
static void ignore_sigpipe(void)
{
	struct sigaction old;
	if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

struct http_server *http_server_new(uv_loop_t *loop, const struct http_server_options *options,
				    const struct http_handler *handler, struct error *err)
{
	struct http_server *server = server_new(loop, options, handler, err);
	if (!server)
		return NULL;
	if (server->tls_cert_pem &&
	    !(server->tls = http_tls_new(server->tls_cert_pem, server->tls_key_pem, err))) {
		server_release(server);
		return NULL;
	}
	int fd = listen_open(options, err);
	if (fd < 0) {
		server_release(server);
		return NULL;
	}
	ignore_sigpipe();
	server->port = port_of(fd);
	server->daemon = daemon_start(server, options, fd);
	if (!server->daemon) {
		close(fd);
		error_set(err, ERR_INTERNAL, "the HTTP server can't be started");
		server_release(server);
		return NULL;
	}
	if (server->tls)
		http_tls_serve(server->tls, server->daemon);
	if (watch_daemon(server, err) != 0) {
		MHD_stop_daemon(server->daemon);
		server_release(server);
		return NULL;
	}
	return server;
}

int http_server_set_certificate(struct http_server *server, const char *cert_pem, const char *key_pem,
				struct error *err)
{
	if (!server->tls)
		return error_set(err, ERR_BAD_REQUEST, "this port speaks plain HTTP");
	return http_tls_change(server->tls, cert_pem, key_pem, err);
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->port;
}

void http_server_quiesce(struct http_server *server)
{
	if (server->quiesced)
		return;
	server->quiesced = true;
	int fd = MHD_quiesce_daemon(server->daemon);
	if (fd >= 0)
		close(fd); /* now connecting is refused, and a load balancer goes elsewhere */
}

unsigned http_server_active(const struct http_server *server)
{
	return server->active;
}

struct http_server *http_server_free(struct http_server *server)
{
	if (!server)
		return NULL;
	server->closing = true;
	uv_close((uv_handle_t *)&server->poll, on_handle_closed);
	uv_close((uv_handle_t *)&server->timer, on_handle_closed);
	uv_close((uv_handle_t *)&server->idle, on_handle_closed);
	/* The daemon refuses to stop while a connection is suspended. */
	struct http_exchange *exchange;
	LIST_FOREACH(exchange, &server->exchanges, link) {
		exchange->gone = true;
		http_exchange_resume(exchange);
	}
	MHD_stop_daemon(server->daemon);
	server->daemon = NULL;
	http_linger_stop(server);
	return NULL;
}
