/* What the sandboxes of a SandboxPool are made as and have in them, and which runs they can serve. */
#ifndef SKILLBOX_CONTROLLER_POOL_SHAPE_H
#define SKILLBOX_CONTROLLER_POOL_SHAPE_H

#include "controller/sandbox/shape.h"
#include "lib/api/sandbox_pool.h"

#define POOL_PRELOAD_SIZE (SANDBOX_POOL_MAX_PRELOAD * 129 + 1)

struct pool_shape {
	char image[512], runtime_class[256];
	char lang[16];                   /* interpreter that waits; "" : none */
	char preload[POOL_PRELOAD_SIZE]; /* modules, separated by commas */
	char script[FRAME_MAX_PATH + 1]; /* that the interpreter waits for; "" : the usual one */
	char skill_version[SKILL_VERSION_MAX + 1],
	    skill_digest[72]; /* whose files are in them; "" : nobody's */
	int64_t memory, cpu;
};

/* skill: the one that the pool is bound to, with a digest; NULL if to none. -1: err says for the pool's owner
 * what is wrong with its spec, or the skill's. */
int pool_shape_resolve(const struct sandbox_pool *pool, const struct skill *skill,
		       const struct controller_config *config, struct pool_shape *ret, struct error *err);

static inline bool pool_shape_is_bound(const struct pool_shape *shape)
{
	return shape->skill_digest[0] != '\0';
}

/* Can a sandbox of the pool run this? One that has a skill's files runs that skill only, and of it just what
 * has these files. */
bool pool_shape_serves(const struct pool_shape *pool, const struct run_shape *run,
		       const struct controller_config *config);

/* For the Pod's annotation POD_POOL_SHAPE_ANNOTATION: a Pod whose text differs was made from another
 * template. */
int pool_shape_write(const struct pool_shape *shape, const struct controller_config *config,
		     struct buffer *out);

#endif
