#include "runner/channel/connection.h"

#include "lib/frame/packed.h"
#include "runner/system/descriptor.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define FRAME_MAX (FRAME_HEADER_SIZE + FRAME_MAX_PAYLOAD)
#define IN_MAX (2u * FRAME_MAX)
#define OUT_FULL (256u << 10)               /* no more of the result is added above this */
#define OUT_MAX (OUT_FULL + 2u * FRAME_MAX) /* room for the frame that crosses it, and for a FAILED */

void connection_init(struct connection *connection)
{
	*connection = (struct connection){
	    .fd = -1, .in = BUFFER(IN_MAX), .out = BUFFER(OUT_MAX), .unpacked = BUFFER(FRAME_PACKED_SIZE)};
	result_cursor_init(&connection->cursor);
}

void connection_open(struct connection *connection, int fd, uint64_t number)
{
	connection_init(connection);
	connection->fd = fd;
	connection->number = number;
}

void connection_close(struct connection *connection)
{
	descriptor_close(&connection->fd);
	buffer_free(&connection->in);
	buffer_free(&connection->out);
	buffer_free(&connection->unpacked);
	result_cursor_free(&connection->cursor);
	connection_init(connection);
}

int connection_read(struct connection *connection)
{
	struct buffer *in = &connection->in;
	buffer_consume(in, connection->in_at);
	connection->in_at = 0;
	/* What is left is less than a frame, so there is always room for the rest of it. */
	size_t room = in->max - in->len;
	char *at = buffer_reserve(in, room);
	if (!at)
		return -1;
	ssize_t n;
	do
		n = recv(connection->fd, at, room, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (n == 0)
		connection->ended = true;
	in->len += (size_t)n;
	return 0;
}

/* The next frame of the last PACKED; it has whole ones only. */
static int next_unpacked(struct connection *connection, struct frame *ret, struct error *err)
{
	size_t used = 0;
	struct str bytes = {connection->unpacked.data + connection->unpacked_at,
			    connection->unpacked.len - connection->unpacked_at};
	int r = frame_decode(bytes, false, ret, &used, err);
	if (r == 0)
		return error_set(err, ERR_PROTOCOL, "PACKED frame: its last frame is cut");
	if (r > 0 && !packed_may_hold(ret->type))
		return error_set(err, ERR_PROTOCOL, "PACKED frame: has a %s", frame_type_name(ret->type));
	connection->unpacked_at += used;
	return r;
}

int connection_next(struct connection *connection, struct frame *ret, struct error *err)
{
	if (connection->unpacked_at < connection->unpacked.len)
		return next_unpacked(connection, ret, err);
	struct str bytes = {connection->in.data + connection->in_at, connection->in.len - connection->in_at};
	size_t used = 0;
	int r = bytes.n ? frame_decode(bytes, false, ret, &used, err) : 0;
	connection->in_at += used;
	if (r <= 0 || ret->type != FRAME_PACKED || !connection->known)
		return r;
	connection->unpacked_at = 0;
	return packed_decode(&ret->packed, &connection->unpacked, err) == 0
		   ? next_unpacked(connection, ret, err)
		   : -1;
}

int connection_send(struct connection *connection, const struct frame *frame, struct error *err)
{
	buffer_consume(&connection->out, connection->out_at);
	connection->out_at = 0;
	return frame_encode(frame, &connection->out, err);
}

void connection_refuse(struct connection *connection, const char *reason, const char *message)
{
	struct frame frame = {
	    .type = FRAME_FAILED,
	    .from_runner = true,
	    .failed = {str_of(reason), str_of(message)},
	};
	if (frame.failed.message.n > FRAME_MAX_TEXT)
		frame.failed.message.n = FRAME_MAX_TEXT;
	connection_send(connection, &frame,
			NULL); /* if it has no room the peer sees a stream without an end */
	connection->closing = true;
}

static int flush(struct connection *connection)
{
	while (connection->out_at < connection->out.len) {
		ssize_t n = send(connection->fd, connection->out.data + connection->out_at,
				 connection->out.len - connection->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		connection->out_at += (size_t)n;
	}
	buffer_reset(&connection->out);
	connection->out_at = 0;
	return connection->closing ? -1 : 0;
}

static void fill(struct connection *connection, const struct result *result, const struct logs *logs)
{
	buffer_consume(&connection->out, connection->out_at);
	connection->out_at = 0;
	while (connection->out.len < OUT_FULL) {
		struct error err = {0};
		int r = result_next(result, logs, &connection->cursor, &connection->out, &err);
		if (r < 0)
			connection_refuse(connection, "io", err.message);
		if (r <= 0)
			return;
	}
}

int connection_pump(struct connection *connection, const struct result *result, const struct logs *logs)
{
	/* As long as the socket takes all that was made, make more; epoll tells when it takes bytes again. */
	do {
		if (connection->known && !connection->closing)
			fill(connection, result, logs);
		if (connection->out.len == 0)
			return connection->closing ? -1 : 0;
		if (flush(connection) != 0)
			return -1;
	} while (connection->out.len == 0);
	return 0;
}

unsigned connection_events(const struct connection *connection)
{
	unsigned events = connection->ended || connection->closing ? 0u : (unsigned)EPOLLIN;
	return connection->out.len > 0 ? events | (unsigned)EPOLLOUT : events;
}
