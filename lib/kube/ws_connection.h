/* One WebSocket to the API server. What watch.c and exec.c share; nothing outside lib/kube includes it. */
#ifndef SKILLBOX_KUBE_WS_CONNECTION_H
#define SKILLBOX_KUBE_WS_CONNECTION_H

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/kube/ws.h"

#include <stdbool.h>
#include <stddef.h>

struct ws_connection;

#define WS_MAX_MESSAGE_OUT 65536 /* bytes of one message that we send: one frame, never fragmented */

struct ws_handler {
	void (*established)(void *context); /* may be NULL */
	/* A piece of a message, in order; last: the message ends with it. A message has at least one piece,
	 * maybe empty. */
	void (*received)(void *context, struct str piece, bool last);
	/* The socket takes another message: write it to `out` (room: WS_MAX_MESSAGE_OUT), return its length;
	 * 0: there is none. Called after ws_connection_want_write, and again after each message until it
	 * returns 0. May be NULL. */
	size_t (*fill)(void *context, unsigned char *out);
	void (*pong)(void *context); /* the peer answered a ping; may be NULL */
	/* Once, last, from the loop, never from inside another call: it is over, and the object is freed
	 * after it. A refused handshake has the code of the HTTP status and the server's message; a close
	 * frame ERR_UNAVAILABLE with its words. */
	void (*closed)(void *context, const struct error *problem);
};

struct ws_options {
	const char *path;        /* with query; copied; at most WS_MAX_PATH bytes */
	const char *subprotocol; /* a literal; NULL: none. The server must agree to it. */
	unsigned open_timeout_ms;
	struct ws_handler handler;
	void *context;
};
#define WS_MAX_PATH 1800 /* libwebsockets 4.1 cuts the request line at about 2 KB without a word */

struct ws_connection *ws_connection_open(struct kube_ws *ws, const struct ws_options *options,
					 struct error *err);
void ws_connection_want_write(struct ws_connection *connection);
void ws_connection_pause(struct ws_connection *connection, bool pause); /* stop reading */
/* No callback afterwards; safe from inside a callback; NULL-safe; returns NULL. */
struct ws_connection *ws_connection_close(struct ws_connection *connection);

#endif
