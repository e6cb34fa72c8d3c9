#include "lib/base/room.h"

#include <stdlib.h>

struct owner {
	struct map_node node;
	size_t used;
	char key[];
};

int room_init(struct room *room, size_t max, size_t share, struct error *err)
{
	*room = (struct room){.max = max, .share = share};
	return map_init(&room->owners, err);
}

void room_free(struct room *room)
{
	struct map_cursor cursor = {0};
	for (struct map_node *node; room->owners.slots && (node = map_next(&room->owners, &cursor));)
		free(MAP_CONTAINER(node, struct owner, node));
	map_free(&room->owners);
	*room = (struct room){0};
}

static struct owner *owner_find(const struct room *room, struct str key)
{
	struct map_node *node = map_get(&room->owners, key);
	return node ? MAP_CONTAINER(node, struct owner, node) : NULL;
}

static struct owner *owner_new(struct room *room, struct str key)
{
	struct owner *owner = calloc(1, sizeof(*owner) + key.n + 1);
	if (!owner)
		return NULL;
	if (key.n)
		memcpy(owner->key, key.p, key.n);
	owner->node.key = (struct str){owner->key, key.n};
	map_insert(&room->owners, &owner->node);
	return owner;
}

bool room_take(struct room *room, const char *name, size_t bytes)
{
	struct owner *owner = owner_find(room, str_of(name));
	size_t used = owner ? owner->used : 0;
	if (bytes > room->max - room->used || bytes > room->share - used)
		return false;
	if (bytes == 0)
		return true;
	if (!owner && !(owner = owner_new(room, str_of(name))))
		return false;
	owner->used += bytes;
	room->used += bytes;
	return true;
}

void room_give(struct room *room, const char *name, size_t bytes)
{
	struct owner *owner = owner_find(room, str_of(name));
	if (!owner || bytes == 0)
		return;
	owner->used -= bytes;
	room->used -= bytes;
	if (owner->used > 0)
		return;
	map_remove(&room->owners, &owner->node);
	free(owner);
}
