/* Compiled input schemas of skills that ran lately. The cluster's cache keeps no texts, so who finds none
 * here reads the object (skill_read), compiles its schema and puts it here. The oldest go when they take more
 * than so many bytes. */
#ifndef SKILLBOX_APISERVER_SKILL_INPUT_SCHEMAS_H
#define SKILLBOX_APISERVER_SKILL_INPUT_SCHEMAS_H

#include "lib/api/skill.h"
#include "lib/schema/schema.h"

#define INPUT_SCHEMAS_MAX_BYTES ((size_t)8 << 20)

struct input_schemas;
struct input_schema;

struct input_schemas *input_schemas_new(struct error *err);
/* NULL-safe; returns NULL. What somebody still holds stays until they let go. */
struct input_schemas *input_schemas_free(struct input_schemas *schemas);

/* Of a skill as it is now, with a reference for the caller; NULL: none is here. */
struct input_schema *input_schemas_find(struct input_schemas *schemas, const struct skill *skill);
/* Takes `compiled` in every case; with a reference for the caller. */
struct input_schema *input_schemas_add(struct input_schemas *schemas, const struct object_meta *skill,
				       struct schema *compiled, struct error *err);
/* NULL-safe. */
void input_schema_unref(struct input_schema *schema);

const struct schema *input_schema_compiled(const struct input_schema *schema);
/* Of all that are kept. */
size_t input_schemas_bytes(const struct input_schemas *schemas);

#endif
