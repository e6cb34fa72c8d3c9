/* What server.c (daemon and loop), exchange.c (one request), answer.c (its answer), hangup.c (a connection
 * that waits for it), linger.c (closing one whose client is still sending) and misdirected.c (who speaks
 * something else) share. */
#ifndef SKILLBOX_LIB_HTTP_SERVER_SERVER_INTERNAL_H
#define SKILLBOX_LIB_HTTP_SERVER_SERVER_INTERNAL_H

#include "lib/base/buffer.h"
#include "lib/http/server/server.h"
#include "lib/http/server/tls.h"

#include <microhttpd.h>
#include <sys/queue.h>

#define HTTP_MAX_ANSWER_HEADERS 32
#define HTTP_STREAM_QUEUE (1 << 20)
#define HTTP_HEADER_MEMORY (64 << 10) /* a connection's pool: bounds the headers of request and answer */

struct http_lingerer;

struct http_server {
	uv_loop_t *loop;
	struct MHD_Daemon *daemon;
	uv_poll_t poll;   /* the daemon's epoll descriptor */
	uv_timer_t timer; /* its next deadline */
	uv_idle_t idle;   /* active: it gets a turn in the next turn of the loop */
	unsigned spins;   /* turns at once, since something came in */
	unsigned handles; /* open libuv handles; the memory goes with the last */
	bool quiesced, closing;
	uint16_t port;
	unsigned active;
	unsigned max_lingerers, lingerers;
	unsigned idle_timeout_s;
	struct http_handler handler;
	char *tls_cert_pem, *tls_key_pem;
	struct http_tls *tls; /* NULL: plain HTTP */
	LIST_HEAD(, http_exchange) exchanges;
	TAILQ_HEAD(, http_lingerer) lingering;
};

struct http_answer_header {
	const char *name;
	char *value;
};

struct http_text {
	struct http_text *next;
	char bytes[];
};

struct hangup_watch {
	uv_poll_t poll;
	struct http_server *server;
	struct http_exchange *exchange;
};

struct http_exchange {
	LIST_ENTRY(http_exchange) link;
	struct http_server *server;
	struct MHD_Connection *connection;
	const char *method, *target, *path; /* the daemon's, valid as long as the request */
	int64_t content_length;
	bool has_body;
	void *data;

	bool begun;                 /* the handler knows of it */
	bool held;                  /* since `begin`: the handler decides later about the body */
	bool headers_again;         /* the daemon's next call is for the headers once more */
	bool completed;             /* the handler's `complete` was called */
	bool queued;                /* the daemon has the answer */
	bool gone;                  /* the client hung up, or the answer could not be made: close */
	struct hangup_watch *watch; /* set exactly while the connection is suspended and can be watched */
	bool suspended;
	bool is_first;      /* see be_first in hangup.c */
	uint64_t discarded; /* body bytes since the answer was given, and when that was */
	uint64_t answered_at_ms;
	int linger_fd; /* a second descriptor of the connection, or -1; see linger.c */

	bool answered;
	unsigned status;
	struct MHD_Response *response; /* of an answer that was given, until `end` */
	struct http_answer_header headers[HTTP_MAX_ANSWER_HEADERS];
	size_t header_count;
	struct http_text *texts; /* decoded query values */

	bool streaming, finished, wants_drained;
	struct buffer queue;
	size_t queue_start; /* bytes of the queue that are sent */
	void (*drained)(void *context, struct http_exchange *exchange);
	void *drained_context;
};

/* exchange.c: the daemon's callbacks */
enum MHD_Result http_exchange_on_request(void *server, struct MHD_Connection *connection, const char *url,
					 const char *method, const char *version, const char *piece,
					 size_t *piece_size, void **context);
void http_exchange_on_completed(void *server, struct MHD_Connection *connection, void **context,
				enum MHD_RequestTerminationCode why);

/* hangup.c */
int http_exchange_fd(const struct http_exchange *exchange);
void http_exchange_end_half_closed(const struct http_exchange *exchange); /* it was answered */
void http_exchange_suspend(struct http_exchange *exchange);
void http_exchange_resume(struct http_exchange *exchange);   /* does nothing if it isn't suspended */
void http_exchange_had_turn(struct http_exchange *exchange); /* the daemon calls, perhaps behind a resume */

/* misdirected.c: of a connection that was accepted just now */
void http_misdirected_check(struct http_server *server, struct MHD_Connection *connection);

/* linger.c */
void http_linger(struct http_server *server, int fd); /* takes fd */
void http_linger_stop(struct http_server *server);

void http_server_wake(struct http_server *server);
void http_server_handle_closed(struct http_server *server);

#endif
