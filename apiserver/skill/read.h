/* One skill with its texts, which the cache doesn't keep: the object is read. */
#ifndef SKILLBOX_APISERVER_SKILL_READ_H
#define SKILLBOX_APISERVER_SKILL_READ_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"

/* The skill (valid during the call), or the failure, as clients may see it. */
typedef void (*skill_read_cb)(void *context, const struct skill *skill, const struct error *failure);

/* Of the caller's tenant; version as with cluster_skill. done is called once, at once or later. */
void skill_read(struct apiserver *server, struct caller *caller, struct str name, struct str version,
		skill_read_cb done, void *context);

#endif
