#include "controller/pool/demand.h"

void demand_list_init(struct demand_list *list)
{
	TAILQ_INIT(&list->waiting);
	TAILQ_INIT(&list->woken);
}

void demand_cancel(struct demand *demand)
{
	if (demand->state == DEMAND_WAITS)
		TAILQ_REMOVE(&demand->list->waiting, demand, link);
	else if (demand->state == DEMAND_WOKEN)
		TAILQ_REMOVE(&demand->list->woken, demand, link);
	demand->state = DEMAND_NONE;
}

void demand_wait(struct demand_list *list, struct demand *demand, const struct run_shape *shape)
{
	struct demand *before;
	if (shape != &demand->shape)
		demand->shape = *shape;
	demand_cancel(demand);
	demand->list = list;
	demand->state = DEMAND_WAITS;
	/* nearly always the last */
	TAILQ_FOREACH_REVERSE(before, &list->waiting, demand_queue, link)
		if (before->since_us <= demand->since_us)
			break;
	if (before)
		TAILQ_INSERT_AFTER(&list->waiting, before, demand, link);
	else
		TAILQ_INSERT_HEAD(&list->waiting, demand, link);
}

void demand_wake(struct demand *demand, bool has_one)
{
	struct demand_list *list = demand->list;
	demand_cancel(demand);
	if (has_one) {
		demand->state = DEMAND_WOKEN;
		TAILQ_INSERT_TAIL(&list->woken, demand, link);
	}
	demand->wake(demand->context, has_one);
}
