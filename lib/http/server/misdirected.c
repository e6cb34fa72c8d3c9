/* Clients that speak something else than this port: TLS to a plain one, plain HTTP to one with TLS. The
 * daemon would wait for the end of a line that never comes, or hang up in the middle of a handshake. The
 * first bytes tell, and they are there when a connection is accepted, since the kernel hands connections over
 * with them (TCP_DEFER_ACCEPT, server.c). A client is told in plain HTTP either way: TLS libraries know an
 * answer like that and report "wrong version number" or "HTTP response to HTTPS client". */
#include "lib/http/server/server_internal.h"

#include <sys/socket.h>

#define HEADERS_MAX 1024
#define BODY_MAX 4096
#define ANSWER_MAX 8192
#define TLS_HANDSHAKE                                                                                        \
	0x16 /* type of the record that a TLS client begins with, then its version: 3 and more */

static bool is_misdirected(const struct http_server *server, const unsigned char *first, ssize_t n)
{
	if (server->tls_cert_pem)
		return first[0] >= 'A' && first[0] <= 'Z'; /* of a method */
	return first[0] == TLS_HANDSHAKE && (n < 2 || first[1] == 3);
}

static void tell(const struct http_server *server, int fd)
{
	cleanup_buffer struct buffer headers = BUFFER(HEADERS_MAX), body = BUFFER(BODY_MAX),
				     answer = BUFFER(ANSWER_MAX);
	const struct http_handler *handler = &server->handler;
	const char *type = "application/json; charset=utf-8";
	if (handler->misdirected) {
		handler->misdirected(handler->context, !server->tls_cert_pem, &headers, &body);
	} else {
		type = "text/plain; charset=utf-8";
		buffer_append_c(&body, server->tls_cert_pem ? "this port speaks TLS\n"
							    : "this port speaks plain HTTP, not TLS\n");
	}
	buffer_appendf(&answer,
		       "HTTP/1.1 400 Bad Request\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		       "Connection: close\r\n",
		       type, body.len);
	buffer_append_str(&answer, buffer_str(&headers));
	buffer_append_c(&answer, "\r\n");
	buffer_append_str(&answer, buffer_str(&body));
	/* A fresh socket takes that much at once. If not, the close says enough. */
	if (!headers.failed && !body.failed && !answer.failed)
		(void)!send(fd, answer.data, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void http_misdirected_check(struct http_server *server, struct MHD_Connection *connection)
{
	unsigned char first[2];
	char discard[16384];
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (!info)
		return;
	int fd = info->connect_fd;
	ssize_t n = recv(fd, first, sizeof(first), MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0 || !is_misdirected(server, first, n))
		return;
	tell(server, fd);
	/* Closing a socket with unread bytes would reset it, and take the answer from a client that hasn't
	 * read it yet. */
	while (recv(fd, discard, sizeof(discard), MSG_DONTWAIT) > 0)
		;
	shutdown(fd, SHUT_RDWR); /* which makes the daemon close it */
}
