#include "controller/execution/state.h"

#include "controller/execution/apply.h"
#include "controller/execution/capacity.h"

#include <stdlib.h>

struct tracked *tracked_find(const struct executions *executions, struct str key)
{
	struct map_node *node = map_get(&executions->tracked, key);
	return node ? MAP_CONTAINER(node, struct tracked, node) : NULL;
}

/* A pool has a sandbox for it, or it had better look for another way. */
static void wake(void *context, bool has_one)
{
	struct tracked *tracked = context;
	(void)has_one;
	workqueue_add(tracked->executions->services.queue, tracked->node.key);
}

struct tracked *tracked_get(struct executions *executions, struct str key, const char *uid, struct error *err)
{
	struct tracked *tracked = tracked_find(executions, key);
	if (tracked && strcmp(tracked->uid, uid) != 0) { /* deleted and made again under the same name */
		tracked_drop(tracked);
		tracked = NULL;
	}
	if (tracked)
		return tracked;
	tracked = calloc(1, sizeof(*tracked));
	char *name = tracked ? str_dup(key) : NULL;
	struct str namespace, rest;
	str_split_once(key, '/', &namespace, &rest);
	char *namespace_copy = name ? str_dup(namespace) : NULL;
	char *uid_copy = namespace_copy ? str_dup(str_of(uid)) : NULL;
	if (!uid_copy) {
		free(name);
		free(namespace_copy);
		free(tracked);
		error_no_memory(err);
		return NULL;
	}
	tracked->node.key = (struct str){name, key.n};
	tracked->namespace = namespace_copy;
	tracked->uid = uid_copy;
	tracked->executions = executions;
	tracked->seen_us = clock_monotonic_us(executions->services.clock);
	tracked->demand = (struct demand){.key = tracked->node.key,
					  .namespace = tracked->namespace,
					  .since_us = tracked->seen_us,
					  .wake = wake,
					  .context = tracked};
	map_insert(&executions->tracked, &tracked->node);
	return tracked;
}

static void release_claim(struct tracked *tracked)
{
	if (tracked->claimed_pod)
		pools_release(tracked->executions->services.pools, tracked->namespace, tracked->claimed_pod,
			      false);
	free(tracked->claimed_pod);
	tracked->claimed_pod = NULL;
}

void tracked_forget_sandbox(struct tracked *tracked)
{
	release_claim(tracked);
	tracked->session = session_free(tracked->session);
	tracked->has_shape = false;
	tracked->pod_created_ms = 0;
	tracked->stream_losses = 0;
	free(tracked->pod_create_problem);
	tracked->pod_create_problem = NULL;
}

void tracked_drop(struct tracked *tracked)
{
	map_remove(&tracked->executions->tracked, &tracked->node);
	demand_cancel(&tracked->demand);
	capacity_note(tracked, SANDBOX_NONE);
	session_free(tracked->session);
	release_claim(tracked);
	execution_free(tracked->written);
	free(tracked->namespace);
	free((void *)(uintptr_t)tracked->node.key.p);
	free(tracked->uid);
	free(tracked->session_pod_uid);
	free(tracked->pod_create_problem);
	free(tracked->deleted_pod_uid);
	free(tracked);
}

struct executions *executions_new(const struct execution_services *services, struct error *err)
{
	struct executions *executions = calloc(1, sizeof(*executions));
	if (!executions || map_init(&executions->tracked, err) != 0) {
		free(executions);
		error_no_memory(err);
		return NULL;
	}
	executions->services = *services;
	LIST_INIT(&executions->passes);
	return executions;
}

struct executions *executions_free(struct executions *executions)
{
	struct map_cursor cursor = {0};
	if (!executions)
		return NULL;
	for (struct map_node *node; (node = map_next(&executions->tracked, &cursor));)
		tracked_drop(MAP_CONTAINER(node, struct tracked, node));
	map_free(&executions->tracked);
	apply_forget(executions);
	free(executions);
	return NULL;
}

struct capacity_counts executions_count(const struct executions *executions)
{
	struct capacity_counts counts = {0};
	struct map_cursor cursor = {0};
	for (struct map_node *node; (node = map_next(&executions->tracked, &cursor));) {
		const struct tracked *tracked = MAP_CONTAINER(node, const struct tracked, node);
		counts.waiting += tracked->stage == SANDBOX_WAITING;
		counts.starting += tracked->stage == SANDBOX_STARTING;
		counts.ready += tracked->stage == SANDBOX_READY;
	}
	return counts;
}
