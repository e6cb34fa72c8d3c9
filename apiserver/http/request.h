/* One REST request: who asks, what came, what is answered. It is an operation: a handler that waits for
 * something holds a reference; when the client hangs up meanwhile the answer goes nowhere, and everything
 * else goes on. */
#ifndef SKILLBOX_APISERVER_HTTP_REQUEST_H
#define SKILLBOX_APISERVER_HTTP_REQUEST_H

#include "apiserver/http/body.h"
#include "apiserver/http/rate_limit.h"
#include "apiserver/http/route.h"
#include "apiserver/operation.h"
#include "apiserver/usage.h"
#include "lib/base/digest.h"
#include "lib/http/server/server.h"

struct request {
	struct operation operation; /* the first member */
	/* NULL once the exchange ended. */
	struct http_exchange *exchange;
	/* NULL: none matched. */
	const struct route *route;
	/* match.params: of the path. */
	struct route_match match;
	/* Of the API key, as sent. */
	char key_hash[DIGEST_HEX_SIZE];
	struct rate_limiter_address from;
	/* It is one of server->doubtful_lookups. */
	bool is_doubtful;
	struct body taken;
	/* Whole, when `handle` is called, unless the route takes it itself. Gone with body_clear(&taken). */
	struct str body;
	int64_t body_max, body_received;
	/* Of a request with a signed link; lives as long as the request. */
	const char *link_tenant;
	/* What it uses beside that while it lasts. */
	struct usage_hold hold;
	/* When the exchange ends before an answer came: whoever works for it need not any more. NULL: nobody.
	 */
	void (*gone)(void *context);
	void *gone_context;
	/* Of the answer; 0: none yet. */
	int status;
	int64_t started_us;
	/* The handler's own: request_set_state. */
	void *state;
	void (*free_state)(void *state);
};

/* With one reference, for as long as the exchange lasts, whose data it becomes; its id is chosen. NULL
 * without memory. */
struct request *request_new(struct apiserver *server, struct http_exchange *exchange);
struct request *request_of(struct operation *operation);
struct request *request_ref(struct request *request);
void request_unref(struct request *request);

/* The handler goes on with this; what was there before is freed. */
void request_set_state(struct request *request, void *state, void (*free_state)(void *state));

#endif
