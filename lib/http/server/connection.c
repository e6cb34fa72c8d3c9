/* Connections: how many there are, in all and from one address, and how long each may take. Whoever sends a
 * header now and then, or takes an answer byte by byte, would else hold one for as long as they like.
 *
 * When there are enough, one more takes the place of the one that has been without a request for longest, so
 * that somebody who opens many and asks for nothing keeps nobody away. Only where all are at work, or have
 * come just now, is it told to come later.
 *
 * One that is suspended has no deadline: then the server is what the client waits for. */
#include "lib/http/server/server_internal.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_MS 250 /* between looks at the deadlines */
/* So long after it came, or since its last answer, a connection makes no room for others. */
#define FRESH_MS 1000
#define KEPT_MS 5000
#define FDS_AT_FIRST 64
#define PACE_BYTES (30U << 10) /* in each options.pace_ms */
/* Over TLS nobody can be told anything before the handshake: so many more connections than there may be get
 * that far, and a short time for it. */
#define SURPLUS_DIVISOR 16
#define SURPLUS_EXTRA 8
#define SURPLUS_MS 5000

struct http_address {
	struct map_node node;
	unsigned connections; /* that count */
	unsigned holds;       /* that refer to it */
	/* IPv4: 4 bytes; IPv6: the network, 8 bytes, which is what one customer gets. */
	char bytes[8];
};

static size_t address_bytes(const struct sockaddr *from, char ret[8])
{
	if (from->sa_family == AF_INET) {
		memcpy(ret, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
		return 4;
	}
	if (from->sa_family != AF_INET6)
		return 0;
	const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
	bool is_mapped = IN6_IS_ADDR_V4MAPPED(six);
	memcpy(ret, six->s6_addr + (is_mapped ? 12 : 0), is_mapped ? 4 : 8);
	return is_mapped ? 4 : 8;
}

/* NULL without memory. */
static struct http_address *address_of(struct http_server *server, const struct sockaddr *from)
{
	char bytes[8];
	size_t n = address_bytes(from, bytes);
	struct map_node *node = map_get(&server->addresses, (struct str){bytes, n});
	if (node)
		return MAP_CONTAINER(node, struct http_address, node);
	struct http_address *address = calloc(1, sizeof(*address));
	if (!address)
		return NULL;
	memcpy(address->bytes, bytes, n);
	address->node.key = (struct str){address->bytes, n};
	map_insert(&server->addresses, &address->node);
	return address;
}

static void address_release(struct http_server *server, struct http_address *address)
{
	if (address->holds > 0)
		return;
	map_remove(&server->addresses, &address->node);
	free(address);
}

unsigned http_server_surplus_max(const struct http_server *server)
{
	return server->max_connections / SURPLUS_DIVISOR + SURPLUS_EXTRA;
}

/* More than there may be. */
static bool is_surplus(const struct http_server *server, const struct http_address *address,
		       enum http_unheard *ret_why)
{
	*ret_why = server->counts.connections >= server->max_connections ? HTTP_TOO_MANY_CONNECTIONS
									 : HTTP_TOO_MANY_OF_ADDRESS;
	return server->counts.connections >= server->max_connections ||
	       address->connections >= server->max_connections_per_address;
}

/* Its place is free, also if the daemon has not closed it yet. */
static void uncount(struct http_connection *connection)
{
	if (connection->is_surplus)
		connection->server->surplus--;
	else
		connection->server->counts.connections--;
	connection->address->connections--;
}

/* The daemon sees the end of the connection, and closes it. */
static void cut(struct http_connection *connection, unsigned long long *count)
{
	connection->is_cut = true;
	++*count;
	uncount(connection);
	shutdown(connection->fd, SHUT_RDWR);
}

/* Nothing is asked for on it, for a while. */
static bool makes_room(const struct http_connection *connection, bool had_request, uint64_t now_ms)
{
	return !connection->exchange && !connection->is_cut && connection->had_request == had_request &&
	       now_ms - connection->since_ms >= (had_request ? KEPT_MS : FRESH_MS);
}

/* address NULL: of any. */
static struct http_connection *find_idle(const struct http_server *server, const struct http_address *address,
					 bool had_request)
{
	struct http_connection *connection;
	uint64_t now_ms = uv_now(server->loop);
	TAILQ_FOREACH(connection, &server->open, link)
		if ((!address || connection->address == address) &&
		    makes_room(connection, had_request, now_ms))
			return connection;
	return NULL;
}

/* False: there is none. */
static bool make_room(struct http_server *server, const struct http_address *address, enum http_unheard why)
{
	const struct http_address *among = why == HTTP_TOO_MANY_OF_ADDRESS ? address : NULL;
	struct http_connection *idle = find_idle(server, among, false);
	if (idle && !server->tls_cert_pem)
		http_unheard_tell(server, idle->fd, why);
	else if (!idle) /* which would take it for the answer to its next request */
		idle = find_idle(server, among, true);
	if (!idle)
		return false;
	cut(idle, &server->counts.made_room);
	return true;
}

/* False: no memory. */
static bool reserve_fd(struct http_server *server, int fd)
{
	size_t size = server->by_fd_size ? server->by_fd_size : FDS_AT_FIRST;
	while (size <= (size_t)fd)
		size *= 2;
	if (size == server->by_fd_size)
		return true;
	struct http_connection **by_fd = realloc(server->by_fd, size * sizeof(struct http_connection *));
	if (!by_fd)
		return false;
	memset(by_fd + server->by_fd_size, 0, (size - server->by_fd_size) * sizeof(struct http_connection *));
	server->by_fd = by_fd;
	server->by_fd_size = size;
	return true;
}

static struct http_connection *connection_new(struct http_server *server, int fd,
					      struct http_address *address)
{
	struct http_connection *connection = reserve_fd(server, fd) ? calloc(1, sizeof(*connection)) : NULL;
	if (!connection)
		return NULL;
	connection->server = server;
	connection->fd = fd;
	connection->address = address;
	connection->since_ms = uv_now(server->loop);
	connection->headers_by_ms = connection->since_ms + server->header_timeout_ms;
	return connection;
}

static void adopt(struct http_server *server, struct http_connection *connection, const struct sockaddr *from,
		  socklen_t size)
{
	server->accepted = connection; /* the daemon calls http_connection_started in here */
	bool taken = MHD_add_connection(server->daemon, connection->fd, from, size) == MHD_YES;
	if (server->accepted) { /* it did not, and closed the descriptor */
		server->accepted = NULL;
		free(connection);
	}
	if (taken)
		http_server_wake(server);
}

void http_connection_accepted(struct http_server *server, int fd, const struct sockaddr *from, socklen_t size)
{
	enum http_unheard why;
	bool is_one_too_many;
	struct http_address *address = address_of(server, from); /* which stays until the end of this */
	if (address)
		address->holds++;
	struct http_connection *connection = address ? connection_new(server, fd, address) : NULL;
	do /* both limits may be met */
		is_one_too_many = connection && is_surplus(server, address, &why);
	while (is_one_too_many && make_room(server, address, why));
	if (!connection) {
		close(fd);
	} else if (!is_one_too_many) {
		adopt(server, connection, from, size);
	} else if (server->tls_cert_pem && server->surplus < http_server_surplus_max(server)) {
		connection->is_surplus = true;
		connection->why = why;
		if (server->header_timeout_ms > SURPLUS_MS)
			connection->headers_by_ms = uv_now(server->loop) + SURPLUS_MS;
		adopt(server, connection, from, size);
	} else {
		free(connection);
		server->counts.refused++;
		http_unheard_tell(server, fd, why);
		http_linger(server, fd);
	}
	if (!address)
		return;
	address->holds--;
	address_release(server, address);
}

struct http_connection *http_connection_of(struct MHD_Connection *daemons)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(daemons, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

void http_connection_started(struct http_server *server, void **slot)
{
	struct http_connection *connection = server->accepted;
	server->accepted = NULL;
	*slot = connection;
	connection->address->connections++;
	connection->address->holds++;
	TAILQ_INSERT_TAIL(&server->open, connection, link);
	server->by_fd[connection->fd] = connection;
	if (connection->is_surplus)
		server->surplus++;
	else
		server->counts.connections++;
	if (!uv_is_active((uv_handle_t *)&server->look))
		uv_timer_start(&server->look, http_connections_look, LOOK_MS, LOOK_MS);
}

void http_connection_ended(struct http_server *server, void **slot)
{
	struct http_connection *connection = *slot;
	*slot = NULL;
	if (!connection)
		return;
	TAILQ_REMOVE(&server->open, connection, link);
	server->by_fd[connection->fd] = NULL;
	if (!connection->is_cut)
		uncount(connection);
	connection->address->holds--;
	address_release(server, connection->address);
	free(connection);
}

void http_connection_request(struct http_connection *connection, struct http_exchange *exchange)
{
	struct http_server *server = connection->server;
	connection->exchange = exchange;
	connection->phase = HTTP_PHASE_WAITS;
	connection->had_request = true;
	connection->since_ms = uv_now(server->loop);
	/* Between requests the client has the idle timeout, however it is made use of. */
	connection->headers_by_ms = exchange ? 0 : connection->since_ms + server->idle_timeout_s * 1000ULL;
	if (exchange)
		return;
	TAILQ_REMOVE(&server->open, connection, link);
	TAILQ_INSERT_TAIL(&server->open, connection, link);
}

/* Deadlines */

static enum http_phase phase_of(const struct http_exchange *exchange)
{
	if (exchange->suspended)
		return HTTP_PHASE_WAITS;
	return exchange->queued ? HTTP_PHASE_ANSWER : HTTP_PHASE_BODY;
}

/* How far it is. False: not known. */
static bool progress(const struct http_connection *connection, enum http_phase phase, uint64_t *ret)
{
	*ret = connection->exchange->received;
	return phase == HTTP_PHASE_BODY || http_pace_acknowledged(connection->fd, ret);
}

static void look_at_pace(struct http_connection *connection, uint64_t now_ms)
{
	struct http_counts *counts = &connection->server->counts;
	enum http_phase phase = phase_of(connection->exchange);
	uint64_t bytes = 0;
	bool is_same = phase == connection->phase;
	connection->phase = phase;
	if (phase == HTTP_PHASE_WAITS ||
	    (is_same && now_ms - connection->pace_since_ms < connection->server->pace_ms))
		return;
	if (!progress(connection, phase, &bytes))
		return;
	if (is_same && bytes - connection->pace_bytes < PACE_BYTES) {
		cut(connection, phase == HTTP_PHASE_BODY ? &counts->slow_bodies : &counts->slow_answers);
		return;
	}
	connection->pace_since_ms = now_ms;
	connection->pace_bytes = bytes;
}

void http_connections_look(uv_timer_t *timer)
{
	struct http_server *server = timer->data;
	uint64_t now_ms = uv_now(server->loop);
	struct http_connection *connection;
	http_listener_go_on(server);
	if (TAILQ_EMPTY(&server->open))
		uv_timer_stop(timer);
	TAILQ_FOREACH(connection, &server->open, link) {
		if (connection->is_cut)
			continue;
		if (connection->exchange)
			look_at_pace(connection, now_ms);
		else if (now_ms >= connection->headers_by_ms)
			cut(connection, &server->counts.slow_headers);
	}
}
