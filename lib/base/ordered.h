/* A set in order: what comes behind a given place is found, and walked from there, without looking at what
 * comes before. Intrusive: the node stands inside the caller's struct, so nothing is allocated and an insert
 * can't fail. Insert, remove and the way to a place take O(log n), whatever the order in which members come
 * (a treap: the shape of the tree is chance's, not theirs). */
#ifndef SKILLBOX_LIB_BASE_ORDERED_H
#define SKILLBOX_LIB_BASE_ORDERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ordered_node {
	struct ordered_node *left, *right;
	uint64_t weight;
};

struct ordered {
	struct ordered_node *root;
	size_t count;
	/* < 0: a comes before b; 0 only for a node and itself. What it looks at stays as it is while the node
	 * is in the set. */
	int (*compare)(const struct ordered_node *a, const struct ordered_node *b);
	uint64_t chance;
};

void ordered_init(struct ordered *set,
		  int (*compare)(const struct ordered_node *a, const struct ordered_node *b));
void ordered_insert(struct ordered *set, struct ordered_node *node); /* it is not there yet */
void ordered_remove(struct ordered *set, struct ordered_node *node); /* it is there */

/* Which members, and what to do with them. */
struct ordered_walk {
	/* Does it come behind the place to begin at? NULL: begin with the first. */
	bool (*is_behind)(void *context, const struct ordered_node *node);
	bool (*visit)(void *context, struct ordered_node *node); /* false: stop */
	void *context;
};
/* In order. The set may not change meanwhile. */
void ordered_each(const struct ordered *set, const struct ordered_walk *walk);

#endif
