/* Routes: which handler answers a method and path. The table is in rest/routes.c; the matching knows no HTTP.
 */
#ifndef SKILLBOX_APISERVER_HTTP_ROUTE_H
#define SKILLBOX_APISERVER_HTTP_ROUTE_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct request;

#define ROUTE_MAX_PARAMS 3
#define ROUTE_MAX_PATH 4096 /* bytes: that of a file, each of whose bytes is escaped, and more */

/* Which limit counts. */
enum route_body { ROUTE_BODY_NONE, ROUTE_BODY_JSON, ROUTE_BODY_SKILL, ROUTE_BODY_BLOB };

struct route {
	const char *method; /* GET answers HEAD too */
	/* "/v1/skills/:name/:version"; "*path" last: a parameter with the rest of the path, which is
	 * something;
	 * "*" last: the rest, whatever it is, which is no parameter */
	const char *pattern;
	/* One of these is needed, SCOPE_…; 0: no key at all. */
	unsigned scopes;
	enum route_body body;
	/* Refused while the server is shutting down. */
	bool is_work;
	/* Headers are there: false when the request was answered (refused). NULL: the body is collected in
	 * request->body. */
	bool (*begin)(struct request *request);
	/* With begin: where the body goes. */
	void (*piece)(struct request *request, struct str piece);
	/* The body is complete: answer, now or later. */
	void (*handle)(struct request *request);
};

struct route_match {
	const struct route *route;
	/* Decoded, in `text`. */
	struct str params[ROUTE_MAX_PARAMS];
	/* The caller's to free, in every case. */
	struct buffer text;
};

/* ERR_NOT_FOUND; or ERR_METHOD_NOT_ALLOWED with the methods that the path has in match->text ("GET, DELETE").
 */
int route_find(const struct route *table, size_t count, struct str method, struct str path,
	       struct route_match *ret, struct error *err);

#endif
