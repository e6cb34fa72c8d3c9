#include "apiserver/object/execution_index.h"

#include "lib/base/map.h"

#include <stdlib.h>

struct group { /* of one namespace; as long as it has any */
	struct map_node node;
	struct ordered executions;
	struct execution_counts counts;
	char namespace[];
};

struct execution_index {
	struct map groups;
};

static struct shared_execution *shared_of(const struct ordered_node *node)
{
	return (struct shared_execution *)((uintptr_t)node - offsetof(struct shared_execution, listed));
}

/* < 0: it is listed before the place. The id, which has to be looked for, is seldom needed. */
static int compare_place(const struct shared_execution *shared, const struct execution_position *place)
{
	if (shared->requested_ms != place->requested_ms)
		return shared->requested_ms > place->requested_ms ? -1 : 1;
	return strcmp(place->id, execution_id(shared->execution));
}

/* Two can have one time and id if somebody writes them so; names are unique. */
static int compare(const struct ordered_node *left, const struct ordered_node *right)
{
	const struct shared_execution *a = shared_of(left), *b = shared_of(right);
	if (a->requested_ms != b->requested_ms)
		return a->requested_ms > b->requested_ms ? -1 : 1;
	int order = strcmp(execution_id(b->execution), execution_id(a->execution));
	return order != 0 ? order : strcmp(a->execution->meta.name, b->execution->meta.name);
}

struct execution_index *execution_index_new(struct error *err)
{
	struct execution_index *index = calloc(1, sizeof(*index));
	if (!index) {
		error_no_memory(err);
		return NULL;
	}
	if (map_init(&index->groups, err) == 0)
		return index;
	free(index);
	return NULL;
}

struct execution_index *execution_index_free(struct execution_index *index)
{
	struct map_cursor cursor = {0};
	if (!index)
		return NULL;
	for (struct map_node *node; (node = map_next(&index->groups, &cursor));)
		free(MAP_CONTAINER(node, struct group, node));
	map_free(&index->groups);
	free(index);
	return NULL;
}

static struct group *find(const struct execution_index *index, const char *namespace)
{
	struct map_node *node = map_get(&index->groups, str_of(namespace));
	return node ? MAP_CONTAINER(node, struct group, node) : NULL;
}

static struct group *find_or_make(struct execution_index *index, const char *namespace, struct error *err)
{
	struct group *group = find(index, namespace);
	size_t n = strlen(namespace);
	if (group)
		return group;
	group = calloc(1, sizeof(*group) + n + 1);
	if (!group) {
		error_no_memory(err);
		return NULL;
	}
	memcpy(group->namespace, namespace, n);
	group->node.key = (struct str){group->namespace, n};
	ordered_init(&group->executions, compare);
	map_insert(&index->groups, &group->node);
	return group;
}

static void count(struct group *group, const struct shared_execution *shared, int by)
{
	group->counts.stored += (size_t)by;
	group->counts.size += by * shared->size;
	if (!execution_is_finished(shared->execution))
		group->counts.unfinished += (size_t)by;
}

static void take_out(struct execution_index *index, struct shared_execution *shared)
{
	struct group *group = find(index, shared->execution->meta.namespace);
	ordered_remove(&group->executions, &shared->listed);
	shared->is_listed = false;
	count(group, shared, -1);
	if (group->executions.count > 0)
		return;
	map_remove(&index->groups, &group->node);
	free(group);
}

/* The index is no part of an object's value. */
static struct shared_execution *writable(const struct shared_execution *shared)
{
	return (struct shared_execution *)(uintptr_t)shared;
}

int execution_index_change(struct execution_index *index, const struct shared_execution *old,
			   const struct shared_execution *fresh, struct error *err)
{
	if (old && old->is_listed)
		take_out(index, writable(old));
	if (!fresh)
		return 0;
	struct group *group = find_or_make(index, fresh->execution->meta.namespace, err);
	if (!group)
		return -1;
	ordered_insert(&group->executions, &writable(fresh)->listed);
	writable(fresh)->is_listed = true;
	count(group, fresh, 1);
	return 0;
}

struct execution_counts execution_index_counts(const struct execution_index *index, const char *namespace)
{
	const struct group *group = find(index, namespace);
	return group ? group->counts : (struct execution_counts){0};
}

struct execution_counts execution_index_highest(const struct execution_index *index)
{
	struct execution_counts highest = {0};
	struct map_cursor cursor = {0};
	for (struct map_node *node; (node = map_next(&index->groups, &cursor));) {
		const struct execution_counts *counts = &MAP_CONTAINER(node, struct group, node)->counts;
		if (counts->stored > highest.stored)
			highest.stored = counts->stored;
		if (counts->unfinished > highest.unfinished)
			highest.unfinished = counts->unfinished;
		if (counts->size > highest.size)
			highest.size = counts->size;
	}
	return highest;
}

struct visit {
	const struct execution_position *after;
	bool (*visit)(void *context, const struct shared_execution *shared);
	void *context;
};

static bool is_behind(void *context, const struct ordered_node *node)
{
	const struct execution_position *after = ((const struct visit *)context)->after;
	return !after || compare_place(shared_of(node), after) > 0;
}

static bool visit_one(void *context, struct ordered_node *node)
{
	const struct visit *visit = context;
	return visit->visit(visit->context, shared_of(node));
}

void execution_index_each(const struct execution_index *index, const char *namespace,
			  const struct execution_position *after,
			  bool (*visit)(void *context, const struct shared_execution *shared), void *context)
{
	const struct group *group = find(index, namespace);
	struct visit what = {after, visit, context};
	const struct ordered_walk walk = {is_behind, visit_one, &what};
	if (group)
		ordered_each(&group->executions, &walk);
}
