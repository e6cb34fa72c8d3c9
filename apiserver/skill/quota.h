/* How many versions of skills a tenant may keep, and how large they may be together: a place is taken before
 * the object is created, not counted after, since the watch shows it later and a burst would be let in whole.
 *
 * What is there counts, also what was made with kubectl, whoever made it and whether it can be read or not.
 * The same object again needs no place, and a version that is overwritten makes room for the new one. Each
 * API server knows its own places only: of several each may let in what is under way at the others. */
#ifndef SKILLBOX_APISERVER_SKILL_QUOTA_H
#define SKILLBOX_APISERVER_SKILL_QUOTA_H

#include "apiserver/apiserver.h"

struct skill_quota;
struct skill_place;

struct skill_quota *skill_quota_new(struct error *err);
/* No place may be taken. NULL-safe; returns NULL. */
struct skill_quota *skill_quota_free(struct skill_quota *quota);

/* For a skill that is about to be created (its meta, name and version). ERR_NO_CAPACITY names the limit. */
int skill_quota_take(struct apiserver *server, const struct skill *skill, struct skill_place **ret,
		     struct error *err);
/* The cache has it, or it was not created. NULL-safe. */
void skill_quota_give(struct skill_place *place);

/* For metrics: what the namespace that has most of each has. */
struct skill_usage {
	size_t count;
	int64_t size;
};
struct skill_usage skill_quota_most(const struct apiserver *server);

#endif
