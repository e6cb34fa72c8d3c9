/* The requests that pools make of Kubernetes: Pods, and the pool's status. Answers come later, and find pool
 * and sandbox by name. */
#ifndef SKILLBOX_CONTROLLER_POOL_CALLS_H
#define SKILLBOX_CONTROLLER_POOL_CALLS_H

#include "controller/pool/pool.h"

void pools_create(struct sandbox *sandbox, const struct sandbox_pool *object);
void pools_delete(struct sandbox *sandbox);
/* Write the status if it changed and it is time. Returns after how many ms it is time; -1: nothing to write.
 */
int64_t pools_write_status(struct pool *pool, const struct sandbox_pool *object, const struct pool_plan *plan,
			   int64_t now_ms);
void pools_forget_calls(struct pools *pools);

#endif
