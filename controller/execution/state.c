#include "controller/execution/state.h"
#include "lib/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

/* Between two tries to create a Pod that is refused, doubled with each. */
#define REFUSED_PAUSE_MS 500
#define REFUSED_PAUSE_MAX_MS 10000

/* What one in that state holds; while it ends, it is what it held before. */
static const struct {
	const char *name;
	enum capacity_stage stage;
} states[TRACKED_STATE_COUNT] = {
    [TRACKED_IDLE] = {"idle", CAPACITY_NONE},
    [TRACKED_WAITING] = {"waiting", CAPACITY_WAITING},
    [TRACKED_IN_LINE] = {"in line", CAPACITY_NONE},
    [TRACKED_WOKEN] = {"woken", CAPACITY_NONE},
    [TRACKED_STARTING] = {"starting", CAPACITY_STARTING},
    [TRACKED_READY] = {"ready", CAPACITY_READY},
    [TRACKED_ENDING] = {"ending", CAPACITY_NONE},
    [TRACKED_END_SHOWN] = {"end shown", CAPACITY_NONE},
    [TRACKED_SETTLED] = {"settled", CAPACITY_NONE},
};

const char *tracked_state_name(enum tracked_state state)
{
	return states[state].name;
}

static bool is_ending(enum tracked_state state)
{
	return state == TRACKED_ENDING || state == TRACKED_END_SHOWN;
}

bool tracked_is_ending(const struct tracked *tracked)
{
	return is_ending(tracked->state);
}

void tracked_move(struct tracked *tracked, enum tracked_state state)
{
	struct executions *executions = tracked->executions;
	enum tracked_state from = tracked->state;
	if (state == from)
		return;
	if (is_ending(state) && !is_ending(from))
		tracked->before = from;
	if (state != TRACKED_IN_LINE && state != TRACKED_WOKEN)
		demand_cancel(&tracked->demand);
	TAILQ_REMOVE(&executions->by_state[from], tracked, link);
	tracked->state = state;
	TAILQ_INSERT_TAIL(&executions->by_state[state], tracked, link);
	capacity_move(&tracked->place, states[is_ending(state) ? tracked->before : state].stage);
}

/* A pool has a sandbox for it, or it had better look for another way. */
static void demand_woken(void *context, bool has_one)
{
	struct tracked *tracked = context;
	tracked_move(tracked, has_one ? TRACKED_WOKEN : TRACKED_IDLE);
	workqueue_add(tracked->executions->services.queue, tracked->node.key);
}

/* A place became free, and it is the next. */
static void place_free(void *context, struct str key)
{
	workqueue_add(((struct executions *)context)->services.queue, key);
}

/* Life of the structs */

struct tracked *tracked_find(const struct executions *executions, struct str key)
{
	struct map_node *node = map_get(&executions->tracked, key);
	return node ? MAP_CONTAINER(node, struct tracked, node) : NULL;
}

static void tracked_free(struct tracked *tracked)
{
	session_free(tracked->session);
	execution_free(tracked->written);
	free(tracked->namespace);
	free((void *)(uintptr_t)tracked->node.key.p);
	free(tracked->uid);
	free(tracked->session_pod_uid);
	free(tracked->claimed_pod);
	free(tracked->refusal);
	free(tracked->deleted_pod_uid);
	free(tracked);
}

static struct tracked *tracked_new(struct executions *executions, struct str key, const char *uid,
				   struct error *err)
{
	struct tracked *tracked = calloc(1, sizeof(*tracked));
	struct str namespace, rest;
	if (!tracked) {
		error_no_memory(err);
		return NULL;
	}
	str_split_once(key, '/', &namespace, &rest);
	tracked->node.key = (struct str){str_dup(key), key.n};
	tracked->namespace = str_dup(namespace);
	tracked->uid = str_dup(str_of(uid));
	if (!tracked->node.key.p || !tracked->namespace || !tracked->uid)
		error_no_memory(err);
	else if (capacity_enter(executions->services.capacity, &tracked->place, tracked->namespace, err) == 0)
		return tracked;
	tracked_free(tracked);
	return NULL;
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
	tracked = tracked_new(executions, key, uid, err);
	if (!tracked)
		return NULL;
	tracked->executions = executions;
	tracked->seen_us = clock_monotonic_us(executions->services.clock);
	tracked->place.key = tracked->node.key;
	tracked->place.since_us = tracked->seen_us;
	tracked->place.wake = place_free;
	tracked->place.context = executions;
	tracked->demand = (struct demand){.key = tracked->node.key,
					  .namespace = tracked->namespace,
					  .since_us = tracked->seen_us,
					  .wake = demand_woken,
					  .context = tracked};
	TAILQ_INSERT_TAIL(&executions->by_state[TRACKED_IDLE], tracked, link);
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

const struct run_shape *tracked_shape(const struct tracked *tracked)
{
	return tracked->shape.image[0] ? &tracked->shape : NULL;
}

void tracked_set_shape(struct tracked *tracked, const struct run_shape *shape)
{
	if (shape)
		tracked->shape = *shape;
	else
		tracked->shape.image[0] = '\0';
}

void tracked_note_refusal(struct tracked *tracked, const struct trouble *trouble)
{
	int64_t now_ms = clock_wall_ms(tracked->executions->services.clock);
	if (!tracked->refusal) {
		tracked->refusal = malloc(sizeof(*tracked->refusal));
		tracked->refused_ms = now_ms;
	}
	if (tracked->refusal) /* else memory is short: it is tried again at the next look, as if for the first
				 time */
		*tracked->refusal = *trouble;
	tracked->retry_ms =
	    now_ms + duration_doubled(REFUSED_PAUSE_MS, tracked->refusals++, REFUSED_PAUSE_MAX_MS);
}

void tracked_wait_for_quota(struct tracked *tracked)
{
	const struct execution_services *services = &tracked->executions->services;
	int64_t now_ms = clock_wall_ms(services->clock);
	capacity_refuse(&tracked->place, now_ms, clock_monotonic_us(services->clock));
	tracked->retry_ms = now_ms;
}

void tracked_forget_refusal(struct tracked *tracked)
{
	free(tracked->refusal);
	tracked->refusal = NULL;
	tracked->refused_ms = tracked->retry_ms = 0;
	tracked->refusals = 0;
}

void tracked_know_pod(struct tracked *tracked, const char *uid)
{
	struct str text = str_of(uid);
	bool fits = text.n < sizeof(tracked->pod_uid);
	snprintf(tracked->pod_uid, sizeof(tracked->pod_uid), "%s", fits ? uid : "");
}

bool tracked_owns_pod(const struct tracked *tracked, const struct pod *pod)
{
	return tracked->pod_uid[0] && pod->meta.uid && strcmp(tracked->pod_uid, pod->meta.uid) == 0;
}

void tracked_forget_sandbox(struct tracked *tracked)
{
	release_claim(tracked);
	tracked->session = session_free(tracked->session);
	tracked_set_shape(tracked, NULL);
	tracked->pod_uid[0] = '\0';
	tracked->pod_created_ms = 0;
	tracked->stream_losses = 0;
	tracked_forget_refusal(tracked);
}

void tracked_drop(struct tracked *tracked)
{
	struct executions *executions = tracked->executions;
	map_remove(&executions->tracked, &tracked->node);
	demand_cancel(&tracked->demand);
	TAILQ_REMOVE(&executions->by_state[tracked->state], tracked, link);
	capacity_leave(&tracked->place);
	release_claim(tracked);
	tracked_free(tracked);
}

struct executions *executions_new(const struct execution_services *services, struct error *err)
{
	struct executions *executions = calloc(1, sizeof(*executions));
	if (!executions) {
		error_no_memory(err);
		return NULL;
	}
	executions->services = *services;
	LIST_INIT(&executions->passes);
	for (size_t i = 0; i < TRACKED_STATE_COUNT; i++)
		TAILQ_INIT(&executions->by_state[i]);
	if (map_init(&executions->tracked, err) == 0)
		return executions;
	return executions_free(executions);
}

struct executions *executions_free(struct executions *executions)
{
	struct map_cursor cursor = {0};
	if (!executions)
		return NULL;
	for (struct map_node *node;
	     executions->tracked.slots && (node = map_next(&executions->tracked, &cursor));)
		tracked_drop(MAP_CONTAINER(node, struct tracked, node));
	map_free(&executions->tracked);
	free(executions);
	return NULL;
}

struct capacity_counts executions_count(const struct executions *executions)
{
	return executions->services.capacity->counts;
}

bool executions_have_another(const struct executions *executions, struct str key, const char *pod_name)
{
	const struct tracked *tracked = tracked_find(executions, key);
	return tracked && tracked->claimed_pod && strcmp(tracked->claimed_pod, pod_name) != 0;
}
