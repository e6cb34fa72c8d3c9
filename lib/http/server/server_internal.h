/* What server.c (daemon and loop), listener.c (the port), connection.c (how many, and how long), exchange.c
 * (one request), framing.c (of its body), answer.c (its answer), hangup.c (a connection that waits for it),
 * linger.c (closing one whose client is still sending) and unheard.c (whom no handler hears of) share. */
#ifndef SKILLBOX_LIB_HTTP_SERVER_SERVER_INTERNAL_H
#define SKILLBOX_LIB_HTTP_SERVER_SERVER_INTERNAL_H

#include "lib/base/buffer.h"
#include "lib/base/map.h"
#include "lib/http/server/chunks.h"
#include "lib/http/server/pace.h"
#include "lib/http/server/server.h"
#include "lib/http/server/tls.h"

#include <microhttpd.h>
#include <sys/queue.h>

#define HTTP_MAX_ANSWER_HEADERS 32
#define HTTP_STREAM_QUEUE (1 << 20)
#define HTTP_HEADER_MEMORY (64 << 10) /* a connection's pool: bounds the headers of request and answer */

struct http_lingerer;
struct http_address;

enum http_phase {
	HTTP_PHASE_WAITS, /* for us, or the stream for its next piece */
	HTTP_PHASE_BODY,  /* the request comes */
	HTTP_PHASE_ANSWER /* the answer goes */
};

struct http_connection {
	TAILQ_ENTRY(http_connection) link; /* those without a request by since_ms */
	struct http_server *server;
	int fd;
	struct http_address *address;
	struct http_exchange *exchange; /* its request; NULL between requests */
	uint64_t headers_by_ms;         /* while there is none */
	enum http_phase phase;
	uint64_t pace_since_ms, pace_bytes;
	bool is_surplus; /* to be refused, see connection.c */
	enum http_unheard why;
	bool is_cut;
	bool had_request;
	uint64_t since_ms; /* it came, or its last answer ended */
	struct str read;   /* by the daemon, the last time */
};

struct http_server {
	uv_loop_t *loop;
	struct MHD_Daemon *daemon;
	uv_poll_t poll;   /* the daemon's epoll descriptor */
	uv_timer_t timer; /* its next deadline */
	uv_idle_t idle;   /* active: it gets a turn in the next turn of the loop */
	unsigned spins;   /* turns at once, since something came in */
	uv_timer_t look;  /* while there are connections: at their deadlines */
	uv_poll_t listen_poll;
	int listen_fd;    /* -1: closed */
	unsigned handles; /* open libuv handles; the memory goes with the last */
	bool quiesced, closing;
	uint16_t port;
	unsigned active;
	unsigned max_lingerers, lingerers;
	unsigned idle_timeout_s;
	unsigned max_connections, max_connections_per_address;
	uint64_t header_timeout_ms, pace_ms;
	struct http_counts counts;
	unsigned surplus;                 /* connections beside counts.connections */
	struct http_connection *accepted; /* on its way into the daemon */
	TAILQ_HEAD(, http_connection) open;
	struct map addresses;
	struct http_connection **by_fd; /* those of `open` */
	size_t by_fd_size;
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
	bool is_first;     /* see be_first in hangup.c */
	bool half_closed;  /* the client sends no more */
	uint64_t received; /* bytes of the body */
	/* framing.c: */
	bool is_chunked, is_misframed, is_unseen;
	struct chunks chunks;
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
int http_connection_fd(struct MHD_Connection *connection);
int http_exchange_fd(const struct http_exchange *exchange);
void http_exchange_end_half_closed(const struct http_exchange *exchange); /* it was answered */
void http_exchange_suspend(struct http_exchange *exchange);
void http_exchange_resume(struct http_exchange *exchange);   /* does nothing if it isn't suspended */
void http_exchange_had_turn(struct http_exchange *exchange); /* the daemon calls, perhaps behind a resume */

/* listener.c */
int http_listener_open(struct http_server *server, const struct http_server_options *options,
		       struct error *err);
int http_listener_start(struct http_server *server, struct error *err);
void http_listener_go_on(struct http_server *server);
void http_listener_close(struct http_server *server);

/* connection.c */
struct sockaddr;
void http_connection_accepted(struct http_server *server, int fd, const struct sockaddr *from,
			      socklen_t size);                         /* takes fd */
void http_connection_started(struct http_server *server, void **slot); /* the daemon has it */
void http_connection_ended(struct http_server *server, void **slot);
struct http_connection *http_connection_of(struct MHD_Connection *daemons); /* NULL: not ours */
/* exchange NULL: its request has ended. */
void http_connection_request(struct http_connection *connection, struct http_exchange *exchange);
void http_connections_look(uv_timer_t *timer);
unsigned http_server_surplus_max(const struct http_server *server);

/* framing.c */
void http_framing_turn(struct http_server *server); /* NULL: it is over */
void http_framing_begin(struct http_exchange *exchange);

/* unheard.c */
int http_unheard_status(enum http_unheard why);
/* Appends what a client is told; the content type of body. */
const char *http_unheard_words(const struct http_server *server, enum http_unheard why,
			       struct buffer *headers, struct buffer *body);
void http_unheard_tell(const struct http_server *server, int fd, enum http_unheard why);
/* The same in the daemon's turn for that connection, which it closes then: MHD_NO. */
enum MHD_Result http_unheard_refuse(struct http_server *server, struct MHD_Connection *connection,
				    enum http_unheard why);
/* Of a connection that was accepted just now. */
void http_misdirected_check(struct http_server *server, struct MHD_Connection *connection);
/* MHD_queue_response for answers of ours. */
enum MHD_Result http_queue_response(struct MHD_Connection *connection, unsigned status,
				    struct MHD_Response *response);

/* linger.c */
void http_linger(struct http_server *server, int fd); /* takes fd */
void http_linger_stop(struct http_server *server);

void http_server_wake(struct http_server *server);
void http_server_handle_closed(struct http_server *server);
void http_server_on_handle_closed(uv_handle_t *handle); /* its data: the server */

#endif
