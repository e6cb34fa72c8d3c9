/* Requests that wait for an object to reach a state, woken by the informers' events. */
#ifndef SKILLBOX_APISERVER_WAIT_H
#define SKILLBOX_APISERVER_WAIT_H

#include "lib/base/clock.h"
#include "lib/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct waiters;
struct waiter;

enum wait_topic { WAIT_EXECUTION, WAIT_SKILL, WAIT_KEY, WAIT_TOPIC_COUNT };

/* object: what is there now (struct shared_execution, struct skill or struct api_key), NULL if it is gone;
 * timed_out: nothing came in time, or the server ends. True: that's it, the waiter is freed. After a timeout
 * it is freed in any case. It may not add or cancel other waiters. */
typedef bool (*wait_cb)(void *context, const void *object, bool timed_out);

struct waiters *waiters_new(uv_loop_t *loop, const struct clock *clock, struct error *err);
/* Without callbacks; its memory goes when the loop has run. NULL-safe; returns NULL. */
struct waiters *waiters_free(struct waiters *waiters);
/* namespace and name are copied. NULL with err. */
struct waiter *wait_add(struct waiters *waiters, enum wait_topic topic, const char *namespace,
			const char *name, int64_t timeout_ms, wait_cb wake, void *context, struct error *err);
void wait_cancel(struct waiters *waiters, struct waiter *waiter); /* NULL-safe */
void waiters_notify(struct waiters *waiters, enum wait_topic topic, const char *namespace, const char *name,
		    const void *object);
void waiters_expire_all(struct waiters *waiters);
size_t waiters_count(const struct waiters *waiters, enum wait_topic topic);
/* What the timer does every second. */
void waiters_expire(struct waiters *waiters);

#endif
