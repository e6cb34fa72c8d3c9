/* Versions of skills that somebody tries out (X-dev.HASH) go a day after their last upload. */
#ifndef SKILLBOX_APISERVER_SKILL_EXPIRE_H
#define SKILLBOX_APISERVER_SKILL_EXPIRE_H

#include "apiserver/apiserver.h"

#define SKILL_DEV_LIFE_MS ((int64_t)24 * 3600 * 1000)

struct skill_expiry;

/* It looks for them every few minutes, as soon as the loop runs. */
struct skill_expiry *skill_expiry_new(struct apiserver *server, struct error *err);
/* Before the loop's last turn. NULL-safe; returns NULL. */
struct skill_expiry *skill_expiry_free(struct skill_expiry *expiry);

/* One look. Several servers may delete the same: the Kubernetes API refuses what was uploaded again
 * meanwhile, or is gone. */
void skill_expire(struct apiserver *server);

#endif
