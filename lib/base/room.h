/* Room for so many bytes in all, of which one owner (a tenant's namespace) has at most a share, so that
 * nobody takes all of it. */
#ifndef SKILLBOX_BASE_ROOM_H
#define SKILLBOX_BASE_ROOM_H

#include "lib/base/map.h"

struct room {
	size_t max, share; /* bytes: of all, of one owner */
	size_t used;
	struct map owners; /* those that have some */
};

int room_init(struct room *room, size_t max, size_t share, struct error *err);
void room_free(struct room *room);

/* False: there is no room for that, or no memory; nothing is taken. */
bool room_take(struct room *room, const char *owner, size_t bytes);
/* As many as were taken at once, or some of them. */
void room_give(struct room *room, const char *owner, size_t bytes);

#endif
