#include "controller/execution/capacity.h"

#include "controller/pool/pools.h"

#include <stdlib.h>

int64_t controller_starting(const struct controller *controller)
{
	struct map_cursor cursor = {0};
	int64_t count = pools_starting(controller->pools);
	for (struct map_node *node; (node = map_next(&controller->tracked, &cursor));)
		count += MAP_CONTAINER(node, struct tracked, node)->stage == SANDBOX_STARTING;
	return count;
}

void capacity_observe(const struct tracked *tracked, struct observation *ret)
{
	struct map_cursor cursor = {0};
	struct str namespace = str_of(tracked->namespace);
	ret->starting += pools_starting(tracked->controller->pools);
	for (struct map_node *node; (node = map_next(&tracked->controller->tracked, &cursor));) {
		const struct tracked *other = MAP_CONTAINER(node, struct tracked, node);
		if (other == tracked || other->stage < SANDBOX_STARTING)
			continue;
		bool same = str_eq(str_of(other->namespace), namespace);
		bool starting = other->stage == SANDBOX_STARTING;
		ret->tenant_sandboxes += same;
		ret->starting += starting;
		ret->tenant_starting += starting && same;
	}
}

/* Sandboxes that the tenant of a waiting Execution has under way: the fewer, the sooner it is its turn. */
static int64_t under_way(const struct tracked *waiting)
{
	struct observation seen = {0};
	capacity_observe(waiting, &seen);
	return seen.tenant_sandboxes;
}

/* The next is the oldest of the tenant with the fewest sandboxes. */
static void wake_next(struct controller *controller)
{
	struct map_cursor cursor = {0};
	struct tracked *next = NULL;
	int64_t next_under_way = 0;
	for (struct map_node *node; (node = map_next(&controller->tracked, &cursor));) {
		struct tracked *tracked = MAP_CONTAINER(node, struct tracked, node);
		if (tracked->stage != SANDBOX_WAITING)
			continue;
		bool same = next && str_eq(str_of(next->namespace), str_of(tracked->namespace));
		int64_t count = same ? next_under_way : under_way(tracked);
		if (next && (count > next_under_way ||
			     (count == next_under_way && tracked->seen_us >= next->seen_us)))
			continue;
		next = tracked;
		next_under_way = count;
	}
	if (next)
		workqueue_add(controller->execution_queue, next->node.key);
}

void capacity_note(struct tracked *tracked, enum sandbox_stage stage)
{
	enum sandbox_stage before = tracked->stage;
	tracked->stage = stage;
	bool left_start = before == SANDBOX_STARTING && stage != SANDBOX_STARTING;
	bool left = before >= SANDBOX_STARTING && stage < SANDBOX_STARTING;
	if (left_start || left)
		wake_next(tracked->controller);
}
