#include "controller/execution/capacity.h"

#include <stdlib.h>

static int64_t sandboxes_of(const struct capacity_tenant *tenant)
{
	return tenant->counts.starting + tenant->counts.ready;
}

static struct capacity_tenant *tenant_new(struct capacity *capacity, struct str namespace)
{
	struct capacity_tenant *tenant = calloc(1, sizeof(*tenant));
	char *key = tenant ? str_dup(namespace) : NULL;
	if (!key) {
		free(tenant);
		return NULL;
	}
	tenant->node.key = (struct str){key, namespace.n};
	TAILQ_INIT(&tenant->waiting);
	map_insert(&capacity->tenants, &tenant->node);
	return tenant;
}

static void tenant_free(struct capacity *capacity, struct capacity_tenant *tenant)
{
	map_remove(&capacity->tenants, &tenant->node);
	free((void *)(uintptr_t)tenant->node.key.p);
	free(tenant);
}

int capacity_init(struct capacity *capacity, void (*wake)(void *context, struct str key), void *context,
		  struct error *err)
{
	*capacity = (struct capacity){.wake = wake, .context = context};
	LIST_INIT(&capacity->waiting);
	return map_init(&capacity->tenants, err);
}

void capacity_free(struct capacity *capacity)
{
	map_free(&capacity->tenants);
}

int capacity_enter(struct capacity *capacity, struct capacity_place *place, const char *namespace,
		   struct error *err)
{
	struct map_node *node = map_get(&capacity->tenants, str_of(namespace));
	struct capacity_tenant *tenant = node ? MAP_CONTAINER(node, struct capacity_tenant, node)
					      : tenant_new(capacity, str_of(namespace));
	if (!tenant)
		return error_no_memory(err);
	tenant->places++;
	place->capacity = capacity;
	place->tenant = tenant;
	place->stage = CAPACITY_NONE;
	return 0;
}

void capacity_leave(struct capacity_place *place)
{
	capacity_move(place, CAPACITY_NONE);
	if (--place->tenant->places == 0)
		tenant_free(place->capacity, place->tenant);
	place->tenant = NULL;
}

static void count(struct capacity_counts *counts, enum capacity_stage stage, int64_t difference)
{
	switch (stage) {
	case CAPACITY_NONE:
		return;
	case CAPACITY_WAITING:
		counts->waiting += difference;
		return;
	case CAPACITY_STARTING:
		counts->starting += difference;
		return;
	case CAPACITY_READY:
		counts->ready += difference;
		return;
	}
}

/* In line by age: nearly always the last. */
static void begin_to_wait(struct capacity_place *place)
{
	struct capacity_tenant *tenant = place->tenant;
	struct capacity_place *before;
	if (TAILQ_EMPTY(&tenant->waiting))
		LIST_INSERT_HEAD(&place->capacity->waiting, tenant, link);
	TAILQ_FOREACH_REVERSE(before, &tenant->waiting, capacity_queue, link)
		if (before->since_us <= place->since_us)
			break;
	if (before)
		TAILQ_INSERT_AFTER(&tenant->waiting, before, place, link);
	else
		TAILQ_INSERT_HEAD(&tenant->waiting, place, link);
}

static void end_to_wait(struct capacity_place *place)
{
	TAILQ_REMOVE(&place->tenant->waiting, place, link);
	if (TAILQ_EMPTY(&place->tenant->waiting))
		LIST_REMOVE(place->tenant, link);
}

static void wake_next(struct capacity *capacity)
{
	const struct capacity_place *next = NULL;
	const struct capacity_tenant *tenant;
	LIST_FOREACH(tenant, &capacity->waiting, link) {
		const struct capacity_place *oldest = TAILQ_FIRST(&tenant->waiting);
		int64_t more = next ? sandboxes_of(tenant) - sandboxes_of(next->tenant) : -1;
		if (more < 0 || (more == 0 && oldest->since_us < next->since_us))
			next = oldest;
	}
	if (next)
		capacity->wake(capacity->context, next->key);
}

void capacity_move(struct capacity_place *place, enum capacity_stage stage)
{
	enum capacity_stage before = place->stage;
	if (stage == before)
		return;
	if (before == CAPACITY_WAITING)
		end_to_wait(place);
	count(&place->tenant->counts, before, -1);
	count(&place->capacity->counts, before, -1);
	place->stage = stage;
	count(&place->tenant->counts, stage, 1);
	count(&place->capacity->counts, stage, 1);
	if (stage == CAPACITY_WAITING)
		begin_to_wait(place);
	if (before == CAPACITY_STARTING || (before == CAPACITY_READY && stage < CAPACITY_STARTING))
		wake_next(place->capacity);
}

struct capacity_view capacity_others(const struct capacity_place *place)
{
	bool starts = place->stage == CAPACITY_STARTING, has_sandbox = place->stage >= CAPACITY_STARTING;
	return (struct capacity_view){
	    .starting = place->capacity->counts.starting - starts,
	    .tenant_starting = place->tenant->counts.starting - starts,
	    .tenant_sandboxes = sandboxes_of(place->tenant) - has_sandbox,
	};
}
