#include "lib/schema/schema.h"

#include "lib/schema/compiler.h"

#include <stdlib.h>

int list_grow(void *items, uint32_t *cap, uint32_t count, size_t size, struct error *err)
{
	void *old;
	if (count < *cap)
		return 0;
	uint32_t wanted = *cap ? *cap * 2 : 8;
	memcpy(&old, items, sizeof(old));
	void *grown = realloc(old, wanted * size);
	if (!grown)
		return error_no_memory(err);
	memcpy(items, &grown, sizeof(grown));
	*cap = wanted;
	return 0;
}

int schema_keep(struct schema *schema, struct str text, struct str *ret, struct error *err)
{
	struct chunk *chunk = malloc(sizeof(*chunk) + text.n + 1);
	if (!chunk)
		return error_no_memory(err);
	if (text.n)
		memcpy(chunk->bytes, text.p, text.n);
	chunk->bytes[text.n] = '\0';
	chunk->next = schema->chunks;
	schema->chunks = chunk;
	schema->chunk_size += sizeof(*chunk) + text.n + 1;
	*ret = (struct str){chunk->bytes, text.n};
	return 0;
}

const struct rule *node_rule(const struct schema *schema, const struct node *node, enum keyword_id id)
{
	const struct rule *rules = schema->rules.items + node->first_rule;
	for (uint32_t i = 0; i < node->rule_count; i++)
		if (rules[i].keyword == &keywords[id])
			return &rules[i];
	return NULL;
}

struct schema *schema_free(struct schema *schema)
{
	if (!schema)
		return NULL;
	for (uint32_t i = 0; i < schema->texts.count; i++) {
		document_free(&schema->texts.items[i].document);
		free(schema->texts.items[i].nodes);
	}
	for (uint32_t i = 0; i < schema->patterns.count; i++)
		pattern_free(schema->patterns.items[i].pattern);
	free(schema->texts.items);
	free(schema->nodes.items);
	free(schema->rules.items);
	free(schema->links.items);
	free(schema->names.items);
	free(schema->patterns.items);
	free(schema->resources.items);
	free(schema->dynamics.items);
	for (struct chunk *chunk = schema->chunks; chunk;) {
		struct chunk *next = chunk->next;
		free(chunk);
		chunk = next;
	}
	free(schema);
	return NULL;
}

size_t schema_size(const struct schema *schema)
{
	size_t size = sizeof(*schema) + schema->chunk_size + schema->pattern_size;
	for (uint32_t i = 0; i < schema->texts.count; i++)
		size += schema->texts.items[i].document.count *
			(sizeof(struct document_value) + sizeof(uint32_t));
	size += schema->nodes.cap * sizeof(struct node) + schema->rules.cap * sizeof(struct rule);
	size += schema->links.cap * sizeof(uint32_t) + schema->names.cap * sizeof(struct name);
	size += schema->patterns.cap * sizeof(struct named_pattern);
	return size + schema->resources.cap * sizeof(struct resource);
}

static int by_resource(const void *a, const void *b)
{
	const struct dynamic_anchor *left = a, *right = b;
	if (left->resource != right->resource)
		return left->resource < right->resource ? -1 : 1;
	size_t n = left->name.n < right->name.n ? left->name.n : right->name.n;
	int order = n ? memcmp(left->name.p, right->name.p, n) : 0;
	return order ? order : left->name.n < right->name.n ? -1 : left->name.n > right->name.n;
}

/* So that what has none of them has none at an address, too. */
static int open_lists(struct schema *schema, struct error *err)
{
	return list_grow((void *)&schema->rules.items, &schema->rules.cap, 0, sizeof(struct rule), err) ==
			   0 &&
		       list_grow((void *)&schema->links.items, &schema->links.cap, 0, sizeof(uint32_t),
				 err) == 0 &&
		       list_grow((void *)&schema->names.items, &schema->names.cap, 0, sizeof(struct name),
				 err) == 0
		   ? 0
		   : -1;
}

static int compile(struct compiler *c, struct str text, struct error *err)
{
	struct schema *schema = c->schema;
	uint32_t first;
	if (open_lists(schema, err) != 0)
		return -1;
	if (identify_text(c, STR(""), text, &first, err) != 0)
		return -1;
	for (uint32_t i = 0; i < schema->nodes.count; i++)
		if (schema->nodes.items[i].kind == NODE_RULES && compile_rules(c, i, err) != 0)
			return -1;
	if (schema->dynamics.count)
		qsort(schema->dynamics.items, schema->dynamics.count, sizeof(struct dynamic_anchor),
		      by_resource);
	return circle_check(c, err);
}

int schema_compile(struct str text, const struct schema_options *options, struct schema **ret,
		   struct error *err)
{
	struct compiler c = {.options = options, .scratch = BUFFER(SCHEMA_TEXT_MAX * 2)};
	if (text.n > SCHEMA_TEXT_MAX)
		return error_set(err, ERR_BAD_REQUEST, "it has %zu bytes, at most %zu are allowed", text.n,
				 SCHEMA_TEXT_MAX);
	c.schema = calloc(1, sizeof(*c.schema));
	if (!c.schema || map_init(&c.identifiers, NULL) != 0) {
		free(c.schema);
		return error_no_memory(err);
	}
	int status = 0;
	if (text.n && memchr(text.p, '\\', text.n) && !buffer_reserve(&c.scratch, text.n))
		status = error_no_memory(err);
	if (status == 0)
		status = compile(&c, text, err);
	identify_free(&c);
	buffer_free(&c.scratch);
	if (status != 0) {
		schema_free(c.schema);
		return -1;
	}
	*ret = c.schema;
	return 0;
}
