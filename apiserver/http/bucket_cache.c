#include "apiserver/http/bucket_cache.h"

#include "lib/base/map.h"

#include <stdlib.h>
#include <sys/queue.h>

struct entry {
	struct map_node node;
	TAILQ_ENTRY(entry) link;
	struct bucket bucket;
	char name[BUCKET_CACHE_NAME_MAX];
};

struct bucket_cache {
	struct map map;
	TAILQ_HEAD(entry_list, entry) order; /* the last one asked for is the first */
	size_t max, used;
	struct entry entries[];
};

struct bucket_cache *bucket_cache_new(size_t max, struct error *err)
{
	struct bucket_cache *cache = calloc(1, sizeof(*cache) + max * sizeof(cache->entries[0]));
	if (!cache) {
		error_no_memory(err);
		return NULL;
	}
	cache->max = max;
	TAILQ_INIT(&cache->order);
	if (map_init(&cache->map, err) == 0)
		return cache;
	free(cache);
	return NULL;
}

struct bucket_cache *bucket_cache_free(struct bucket_cache *cache)
{
	if (cache)
		map_free(&cache->map);
	free(cache);
	return NULL;
}

static struct str cut(struct str name)
{
	return (struct str){name.p, name.n < BUCKET_CACHE_NAME_MAX ? name.n : BUCKET_CACHE_NAME_MAX};
}

struct bucket *bucket_cache_find(struct bucket_cache *cache, struct str name)
{
	struct map_node *node = map_get(&cache->map, cut(name));
	if (!node)
		return NULL;
	struct entry *entry = MAP_CONTAINER(node, struct entry, node);
	TAILQ_REMOVE(&cache->order, entry, link);
	TAILQ_INSERT_HEAD(&cache->order, entry, link);
	return &entry->bucket;
}

struct bucket *bucket_cache_get(struct bucket_cache *cache, struct str name)
{
	struct bucket *found = bucket_cache_find(cache, name);
	struct entry *entry;
	if (found)
		return found;
	if (cache->used < cache->max) {
		entry = &cache->entries[cache->used++];
	} else {
		entry = TAILQ_LAST(&cache->order, entry_list);
		TAILQ_REMOVE(&cache->order, entry, link);
		map_remove(&cache->map, &entry->node);
	}
	name = cut(name);
	memcpy(entry->name, name.p, name.n);
	entry->node.key = (struct str){entry->name, name.n};
	entry->bucket = (struct bucket){0};
	map_insert(&cache->map, &entry->node);
	TAILQ_INSERT_HEAD(&cache->order, entry, link);
	return &entry->bucket;
}

bool bucket_has(struct bucket *bucket, double per_second, double burst, int64_t now_us)
{
	if (!bucket->used)
		bucket->tokens = burst;
	else if (now_us > bucket->at_us)
		bucket->tokens += (double)(now_us - bucket->at_us) / 1e6 * per_second;
	if (bucket->tokens > burst)
		bucket->tokens = burst;
	bucket->used = true;
	bucket->at_us = now_us;
	return bucket->tokens >= 1;
}

bool bucket_take(struct bucket *bucket, double per_second, double burst, int64_t now_us)
{
	bool has = bucket_has(bucket, per_second, burst, now_us);
	bucket->tokens -= has;
	return has;
}
