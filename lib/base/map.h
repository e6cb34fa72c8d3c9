/* A hash map with string keys. Intrusive: the node stands inside the caller's struct, which owns the key, so
 * that nothing but the table itself is allocated and an insert can't fail. */
#ifndef SKILLBOX_LIB_BASE_MAP_H
#define SKILLBOX_LIB_BASE_MAP_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_node {
	struct map_node *next;
	uint64_t hash;
	struct str key; /* set by the caller before map_insert; unchanged while the node is in a map */
};

struct map {
	struct map_node **slots; /* slot_count is a power of two */
	size_t slot_count;
	size_t count;
	uint64_t secret[2]; /* names are a tenant's choice: a hash they can't foresee keeps chains short */
};

int map_init(struct map *map, struct error *err);
void map_free(struct map *map); /* the table; nodes belong to the caller */

struct map_node *map_get(const struct map *map, struct str key); /* NULL if absent */
void map_insert(struct map *map, struct map_node *node);         /* the key must not be there yet */
void map_remove(struct map *map, struct map_node *node);         /* the node must be there */

/* All nodes in no particular order: start with a zeroed cursor; NULL at the end. The node returned last may
 * be removed meanwhile, others may not, and nothing may be inserted. */
struct map_cursor {
	size_t slot;
	struct map_node *next;
};
struct map_node *map_next(const struct map *map, struct map_cursor *cursor);

/* The struct around a member: MAP_CONTAINER(node, struct entry, node). */
#define MAP_CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
