/* How many executions a tenant may have: a place is taken before one is created, not counted after, since the
 * watch shows it later and a burst would be let in whole.
 *
 * A tenant's account is what the cluster is known to have, and the places: of creates that are under way, and
 * of those that the watch has not shown yet. A place goes when it does, when there was no create after all,
 * or after PLACES_UNSEEN_MS, if it is never shown (deleted while the watch was broken). Each API server knows
 * its own places only: of several each may let in what is under way at the others. */
#ifndef SKILLBOX_APISERVER_EXECUTION_PLACES_H
#define SKILLBOX_APISERVER_EXECUTION_PLACES_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"

/* Longer than a create that nobody answered can still be carried out. */
#define PLACES_UNSEEN_MS 120000

struct places;

struct places *places_new(struct error *err);
struct places *places_free(struct places *places); /* NULL-safe; returns NULL */

/* An execution of the caller's tenant, by its name; size: about how many bytes it will have in etcd. One that
 * is there, or has a place, needs no other. ERR_NO_CAPACITY names the limit. */
struct place_wish {
	const char *name;
	int64_t size;
};
int places_check(struct apiserver *server, const struct caller *caller, const struct place_wish *wish,
		 struct error *err);
/* The same, and take it. Whoever takes it ends with one of the next two. */
int places_take(struct apiserver *server, const struct caller *caller, const struct place_wish *wish,
		struct error *err);
void places_give_back(struct places *places, const char *namespace, const char *name); /* not created */
void places_keep(struct places *places, const char *namespace, const char *name,
		 int64_t now_us); /* it may be */

/* The watch shows it. */
void places_seen(struct places *places, const char *namespace, const char *name);

/* For metrics and tests: of a tenant's namespace. */
size_t places_count(const struct places *places, const char *namespace);

#endif
