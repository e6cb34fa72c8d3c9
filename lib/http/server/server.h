/* A libmicrohttpd listener on a libuv loop (its epoll descriptor polled, MHD_run, MHD_get_timeout).
 * Connections are suspended while a handler waits; there are no threads. This layer knows HTTP, not our
 * routes. */
#ifndef SKILLBOX_LIB_HTTP_SERVER_SERVER_H
#define SKILLBOX_LIB_HTTP_SERVER_SERVER_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct http_server;
struct http_exchange; /* one request and its answer */

enum http_unheard {
	HTTP_SENT_TLS,             /* 400: TLS to a port without */
	HTTP_SENT_PLAIN,           /* 400: plain HTTP to one with TLS */
	HTTP_TOO_MANY_CONNECTIONS, /* 503 */
	HTTP_TOO_MANY_OF_ADDRESS,  /* 503 */
	/* What can't be read: */
	HTTP_MALFORMED,         /* 400: the request, its headers, the framing of its body; no Host */
	HTTP_CHUNK_TOO_LARGE,   /* 413 */
	HTTP_TARGET_TOO_LONG,   /* 414 */
	HTTP_HEADERS_TOO_LARGE, /* 431 */
	HTTP_FAILED,            /* 500: no memory for it */
	HTTP_OTHER_VERSION      /* 505 */
};

struct http_handler {
	/* Headers are complete, no body byte is read yet. To take the body, return true. To answer at once
	 * (401, 413 …) call http_exchange_answer and return false: the rest of the body is drained (bounded
	 * by time and size), so that the answer reaches a client that is mid-upload. If there is a body, such
	 * an answer ends the connection. */
	bool (*begin)(void *context, struct http_exchange *exchange);
	/* A piece of the body (de-chunked). After an answer was given it is not called any more; the answer
	 * is sent when the client has sent the rest, and a client that sends far more than that is cut off.
	 */
	void (*body)(void *context, struct http_exchange *exchange, struct str piece);
	/* The body is complete: answer now, or later (the connection is suspended until
	 * http_exchange_answer). */
	void (*complete)(void *context, struct http_exchange *exchange);
	/* The exchange ends (answered and sent, or the client hung up, also while its connection was
	 * suspended): free what hangs on it; the pointer is invalid afterwards. A client that only shut down
	 * its sending side gets its answer; one that closed its socket while it waited looks the same at
	 * first, and is noticed by its reaction to a byte of urgent data. */
	void (*end)(void *context, struct http_exchange *exchange);
	void *context;
	/* A request that is refused before `begin` (see http_server_new), which isn't called then: answer 400
	 * with why. `end` follows. NULL: it's answered in plain text. */
	void (*refuse)(void *context, struct http_exchange *exchange, const char *why);
	/* No handler hears of a client, which is told so with the JSON that this appends to body, and the
	 * lines (with their CR LF) that it appends to headers; its connection is closed. NULL: in plain text.
	 */
	void (*unheard)(void *context, enum http_unheard why, struct buffer *headers, struct buffer *body);
};

struct http_server_options {
	uint16_t port;       /* 0: a free one, see http_server_port */
	const char *address; /* NULL: any address, IPv4 (and IPv6 where there is one) */
	/* One more is told to come later. 0 means 1,024, and of an address as many as of all. */
	unsigned max_connections, max_connections_per_address;
	/* From a connection to the end of its first request's headers, a handshake included. 0 means 10 s. */
	unsigned header_timeout_ms;
	/* In each such time 30 KiB of a body must come, or of an answer be taken. 0 means 30 s: a kilobyte a
	 * second is less than a modem had, and half a minute is longer than a train's tunnel. */
	unsigned pace_ms;
	/* A connection on which nothing moves, and one between requests until the end of the next headers;
	 * suspended ones don't count. 0 means 75: longer than the 60 s of common load balancers, which would
	 * else send a request into a connection that is being closed. */
	unsigned idle_timeout_s;
	const char *tls_cert_pem, *tls_key_pem; /* PEM text or NULL; copied */
};

/* Since the start, but for connections: open now. */
struct http_counts {
	unsigned connections;
	unsigned long long refused;   /* one too many */
	unsigned long long made_room; /* without a request, and closed for another one */
	/* Closed since the client was too slow: with a request's headers, its body (a kilobyte a second, on
	 * average over half a minute), taking its answer (the same). */
	unsigned long long slow_headers, slow_bodies, slow_answers;
};

/* Requests whose end is ambiguous (Transfer-Encoding and Content-Length, two of either, malformed headers)
 * are answered with 400 before `begin` sees them; headers are bounded at about 60 KiB (431). SIGPIPE is
 * ignored from here on. */
struct http_server *http_server_new(uv_loop_t *loop, const struct http_server_options *options,
				    const struct http_handler *handler, struct error *err);
/* Another pair, in PEM, from the next connection on; those that are open keep theirs. Nothing changes on
 * failure (ERR_BAD_REQUEST: it is no pair, or the port has no TLS). */
int http_server_set_certificate(struct http_server *server, const char *cert_pem, const char *key_pem,
				struct error *err);
uint16_t http_server_port(const struct http_server *server);
void http_server_quiesce(struct http_server *server);          /* stop accepting; open connections go on */
unsigned http_server_active(const struct http_server *server); /* exchanges between begin and end */
const struct http_counts *http_server_counts(const struct http_server *server);
/* Closes all connections (the handler's `end` is called for what runs). Not from inside the handler.
 * NULL-safe, returns NULL; the memory goes when the loop has run its close callbacks. */
struct http_server *http_server_free(struct http_server *server);

/* Of the request; strings are valid until end. */
struct str http_exchange_method(const struct http_exchange *exchange);
/* As sent, before '?' and, in a target of absolute form, behind the authority; not decoded. */
struct str http_exchange_path(const struct http_exchange *exchange);
bool http_exchange_query(const struct http_exchange *exchange, const char *name, struct str *ret_decoded);
/* How often it is there; http_exchange_query gives the first. */
unsigned http_exchange_query_count(const struct http_exchange *exchange, const char *name);
struct sockaddr;
const struct sockaddr *http_exchange_peer(const struct http_exchange *exchange); /* NULL: not known */
/* Names of headers are compared without regard to case. */
bool http_exchange_header(const struct http_exchange *exchange, const char *name, struct str *ret);
unsigned http_exchange_header_count(const struct http_exchange *exchange, const char *name);
/* -1: not given (chunked or no body) */
int64_t http_exchange_content_length(const struct http_exchange *exchange);

/* Called from `begin`, when it isn't decided yet whether the body is wanted; begin then returns true. Nothing
 * more is read until http_exchange_go_on, after which body and complete are called as usual, or until an
 * answer. */
void http_exchange_hold(struct http_exchange *exchange);
void http_exchange_go_on(struct http_exchange *exchange);

void http_exchange_set_data(struct http_exchange *exchange, void *data);
void *http_exchange_data(const struct http_exchange *exchange);

/* Response headers, before the answer: name is a literal or lives until end; value is copied; CR and LF
 * refused. */
int http_exchange_add_header(struct http_exchange *exchange, const char *name, const char *value);

/* The answer, once; body is copied. Wakes the connection. */
void http_exchange_answer(struct http_exchange *exchange, int status, const char *content_type,
			  struct str body);

/* The answer is a file: size bytes from offset 0 of fd, which is closed when done. */
void http_exchange_answer_file(struct http_exchange *exchange, int status, const char *content_type, int fd,
			       int64_t size);

/* A streamed answer (chunked): start, then write pieces (copied; false: the client's queue, 1 MiB, is full:
 * nothing was taken, try on the next `drained`; a piece can't be larger than that queue), then finish. */
int http_exchange_stream_start(struct http_exchange *exchange, int status, const char *content_type,
			       void (*drained)(void *context, struct http_exchange *exchange), void *context);
bool http_exchange_stream_write(struct http_exchange *exchange, struct str piece);
void http_exchange_stream_finish(struct http_exchange *exchange);

#endif
