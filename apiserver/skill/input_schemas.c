#include "apiserver/skill/input_schemas.h"

#include "lib/base/map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/queue.h>

#define KEY_SIZE 96 /* a UID, which has 36 characters, and a generation */

struct input_schema {
	struct map_node node; /* while it is kept */
	TAILQ_ENTRY(input_schema) order;
	char key[KEY_SIZE];
	struct schema *compiled;
	size_t size;
	unsigned references;
};

struct input_schemas {
	struct map kept;
	TAILQ_HEAD(, input_schema) order; /* what was used last is the last */
	size_t bytes;
};

struct input_schemas *input_schemas_new(struct error *err)
{
	struct input_schemas *schemas = calloc(1, sizeof(*schemas));
	if (!schemas || map_init(&schemas->kept, err) != 0) {
		free(schemas);
		error_no_memory(err);
		return NULL;
	}
	TAILQ_INIT(&schemas->order);
	return schemas;
}

void input_schema_unref(struct input_schema *schema)
{
	if (!schema || --schema->references > 0)
		return;
	schema_free(schema->compiled);
	free(schema);
}

static void drop(struct input_schemas *schemas, struct input_schema *schema)
{
	map_remove(&schemas->kept, &schema->node);
	TAILQ_REMOVE(&schemas->order, schema, order);
	schemas->bytes -= schema->size;
	input_schema_unref(schema);
}

struct input_schemas *input_schemas_free(struct input_schemas *schemas)
{
	if (!schemas)
		return NULL;
	while (!TAILQ_EMPTY(&schemas->order))
		drop(schemas, TAILQ_FIRST(&schemas->order));
	map_free(&schemas->kept);
	free(schemas);
	return NULL;
}

/* A generation is another one whenever the spec is. */
static struct str key_of(const struct object_meta *meta, char ret[KEY_SIZE])
{
	snprintf(ret, KEY_SIZE, "%s/%" PRId64, meta->uid ? meta->uid : "", meta->generation);
	return str_of(ret);
}

static struct input_schema *find(struct input_schemas *schemas, const struct object_meta *meta)
{
	char key[KEY_SIZE];
	struct map_node *node = map_get(&schemas->kept, key_of(meta, key));
	return node ? MAP_CONTAINER(node, struct input_schema, node) : NULL;
}

struct input_schema *input_schemas_find(struct input_schemas *schemas, const struct skill *skill)
{
	struct input_schema *schema = find(schemas, &skill->meta);
	if (!schema)
		return NULL;
	TAILQ_REMOVE(&schemas->order, schema, order);
	TAILQ_INSERT_TAIL(&schemas->order, schema, order);
	schema->references++;
	return schema;
}

struct input_schema *input_schemas_add(struct input_schemas *schemas, const struct object_meta *skill,
				       struct schema *compiled, struct error *err)
{
	struct input_schema *older = find(schemas, skill); /* two were read at once */
	struct input_schema *schema = calloc(1, sizeof(*schema));
	if (!schema) {
		schema_free(compiled);
		error_no_memory(err);
		return NULL;
	}
	if (older)
		drop(schemas, older);
	schema->compiled = compiled;
	schema->size = sizeof(*schema) + schema_size(compiled);
	schema->references = 2;
	schema->node.key = key_of(skill, schema->key);
	map_insert(&schemas->kept, &schema->node);
	TAILQ_INSERT_TAIL(&schemas->order, schema, order);
	schemas->bytes += schema->size;
	while (schemas->bytes > INPUT_SCHEMAS_MAX_BYTES)
		drop(schemas, TAILQ_FIRST(&schemas->order));
	return schema;
}

const struct schema *input_schema_compiled(const struct input_schema *schema)
{
	return schema->compiled;
}

size_t input_schemas_bytes(const struct input_schemas *schemas)
{
	return schemas->bytes;
}
