#include "controller/execution/capacity.h"

#include <stdlib.h>

void capacity_observe(const struct tracked *tracked, struct observation *ret)
{
	struct map_cursor cursor = {0};
	struct str namespace = str_of(tracked->namespace);
	ret->starting += pools_starting(tracked->executions->services.pools);
	for (struct map_node *node; (node = map_next(&tracked->executions->tracked, &cursor));) {
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
static void wake_next(struct executions *executions)
{
	struct map_cursor cursor = {0};
	struct tracked *next = NULL;
	int64_t next_under_way = 0;
	for (struct map_node *node; (node = map_next(&executions->tracked, &cursor));) {
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
		workqueue_add(executions->services.queue, next->node.key);
}

void capacity_note(struct tracked *tracked, enum sandbox_stage stage)
{
	enum sandbox_stage before = tracked->stage;
	tracked->stage = stage;
	bool left_start = before == SANDBOX_STARTING && stage != SANDBOX_STARTING;
	bool left = before >= SANDBOX_STARTING && stage < SANDBOX_STARTING;
	if (left_start || left)
		wake_next(tracked->executions);
}
