/* What there is of a pool now, as its plan wants to see it. Nothing is changed by looking. */
#ifndef SKILLBOX_CONTROLLER_POOL_OBSERVE_H
#define SKILLBOX_CONTROLLER_POOL_OBSERVE_H

#include "controller/pool/pool.h"
#include "controller/pool/refresh.h"

/* ret_members: one for each sandbox (pool_size), in the order of the list. The pointers in *ret live until
 * the pool is changed. */
void observe_pool(const struct pool *pool, const struct sandbox_pool *object,
		  const struct pool_refusal *refusal, int64_t now_ms, struct member_view *ret_members,
		  struct pool_observation *ret);

#endif
