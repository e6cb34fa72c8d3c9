/* /health and /ready of the controller, for the kubelet, and /metrics. */
#ifndef SKILLBOX_CONTROLLER_HEALTH_H
#define SKILLBOX_CONTROLLER_HEALTH_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/http/server/server.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* Whom it asks; `context` is passed to each. */
struct health_source {
	void *context;
	/* false: *ret_problem says why not, as a sentence. */
	bool (*is_ready)(void *context, const char **ret_problem);
	void (*append_metrics)(void *context, struct buffer *out);
};

/* source must outlive it. End it with http_server_free. port 0: a free one. */
struct http_server *health_start(uv_loop_t *loop, uint16_t port, const struct health_source *source,
				 struct error *err);

#endif
