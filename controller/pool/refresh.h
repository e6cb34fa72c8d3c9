/* Before a look: what is remembered of a pool follows its object and what the cluster shows. */
#ifndef SKILLBOX_CONTROLLER_POOL_REFRESH_H
#define SKILLBOX_CONTROLLER_POOL_REFRESH_H

#include "controller/pool/pool.h"

/* Why a pool has no sandboxes: one word and a message, both for its owner. reason NULL: it may have some. */
struct pool_refusal {
	const char *reason;
	struct error err;
};

/* What its sandboxes are to be, which there are, and which Executions they have. -1: out of memory. */
int refresh_pool(struct pool *pool, const struct sandbox_pool *object, int64_t now_ms,
		 struct pool_refusal *ret);

#endif
