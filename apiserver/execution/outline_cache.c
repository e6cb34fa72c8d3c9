#include "apiserver/execution/outline_cache.h"

#include <stdlib.h>
#include <sys/queue.h>

#define TICK_MS 1000
#define CACHE_AND_US 2 /* who holds a record when nobody else does */

struct item {
	STAILQ_ENTRY(item) link;
	struct record *record; /* a reference */
	int64_t due_us;        /* monotonic */
};

struct outlines {
	const struct clock *clock;
	STAILQ_HEAD(, item) items; /* by due_us */
	uv_timer_t timer;
};

static void on_tick(uv_timer_t *timer)
{
	outlines_pass(timer->data);
}

struct outlines *outlines_new(uv_loop_t *loop, const struct clock *clock, struct error *err)
{
	struct outlines *outlines = calloc(1, sizeof(*outlines));
	if (!outlines) {
		error_no_memory(err);
		return NULL;
	}
	outlines->clock = clock;
	STAILQ_INIT(&outlines->items);
	uv_timer_init(loop, &outlines->timer); /* can't fail, nor can the start with a callback */
	outlines->timer.data = outlines;
	uv_timer_start(&outlines->timer, on_tick, TICK_MS, TICK_MS);
	uv_unref((uv_handle_t *)&outlines->timer);
	return outlines;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static struct item *take_first(struct outlines *outlines)
{
	struct item *item = STAILQ_FIRST(&outlines->items);
	if (item)
		STAILQ_REMOVE_HEAD(&outlines->items, link);
	return item;
}

struct outlines *outlines_free(struct outlines *outlines)
{
	if (!outlines)
		return NULL;
	for (struct item *item; (item = take_first(outlines));) {
		record_unref(item->record);
		free(item);
	}
	uv_close((uv_handle_t *)&outlines->timer, on_closed);
	return NULL;
}

static void append(struct outlines *outlines, struct item *item)
{
	item->due_us = clock_monotonic_us(outlines->clock) + OUTLINES_KEEP_MS * 1000;
	STAILQ_INSERT_TAIL(&outlines->items, item, link);
}

void outlines_add(struct outlines *outlines, const struct record *record)
{
	struct record *held = record_ref(record);
	struct item *item = NULL;
	int64_t age_ms = clock_wall_ms(outlines->clock) - held->execution->status.completed_ms;
	if (age_ms >= OUTLINES_KEEP_MS && held->references <= CACHE_AND_US) {
		record_keep_outline(held);
	} else if ((item = malloc(sizeof(*item)))) {
		item->record = held;
		append(outlines, item);
		return;
	}
	record_unref(held);
}

void outlines_pass(struct outlines *outlines)
{
	int64_t now_us = clock_monotonic_us(outlines->clock);
	for (struct item *item; (item = STAILQ_FIRST(&outlines->items)) && item->due_us <= now_us;) {
		take_first(outlines);
		if (item->record->references > CACHE_AND_US) { /* an answer is in the making */
			append(outlines, item);
			continue;
		}
		if (item->record->references == CACHE_AND_US) /* else the cache has a newer one, or none */
			record_keep_outline(item->record);
		record_unref(item->record);
		free(item);
	}
}
