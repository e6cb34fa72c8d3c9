#include "lib/base/map.h"

#include "lib/base/id.h"

#include <endian.h>
#include <stdlib.h>

#define INITIAL_SLOTS 16

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein): keyed, so that nobody can make names that collide. */
static uint64_t hash_key(const uint64_t secret[2], struct str key)
{
	uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d,
			 secret[0] ^ 0x6c7967656e657261, secret[1] ^ 0x7465646279746573};
	uint64_t word;
	size_t i = 0;

	for (; i + 8 <= key.n; i += 8) {
		memcpy(&word, key.p + i, 8);
		word = le64toh(word);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t)(key.n & 0xff) << 56;
	for (unsigned shift = 0; i < key.n; i++, shift += 8)
		word |= (uint64_t)(unsigned char)key.p[i] << shift;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (int round = 0; round < 3; round++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

int map_init(struct map *map, struct error *err)
{
	struct map_node **slots = calloc(INITIAL_SLOTS, sizeof *slots);

	if (!slots)
		return error_no_memory(err);
	*map = (struct map){.slots = slots, .slot_count = INITIAL_SLOTS};
	id_random(map->secret, sizeof map->secret);
	return 0;
}

void map_free(struct map *map)
{
	free(map->slots);
	*map = (struct map){0};
}

static struct map_node **slot_of(const struct map *map, uint64_t hash)
{
	return &map->slots[hash & (map->slot_count - 1)];
}

struct map_node *map_get(const struct map *map, struct str key)
{
	uint64_t hash = hash_key(map->secret, key);

	for (struct map_node *node = *slot_of(map, hash); node; node = node->next)
		if (node->hash == hash && str_eq(node->key, key))
			return node;
	return NULL;
}

/* Without memory for a larger table the old one goes on with longer chains. */
static void grow(struct map *map)
{
	struct map larger = {.slot_count = map->slot_count * 2};

	larger.slots = calloc(larger.slot_count, sizeof *larger.slots);
	if (!larger.slots)
		return;
	for (size_t i = 0; i < map->slot_count; i++) {
		struct map_node *next;

		for (struct map_node *node = map->slots[i]; node; node = next) {
			struct map_node **slot = slot_of(&larger, node->hash);

			next = node->next;
			node->next = *slot;
			*slot = node;
		}
	}
	free(map->slots);
	map->slots = larger.slots;
	map->slot_count = larger.slot_count;
}

void map_insert(struct map *map, struct map_node *node)
{
	struct map_node **slot;

	if (map->count >= map->slot_count)
		grow(map);
	node->hash = hash_key(map->secret, node->key);
	slot = slot_of(map, node->hash);
	node->next = *slot;
	*slot = node;
	map->count++;
}

void map_remove(struct map *map, struct map_node *node)
{
	struct map_node **link = slot_of(map, node->hash);

	while (*link != node)
		link = &(*link)->next;
	*link = node->next;
	map->count--;
}

struct map_node *map_next(const struct map *map, struct map_cursor *cursor)
{
	struct map_node *node;

	while (!cursor->next && cursor->slot < map->slot_count)
		cursor->next = map->slots[cursor->slot++];
	node = cursor->next;
	if (node)
		cursor->next = node->next;
	return node;
}
