/* A container's log as it grows: pods/log with follow, over WebSocket (the API server answers it either way),
 * so that it shares the connections' code with watches and exec. */
#ifndef SKILLBOX_KUBE_LOG_STREAM_H
#define SKILLBOX_KUBE_LOG_STREAM_H

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/kube/ws.h"

#include <stdbool.h>

struct log_stream;

struct log_stream_handler {
	void (*data)(void *context, struct str bytes); /* in order, from the log's first byte */
	/* Once, last: it is over; the object is freed after it. The API server does not tell the log's end
	 * from a loss, so `problem` is for a log line; whether more was to come the caller knows from
	 * elsewhere. */
	void (*closed)(void *context, const struct error *problem);
	void *context;
};

struct log_stream *log_stream_open(struct kube_ws *ws, const char *namespace, const char *pod,
				   const char *container, const struct log_stream_handler *handler,
				   struct error *err);
void log_stream_pause(struct log_stream *stream, bool pause); /* stop reading until resumed */
/* No callback afterwards; safe from inside `data`; NULL-safe; returns NULL. */
struct log_stream *log_stream_close(struct log_stream *stream);

#endif
