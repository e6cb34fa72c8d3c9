#include "lib/kube/ws_internal.h"

#include "lib/base/buffer.h"

#include <stdlib.h>
#include <sys/resource.h>

#define RECEIVE_SIZE 65536
#define MAX_DESCRIPTORS 65536
/* Pings find a peer that is gone, and keep load balancers from dropping idle streams. */
#define PING_AFTER_S 30
#define HANG_UP_AFTER_S 60

/* The server's address */

void ws_server_free(struct ws_server *server)
{
	free(server->host);
	free(server->header);
	free(server->prefix);
	*server = (struct ws_server){0};
}

/* "host", "host:port", "[v6]:port" → host and port */
static int parse_authority(struct str authority, struct ws_server *server)
{
	struct str host = authority, port = {0}, rest;
	int64_t number = server->tls ? 443 : 80;

	if (authority.n > 0 && authority.p[0] == '[') {
		struct str inside = {authority.p + 1, authority.n - 1};

		if (!str_split_once(inside, ']', &host, &rest))
			return -1;
		if (rest.n > 0) {
			if (rest.p[0] != ':')
				return -1;
			port = (struct str){rest.p + 1, rest.n - 1};
			if (port.n == 0)
				return -1;
		}
	} else if (str_split_once(authority, ':', &host, &port) && port.n == 0) {
		return -1;
	}
	if (host.n == 0 || host.n > 253 || (port.n > 0 && !str_to_i64(port, 1, 65535, &number)))
		return -1;
	server->host = str_dup(host);
	server->header = str_dup(authority);
	server->port = (int)number;
	return 0;
}

int ws_server_parse(const char *url, struct ws_server *ret, struct error *err)
{
	struct ws_server server = {0};
	struct str rest = str_of(url), authority, path;

	if (str_starts_with(rest, STR("https://"))) {
		server.tls = true;
		rest = (struct str){rest.p + 8, rest.n - 8};
	} else if (str_starts_with(rest, STR("http://"))) {
		rest = (struct str){rest.p + 7, rest.n - 7};
	} else {
		return error_set(err, ERR_BAD_REQUEST, "server \"%s\" is neither http:// nor https://", url);
	}
	if (str_split_once(rest, '/', &authority, &path))
		path = (struct str){path.p - 1, path.n + 1};
	while (path.n > 0 && path.p[path.n - 1] == '/')
		path.n--;
	if (parse_authority(authority, &server) < 0)
		return error_set(err, ERR_BAD_REQUEST, "server \"%s\" has no valid host and port", url);
	server.prefix = str_dup(path);
	if (!server.host || !server.header || !server.prefix) {
		ws_server_free(&server);
		return error_no_memory(err);
	}
	*ret = server;
	return 0;
}

/* The context */

/* Tables are sized by the soft limit: "unlimited" (a billion, some container engines) would be gigabytes, and
 * 1,024 (the usual default) is too few for hundreds of streams. */
static void fit_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < MAX_DESCRIPTORS ? limit.rlim_max : MAX_DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit); /* if not, what was there serves */
}

static struct lws_context *context_new(struct kube_ws *ws, struct error *err)
{
	/* Statics without state: libwebsockets keeps pointers to them. */
	static const struct lws_protocols protocols[] = {
	    {.name = WS_PROTOCOL_NAME, .callback = ws_connection_callback, .rx_buffer_size = RECEIVE_SIZE},
	    {0},
	};
	static const lws_retry_bo_t policy = {
	    .secs_since_valid_ping = PING_AFTER_S,
	    .secs_since_valid_hangup = HANG_UP_AFTER_S,
	};
	void *loops[] = {ws->loop};
	struct lws_context_creation_info info = {
	    .port = CONTEXT_PORT_NO_LISTEN,
	    .protocols = protocols,
	    .options = LWS_SERVER_OPTION_LIBUV,
	    .foreign_loops = loops,
	    .pt_serv_buf_size = RECEIVE_SIZE,
	    .retry_and_idle_policy = &policy,
	    .pcontext = &ws->context,
	    .http_proxy_address = "", /* don't look into $http_proxy */
	};
	struct lws_context *context;

	if (ws->tls) {
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.provided_client_ssl_ctx = ws->tls;
	}
	lws_set_log_level(0, NULL); /* failures come back through callbacks */
	context = lws_create_context(&info);
	if (!context)
		error_set(
		    err, ERR_INTERNAL,
		    "libwebsockets can't start on the libuv loop (is libwebsockets-evlib-uv installed?)");
	return context;
}

static void destroy(struct kube_ws *ws)
{
	ws_server_free(&ws->server);
	SSL_CTX_free(ws->tls);
	free(ws->out);
	free(ws);
}

struct kube_ws *kube_ws_new(struct kube_client *client, struct error *err)
{
	const struct kube_config *config = kube_client_config(client);
	struct kube_ws *ws = calloc(1, sizeof *ws);

	if (!ws) {
		error_no_memory(err);
		return NULL;
	}
	ws->client = client;
	ws->loop = kube_client_loop(client);
	LIST_INIT(&ws->connections);
	ws->out = malloc(LWS_PRE + WS_MAX_MESSAGE_OUT);
	if (!ws->out) {
		error_no_memory(err);
		goto fail;
	}
	if (ws_server_parse(config->server, &ws->server, err) < 0)
		goto fail;
	if (ws->server.tls) {
		ws->tls = ws_tls_new(config, ws->server.host, err);
		if (!ws->tls)
			goto fail;
	}
	fit_descriptor_limit();
	ws->context = context_new(ws, err);
	if (!ws->context)
		goto fail;
	uv_idle_init(ws->loop, &ws->destroyer);
	ws->destroyer.data = ws;
	return ws;
fail:
	destroy(ws);
	return NULL;
}

static void on_destroyer_closed(uv_handle_t *handle)
{
	destroy(handle->data);
}

/* lws_context_destroy starts the closing of libuv handles, of which some are closed only in the close
 * callbacks of others. 4.1 doesn't say when they are done, and on a loop that isn't its own wants to be
 * called again then: each step takes one turn of the loop, so a few turns later. 4.3 comes by itself and sets
 * ws->context to NULL. */
#define DESTROY_TURNS 8

static void on_destroy_turn(uv_idle_t *destroyer)
{
	struct kube_ws *ws = destroyer->data;

	if (ws->context && ++ws->destroy_turns < DESTROY_TURNS)
		return;
	if (ws->context)
		lws_context_destroy(ws->context);
	uv_idle_stop(destroyer);
	uv_close((uv_handle_t *)destroyer, on_destroyer_closed);
}

struct kube_ws *kube_ws_free(struct kube_ws *ws)
{
	struct ws_connection *connection;

	if (!ws || ws->destroy_turns > 0)
		return NULL;
	ws->destroy_turns = 1;
	while ((connection = LIST_FIRST(&ws->connections)))
		ws_connection_orphan(connection);
	lws_context_destroy(ws->context);
	uv_idle_start(&ws->destroyer, on_destroy_turn);
	return NULL;
}

struct kube_client *kube_ws_client(const struct kube_ws *ws)
{
	return ws->client;
}
