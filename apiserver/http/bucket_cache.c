#include "apiserver/http/bucket_cache.h"

#include "lib/base/map.h"

#include <stdlib.h>
#include <sys/queue.h>

struct entry {
	struct map_node node;
	TAILQ_ENTRY(entry) link;
	struct bucket bucket;
	char name[RECENT_NAME_MAX];
};

struct recent {
	struct map map;
	TAILQ_HEAD(entry_list, entry) order; /* the last one asked for is the first */
	size_t max, used;
	struct entry entries[];
};

struct recent *recent_new(size_t max, struct error *err)
{
	struct recent *recent = calloc(1, sizeof(*recent) + max * sizeof(recent->entries[0]));
	if (!recent) {
		error_no_memory(err);
		return NULL;
	}
	recent->max = max;
	TAILQ_INIT(&recent->order);
	if (map_init(&recent->map, err) == 0)
		return recent;
	free(recent);
	return NULL;
}

struct recent *recent_free(struct recent *recent)
{
	if (recent)
		map_free(&recent->map);
	free(recent);
	return NULL;
}

static struct str cut(struct str name)
{
	return (struct str){name.p, name.n < RECENT_NAME_MAX ? name.n : RECENT_NAME_MAX};
}

struct bucket *recent_find(struct recent *recent, struct str name)
{
	struct map_node *node = map_get(&recent->map, cut(name));
	if (!node)
		return NULL;
	struct entry *entry = MAP_CONTAINER(node, struct entry, node);
	TAILQ_REMOVE(&recent->order, entry, link);
	TAILQ_INSERT_HEAD(&recent->order, entry, link);
	return &entry->bucket;
}

struct bucket *recent_get(struct recent *recent, struct str name)
{
	struct bucket *found = recent_find(recent, name);
	struct entry *entry;
	if (found)
		return found;
	if (recent->used < recent->max) {
		entry = &recent->entries[recent->used++];
	} else {
		entry = TAILQ_LAST(&recent->order, entry_list);
		TAILQ_REMOVE(&recent->order, entry, link);
		map_remove(&recent->map, &entry->node);
	}
	name = cut(name);
	memcpy(entry->name, name.p, name.n);
	entry->node.key = (struct str){entry->name, name.n};
	entry->bucket = (struct bucket){0};
	map_insert(&recent->map, &entry->node);
	TAILQ_INSERT_HEAD(&recent->order, entry, link);
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
