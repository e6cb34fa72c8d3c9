#include "lib/kube/ws_connection.h"

#include "lib/base/buffer.h"
#include "lib/base/utf8.h"
#include "lib/http/client/client.h"
#include "lib/kube/ws_frame.h"
#include "lib/kube/ws_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#define MAX_ADDRESSES 8
#define MAX_CLOSE_WORDS 123 /* RFC 6455: a control frame has at most 125 bytes, 2 are the code */
#define CLOSE_PATIENCE_MS 6000
#define EXPLAIN_TIMEOUT_MS 5000

enum state {
	RESOLVING,  /* the server's name is being looked up */
	CONNECTING, /* TCP, TLS and the handshake are libwebsockets' */
	OPEN,
	EXPLAINING, /* the handshake was refused; a plain request asks for the reason */
	OVER,       /* `closed` was called, or ws_connection_close was */
};

struct ws_connection {
	LIST_ENTRY(ws_connection) link;
	struct kube_ws *ws; /* NULL: the context is gone */
	struct ws_options options;
	char *path; /* with the server's prefix */
	enum state state;
	struct lws *wsi; /* NULL: none, or libwebsockets is done with it */
	uv_timer_t timer;
	uv_getaddrinfo_t lookup;
	bool looking_up;
	char addresses[MAX_ADDRESSES][INET6_ADDRSTRLEN];
	unsigned address_count, address_next;
	struct http_request *explain;
	bool connected; /* TCP is */
	bool failed;    /* problem says why */
	int status;     /* of a refused handshake */
	bool freeing;
	struct error problem;
};

/* The end of a connection */

static void on_timer_closed(uv_handle_t *handle)
{
	struct ws_connection *connection = handle->data;

	free(connection->path);
	free(connection);
}

/* Free the object, at the end of the turn, once nobody else holds it. */
static void free_if_unused(struct ws_connection *connection)
{
	if (connection->state != OVER || connection->wsi || connection->looking_up || connection->freeing)
		return;
	connection->freeing = true;
	if (connection->ws)
		LIST_REMOVE(connection, link);
	uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
}

static void tell_closed(struct ws_connection *connection)
{
	connection->state = OVER;
	connection->options.handler.closed(connection->options.context, &connection->problem);
	free_if_unused(connection);
}

static void on_explained(void *context, const struct kube_response *response)
{
	struct ws_connection *connection = context;

	connection->explain = NULL;
	/* "Upgrade request required" is how a server answers a plain request that it would have let through.
	 */
	if (response->status >= 400 && response->error &&
	    !strstr(response->error->message, "Upgrade request required"))
		connection->problem = *response->error;
	tell_closed(connection);
}

/* The body of a refused handshake is lost in libwebsockets. The same as a plain GET is refused for the same
 * reason, with a Status object that says it. */
static int ask_for_reason(struct ws_connection *connection)
{
	cleanup_buffer struct buffer path = BUFFER(WS_MAX_PATH + 64);
	struct kube_call call = {
	    .method = "GET",
	    .timeout_ms = EXPLAIN_TIMEOUT_MS,
	    .no_retry = true,
	    .done = on_explained,
	    .context = connection,
	};

	/* Should it be let through this time, a watch ends by itself. */
	buffer_appendf(&path, "%s%ctimeoutSeconds=1", connection->options.path,
		       strchr(connection->options.path, '?') ? '&' : '?');
	if (path.failed)
		return -1;
	call.path = path.data;
	connection->explain = kube_client_call(connection->ws->client, &call, NULL);
	return connection->explain ? 0 : -1;
}

static void connect_next(struct ws_connection *connection);

static void on_finish(uv_timer_t *timer)
{
	struct ws_connection *connection = timer->data;

	if (connection->status == 0 && connection->state == CONNECTING &&
	    connection->address_next < connection->address_count) {
		connection->failed = false;
		connect_next(connection);
		return;
	}
	if (connection->status >= 400) {
		connection->state = EXPLAINING;
		if (ask_for_reason(connection) == 0)
			return;
	}
	tell_closed(connection);
}

/* It ended by itself. `closed` is called on the next turn, never from inside libwebsockets. */
static void finish_later(struct ws_connection *connection)
{
	if (connection->state == OVER)
		free_if_unused(connection);
	else
		uv_timer_start(&connection->timer, on_finish, 0, 0);
}

static void set_problem(struct ws_connection *connection, enum error_code code, const char *message)
{
	if (!connection->failed)
		error_set(&connection->problem, code, "%s", message);
	connection->failed = true;
}

/* Close what libwebsockets has. Should it hold bytes that the socket didn't take yet, it tries for 5 s more.
 */
static void on_kill(uv_timer_t *timer)
{
	struct ws_connection *connection = timer->data;

	if (!connection->wsi) {
		free_if_unused(connection);
		return;
	}
	lws_set_timeout(connection->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
	if (!connection->wsi)
		return; /* its callback has freed what is to be freed */
	/* Its timers are looked at when it has something to do: give it something. */
	lws_cancel_service(connection->ws->context);
	uv_timer_start(timer, on_kill, CLOSE_PATIENCE_MS, 0);
}

struct ws_connection *ws_connection_close(struct ws_connection *connection)
{
	if (!connection || connection->state == OVER)
		return NULL;
	connection->state = OVER;
	uv_timer_stop(&connection->timer);
	if (connection->looking_up)
		uv_cancel((uv_req_t *)&connection->lookup);
	if (connection->explain)
		http_request_cancel(connection->explain);
	connection->explain = NULL;
	if (connection->wsi)
		uv_timer_start(&connection->timer, on_kill, 0, 0);
	free_if_unused(connection);
	return NULL;
}

void ws_connection_orphan(struct ws_connection *connection)
{
	LIST_REMOVE(connection, link);
	connection->ws = NULL;
	if (connection->wsi)
		lws_set_opaque_user_data(connection->wsi, NULL);
	connection->wsi = NULL;
	ws_connection_close(connection);
	free_if_unused(connection);
}

/* The beginning */

static void on_open_timeout(uv_timer_t *timer)
{
	struct ws_connection *connection = timer->data;

	error_set(&connection->problem, ERR_TIMEOUT, "no WebSocket to %s within %u ms",
		  connection->ws->server.header, connection->options.open_timeout_ms);
	connection->failed = true;
	connection->address_next = connection->address_count;
	if (connection->looking_up)
		uv_cancel((uv_req_t *)&connection->lookup);
	if (connection->wsi)
		on_kill(timer); /* its callback leads to finish_later */
	else if (!connection->looking_up)
		finish_later(connection);
}

static void connect_next(struct ws_connection *connection)
{
	struct kube_ws *ws = connection->ws;
	struct lws_client_connect_info info = {
	    .context = ws->context,
	    .address = connection->addresses[connection->address_next++],
	    .port = ws->server.port,
	    .path = connection->path,
	    .host = ws->server.header,
	    .origin = ws->server.header, /* without an Origin the API server refuses to watch */
	    .protocol = connection->options.subprotocol,
	    .local_protocol_name = WS_PROTOCOL_NAME,
	    .alpn = "http/1.1",
	    .ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT,
	    .ietf_version_or_minus_one = -1,
	    .opaque_user_data = connection,
	    .pwsi = &connection->wsi,
	};

	connection->state = CONNECTING;
	if (ws->server.tls) {
		/* The host is checked by our own TLS context. */
		info.ssl_connection |= LCCSCF_USE_SSL | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	}
	uv_timer_start(&connection->timer, on_open_timeout, connection->options.open_timeout_ms, 0);
	if (lws_client_connect_via_info(&info))
		return;
	connection->wsi = NULL;
	set_problem(connection, ERR_UNAVAILABLE, "can't connect");
	finish_later(connection);
}

static void on_looked_up(uv_getaddrinfo_t *lookup, int result, struct addrinfo *found)
{
	struct ws_connection *connection = lookup->data;

	connection->looking_up = false;
	for (struct addrinfo *each = found; each && connection->address_count < MAX_ADDRESSES;
	     each = each->ai_next)
		if (uv_ip_name(each->ai_addr, connection->addresses[connection->address_count],
			       INET6_ADDRSTRLEN) == 0)
			connection->address_count++;
	uv_freeaddrinfo(found);
	if (connection->state == OVER) {
		free_if_unused(connection);
		return;
	}
	if (!connection->failed && connection->address_count > 0) {
		connect_next(connection);
		return;
	}
	if (!connection->failed)
		error_set(&connection->problem, ERR_UNAVAILABLE, "look-up of %s: %s",
			  connection->ws->server.host, result < 0 ? uv_strerror(result) : "no address");
	connection->failed = true;
	finish_later(connection);
}

static int find_addresses(struct ws_connection *connection, struct error *err)
{
	const char *host = connection->ws->server.host;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	unsigned char address[16];
	int result;

	if (uv_inet_pton(AF_INET, host, address) == 0 || uv_inet_pton(AF_INET6, host, address) == 0) {
		snprintf(connection->addresses[0], INET6_ADDRSTRLEN, "%s", host);
		connection->address_count = 1;
		return 0;
	}
	/* libwebsockets would look the name up itself, and block the loop over it. */
	connection->lookup.data = connection;
	result = uv_getaddrinfo(connection->ws->loop, &connection->lookup, on_looked_up, host, NULL, &hints);
	if (result < 0)
		return error_set(err, ERR_UNAVAILABLE, "look-up of %s: %s", host, uv_strerror(result));
	connection->looking_up = true;
	uv_timer_start(&connection->timer, on_open_timeout, connection->options.open_timeout_ms, 0);
	return 0;
}

struct ws_connection *ws_connection_open(struct kube_ws *ws, const struct ws_options *options,
					 struct error *err)
{
	struct ws_connection *connection = calloc(1, sizeof *connection);
	size_t prefix = strlen(ws->server.prefix), path = strlen(options->path);

	if (!connection) {
		error_no_memory(err);
		return NULL;
	}
	if (prefix + path > WS_MAX_PATH) {
		error_set(err, ERR_TOO_LARGE, "the path is %zu bytes, the limit is %d", prefix + path,
			  WS_MAX_PATH);
		free(connection);
		return NULL;
	}
	connection->path = malloc(prefix + path + 1);
	if (!connection->path) {
		error_no_memory(err);
		free(connection);
		return NULL;
	}
	memcpy(connection->path, ws->server.prefix, prefix);
	memcpy(connection->path + prefix, options->path, path + 1);
	connection->ws = ws;
	connection->options = *options;
	connection->options.path = connection->path + prefix;
	uv_timer_init(ws->loop, &connection->timer);
	connection->timer.data = connection;
	LIST_INSERT_HEAD(&ws->connections, connection, link);
	if (find_addresses(connection, err) < 0)
		return ws_connection_close(connection);
	if (connection->address_count > 0)
		connect_next(connection);
	return connection;
}

void ws_connection_want_write(struct ws_connection *connection)
{
	if (connection->state == OPEN && connection->wsi)
		lws_callback_on_writable(connection->wsi);
}

void ws_connection_pause(struct ws_connection *connection, bool pause)
{
	if (connection->state != OPEN || !connection->wsi)
		return;
	lws_rx_flow_control(connection->wsi, !pause);
	/* What was read already, by it or by TLS, is looked at when it has something to do: give it
	 * something. */
	if (!pause)
		lws_callback_on_writable(connection->wsi);
}

/* What libwebsockets says */

static int add_token(struct ws_connection *connection, unsigned char **position, size_t room)
{
	struct str token = kube_client_token(connection->ws->client);
	int n;

	if (token.n == 0)
		return 0;
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~') {
			set_problem(connection, ERR_UNAUTHORIZED,
				    "the bearer token has a byte that a header can't carry");
			return -1;
		}
	n = snprintf((char *)*position, room, "Authorization: Bearer %.*s\r\n", (int)token.n, token.p);
	if (n < 0 || (size_t)n >= room) {
		set_problem(connection, ERR_TOO_LARGE, "the bearer token is too long for a header");
		return -1;
	}
	*position += n;
	return 0;
}

static int check_subprotocol(struct ws_connection *connection, struct lws *wsi)
{
	char agreed[64];

	if (!connection->options.subprotocol)
		return 0;
	if (lws_hdr_copy(wsi, agreed, sizeof agreed, WSI_TOKEN_PROTOCOL) > 0 &&
	    str_eq(str_of(agreed), str_of(connection->options.subprotocol)))
		return 0;
	error_set(&connection->problem, ERR_PROTOCOL, "the server doesn't speak %s",
		  connection->options.subprotocol);
	connection->failed = true;
	return -1;
}

/* libwebsockets itself tells no more of a bad certificate than "SSL err 1". */
static void on_certificate(struct ws_connection *connection, X509_STORE_CTX *check, bool is_good)
{
	int fault = X509_STORE_CTX_get_error(check);

	if (is_good)
		return;
	if (kube_client_config(connection->ws->client)->insecure_skip_verify) {
		X509_STORE_CTX_set_error(check, X509_V_OK); /* that lets it pass */
		return;
	}
	error_set(&connection->problem, ERR_UNAVAILABLE, "no WebSocket to %s: its certificate: %s",
		  connection->ws->server.header, X509_verify_cert_error_string(fault));
	connection->failed = true;
}

static void on_refused(struct ws_connection *connection, struct lws *wsi, const char *words, size_t n)
{
	unsigned status = lws_http_client_http_response(wsi);

	if (connection->failed)
		return;
	if (status != 0 && status != 101) {
		connection->status = (int)status;
		error_set(&connection->problem, error_code_from_http_status((int)status),
			  "the server answered the WebSocket handshake with %u", status);
	} else if (!connection->connected || !words) {
		error_set(&connection->problem, ERR_UNAVAILABLE, "can't connect to %s",
			  connection->ws->server.header);
	} else {
		error_set(&connection->problem, ERR_UNAVAILABLE, "no WebSocket to %s: %.*s",
			  connection->ws->server.header, (int)(n < 256 ? n : 256), words);
	}
	connection->failed = true;
}

static void on_peer_close(struct ws_connection *connection, const unsigned char *payload, size_t n)
{
	char words[MAX_CLOSE_WORDS + 1] = "";
	unsigned code = 1005; /* RFC 6455: none given */

	if (connection->failed || connection->state != OPEN)
		return;
	if (n >= 2) {
		size_t length = n - 2 < MAX_CLOSE_WORDS ? n - 2 : MAX_CLOSE_WORDS;

		code = (unsigned)payload[0] << 8 | payload[1];
		if (utf8_is_valid((struct str){(const char *)payload + 2, length}, NULL))
			memcpy(words, payload + 2, length);
	}
	error_set(&connection->problem, ERR_UNAVAILABLE, "the server closed the stream (code %u%s%s)", code,
		  words[0] ? ": " : "", words);
	connection->failed = true;
}

static int on_received(struct ws_connection *connection, struct lws *wsi, const char *data, size_t n)
{
	bool last = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;

	if (connection->state != OPEN)
		return -1;
	connection->options.handler.received(connection->options.context, (struct str){data, n}, last);
	return connection->state == OPEN ? 0 : -1;
}

static int on_writable(struct ws_connection *connection, struct lws *wsi)
{
	unsigned char *out;
	size_t n;

	if (connection->state != OPEN || !connection->options.handler.fill)
		return 0;
	out = connection->ws->out + LWS_PRE;
	n = connection->options.handler.fill(connection->options.context, out);
	if (n == 0 || connection->state != OPEN)
		return 0;
	/* All of it is taken: what the socket doesn't take at once is kept by libwebsockets, and sent before
	 * we are asked again. What is written as of HTTP goes out as it is: the frame is made already. */
	size_t header = ws_frame_wrap(out, n);
	if (lws_write(wsi, out - header, n + header, LWS_WRITE_HTTP) < (int)(n + header))
		return -1;
	lws_callback_on_writable(wsi);
	return 0;
}

#if LWS_LIBRARY_VERSION_MAJOR == 4 && LWS_LIBRARY_VERSION_MINOR < 3
static void on_lost_closed(uv_handle_t *handle)
{
	free(handle);
}

static void close_lost(uv_handle_t *handle, void *wsi)
{
	if (handle->type == UV_POLL && handle->data == wsi && !uv_is_active(handle) && !uv_is_closing(handle))
		uv_close(handle, on_lost_closed);
}

/* 4.1, when a connect fails, closes the socket and forgets the uv_poll_t that watched it: stopped, but still
 * on the loop, which then can never be closed. */
static void close_lost_watcher(struct ws_connection *connection, struct lws *wsi)
{
	if (lws_get_socket_fd(wsi) == LWS_SOCK_INVALID)
		uv_walk(connection->ws->loop, close_lost, wsi);
}
#else
static void close_lost_watcher(struct ws_connection *connection, struct lws *wsi)
{
	(void)connection;
	(void)wsi;
}
#endif

/* libwebsockets is done with the connection. */
static void on_gone(struct ws_connection *connection, struct lws *wsi)
{
	close_lost_watcher(connection, wsi);
	lws_set_opaque_user_data(wsi, NULL);
	connection->wsi = NULL;
	set_problem(connection, ERR_UNAVAILABLE, "the connection was lost");
	finish_later(connection);
}

/* Others come with a struct that is no connection's, or tell nothing that we want to know. */
static bool concerns_us(enum lws_callback_reasons reason)
{
	switch ((int)reason) {
	case LWS_CALLBACK_WSI_CREATE:
	case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
	case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
	case LWS_CALLBACK_CLIENT_RECEIVE:
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
	case LWS_CALLBACK_CLIENT_WRITEABLE:
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
	case LWS_CALLBACK_CLIENT_CLOSED:
	case LWS_CALLBACK_WSI_DESTROY:
		return true;
	default:
		return false;
	}
}

static int on_established(struct ws_connection *connection)
{
	if (connection->state != CONNECTING)
		return -1;
	connection->state = OPEN;
	uv_timer_stop(&connection->timer);
	if (connection->options.handler.established)
		connection->options.handler.established(connection->options.context);
	return 0;
}

int ws_connection_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			   size_t len)
{
	struct ws_connection *connection = concerns_us(reason) ? lws_get_opaque_user_data(wsi) : NULL;

	if (!connection)
		return 0;
	switch ((int)reason) {
	case LWS_CALLBACK_WSI_CREATE:
		connection->connected = true;
		return 0;
	case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
		on_certificate(connection, user, len != 0);
		return 0;
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return add_token(connection, in, len);
	case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
		return check_subprotocol(connection, wsi);
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		return on_established(connection);
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return on_received(connection, wsi, in, len);
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		if (connection->state == OPEN && connection->options.handler.pong)
			connection->options.handler.pong(connection->options.context);
		return 0;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return on_writable(connection, wsi);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		on_peer_close(connection, in, len);
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		on_refused(connection, wsi, in, len);
		on_gone(connection, wsi);
		return 0;
	default: /* CLIENT_CLOSED, WSI_DESTROY */
		on_gone(connection, wsi);
		return 0;
	}
}
