/* Routes: which handler answers a method and path. One table (routes.c); the matching knows no HTTP. */
#ifndef SKILLBOX_APISERVER_HTTP_ROUTE_H
#define SKILLBOX_APISERVER_HTTP_ROUTE_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct request;

#define ROUTE_MAX_PARAMS 2
#define ROUTE_MAX_PATH 2048 /* bytes */

/* What a key may do. */
#define SCOPE_RUN 1u
#define SCOPE_PUSH 2u
#define SCOPE_ADMIN 4u /* includes the others */

enum route_body {
	ROUTE_BODY_NONE,
	ROUTE_BODY_JSON,
	ROUTE_BODY_SKILL,
	ROUTE_BODY_BLOB
}; /* which limit counts */

struct route {
	const char *method;  /* GET answers HEAD too */
	const char *pattern; /* "/v1/skills/:name/:version"; "*" last: the rest of the path, undecoded */
	unsigned scopes;     /* one of these is needed; 0: no key at all */
	enum route_body body;
	bool is_work; /* refused while the server is shutting down */
	/* Headers are there: false when the request was answered (refused). NULL: the body is collected in
	 * request->body. */
	bool (*begin)(struct request *request);
	void (*piece)(struct request *request, struct str piece); /* with begin: where the body goes */
	void (*handle)(struct request *request); /* the body is complete: answer, now or later */
};

struct route_match {
	const struct route *route;
	struct str params[ROUTE_MAX_PARAMS]; /* decoded, in `text` */
	struct buffer text;                  /* the caller's to free, in every case */
};

/* ERR_NOT_FOUND; or ERR_METHOD_NOT_ALLOWED with the methods that the path has in match->text ("GET, DELETE").
 */
int route_find(const struct route *table, size_t count, struct str method, struct str path,
	       struct route_match *ret, struct error *err);

/* The API's own table. */
extern const struct route route_table[];
extern const size_t route_count;

#endif
