/* The names that came last, each with a token bucket, in a table of fixed size: the one that was not asked
 * for longest makes room. Everything is allocated at the start. */
#ifndef SKILLBOX_APISERVER_HTTP_BUCKET_CACHE_H
#define SKILLBOX_APISERVER_HTTP_BUCKET_CACHE_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUCKET_CACHE_NAME_MAX 128 /* bytes; of longer names the beginning counts */

struct bucket_cache;

struct bucket_cache *bucket_cache_new(size_t max, struct error *err);
struct bucket_cache *bucket_cache_free(struct bucket_cache *cache); /* NULL-safe; returns NULL */

struct bucket { /* full when it is made: {0} is */
	bool used;
	double tokens;
	int64_t at_us; /* when it held them */
};

/* Both: valid until the next call. NULL if the name is not there. */
struct bucket *bucket_cache_find(struct bucket_cache *cache, struct str name);
struct bucket *bucket_cache_get(struct bucket_cache *cache, struct str name); /* made if absent */

/* Tokens come at per_second up to burst. Is there one? And take it. */
bool bucket_has(struct bucket *bucket, double per_second, double burst, int64_t now_us);
bool bucket_take(struct bucket *bucket, double per_second, double burst, int64_t now_us);

#endif
