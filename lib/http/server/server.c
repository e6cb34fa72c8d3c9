/* The daemon and its loop: libmicrohttpd without threads, its epoll descriptor polled by libuv, its next
 * deadline a libuv timer. A resumed connection makes the epoll descriptor readable, so nothing else is needed
 * to wake it. */
#include "lib/http/server/server_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_CONNECTIONS 1024
#define DEFAULT_IDLE_TIMEOUT_S 75
#define DEFAULT_HEADER_TIMEOUT_MS 10000
#define DEFAULT_PACE_MS 30000
#define MAX_TLS_SPINS 16

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

static void run(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	uv_idle_stop(&server->idle);
	uv_timer_stop(&server->timer);
	http_framing_turn(server);
	MHD_run(server->daemon);
	http_framing_turn(NULL);
	if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES)
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
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		http_connection_started(context, socket_context);
		http_misdirected_check(context, connection);
	} else {
		http_connection_ended(context, socket_context);
	}
}

static struct MHD_Daemon *daemon_start(struct http_server *server)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET;
	/* Never met: connections are counted before it gets them, but for those that it is about to close. */
	unsigned limit = 2 * (server->max_connections + http_server_surplus_max(server)) + 1;
	struct MHD_OptionItem tls[] = {
	    {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)http_tls_retrieve},
	    {MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
	    {MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	if (server->tls_cert_pem)
		flags |= MHD_USE_TLS;
	return MHD_start_daemon(
	    flags, 0, NULL, NULL, http_exchange_on_request, server, MHD_OPTION_NOTIFY_COMPLETED,
	    http_exchange_on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
	    MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)HTTP_HEADER_MEMORY, MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_CONNECTION_TIMEOUT,
	    server->idle_timeout_s, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
	    MHD_OPTION_ARRAY, server->tls_cert_pem ? tls : none, MHD_OPTION_END);
}

static void server_release(struct http_server *server)
{
	http_tls_free(server->tls);
	free(server->tls_cert_pem);
	if (server->tls_key_pem)
		explicit_bzero(server->tls_key_pem, strlen(server->tls_key_pem));
	free(server->tls_key_pem);
	map_free(&server->addresses);
	free(server->by_fd);
	free(server);
}

void http_server_handle_closed(struct http_server *server)
{
	if (--server->handles == 0)
		server_release(server);
}

void http_server_on_handle_closed(uv_handle_t *handle)
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
	if (!server || (tls && (!server->tls_cert_pem || !server->tls_key_pem)) ||
	    map_init(&server->addresses, NULL) != 0) {
		if (server)
			server_release(server);
		error_no_memory(err);
		return NULL;
	}
	server->loop = loop;
	server->handler = *handler;
	server->max_connections = options->max_connections ? options->max_connections : DEFAULT_CONNECTIONS;
	server->max_connections_per_address = options->max_connections_per_address
						  ? options->max_connections_per_address
						  : server->max_connections;
	server->header_timeout_ms =
	    options->header_timeout_ms ? options->header_timeout_ms : DEFAULT_HEADER_TIMEOUT_MS;
	server->pace_ms = options->pace_ms ? options->pace_ms : DEFAULT_PACE_MS;
	server->max_lingerers = server->max_connections / 4 + 1;
	server->listen_fd = -1;
	server->idle_timeout_s = options->idle_timeout_s ? options->idle_timeout_s : DEFAULT_IDLE_TIMEOUT_S;
	LIST_INIT(&server->exchanges);
	TAILQ_INIT(&server->open);
	TAILQ_INIT(&server->lingering);
	return server;
}

static int watch_daemon(struct http_server *server, struct error *err)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || uv_poll_init(server->loop, &server->poll, info->epoll_fd) != 0)
		return error_set(err, ERR_INTERNAL, "the HTTP server's descriptor can't be watched");
	uv_timer_init(server->loop, &server->timer);
	uv_timer_init(server->loop, &server->look);
	uv_idle_init(server->loop, &server->idle);
	server->poll.data = server->timer.data = server->look.data = server->idle.data = server;
	server->handles = 4;
	uv_poll_start(&server->poll, UV_READABLE, on_ready);
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
	if (http_listener_open(server, options, err) != 0) {
		server_release(server);
		return NULL;
	}
	ignore_sigpipe();
	server->daemon = daemon_start(server);
	if (!server->daemon) {
		close(server->listen_fd);
		error_set(err, ERR_INTERNAL, "the HTTP server can't be started");
		server_release(server);
		return NULL;
	}
	if (server->tls)
		http_tls_serve(server->tls, server->daemon);
	if (watch_daemon(server, err) != 0) {
		MHD_stop_daemon(server->daemon);
		close(server->listen_fd);
		server_release(server);
		return NULL;
	}
	if (http_listener_start(server, err) != 0) {
		close(server->listen_fd);
		server->listen_fd = -1;
		return http_server_free(server);
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
	http_listener_close(server); /* now connecting is refused, and a load balancer goes elsewhere */
}

unsigned http_server_active(const struct http_server *server)
{
	return server->active;
}

const struct http_counts *http_server_counts(const struct http_server *server)
{
	return &server->counts;
}

struct http_server *http_server_free(struct http_server *server)
{
	if (!server)
		return NULL;
	server->closing = true;
	http_listener_close(server);
	uv_close((uv_handle_t *)&server->look, http_server_on_handle_closed);
	uv_close((uv_handle_t *)&server->poll, http_server_on_handle_closed);
	uv_close((uv_handle_t *)&server->timer, http_server_on_handle_closed);
	uv_close((uv_handle_t *)&server->idle, http_server_on_handle_closed);
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
