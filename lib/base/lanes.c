#include "lib/base/lanes.h"

#include <stdlib.h>

struct lane {
	struct map_node node;
	TAILQ_ENTRY(lane) turn;
	STAILQ_HEAD(, lane_item) items;
	size_t count;
	char tenant[LANES_NAME_MAX + 1];
};

int lanes_init(struct lanes *lanes, struct error *err)
{
	*lanes = (struct lanes){0};
	TAILQ_INIT(&lanes->turns);
	return map_init(&lanes->by_tenant, err);
}

static void drop(struct lanes *lanes, struct lane *lane)
{
	TAILQ_REMOVE(&lanes->turns, lane, turn);
	map_remove(&lanes->by_tenant, &lane->node);
	free(lane);
}

void lanes_free(struct lanes *lanes)
{
	if (!lanes->by_tenant.slots)
		return;
	for (struct lane *lane; (lane = TAILQ_FIRST(&lanes->turns));)
		drop(lanes, lane);
	map_free(&lanes->by_tenant);
	lanes->count = 0;
}

static struct lane *find(const struct lanes *lanes, struct str tenant)
{
	struct map_node *node = map_get(&lanes->by_tenant, tenant);
	return node ? MAP_CONTAINER(node, struct lane, node) : NULL;
}

size_t lanes_waiting(const struct lanes *lanes, struct str tenant)
{
	const struct lane *lane = find(lanes, tenant);
	return lane ? lane->count : 0;
}

/* It is served behind all others. */
static struct lane *make(struct lanes *lanes, struct str tenant, struct error *err)
{
	struct lane *lane = NULL;
	if (tenant.n > LANES_NAME_MAX)
		error_set(err, ERR_INTERNAL, "a tenant's name has %zu bytes, more than %d", tenant.n,
			  LANES_NAME_MAX);
	else if (!(lane = calloc(1, sizeof(*lane))))
		error_no_memory(err);
	if (!lane)
		return NULL;
	if (tenant.n)
		memcpy(lane->tenant, tenant.p, tenant.n);
	lane->node.key = (struct str){lane->tenant, tenant.n};
	STAILQ_INIT(&lane->items);
	map_insert(&lanes->by_tenant, &lane->node);
	TAILQ_INSERT_TAIL(&lanes->turns, lane, turn);
	return lane;
}

int lanes_push(struct lanes *lanes, struct str tenant, struct lane_item *item, struct error *err)
{
	struct lane *lane = find(lanes, tenant);
	if (!lane && !(lane = make(lanes, tenant, err)))
		return -1;
	STAILQ_INSERT_TAIL(&lane->items, item, link);
	lane->count++;
	lanes->count++;
	return 0;
}

struct lane_item *lanes_pop(struct lanes *lanes)
{
	struct lane *lane = TAILQ_FIRST(&lanes->turns);
	if (!lane)
		return NULL;
	struct lane_item *item = STAILQ_FIRST(&lane->items);
	STAILQ_REMOVE_HEAD(&lane->items, link);
	lanes->count--;
	if (--lane->count == 0) {
		drop(lanes, lane);
	} else {
		TAILQ_REMOVE(&lanes->turns, lane, turn);
		TAILQ_INSERT_TAIL(&lanes->turns, lane, turn);
	}
	return item;
}
