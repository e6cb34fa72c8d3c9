/* One REST request: who asks, what came, what is answered. A handler that waits for something holds a
 * reference; when the client hangs up meanwhile the answer goes nowhere, and everything else goes on. */
#ifndef SKILLBOX_APISERVER_HTTP_REQUEST_H
#define SKILLBOX_APISERVER_HTTP_REQUEST_H

#include "apiserver/http/rate_limit.h"
#include "apiserver/http/route.h"
#include "apiserver/server.h"
#include "lib/base/digest.h"
#include "lib/http/server/server.h"

#define REQUEST_ID_MAX 128
#define REQUEST_ANSWER_MAX ((size_t)64 << 20) /* bytes of a JSON answer */
#define REQUEST_JSON_TYPE "application/json; charset=utf-8"

struct request {
	struct apiserver *server;
	struct http_exchange *exchange; /* NULL once the exchange ended */
	const struct route *route;      /* NULL: none matched */
	struct route_match match;       /* match.params: of the path */
	char id[REQUEST_ID_MAX + 1];
	char *tenant, *namespace; /* of the key; NULL on routes without one */
	char key_id[64];
	char key_hash[DIGEST_HEX_SIZE]; /* as sent */
	struct guard_address from;
	unsigned scopes;
	struct buffer body; /* unless the route takes it itself */
	int64_t body_max, body_received;
	int status; /* of the answer; 0: none yet */
	int64_t started_us;
	void *state; /* the handler's own, freed with free_state */
	void (*free_state)(void *state);
	unsigned references;
	struct request *previous, *next; /* server->requests */
};

struct request *request_ref(struct request *request);
void request_unref(struct request *request);

/* The handler goes on with this; what was there before is freed. */
void request_set_state(struct request *request, void *state, void (*free_state)(void *state));

/* The answer, once; later ones are ignored. A body that failed (too large, no memory) becomes a 503. */
void request_answer_json(struct request *request, int status, const struct buffer *body);
void request_answer_error(struct request *request, const struct error *err);
/* With a code that is not in the table of errors. */
void request_answer_error_as(struct request *request, int status, const char *code, const char *message);
void request_answer_text(struct request *request, int status, const char *content_type, struct str text);
void request_answer_file(struct request *request, const char *content_type, int fd,
			 int64_t size); /* takes fd */
/* 200 with a body that comes in pieces: then http_exchange_stream_write and …_finish. -1: it can't be. */
int request_stream_start(struct request *request, const char *content_type,
			 void (*drained)(void *context, struct http_exchange *exchange), void *context);
bool request_is_answered(const struct request *request);

/* error_set and request_answer_error in one. */
void request_refuse(struct request *request, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Log what really happened (err, with the request's id), and tell the client only that `what` ("the skill
 * could not be stored") failed: 503 if a repeat may help, else 500. */
void request_answer_fault(struct request *request, const char *what, const struct error *err);

/* The same for a call to the Kubernetes API. */
struct kube_response;
void request_answer_kube(struct request *request, const char *what, const struct kube_response *response);

/* Header of the answer; failure is logged. */
void request_header(struct request *request, const char *name, const char *value);

/* The handler of the listener; context: struct apiserver. */
struct http_handler request_http_handler(struct apiserver *server);

#endif
