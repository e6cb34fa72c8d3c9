/* A queue of keys to reconcile: a key waits at most once; a key that comes while it is worked on is worked on
 * again afterwards; failures come back with exponential backoff a key; a key can be asked for at a later time
 * (deadlines). One worker at a time a key, up to `parallel` keys at once (work that awaits API answers is "in
 * progress"). */
#ifndef SKILLBOX_KUBE_WORKQUEUE_H
#define SKILLBOX_KUBE_WORKQUEUE_H

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <uv.h>

struct workqueue;

struct workqueue_options {
	/* Start the work on a key; call workqueue_done for it, now or later. The key's bytes are valid until
	 * then. */
	void (*work)(void *context, struct str key);
	void *context;
	unsigned parallel;        /* 0 means 64 */
	unsigned backoff_base_ms; /* 0 means 50 */
	unsigned backoff_max_ms;  /* 0 means 30,000 */
};

struct workqueue *workqueue_new(uv_loop_t *loop, const struct workqueue_options *options, struct error *err);
/* No work afterwards; the memory goes when the loop has run its close callbacks. NULL-safe; returns NULL. */
struct workqueue *workqueue_free(struct workqueue *queue);

/* As soon as possible (next loop turn). This and the next return -1 only when there is no memory for a new
 * key. */
int workqueue_add(struct workqueue *queue, struct str key);
/* The earliest asked time wins, and "as soon as possible" is earlier than any. */
int workqueue_add_after(struct workqueue *queue, struct str key, int64_t delay_ms);

/* failed: it comes back after the key's backoff; otherwise the backoff is forgotten. */
void workqueue_done(struct workqueue *queue, struct str key, bool failed);
/* Keys that wait or are worked on; those asked for at a later time don't count. */
size_t workqueue_length(const struct workqueue *queue);
struct workqueue_stats {
	size_t waiting, running, later; /* keys now: ready, worked on, asked for at a later time */
	uint64_t done, failed;          /* calls of workqueue_done so far; failed is part of done */
};
void workqueue_stats(const struct workqueue *queue, struct workqueue_stats *ret);

#endif
