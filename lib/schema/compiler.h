/* What compiling a schema remembers while it lasts. */
#ifndef SKILLBOX_SCHEMA_COMPILER_H
#define SKILLBOX_SCHEMA_COMPILER_H

#include "lib/base/map.h"
#include "lib/schema/schema_internal.h"

struct identifier;

struct compiler {
	struct schema *schema;
	const struct schema_options *options;
	unsigned dialect;       /* of a text that doesn't say */
	struct map identifiers; /* URIs of resources, and with "#NAME" behind them those of anchors */
	struct identifier *first;
	struct buffer scratch; /* for strings with escapes; it has room for the longest */
	size_t passed;         /* values that pointers went past */
};

/* ERR_BAD_REQUEST "at POINTER: …". */
int compiler_refuse(const struct compiler *c, uint32_t text, uint32_t value, struct error *err,
		    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Take in a text: URI "" is the schema itself. Its subschemas, with their names, become nodes. */
int identify_text(struct compiler *c, struct str uri, struct str json, uint32_t *ret_text, struct error *err);
void identify_free(struct compiler *c);

/* The node that a reference of a node means: `value` is the reference, a string. *ret_anchor is the name that
 * it ends with if a $dynamicAnchor gave it that, else {0}. */
int identify_target(struct compiler *c, uint32_t node, uint32_t value, uint32_t *ret_target,
		    struct str *ret_anchor, struct error *err);

/* The rules of a node. It may find more nodes, at the end of the list. */
int compile_rules(struct compiler *c, uint32_t node, struct error *err);

/* A node that leads to itself without going into the value would be checked for ever. */
int circle_check(const struct compiler *c, struct error *err);

#endif
