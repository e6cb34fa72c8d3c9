/* Executions are kept in memory without their data, which may be 1.5 MiB each, of as many as somebody makes
 * with kubectl: who asks for one gets it from the Kubernetes API, which has it anyway (execution_find). While
 * there is room the data of those that have not ended stays, and of those that have for some seconds: whoever
 * waited for one, or looks at it again and again, reads it from the cache. */
#ifndef SKILLBOX_APISERVER_EXECUTION_OUTLINE_CACHE_H
#define SKILLBOX_APISERVER_EXECUTION_OUTLINE_CACHE_H

#include "apiserver/object/shared_execution.h"
#include "lib/base/clock.h"

#include <uv.h>

#define OUTLINE_CACHE_KEEP_MS 5000 /* the data of one that has ended */
/* Of all data; the oldest goes first. What answers in the making hold on to stays, whatever it is. */
#define OUTLINE_CACHE_MAX_BYTES ((size_t)16 << 20)

struct outline_cache;

struct outline_cache *outline_cache_new(uv_loop_t *loop, const struct clock *clock, struct error *err);
struct outline_cache *outline_cache_free(
    struct outline_cache *cache); /* NULL-safe; its memory goes when the loop has run */
/* The cache has this record of an execution now, and those who waited for it have been told. One that ended
 * long ago, as in a list, gives its data back at once. */
void outline_cache_add(struct outline_cache *cache, const struct shared_execution *shared);
/* What the timer does every second: drop the data of those whose time is over and that only the cache holds,
 * and forget what the cache has no more. */
void outline_cache_pass(struct outline_cache *cache);
/* Of data that is kept. */
size_t outline_cache_bytes(const struct outline_cache *cache);

#endif
