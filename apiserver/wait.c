#include "apiserver/wait.h"

#include "lib/base/str.h"

#include <stdlib.h>

#define TICK_MS 1000

struct waiter {
	struct waiter *previous, *next;
	enum wait_topic topic;
	char *namespace, *name;
	int64_t deadline_us; /* monotonic */
	wait_cb wake;
	void *context;
};

struct waiters {
	const struct clock *clock;
	struct waiter *first;
	uv_timer_t timer;
};

static void unlink_waiter(struct waiters *waiters, struct waiter *waiter)
{
	if (waiter->previous)
		waiter->previous->next = waiter->next;
	else
		waiters->first = waiter->next;
	if (waiter->next)
		waiter->next->previous = waiter->previous;
}

static void free_waiter(struct waiter *waiter)
{
	if (!waiter)
		return;
	free(waiter->namespace);
	free(waiter->name);
	free(waiter);
}

static void on_tick(uv_timer_t *timer)
{
	waiters_expire(timer->data);
}

struct waiters *waiters_new(uv_loop_t *loop, const struct clock *clock, struct error *err)
{
	struct waiters *waiters = calloc(1, sizeof(*waiters));
	if (!waiters) {
		error_no_memory(err);
		return NULL;
	}
	waiters->clock = clock;
	uv_timer_init(loop, &waiters->timer); /* can't fail, nor can the start with a callback */
	waiters->timer.data = waiters;
	uv_timer_start(&waiters->timer, on_tick, TICK_MS, TICK_MS);
	uv_unref((uv_handle_t *)&waiters->timer);
	return waiters;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct waiters *waiters_free(struct waiters *waiters)
{
	if (!waiters)
		return NULL;
	while (waiters->first)
		wait_cancel(waiters, waiters->first);
	uv_close((uv_handle_t *)&waiters->timer, on_closed);
	return NULL;
}

struct waiter *wait_add(struct waiters *waiters, enum wait_topic topic, const char *namespace,
			const char *name, int64_t timeout_ms, wait_cb wake, void *context, struct error *err)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));
	if (waiter) {
		waiter->namespace = str_dup(str_of(namespace));
		waiter->name = str_dup(str_of(name));
	}
	if (!waiter || !waiter->namespace || !waiter->name) {
		free_waiter(waiter);
		error_no_memory(err);
		return NULL;
	}
	waiter->topic = topic;
	waiter->deadline_us = clock_monotonic_us(waiters->clock) + timeout_ms * 1000;
	waiter->wake = wake;
	waiter->context = context;
	waiter->next = waiters->first;
	if (waiter->next)
		waiter->next->previous = waiter;
	waiters->first = waiter;
	return waiter;
}

void wait_cancel(struct waiters *waiters, struct waiter *waiter)
{
	if (!waiter)
		return;
	unlink_waiter(waiters, waiter);
	free_waiter(waiter);
}

void waiters_notify(struct waiters *waiters, enum wait_topic topic, const char *namespace, const char *name,
		    const void *object)
{
	/* At most one waiter a connection: a list is short enough. */
	for (struct waiter *waiter = waiters->first, *next; waiter; waiter = next) {
		next = waiter->next;
		if (waiter->topic == topic && strcmp(waiter->name, name) == 0 &&
		    strcmp(waiter->namespace, namespace) == 0 && waiter->wake(waiter->context, object, false))
			wait_cancel(waiters, waiter);
	}
}

static void expire_until(struct waiters *waiters, int64_t now_us)
{
	for (struct waiter *waiter = waiters->first, *next; waiter; waiter = next) {
		next = waiter->next;
		if (waiter->deadline_us > now_us)
			continue;
		waiter->wake(waiter->context, NULL, true);
		wait_cancel(waiters, waiter);
	}
}

void waiters_expire(struct waiters *waiters)
{
	expire_until(waiters, clock_monotonic_us(waiters->clock));
}

size_t waiters_count(const struct waiters *waiters, enum wait_topic topic)
{
	size_t count = 0;
	for (const struct waiter *waiter = waiters->first; waiter; waiter = waiter->next)
		count += waiter->topic == topic;
	return count;
}

void waiters_expire_all(struct waiters *waiters)
{
	expire_until(waiters, INT64_MAX);
}
