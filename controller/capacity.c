#include "controller/capacity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After an Execution its tenant counts as one that runs something for so long. */
#define ACTIVE_US ((int64_t)10 * 1000000)

/* Between two tries of a tenant whose quota is used up, doubled with each. */
#define QUOTA_PAUSE_MS 500
#define QUOTA_PAUSE_MAX_MS 10000

static int64_t starting_of(const struct capacity_counts *counts)
{
	return counts->starting + counts->pool_starting + counts->woken;
}

static int64_t sandboxes_of(const struct capacity_tenant *tenant)
{
	return starting_of(&tenant->counts) + tenant->counts.ready;
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
	tenant->quota = -1;
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

int capacity_init(struct capacity *capacity, const struct capacity_limits *limits, struct error *err)
{
	*capacity = (struct capacity){.limits = *limits};
	LIST_INIT(&capacity->waiting);
	return map_init(&capacity->tenants, err);
}

void capacity_free(struct capacity *capacity)
{
	if (capacity->tenants.slots)
		map_free(&capacity->tenants);
}

static void note_activity(struct capacity *capacity, const char *namespace)
{
	struct capacity_activity *active = capacity->active;
	if (!capacity->limits.clock)
		return;
	if (strcmp(active[0].tenant, namespace) != 0) {
		active[1] = active[0];
		snprintf(active[0].tenant, sizeof(active[0].tenant), "%s", namespace);
	}
	active[0].us = clock_monotonic_us(capacity->limits.clock);
}

static bool has_active_others(const struct capacity *capacity, const struct capacity_tenant *tenant)
{
	const struct capacity_activity *last = &capacity->active[0];
	if (str_eq(tenant->node.key, str_of(last->tenant)))
		last = &capacity->active[1];
	return last->us && clock_monotonic_us(capacity->limits.clock) - last->us < ACTIVE_US;
}

int capacity_enter(struct capacity *capacity, struct capacity_place *place, const char *namespace,
		   struct error *err)
{
	struct map_node *node = map_get(&capacity->tenants, str_of(namespace));
	struct capacity_tenant *tenant = node ? MAP_CONTAINER(node, struct capacity_tenant, node)
					      : tenant_new(capacity, str_of(namespace));
	if (!tenant)
		return error_no_memory(err);
	if (!place->of_pool)
		note_activity(capacity, namespace);
	tenant->places++;
	place->capacity = capacity;
	place->tenant = tenant;
	place->stage = CAPACITY_NONE;
	return 0;
}

void capacity_leave(struct capacity_place *place)
{
	capacity_set_pool(place, 0);
	capacity_move(place, CAPACITY_NONE);
	if (--place->tenant->places == 0)
		tenant_free(place->capacity, place->tenant);
	place->tenant = NULL;
}

static void count(const struct capacity_place *place, struct capacity_counts *counts, int64_t difference)
{
	switch (place->stage) {
	case CAPACITY_NONE:
		return;
	case CAPACITY_WAITING:
		counts->waiting += place->of_pool ? 0 : difference;
		return;
	case CAPACITY_WOKEN:
		counts->waiting += place->of_pool ? 0 : difference;
		counts->woken += difference;
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

static void set_stage(struct capacity_place *place, enum capacity_stage stage)
{
	if (place->stage == CAPACITY_WAITING)
		end_to_wait(place);
	count(place, &place->tenant->counts, -1);
	count(place, &place->capacity->counts, -1);
	place->stage = stage;
	count(place, &place->tenant->counts, 1);
	count(place, &place->capacity->counts, 1);
	if (stage == CAPACITY_WAITING)
		begin_to_wait(place);
}

/* A Pod's start takes its node more than most runs do. So a tenant that is alone has half of the places,
 * which is as many as a small node takes, and a quarter while others run something. */
static int64_t room_for(const struct capacity *capacity, const struct capacity_tenant *tenant)
{
	int64_t part = has_active_others(capacity, tenant) ? 4 : 2;
	int64_t everybody = capacity->limits.max_starting - starting_of(&capacity->counts);
	int64_t own = (capacity->limits.max_starting + part - 1) / part - starting_of(&tenant->counts);
	return everybody < own ? everybody : own;
}

/* May the oldest of this tenant start one? */
static bool may_start(const struct capacity *capacity, const struct capacity_tenant *tenant)
{
	const struct capacity_counts *counts = &tenant->counts;
	const struct capacity_limits *limits = &capacity->limits;
	bool is_full =
	    counts->starting + counts->ready + counts->woken >= limits->max_tenant ||
	    (tenant->quota >= 0 && sandboxes_of(tenant) >= tenant->quota + (tenant->probe_ms == 0));
	if (is_full && !TAILQ_FIRST(&tenant->waiting)->of_pool)
		return false;
	return room_for(capacity, tenant) > 0 || starting_of(counts) == 0;
}

static struct capacity_place *find_next(const struct capacity *capacity)
{
	struct capacity_place *next = NULL;
	const struct capacity_tenant *tenant;
	LIST_FOREACH(tenant, &capacity->waiting, link) {
		struct capacity_place *oldest = TAILQ_FIRST(&tenant->waiting);
		if (!may_start(capacity, tenant))
			continue;
		int64_t more = next ? sandboxes_of(tenant) - sandboxes_of(next->tenant) : -1;
		if (more < 0 || (more == 0 && oldest->since_us < next->since_us))
			next = oldest;
	}
	return next;
}

/* A place that somebody is woken for is taken: whoever comes meanwhile finds none. */
static void wake_next(struct capacity *capacity)
{
	for (struct capacity_place *next; (next = find_next(capacity));) {
		set_stage(next, CAPACITY_WOKEN);
		next->wake(next->context, next->key);
	}
}

void capacity_move(struct capacity_place *place, enum capacity_stage stage)
{
	enum capacity_stage before = place->stage;
	if (stage == before)
		return;
	set_stage(place, stage);
	/* one that was woken and waits on could not use it: another try would end like this one */
	bool gives_on = before == CAPACITY_WOKEN && stage != CAPACITY_STARTING && stage != CAPACITY_WAITING;
	if (gives_on || before == CAPACITY_STARTING ||
	    (before == CAPACITY_READY && stage < CAPACITY_STARTING))
		wake_next(place->capacity);
}

void capacity_set_pool(struct capacity_place *place, int64_t starting)
{
	int64_t difference = starting - place->pool_starting;
	place->pool_starting = starting;
	place->tenant->counts.pool_starting += difference;
	place->capacity->counts.pool_starting += difference;
	if (difference < 0)
		wake_next(place->capacity);
}

void capacity_refuse(struct capacity_place *place, int64_t now_ms, int64_t now_us)
{
	struct capacity_tenant *tenant = place->tenant;
	place->since_us = now_us;
	tenant->quota = sandboxes_of(tenant) - 1;
	tenant->probe_ms = now_ms + duration_doubled(QUOTA_PAUSE_MS, tenant->refusals++, QUOTA_PAUSE_MAX_MS);
}

void capacity_accept(struct capacity_place *place)
{
	struct capacity_tenant *tenant = place->tenant;
	if (tenant->quota < 0)
		return;
	tenant->refusals = 0;
	tenant->probe_ms = 0;
	tenant->quota = TAILQ_EMPTY(&tenant->waiting) ? -1 : sandboxes_of(tenant);
	wake_next(place->capacity);
}

struct capacity_view capacity_others(const struct capacity_place *place)
{
	const struct capacity_counts *own = &place->tenant->counts;
	bool starts = place->stage == CAPACITY_STARTING;
	bool counts = starts || place->stage == CAPACITY_WOKEN;
	int64_t mine = counts + place->pool_starting;
	/* one beyond the quota may be on its way: the one that asks whether there is room again */
	int64_t beyond =
	    sandboxes_of(place->tenant) - mine - (place->stage == CAPACITY_READY) - place->tenant->quota;
	return (struct capacity_view){
	    .room = room_for(place->capacity, place->tenant) + mine,
	    .tenant_starting = own->starting - starts,
	    .tenant_any_starting = starting_of(own) - mine,
	    .quota_ms = place->tenant->quota < 0 || beyond < 0 ? 0
			: beyond == 0                          ? place->tenant->probe_ms
							       : INT64_MAX,
	    .tenant_sandboxes = own->starting + own->ready - (starts || place->stage == CAPACITY_READY),
	};
}
