#include "apiserver/execution/outline_cache.h"

#include <stdlib.h>
#include <sys/queue.h>

#define TICK_MS 1000
#define CACHE_AND_US 2 /* who holds a shared when nobody else does */

#define NEVER INT64_MAX

struct item {
	TAILQ_ENTRY(item) link;
	struct shared_execution *shared; /* a reference */
	int64_t due_us;                  /* monotonic; NEVER: it has not ended */
	size_t bytes;
};

struct outline_cache {
	const struct clock *clock;
	TAILQ_HEAD(, item) items; /* the oldest first */
	size_t bytes;             /* of all items */
	uv_timer_t timer;
};

static void on_tick(uv_timer_t *timer)
{
	outline_cache_pass(timer->data);
}

struct outline_cache *outline_cache_new(uv_loop_t *loop, const struct clock *clock, struct error *err)
{
	struct outline_cache *cache = calloc(1, sizeof(*cache));
	if (!cache) {
		error_no_memory(err);
		return NULL;
	}
	cache->clock = clock;
	TAILQ_INIT(&cache->items);
	uv_timer_init(loop, &cache->timer); /* can't fail, nor can the start with a callback */
	cache->timer.data = cache;
	uv_timer_start(&cache->timer, on_tick, TICK_MS, TICK_MS);
	uv_unref((uv_handle_t *)&cache->timer);
	return cache;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* The data goes if only the cache holds it; if the cache has a newer one, or none, all of it does. */
static void let_go(struct outline_cache *cache, struct item *item)
{
	TAILQ_REMOVE(&cache->items, item, link);
	cache->bytes -= item->bytes;
	if (item->shared->references == CACHE_AND_US)
		shared_execution_keep_outline(item->shared);
	shared_execution_unref(item->shared);
	free(item);
}

struct outline_cache *outline_cache_free(struct outline_cache *cache)
{
	if (!cache)
		return NULL;
	for (struct item *item; (item = TAILQ_FIRST(&cache->items));) {
		TAILQ_REMOVE(&cache->items, item, link);
		shared_execution_unref(item->shared);
		free(item);
	}
	uv_close((uv_handle_t *)&cache->timer, on_closed);
	return NULL;
}

/* Answers are made from it. */
static bool is_held(const struct shared_execution *shared)
{
	return shared->references > CACHE_AND_US;
}

static void make_room(struct outline_cache *cache)
{
	struct item *item = TAILQ_FIRST(&cache->items), *next;
	for (; item && cache->bytes > OUTLINE_CACHE_MAX_BYTES; item = next) {
		next = TAILQ_NEXT(item, link);
		if (!is_held(item->shared))
			let_go(cache, item);
	}
}

static int64_t due_us(const struct outline_cache *cache, const struct execution *execution)
{
	return execution_is_finished(execution)
		   ? clock_monotonic_us(cache->clock) + OUTLINE_CACHE_KEEP_MS * 1000
		   : NEVER;
}

static bool ended_long_ago(const struct outline_cache *cache, const struct execution *execution)
{
	return execution_is_finished(execution) &&
	       clock_wall_ms(cache->clock) - execution->status.completed_ms >= OUTLINE_CACHE_KEEP_MS;
}

void outline_cache_add(struct outline_cache *cache, const struct shared_execution *shared)
{
	size_t bytes = execution_data_size(shared->execution);
	if (bytes == 0)
		return;
	struct shared_execution *held = shared_execution_ref(shared);
	bool is_over = ended_long_ago(cache, held->execution) && !is_held(held);
	struct item *item = is_over ? NULL : malloc(sizeof(*item));
	if (!item) { /* its time is over, or there is no memory: the more reason to let go of it */
		if (!is_held(held))
			shared_execution_keep_outline(held);
		shared_execution_unref(held);
		return;
	}
	*item = (struct item){.shared = held, .due_us = due_us(cache, held->execution), .bytes = bytes};
	TAILQ_INSERT_TAIL(&cache->items, item, link);
	cache->bytes += bytes;
	make_room(cache);
}

void outline_cache_pass(struct outline_cache *cache)
{
	int64_t now_us = clock_monotonic_us(cache->clock);
	struct item *item = TAILQ_FIRST(&cache->items), *next;
	for (; item; item = next) {
		next = TAILQ_NEXT(item, link);
		if (item->due_us <= now_us && is_held(item->shared))
			item->due_us = due_us(cache, item->shared->execution);
		else if (item->due_us <= now_us || item->shared->references < CACHE_AND_US)
			let_go(cache, item);
	}
	make_room(cache);
}

size_t outline_cache_bytes(const struct outline_cache *cache)
{
	return cache->bytes;
}
