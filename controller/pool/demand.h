/* Somebody waits for a sandbox of the pools: what for, since when, and how to be woken. Pools know nothing
 * else of whom they serve. */
#ifndef SKILLBOX_CONTROLLER_POOL_DEMAND_H
#define SKILLBOX_CONTROLLER_POOL_DEMAND_H

#include "controller/sandbox/shape.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* What pools have for a run. */
enum pool_offer {
	/* no pool serves it, or the ones that do are not well */
	POOL_NONE,
	/* a new controller doesn't know yet which sandboxes run what */
	POOL_SETTLING,
	/* a sandbox of it will be ready soon */
	POOL_COMING,
	POOL_READY,
};

enum demand_state {
	DEMAND_NONE,
	DEMAND_WAITS,
	/* It was told that there is a sandbox for it, and has not taken one yet. */
	DEMAND_WOKEN,
};

TAILQ_HEAD(demand_queue, demand);

/* All demands, the oldest first. */
struct demand_list {
	struct demand_queue waiting, woken;
};

struct demand {
	/* The owner's; the texts must live as long as the demand does. Equal times: whoever asked first. */
	struct str key;
	const char *namespace;
	int64_t since_us;
	/* has_one: a sandbox of a pool is for it; otherwise it had better look for another way. From inside a
	 * call of the pools: only to put a key into a queue. */
	void (*wake)(void *context, bool has_one);
	void *context;

	/* The pools'. */
	enum demand_state state;
	struct run_shape shape;
	struct demand_list *list;
	TAILQ_ENTRY(demand) link;
};

void demand_list_init(struct demand_list *list);
/* It waits from now on, whatever it did before. */
void demand_wait(struct demand_list *list, struct demand *demand, const struct run_shape *shape);
/* It waits no more, and nobody calls it. */
void demand_cancel(struct demand *demand);
/* It is woken, and DEMAND_WOKEN or DEMAND_NONE then. */
void demand_wake(struct demand *demand, bool has_one);

#endif
