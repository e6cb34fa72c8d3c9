/* A compiled schema. Each subschema is a node: a row of rules, in the order in which they are checked. All is
 * in arrays that name one another by index, so there is one owner and nothing to follow when it is freed. */
#ifndef SKILLBOX_SCHEMA_SCHEMA_INTERNAL_H
#define SKILLBOX_SCHEMA_SCHEMA_INTERNAL_H

#include "lib/schema/document.h"
#include "lib/schema/keyword.h"
#include "lib/schema/pattern.h"
#include "lib/schema/schema.h"

#define NODE_NONE UINT32_MAX

struct rule {
	const struct keyword *keyword;
	uint32_t value; /* the keyword's value in the node's document */
	/* What it names: links, names or patterns, whichever the keyword's form has. */
	uint32_t first, count;
	uint64_t limit; /* a count, a set of types (bits of enum jsontext_kind), a yes */
};

enum node_kind { NODE_RULES, NODE_TRUE, NODE_FALSE };

struct node {
	uint32_t text, value;
	uint32_t resource;
	uint32_t first_rule, rule_count;
	enum node_kind kind;
	bool unevaluated; /* it has unevaluatedProperties or unevaluatedItems */
};

struct name {
	struct str text;
	uint32_t node;         /* NODE_NONE: the name alone */
	uint32_t first, count; /* of dependentRequired: more names */
};

struct named_pattern {
	struct pattern *pattern;
	uint32_t node;
};

/* A piece of a document with a URI of its own. */
struct resource {
	struct str uri; /* without a fragment */
	uint32_t node;
	unsigned dialect;
	bool recursive; /* $recursiveAnchor: true */
};

/* A $dynamicAnchor; sorted by resource and name. */
struct dynamic_anchor {
	uint32_t resource;
	struct str name;
	uint32_t node;
};

struct schema_text {
	struct str uri;
	struct document document;
	uint32_t *nodes; /* for each value the node that it is, or NODE_NONE */
};

/* Texts that are decoded or put together. */
struct chunk {
	struct chunk *next;
	char bytes[];
};

#define LIST(type)                                                                                           \
	struct {                                                                                             \
		type *items;                                                                                 \
		uint32_t count, cap;                                                                         \
	}

struct schema {
	LIST(struct schema_text) texts; /* the first is the schema itself */
	LIST(struct node) nodes;        /* the first is its root */
	LIST(struct rule) rules;
	LIST(uint32_t) links;
	LIST(struct name) names;
	LIST(struct named_pattern) patterns;
	LIST(struct resource) resources;
	LIST(struct dynamic_anchor) dynamics;
	struct chunk *chunks;
	size_t chunk_size, pattern_size; /* bytes in all */
};

/* Room for one more of a list; its address is in *ret_item. */
int list_grow(void *items, uint32_t *cap, uint32_t count, size_t size, struct error *err);
#define LIST_ADD(list, item, err)                                                                            \
	(list_grow((void *)&(list)->items, &(list)->cap, (list)->count, sizeof(*(list)->items), err) != 0    \
	     ? -1                                                                                            \
	     : ((list)->items[(list)->count++] = (item), 0))

/* A copy that lives as long as the schema. */
int schema_keep(struct schema *schema, struct str text, struct str *ret, struct error *err);

static inline const struct document *node_document(const struct schema *schema, const struct node *node)
{
	return &schema->texts.items[node->text].document;
}

/* The rule of a keyword, or NULL. */
const struct rule *node_rule(const struct schema *schema, const struct node *node, enum keyword_id id);

#endif
