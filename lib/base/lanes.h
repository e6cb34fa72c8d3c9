/* Work that waits, fairly: each tenant has a lane, and the lanes take turns, so that who asks for much waits
 * for their own work and delays that of another by one piece. It keeps the order only; what the work is and
 * where it runs is the owner's. Intrusive: the item stands inside the caller's struct. */
#ifndef SKILLBOX_LIB_BASE_LANES_H
#define SKILLBOX_LIB_BASE_LANES_H

#include "lib/base/error.h"
#include "lib/base/map.h"
#include "lib/base/str.h"

#include <sys/queue.h>

#define LANES_NAME_MAX 63 /* bytes of a tenant's name */

struct lane_item {
	STAILQ_ENTRY(lane_item) link;
};

struct lanes {
	struct map by_tenant;
	TAILQ_HEAD(lane_list, lane) turns; /* those with items: the first is served next */
	size_t count;                      /* items */
};

int lanes_init(struct lanes *lanes, struct error *err);
void lanes_free(struct lanes *lanes); /* items that still wait belong to the caller; NULL-safe inside */

/* How many of this tenant wait. */
size_t lanes_waiting(const struct lanes *lanes, struct str tenant);
/* tenant: "" is one, too; at most LANES_NAME_MAX bytes. */
int lanes_push(struct lanes *lanes, struct str tenant, struct lane_item *item, struct error *err);
/* The next, or NULL: nothing waits. */
struct lane_item *lanes_pop(struct lanes *lanes);

#endif
