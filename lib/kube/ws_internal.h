/* What ws.c (the context), ws_tls.c and ws_connection.c share. */
#ifndef SKILLBOX_KUBE_WS_INTERNAL_H
#define SKILLBOX_KUBE_WS_INTERNAL_H

#include "lib/kube/ws_connection.h"

#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <sys/queue.h>
#include <uv.h>

struct ws_server { /* from the configuration's server URL */
	bool tls;
	char *host;   /* name or address, without brackets */
	char *header; /* for the Host header: "host:port", "[::1]:6443" */
	char *prefix; /* path before every request's, "" mostly */
	int port;
};

struct kube_ws {
	struct kube_client *client;
	uv_loop_t *loop;
	struct ws_server server;
	SSL_CTX *tls;
	struct lws_context *context; /* set to NULL by libwebsockets when it is gone */
	LIST_HEAD(, ws_connection) connections;
	unsigned char *out; /* the message that is being sent, with LWS_PRE before it */
	uv_idle_t destroyer;
	unsigned destroy_turns;
};

int ws_server_parse(const char *url, struct ws_server *ret, struct error *err);
void ws_server_free(struct ws_server *server);

/* A client context that checks the server's certificate against host and, if there is one, shows ours. */
SSL_CTX *ws_tls_new(const struct kube_config *config, const char *host, struct error *err);

/* The callback of the one protocol. */
int ws_connection_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			   size_t len);
/* The context goes: forget the connection, no callbacks. */
void ws_connection_orphan(struct ws_connection *connection);
#define WS_PROTOCOL_NAME "skillbox"

#endif
