/* Chunked bodies as they come from the client, read beside the daemon. Until 1.0 that takes a bare LF for the
 * end of a chunk's lines; a proxy in front which doesn't would see another end of the body, and what we take
 * for the next request would be part of it. The daemon shows its handler no framing and has no switch for it.
 * So this program has a `recv` of its own (over TLS gnutls_record_recv), which comes before the library's,
 * and looks at what the daemon reads in its turn, at nothing else. */
#include "lib/http/server/server_internal.h"

#include <dlfcn.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>

/* The server whose turn it is; other threads have none. */
static _Thread_local struct http_server *reading;

void http_framing_turn(struct http_server *server)
{
	reading = server;
}

static void note(int fd, const void *bytes, ssize_t n)
{
	bool is_one = n > 0 && fd >= 0 && (size_t)fd < reading->by_fd_size;
	struct http_connection *connection = is_one ? reading->by_fd[fd] : NULL;
	if (!connection)
		return;
	struct http_exchange *exchange = connection->exchange;
	connection->read = (struct str){bytes, (size_t)n};
	if (exchange && exchange->is_chunked && !chunks_feed(&exchange->chunks, connection->read))
		exchange->is_misframed = true;
}

/* What came together with the headers is read already: it stands behind them. */
void http_framing_begin(struct http_exchange *exchange)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	const struct http_connection *connection = http_connection_of(exchange->connection);
	const char *behind = info ? exchange->method + info->header_size : NULL;
	exchange->is_chunked = true;
	if (!connection || !behind)
		return;
	const struct str *read = &connection->read;
	if (read->p && behind >= read->p && behind <= read->p + read->n)
		exchange->is_misframed = !chunks_feed(
		    &exchange->chunks, (struct str){behind, (size_t)(read->p + read->n - behind)});
	else
		exchange->is_unseen = true; /* a pipelined request, which the daemon has moved */
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	static ssize_t (*next)(int fd, void *buffer, size_t size, int flags);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "recv");
	ssize_t n = next(fd, buffer, size, flags);
	if (reading && !reading->tls_cert_pem && !(flags & MSG_PEEK))
		note(fd, buffer, n);
	return n;
}

ssize_t gnutls_record_recv(gnutls_session_t session, void *data, size_t size)
{
	static ssize_t (*next)(gnutls_session_t session, void *data, size_t size);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "gnutls_record_recv");
	ssize_t n = next(session, data, size);
	if (reading)
		note(gnutls_transport_get_int(session), data, n);
	return n;
}
