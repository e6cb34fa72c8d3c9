/* Carry out a pool's plan. */
#ifndef SKILLBOX_CONTROLLER_POOL_APPLY_H
#define SKILLBOX_CONTROLLER_POOL_APPLY_H

#include "controller/pool/pool.h"

/* actions: one for each sandbox, in the order of the list. Returns after how many ms the pool is to be looked
 * at again, whether or not something happens. */
int64_t apply_pool_plan(struct pool *pool, const struct sandbox_pool *object,
			const enum member_action *actions, const struct pool_plan *plan, int64_t now_ms);

#endif
