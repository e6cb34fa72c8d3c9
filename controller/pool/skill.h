/* Pools bound to a skill: which one it is, and what follows from it. */
#ifndef SKILLBOX_CONTROLLER_POOL_SKILL_H
#define SKILLBOX_CONTROLLER_POOL_SKILL_H

#include "controller/pool/pool.h"

/* What the sandboxes are to be by now; sets pool->skill. -1: nothing for the moment, with one word and a
 * message for the pool's owner. */
int pool_resolve(struct pool *pool, const struct sandbox_pool *object, struct pool_shape *ret,
		 const char **ret_reason, struct error *err);

#endif
