/* Who may start a sandbox now. A node starts only a few Pods a second, so no more than
 * SKILLBOX_MAX_STARTING_SANDBOXES start at once, and whoever floods waits here and not in the node's queue: a
 * tenant with none starting never waits for the others'.
 *
 * This is the account of it: what each tenant (a namespace) has under way, and who of it waits. No question
 * is answered by going through all Executions. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_CAPACITY_H
#define SKILLBOX_CONTROLLER_EXECUTION_CAPACITY_H

#include "lib/base/map.h"

#include <stdint.h>
#include <sys/queue.h>

enum capacity_stage {
	/* It neither has a sandbox nor waits for a place. */
	CAPACITY_NONE,
	CAPACITY_WAITING,
	/* A sandbox that was created and is not ready. */
	CAPACITY_STARTING,
	CAPACITY_READY,
};

struct capacity_counts {
	int64_t waiting, starting, ready;
};

TAILQ_HEAD(capacity_queue, capacity_place);

/* What one tenant has; it exists while one of its places does. */
struct capacity_tenant {
	struct map_node node; /* key: the namespace */
	size_t places;
	struct capacity_counts counts;
	/* the oldest first */
	struct capacity_queue waiting;
	/* in the list of tenants of whom somebody waits */
	LIST_ENTRY(capacity_tenant) link;
};

struct capacity {
	struct map tenants;
	LIST_HEAD(, capacity_tenant) waiting;
	/* of all tenants */
	struct capacity_counts counts;
	/* A place became free, and this one is the next for it: look at it. */
	void (*wake)(void *context, struct str key);
	void *context;
};

/* One Execution's part of it. */
struct capacity_place {
	/* The owner's; the key's bytes live as long as the place. */
	struct str key;
	int64_t since_us;

	enum capacity_stage stage;
	struct capacity *capacity;
	struct capacity_tenant *tenant;
	TAILQ_ENTRY(capacity_place) link;
};

int capacity_init(struct capacity *capacity, void (*wake)(void *context, struct str key), void *context,
		  struct error *err);
/* All places must have left. */
void capacity_free(struct capacity *capacity);

/* From now on it counts for this tenant, in CAPACITY_NONE. */
int capacity_enter(struct capacity *capacity, struct capacity_place *place, const char *namespace,
		   struct error *err);
void capacity_leave(struct capacity_place *place);

/* Note where the sandbox of an Execution has got to. If a place became free, the next that waits is woken:
 * the oldest of the tenant with the fewest sandboxes. */
void capacity_move(struct capacity_place *place, enum capacity_stage stage);

/* What there is beside this place: of everybody, and of its tenant. */
struct capacity_view {
	int64_t starting, tenant_starting, tenant_sandboxes;
};
struct capacity_view capacity_others(const struct capacity_place *place);

#endif
