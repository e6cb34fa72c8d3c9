/* The names that came last, each with a token bucket, in a table of fixed size: the one that was not asked
 * for longest makes room. Everything is allocated at the start. */
#ifndef SKILLBOX_APISERVER_HTTP_BUCKET_CACHE_H
#define SKILLBOX_APISERVER_HTTP_BUCKET_CACHE_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECENT_NAME_MAX 128 /* bytes; of longer names the beginning counts */

struct recent;

struct recent *recent_new(size_t max, struct error *err);
struct recent *recent_free(struct recent *recent); /* NULL-safe; returns NULL */

struct bucket { /* full when it is made: {0} is */
	bool used;
	double tokens;
	int64_t at_us; /* when it held them */
};

/* Both: valid until the next call. NULL if the name is not there. */
struct bucket *recent_find(struct recent *recent, struct str name);
struct bucket *recent_get(struct recent *recent, struct str name); /* made if absent */

/* Tokens come at per_second up to burst. Is there one? And take it. */
bool bucket_has(struct bucket *bucket, double per_second, double burst, int64_t now_us);
bool bucket_take(struct bucket *bucket, double per_second, double burst, int64_t now_us);

#endif
