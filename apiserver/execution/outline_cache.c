#include "apiserver/execution/outline_cache.h"

#include <stdlib.h>
#include <sys/queue.h>

#define TICK_MS 1000
#define CACHE_AND_US 2 /* who holds a shared when nobody else does */

struct item {
	STAILQ_ENTRY(item) link;
	struct shared_execution *shared; /* a reference */
	int64_t due_us;                  /* monotonic */
};

struct outline_cache {
	const struct clock *clock;
	STAILQ_HEAD(, item) items; /* by due_us */
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
	STAILQ_INIT(&cache->items);
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

static struct item *take_first(struct outline_cache *cache)
{
	struct item *item = STAILQ_FIRST(&cache->items);
	if (item)
		STAILQ_REMOVE_HEAD(&cache->items, link);
	return item;
}

struct outline_cache *outline_cache_free(struct outline_cache *cache)
{
	if (!cache)
		return NULL;
	for (struct item *item; (item = take_first(cache));) {
		shared_execution_unref(item->shared);
		free(item);
	}
	uv_close((uv_handle_t *)&cache->timer, on_closed);
	return NULL;
}

static void append(struct outline_cache *cache, struct item *item)
{
	item->due_us = clock_monotonic_us(cache->clock) + OUTLINE_CACHE_KEEP_MS * 1000;
	STAILQ_INSERT_TAIL(&cache->items, item, link);
}

void outline_cache_add(struct outline_cache *cache, const struct shared_execution *shared)
{
	struct shared_execution *held = shared_execution_ref(shared);
	struct item *item = NULL;
	int64_t age_ms = clock_wall_ms(cache->clock) - held->execution->status.completed_ms;
	if (age_ms >= OUTLINE_CACHE_KEEP_MS && held->references <= CACHE_AND_US) {
		shared_execution_keep_outline(held);
	} else if ((item = malloc(sizeof(*item)))) {
		item->shared = held;
		append(cache, item);
		return;
	}
	shared_execution_unref(held);
}

void outline_cache_pass(struct outline_cache *cache)
{
	int64_t now_us = clock_monotonic_us(cache->clock);
	for (struct item *item; (item = STAILQ_FIRST(&cache->items)) && item->due_us <= now_us;) {
		take_first(cache);
		if (item->shared->references > CACHE_AND_US) { /* an answer is in the making */
			append(cache, item);
			continue;
		}
		if (item->shared->references == CACHE_AND_US) /* else the cache has a newer one, or none */
			shared_execution_keep_outline(item->shared);
		shared_execution_unref(item->shared);
		free(item);
	}
}
