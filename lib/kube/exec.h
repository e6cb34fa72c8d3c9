/* A stream into a container: pods/exec over WebSocket, v5.channel.k8s.io. */
#ifndef SKILLBOX_KUBE_EXEC_H
#define SKILLBOX_KUBE_EXEC_H

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/kube/ws.h"

#include <stdbool.h>

struct exec_stream;

struct exec_handler {
	void (*open)(void *context);                    /* the WebSocket is established: writes may start */
	void (*output)(void *context, struct str data); /* bytes of the command's stdout */
	void (*error_output)(void *context, struct str data); /* bytes of its stderr; may be NULL */
	void (*drained)(void *context); /* the write queue fell below half of its maximum; may be NULL */
	/* Once, last: the stream is gone. problem NULL: the command ended with exit_code (0 …); else why
	 * (refused handshake: the HTTP status's code and the server's message; connection lost:
	 * ERR_UNAVAILABLE). The object is freed after it. */
	void (*closed)(void *context, const struct error *problem, int exit_code);
};

struct exec_options {
	const char *namespace, *pod, *container; /* copied */
	const char *const *command;              /* NULL-terminated; copied */
	size_t max_queue;                        /* bytes that may wait to be sent; 0 means 4 MiB */
	unsigned open_timeout_ms;                /* 0 means 10,000 */
	struct exec_handler handler;
	void *context;
};

struct exec_stream *exec_stream_open(struct kube_ws *ws, const struct exec_options *options,
				     struct error *err);

/* Queue bytes for stdin (copied). Returns how many were taken: fewer than n when the queue is full (continue
 * on `drained`), 0 before open or after close. */
size_t exec_stream_write(struct exec_stream *stream, struct str data);
size_t exec_stream_queued(const struct exec_stream *stream);

/* No more input: the command sees the end of its stdin when the queue is sent. */
void exec_stream_end_input(struct exec_stream *stream);

/* Stop reading until resumed (back pressure towards the container). */
void exec_stream_pause(struct exec_stream *stream, bool pause);

/* Close and forget: no callback afterwards; safe from inside a callback; NULL-safe; returns NULL. */
struct exec_stream *exec_stream_close(struct exec_stream *stream);

#endif
