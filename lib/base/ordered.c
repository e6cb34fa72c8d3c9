#include "lib/base/ordered.h"

#include "lib/base/id.h"

void ordered_init(struct ordered *set,
		  int (*compare)(const struct ordered_node *a, const struct ordered_node *b))
{
	*set = (struct ordered){.compare = compare};
	id_random(&set->chance, sizeof(set->chance));
	set->chance |= 1; /* the generator's only fixed point is 0 */
}

/* xorshift64: members are a tenant's choice, weights that they can't foresee keep the tree flat. */
static uint64_t next_weight(struct ordered *set)
{
	set->chance ^= set->chance << 13;
	set->chance ^= set->chance >> 7;
	set->chance ^= set->chance << 17;
	return set->chance;
}

/* What of the tree comes before the node, and what behind. */
static void split(const struct ordered *set, struct ordered_node *tree, const struct ordered_node *at,
		  struct ordered_node **ret_before, struct ordered_node **ret_behind)
{
	while (tree) {
		if (set->compare(tree, at) < 0) {
			*ret_before = tree;
			ret_before = &tree->right;
			tree = tree->right;
		} else {
			*ret_behind = tree;
			ret_behind = &tree->left;
			tree = tree->left;
		}
	}
	*ret_before = *ret_behind = NULL;
}

void ordered_insert(struct ordered *set, struct ordered_node *node)
{
	struct ordered_node **at = &set->root;
	node->weight = next_weight(set);
	while (*at && (*at)->weight >= node->weight)
		at = set->compare(node, *at) < 0 ? &(*at)->left : &(*at)->right;
	split(set, *at, node, &node->left, &node->right);
	*at = node;
	set->count++;
}

void ordered_remove(struct ordered *set, struct ordered_node *node)
{
	struct ordered_node **at = &set->root;
	struct ordered_node *left = node->left, *right = node->right;
	while (*at != node)
		at = set->compare(node, *at) < 0 ? &(*at)->left : &(*at)->right;
	while (left && right) { /* the two trees become one */
		if (left->weight >= right->weight) {
			*at = left;
			at = &left->right;
			left = left->right;
		} else {
			*at = right;
			at = &right->left;
			right = right->left;
		}
	}
	*at = left ? left : right;
	set->count--;
}

static bool each(struct ordered_node *tree, const struct ordered_walk *walk)
{
	for (; tree; tree = tree->right) {
		if (walk->is_behind && !walk->is_behind(walk->context, tree))
			continue; /* nor is what is left of it */
		if (!each(tree->left, walk) || !walk->visit(walk->context, tree))
			return false;
	}
	return true;
}

void ordered_each(const struct ordered *set, const struct ordered_walk *walk)
{
	each(set->root, walk);
}
