/* The script's output, passed on to the container's stdout ("kubectl logs") without ever waiting for it. */
#ifndef SKILLBOX_RUNNER_CELL_ECHO_H
#define SKILLBOX_RUNNER_CELL_ECHO_H

#include "lib/base/buffer.h"

#include <stdbool.h>

/* Above this the script's pipes are left alone until the reader has caught up. */
#define ECHO_PAUSE (64u << 10)

/* Pipes that are emptied after the end may bring more; what is beyond is dropped. */
#define ECHO_MAX (4u << 20)

/* Passed on of one run. The kubelet keeps it on the node's disk, up to twenty times as large, and looks only
 * now and then whether that is too much. */
#define ECHO_TOTAL (8u << 20)

struct echo {
	int fd;      /* non-blocking; -1 once the reader is gone */
	size_t left; /* of ECHO_TOTAL */
	struct buffer pending;
};

void echo_init(struct echo *echo, int fd);
void echo_write(struct echo *echo, struct str bytes);
void echo_flush(struct echo *echo);
void echo_free(struct echo *echo);

static inline bool echo_is_behind(const struct echo *echo)
{
	return echo->pending.len > ECHO_PAUSE;
}

#endif
