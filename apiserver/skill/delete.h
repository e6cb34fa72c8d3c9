/* Delete a version of a skill: every object of it, several uploads included. */
#ifndef SKILLBOX_APISERVER_SKILL_DELETE_H
#define SKILLBOX_APISERVER_SKILL_DELETE_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"

/* failure: as clients may see it; NULL: this server doesn't find it any more. */
typedef void (*skill_deleted_cb)(void *context, const struct error *failure);

/* Of the caller's tenant. done is called once, at once or later. */
void skill_delete(struct apiserver *server, struct caller *caller, struct str name, struct str version,
		  skill_deleted_cb done, void *context);

/* ERR_NOT_FOUND for that skill. */
void skill_not_found(struct str name, struct str version, struct error *ret);

#endif
