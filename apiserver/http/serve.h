/* Requests from their first byte to their last: each is admitted (route, key, scope, sizes), its body taken,
 * handed to its handler, and noted when it has ended. */
#ifndef SKILLBOX_APISERVER_HTTP_SERVE_H
#define SKILLBOX_APISERVER_HTTP_SERVE_H

#include "apiserver/apiserver.h"
#include "lib/http/server/server.h"

/* The handler of the port for clients, with server->routes. */
struct http_handler serve_http_handler(struct apiserver *server);
/* Of the port for probes, with server->probe_routes. */
struct http_handler serve_probe_handler(struct apiserver *server);

#endif
