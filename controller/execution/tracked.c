#include "controller/execution/tracked.h"

#include "controller/execution/capacity.h"
#include "controller/pool/pools.h"

#include <stdlib.h>

struct tracked *tracked_find(const struct controller *controller, struct str key)
{
	struct map_node *node = map_get(&controller->tracked, key);
	return node ? MAP_CONTAINER(node, struct tracked, node) : NULL;
}

struct tracked *tracked_get(struct controller *controller, struct str key, const char *uid, struct error *err)
{
	struct tracked *tracked = tracked_find(controller, key);
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
	tracked->controller = controller;
	tracked->seen_us = clock_monotonic_us(controller->clock);
	map_insert(&controller->tracked, &tracked->node);
	return tracked;
}

static void release_claim(struct tracked *tracked)
{
	if (tracked->claimed_pod)
		pools_release(tracked->controller->pools, tracked->namespace, tracked->claimed_pod, false);
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
	map_remove(&tracked->controller->tracked, &tracked->node);
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
