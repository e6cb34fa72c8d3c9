#include "lib/kube/workqueue.h"

#include "lib/base/map.h"

#include <stdlib.h>

#define DEFAULT_PARALLEL 64
#define DEFAULT_BACKOFF_BASE_MS 50
#define DEFAULT_BACKOFF_MAX_MS 30000
#define NOT_IN_HEAP SIZE_MAX

struct item {
	struct map_node node;
	bool ready;   /* waits in the ready list */
	bool running; /* given to work, workqueue_done has not come */
	bool again;   /* was added while running */
	unsigned failures;
	struct item *next_ready;
	size_t heap_index; /* NOT_IN_HEAP: no time asked for */
	uint64_t due_ms;   /* in the loop's time */
	char key[];
};

struct workqueue {
	uv_loop_t *loop;
	struct workqueue_options options;
	struct map items;
	struct item *ready_first, **ready_end;
	size_t ready_count, running_count;
	uint64_t done, failed;
	/* The earliest due_ms first; room for every item, so that only a new item can lack memory. */
	struct item **heap;
	size_t heap_count, heap_room;
	uv_timer_t timer;  /* for the first of the heap */
	uv_idle_t starter; /* active while there is something to start: runs before the loop next waits */
	unsigned open_handles;
	bool closing;
};

/* The heap of due times */

static void heap_place(struct workqueue *queue, size_t index, struct item *item)
{
	queue->heap[index] = item;
	item->heap_index = index;
}

static void heap_rise(struct workqueue *queue, size_t index, struct item *item)
{
	while (index > 0) {
		size_t parent = (index - 1) / 2;

		if (queue->heap[parent]->due_ms <= item->due_ms)
			break;
		heap_place(queue, index, queue->heap[parent]);
		index = parent;
	}
	heap_place(queue, index, item);
}

static void heap_sink(struct workqueue *queue, size_t index, struct item *item)
{
	for (;;) {
		size_t child = 2 * index + 1;

		if (child >= queue->heap_count)
			break;
		if (child + 1 < queue->heap_count &&
		    queue->heap[child + 1]->due_ms < queue->heap[child]->due_ms)
			child++;
		if (queue->heap[child]->due_ms >= item->due_ms)
			break;
		heap_place(queue, index, queue->heap[child]);
		index = child;
	}
	heap_place(queue, index, item);
}

static void heap_remove(struct workqueue *queue, struct item *item)
{
	size_t index = item->heap_index;
	struct item *last;

	if (index == NOT_IN_HEAP)
		return;
	item->heap_index = NOT_IN_HEAP;
	last = queue->heap[--queue->heap_count];
	if (last == item)
		return;
	if (last->due_ms < item->due_ms)
		heap_rise(queue, index, last);
	else
		heap_sink(queue, index, last);
}

static void on_timer(uv_timer_t *timer);

static void arm_timer(struct workqueue *queue)
{
	uint64_t now = uv_now(queue->loop), due;

	if (queue->heap_count == 0) {
		uv_timer_stop(&queue->timer);
		return;
	}
	due = queue->heap[0]->due_ms;
	uv_timer_start(&queue->timer, on_timer, due > now ? due - now : 0, 0);
}

/* Items */

static struct item *item_get(struct workqueue *queue, struct str key)
{
	struct map_node *node = map_get(&queue->items, key);

	return node ? MAP_CONTAINER(node, struct item, node) : NULL;
}

static struct item *item_get_or_new(struct workqueue *queue, struct str key)
{
	struct item *item = item_get(queue, key);

	if (item)
		return item;
	if (queue->items.count == queue->heap_room) {
		size_t room = queue->heap_room ? queue->heap_room * 2 : 16;
		struct item **heap = reallocarray(queue->heap, room, sizeof *heap);

		if (!heap)
			return NULL;
		queue->heap = heap;
		queue->heap_room = room;
	}
	item = calloc(1, sizeof *item + key.n);
	if (!item)
		return NULL;
	if (key.n > 0)
		memcpy(item->key, key.p, key.n);
	item->node.key = (struct str){item->key, key.n};
	item->heap_index = NOT_IN_HEAP;
	map_insert(&queue->items, &item->node);
	return item;
}

static void item_forget_if_idle(struct workqueue *queue, struct item *item)
{
	if (item->ready || item->running || item->heap_index != NOT_IN_HEAP)
		return;
	map_remove(&queue->items, &item->node);
	free(item);
}

static void on_start(uv_idle_t *starter);

static void start_soon(struct workqueue *queue)
{
	if (queue->ready_count > 0 && queue->running_count < queue->options.parallel && !queue->closing)
		uv_idle_start(&queue->starter, on_start);
}

static void make_ready(struct workqueue *queue, struct item *item)
{
	heap_remove(queue, item); /* the earliest time wins, and that is now */
	if (item->running) {
		item->again = true;
		return;
	}
	if (item->ready)
		return;
	item->ready = true;
	item->next_ready = NULL;
	*queue->ready_end = item;
	queue->ready_end = &item->next_ready;
	queue->ready_count++;
	start_soon(queue);
}

static struct item *take_ready(struct workqueue *queue)
{
	struct item *item = queue->ready_first;

	queue->ready_first = item->next_ready;
	if (!queue->ready_first)
		queue->ready_end = &queue->ready_first;
	queue->ready_count--;
	item->ready = false;
	return item;
}

static void on_start(uv_idle_t *starter)
{
	struct workqueue *queue = starter->data;
	size_t turn =
	    queue
		->ready_count; /* what becomes ready meanwhile waits for the next turn: I/O must not starve */

	uv_idle_stop(starter);
	while (turn-- > 0 && queue->running_count < queue->options.parallel && !queue->closing) {
		struct item *item = take_ready(queue);

		item->running = true;
		queue->running_count++;
		queue->options.work(queue->options.context, item->node.key);
	}
	start_soon(queue);
}

static void on_timer(uv_timer_t *timer)
{
	struct workqueue *queue = timer->data;
	uint64_t now = uv_now(queue->loop);

	while (queue->heap_count > 0 && queue->heap[0]->due_ms <= now)
		make_ready(queue, queue->heap[0]);
	arm_timer(queue);
}

static void item_delay(struct workqueue *queue, struct item *item, uint64_t delay_ms)
{
	uint64_t due_ms = uv_now(queue->loop) + delay_ms;

	if (item->ready || (item->heap_index != NOT_IN_HEAP && item->due_ms <= due_ms))
		return;
	heap_remove(queue, item);
	item->due_ms = due_ms;
	heap_rise(queue, queue->heap_count++, item);
	arm_timer(queue);
}

/* The interface */

struct workqueue *workqueue_new(uv_loop_t *loop, const struct workqueue_options *options, struct error *err)
{
	struct workqueue *queue = calloc(1, sizeof *queue);

	if (!queue) {
		error_no_memory(err);
		return NULL;
	}
	if (map_init(&queue->items, err) < 0) {
		free(queue);
		return NULL;
	}
	queue->loop = loop;
	queue->options = *options;
	if (!queue->options.parallel)
		queue->options.parallel = DEFAULT_PARALLEL;
	if (!queue->options.backoff_base_ms)
		queue->options.backoff_base_ms = DEFAULT_BACKOFF_BASE_MS;
	if (!queue->options.backoff_max_ms)
		queue->options.backoff_max_ms = DEFAULT_BACKOFF_MAX_MS;
	queue->ready_end = &queue->ready_first;
	uv_timer_init(loop, &queue->timer); /* neither can fail */
	uv_idle_init(loop, &queue->starter);
	queue->timer.data = queue->starter.data = queue;
	queue->open_handles = 2;
	return queue;
}

static void on_closed(uv_handle_t *handle)
{
	struct workqueue *queue = handle->data;
	struct map_cursor cursor = {0};
	struct map_node *node;

	if (--queue->open_handles > 0)
		return;
	while ((node = map_next(&queue->items, &cursor)))
		free(MAP_CONTAINER(node, struct item, node));
	map_free(&queue->items);
	free(queue->heap);
	free(queue);
}

struct workqueue *workqueue_free(struct workqueue *queue)
{
	if (!queue || queue->closing)
		return NULL;
	queue->closing = true;
	uv_close((uv_handle_t *)&queue->timer, on_closed);
	uv_close((uv_handle_t *)&queue->starter, on_closed);
	return NULL;
}

int workqueue_add(struct workqueue *queue, struct str key)
{
	struct item *item = item_get_or_new(queue, key);

	if (!item)
		return -1;
	make_ready(queue, item);
	return 0;
}

int workqueue_add_after(struct workqueue *queue, struct str key, int64_t delay_ms)
{
	struct item *item;

	if (delay_ms <= 0)
		return workqueue_add(queue, key);
	item = item_get_or_new(queue, key);
	if (!item)
		return -1;
	item_delay(queue, item, (uint64_t)delay_ms);
	return 0;
}

static uint64_t backoff_ms(const struct workqueue *queue, unsigned failures)
{
	uint64_t delay = queue->options.backoff_base_ms;

	while (--failures > 0 && delay < queue->options.backoff_max_ms)
		delay *= 2;
	return delay < queue->options.backoff_max_ms ? delay : queue->options.backoff_max_ms;
}

void workqueue_done(struct workqueue *queue, struct str key, bool failed)
{
	struct item *item = item_get(queue, key);

	if (!item || !item->running)
		return;
	item->running = false;
	queue->running_count--;
	queue->done++;
	queue->failed += failed;
	item->failures = failed ? item->failures + 1 : 0;
	if (item->again) {
		item->again = false;
		make_ready(queue, item);
	} else if (failed) {
		item_delay(queue, item, backoff_ms(queue, item->failures));
	}
	item_forget_if_idle(queue, item);
	start_soon(queue);
}

size_t workqueue_length(const struct workqueue *queue)
{
	return queue->ready_count + queue->running_count;
}

void workqueue_stats(const struct workqueue *queue, struct workqueue_stats *ret)
{
	*ret = (struct workqueue_stats){queue->ready_count, queue->running_count, queue->heap_count,
					queue->done, queue->failed};
}
