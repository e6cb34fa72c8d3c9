/* The YAML of a manifest as a flat list of paths and texts. */
#ifndef SKILLBOX_SKILL_MANIFEST_YAML_H
#define SKILLBOX_SKILL_MANIFEST_YAML_H

#include "lib/skill/problems.h"

#include <stdbool.h>
#include <stddef.h>

struct manifest_value {
	enum { MANIFEST_TEXT, MANIFEST_NULL, MANIFEST_COLLECTION } kind;
	struct str text; /* as written, whatever its YAML style ("1.10" stays so) */
	size_t line;
};

/* Called for each value with its keys joined by '.' ("metadata.skillbox.lang"). */
typedef void (*manifest_yaml_cb)(void *context, struct str path, const struct manifest_value *value);

/* Walk a block of YAML whose first line is `first_line` of its file. Anchors, aliases, tags of one's own,
 * duplicate keys, tabs as indentation, more than 32 levels and syntax errors are added to problems. True if
 * the walk got to the end. */
bool manifest_yaml_walk(struct str text, size_t first_line, manifest_yaml_cb found, void *context,
			struct problems *problems);

#endif
