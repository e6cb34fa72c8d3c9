/* Finished executions are kept in memory without their data: for some seconds whoever waited for one reads it
 * from the cache; who asks later gets it from the Kubernetes API, which has it anyway (execution_find). */
#ifndef SKILLBOX_APISERVER_EXECUTION_OUTLINE_CACHE_H
#define SKILLBOX_APISERVER_EXECUTION_OUTLINE_CACHE_H

#include "apiserver/object/shared_execution.h"
#include "lib/base/clock.h"

#include <uv.h>

#define OUTLINE_CACHE_KEEP_MS 5000 /* the data of one that has ended */

struct outline_cache;

struct outline_cache *outline_cache_new(uv_loop_t *loop, const struct clock *clock, struct error *err);
struct outline_cache *outline_cache_free(
    struct outline_cache *cache); /* NULL-safe; its memory goes when the loop has run */
/* The cache has this record of a finished execution now, and those who waited for it have been told. One that
 * ended long ago, as in a list, gives its data back at once. Without memory it keeps them. */
void outline_cache_add(struct outline_cache *cache, const struct shared_execution *shared);
/* What the timer does every second: drop the data of those whose time is over and that only the cache holds.
 */
void outline_cache_pass(struct outline_cache *cache);

#endif
