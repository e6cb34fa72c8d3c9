/* Clients whose request no handler hears of. They are answered on their socket itself, since the daemon can't
 * do it or does it badly.
 *
 * Who speaks something else than this port, in plain HTTP either way: TLS to a plain one, plain HTTP to one
 * with TLS. The daemon would wait for the end of a line that never comes, or hang up in the middle of a
 * handshake. The first bytes tell, and they are there when a connection is accepted, since the kernel hands
 * connections over with them (TCP_DEFER_ACCEPT, listener.c). TLS libraries know an answer like that and
 * report "wrong version number" or "HTTP response to HTTPS client".
 *
 * Who comes when there are enough connections.
 *
 * Who sends what the daemon can't read: it would answer in HTML, with all headers twice (seen in 0.9.75). */
#include "lib/http/server/server_internal.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>

#define HEADERS_MAX 1024
#define BODY_MAX 4096
#define ANSWER_MAX 8192
#define TLS_HANDSHAKE                                                                                        \
	0x16 /* type of the record that a TLS client begins with, then its version: 3 and more */

static const struct {
	int status;
	const char *reason;
	const char *text; /* where the handler has no words of its own */
} unheard[] = {
    [HTTP_SENT_TLS] = {400, "Bad Request", "this port speaks plain HTTP, not TLS\n"},
    [HTTP_SENT_PLAIN] = {400, "Bad Request", "this port speaks TLS\n"},
    [HTTP_TOO_MANY_CONNECTIONS] = {503, "Service Unavailable", "too many connections\n"},
    [HTTP_TOO_MANY_OF_ADDRESS] = {503, "Service Unavailable", "too many connections from your address\n"},
    [HTTP_MALFORMED] = {400, "Bad Request", "the request is malformed\n"},
    [HTTP_CHUNK_TOO_LARGE] = {413, "Content Too Large", "the body is too large\n"},
    [HTTP_TARGET_TOO_LONG] = {414, "URI Too Long", "the request's target is too long\n"},
    [HTTP_HEADERS_TOO_LARGE] = {431, "Request Header Fields Too Large", "the headers are too large\n"},
    [HTTP_FAILED] = {500, "Internal Server Error", "out of memory\n"},
    [HTTP_OTHER_VERSION] = {505, "HTTP Version Not Supported", "send HTTP/1.1\n"},
};
#define UNHEARD_COUNT (sizeof(unheard) / sizeof(unheard[0]))

int http_unheard_status(enum http_unheard why)
{
	return unheard[why].status;
}

/* In the handler's words, or ours; the content type. */
const char *http_unheard_words(const struct http_server *server, enum http_unheard why,
			       struct buffer *headers, struct buffer *body)
{
	const struct http_handler *handler = &server->handler;
	if (handler->unheard) {
		handler->unheard(handler->context, why, headers, body);
		return "application/json; charset=utf-8";
	}
	buffer_append_c(body, unheard[why].text);
	return "text/plain; charset=utf-8";
}

/* The whole answer; false without memory for it. */
static bool compose(const struct http_server *server, enum http_unheard why, struct buffer *answer)
{
	cleanup_buffer struct buffer headers = BUFFER(HEADERS_MAX), body = BUFFER(BODY_MAX);
	const char *type = http_unheard_words(server, why, &headers, &body);
	buffer_appendf(answer,
		       "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		       "Connection: close\r\n",
		       unheard[why].status, unheard[why].reason, type, body.len);
	buffer_append_str(answer, buffer_str(&headers));
	buffer_append_c(answer, "\r\n");
	buffer_append_str(answer, buffer_str(&body));
	return !headers.failed && !body.failed && !answer->failed;
}

void http_unheard_tell(const struct http_server *server, int fd, enum http_unheard why)
{
	cleanup_buffer struct buffer answer = BUFFER(ANSWER_MAX);
	/* A fresh socket takes that much at once. If not, the close says enough. */
	if (compose(server, why, &answer))
		(void)!send(fd, answer.data, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

enum MHD_Result http_unheard_refuse(struct http_server *server, struct MHD_Connection *connection,
				    enum http_unheard why)
{
	cleanup_buffer struct buffer answer = BUFFER(ANSWER_MAX);
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	int fd = fcntl(http_connection_fd(connection), F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return MHD_NO;
	if (!server->tls_cert_pem)
		http_unheard_tell(server, fd, why);
	else if (info && info->tls_session && compose(server, why, &answer))
		(void)!gnutls_record_send(info->tls_session, answer.data, answer.len);
	http_linger(server, fd);
	return MHD_NO;
}

/* Something else than this port */

static bool is_misdirected(const struct http_server *server, const unsigned char *first, ssize_t n)
{
	if (server->tls_cert_pem)
		return first[0] >= 'A' && first[0] <= 'Z'; /* of a method */
	return first[0] == TLS_HANDSHAKE && (n < 2 || first[1] == 3);
}

void http_misdirected_check(struct http_server *server, struct MHD_Connection *connection)
{
	unsigned char first[2];
	char discard[16384];
	int fd = http_connection_fd(connection);
	ssize_t n = fd < 0 ? 0 : recv(fd, first, sizeof(first), MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0 || !is_misdirected(server, first, n))
		return;
	http_unheard_tell(server, fd, server->tls_cert_pem ? HTTP_SENT_PLAIN : HTTP_SENT_TLS);
	/* Closing a socket with unread bytes would reset it, and take the answer from a client that hasn't
	 * read it yet. */
	while (recv(fd, discard, sizeof(discard), MSG_DONTWAIT) > 0)
		;
	shutdown(fd, SHUT_RDWR); /* which makes the daemon close it */
}

/* The daemon's own errors */

enum MHD_Result http_queue_response(struct MHD_Connection *connection, unsigned status,
				    struct MHD_Response *response)
{
	static enum MHD_Result (*next)(struct MHD_Connection * connection, unsigned status,
				       struct MHD_Response *response);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "MHD_queue_response");
	return next ? next(connection, status, response) : MHD_NO;
}

static enum http_unheard why_of(unsigned status)
{
	for (size_t i = HTTP_MALFORMED; i < UNHEARD_COUNT; i++)
		if (unheard[i].status == (int)status)
			return (enum http_unheard)i;
	return HTTP_MALFORMED;
}

/* The daemon's function of that name, which it calls for its own errors too: the program's definition comes
 * before the library's. Answers of ours go by http_queue_response. MHD_NO: the connection is closed. */
enum MHD_Result MHD_queue_response(struct MHD_Connection *connection, unsigned int status,
				   struct MHD_Response *response)
{
	const struct http_connection *own = http_connection_of(connection);
	(void)response;
	if (!own)
		return MHD_NO;
	return http_unheard_refuse(own->server, connection, why_of(status));
}
