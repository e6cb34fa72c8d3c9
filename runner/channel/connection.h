/* One peer on the socket: bytes in and out, frame by frame. */
#ifndef SKILLBOX_RUNNER_CHANNEL_CONNECTION_H
#define SKILLBOX_RUNNER_CHANNEL_CONNECTION_H

#include "lib/frame/frame.h"
#include "runner/cell/result.h"

struct connection {
	int fd;                          /* -1: there is none */
	bool known;                      /* its HELLO carried the token */
	uint16_t version;                /* of the protocol, that both speak; once it is known */
	bool ended;                      /* the peer will send no more */
	bool closing;                    /* close once `out` is written; what still comes is not read */
	bool discards_job;               /* the job failed: the frames of it that are under way are dropped */
	uint64_t number;                 /* counts the peers: the larger, the later it came */
	struct buffer in, out, unpacked; /* unpacked: the frames of the last PACKED */
	size_t in_at, out_at, unpacked_at; /* what is consumed of each */
	struct result_cursor cursor;
	unsigned events; /* what epoll watches now */
};

void connection_init(struct connection *connection); /* one that there isn't */
void connection_open(struct connection *connection, int fd, uint64_t number);
void connection_close(struct connection *connection);

static inline bool connection_is_open(const struct connection *connection)
{
	return connection->fd >= 0;
}

/* Read what is there, up to a bound. 0, or -1 if the connection broke. Sets `ended` at the end of the stream.
 */
int connection_read(struct connection *connection);
/* The next frame that came: 1, 0 if there is no whole one, -1 if the peer broke a rule. What is PACKED is
 * unpacked, of a peer that is known. */
int connection_next(struct connection *connection, struct frame *ret, struct error *err);

int connection_send(struct connection *connection, const struct frame *frame, struct error *err);
/* FAILED, and no more from then on. */
void connection_refuse(struct connection *connection, const char *reason, const char *message);
/* Fill `out` with frames of the result and write what the socket takes. -1 if the connection broke or is to
 * be closed. */
int connection_pump(struct connection *connection, const struct result *result, const struct logs *logs);
/* The epoll events that it waits for. */
unsigned connection_events(const struct connection *connection);

#endif
