/* Who may start a sandbox now. A node starts only a few Pods a second, so no more than
 * SKILLBOX_MAX_STARTING_SANDBOXES start at once, of one tenant half as many, and a quarter while
 * others run something, so that they find room whatever it starts. Whoever floods waits here and not in the
 * node's queue: a tenant with none starting never waits for the others'.
 *
 * This is the account of it: what each tenant (a namespace) has under way, of Executions and of pools, and
 * who of it waits. No question is answered by going through all Executions: what is gone through is the
 * tenants of whom somebody waits, once for each place that becomes free. */
#ifndef SKILLBOX_CONTROLLER_CAPACITY_H
#define SKILLBOX_CONTROLLER_CAPACITY_H

#include "lib/base/clock.h"
#include "lib/base/map.h"

#include <stdint.h>
#include <sys/queue.h>

enum capacity_stage {
	/* It neither has a sandbox nor waits for a place. */
	CAPACITY_NONE,
	CAPACITY_WAITING,
	/* A place is kept for it until it says what becomes of that. */
	CAPACITY_WOKEN,
	/* A sandbox that was created and is not ready. */
	CAPACITY_STARTING,
	CAPACITY_READY,
};

/* Of Executions; of pools, which may have many that start, and wait for one place at a time. */
struct capacity_counts {
	int64_t waiting, starting, ready;
	int64_t woken, pool_starting; /* both kinds; pools alone */
};

struct capacity_limits {
	/* of all tenants; sandboxes that Executions of one may have */
	int64_t max_starting, max_tenant;
	/* NULL: none, every tenant counts as alone */
	const struct clock *clock;
};

/* Of a namespace with the NUL. */
#define CAPACITY_NAME_SIZE 64

/* When an Execution of a tenant came last; us 0: none came. */
struct capacity_activity {
	char tenant[CAPACITY_NAME_SIZE];
	int64_t us;
};

TAILQ_HEAD(capacity_queue, capacity_place);

/* What one tenant has; it exists while one of its places does. */
struct capacity_tenant {
	struct map_node node; /* key: the namespace */
	size_t places;
	struct capacity_counts counts;
	/* The namespace's quota, as far as its refusals tell: so many sandboxes and no more. -1: it refused
	 * none. */
	int64_t quota;
	/* refusals in a row, and the wall clock from which on it may be asked for one more; 0: now */
	unsigned refusals;
	int64_t probe_ms;
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
	struct capacity_limits limits;
	/* of the two tenants that had one come last, that one first: one of them at least is another than any
	 */
	struct capacity_activity active[2];
};

/* One Execution's part of it, or one pool's. */
struct capacity_place {
	/* The owner's; the key's bytes live as long as the place. */
	struct str key;
	int64_t since_us;
	bool of_pool;
	/* A place became free, and this one is the next for it: look at it. From inside a call: only to put
	 * the key into a queue. */
	void (*wake)(void *context, struct str key);
	void *context;

	enum capacity_stage stage;
	int64_t pool_starting;
	struct capacity *capacity;
	struct capacity_tenant *tenant;
	TAILQ_ENTRY(capacity_place) link;
};

int capacity_init(struct capacity *capacity, const struct capacity_limits *limits, struct error *err);
/* All places must have left. NULL-safe for one that was never made. */
void capacity_free(struct capacity *capacity);

/* From now on it counts for this tenant, in CAPACITY_NONE. */
int capacity_enter(struct capacity *capacity, struct capacity_place *place, const char *namespace,
		   struct error *err);
void capacity_leave(struct capacity_place *place);

/* Note where the sandbox of an Execution has got to; a pool is in CAPACITY_NONE or CAPACITY_WAITING. Whoever
 * is next for a place that became free is woken: the oldest of the tenant with the fewest sandboxes. A tenant
 * that has none starting needs no free place. */
void capacity_move(struct capacity_place *place, enum capacity_stage stage);
/* So many sandboxes of this pool start. */
void capacity_set_pool(struct capacity_place *place, int64_t starting);

/* What there is beside this place. */
struct capacity_view {
	/* so many more may start: of everybody, and of its tenant; less than 1: none */
	int64_t room;
	/* of its tenant's Executions; with its pools, and what is kept for it */
	int64_t tenant_starting, tenant_any_starting;
	/* that its tenant's Executions have */
	int64_t tenant_sandboxes;
	/* wall clock from which on the namespace's quota may be asked for one; 0: at once */
	int64_t quota_ms;
};
struct capacity_view capacity_others(const struct capacity_place *place);

/* The namespace's quota refused its sandbox; it is still in CAPACITY_STARTING, so that nobody has its place
 * yet. What one tenant asks for in vain costs the whole cluster, so from now on its Executions start one when
 * another of its sandboxes ends, and one after a pause that doubles with each refusal. Whoever was refused
 * has its next turn after the others, which may be smaller. */
void capacity_refuse(struct capacity_place *place, int64_t now_ms, int64_t now_us);
/* The cluster took its sandbox: the quota may have room for another. */
void capacity_accept(struct capacity_place *place);

#endif
