/* The YAML of a manifest as a flat list of paths and texts. */
#ifndef SKILLBOX_SKILL_MANIFEST_YAML_H
#define SKILLBOX_SKILL_MANIFEST_YAML_H

#include "lib/skill/problems.h"

#include <stdbool.h>

/* Called for each value that is text, with its keys joined by '.' ("metadata.skillbox.lang"); whatever its
 * YAML style, the value is the text as written ("1.10" stays so). For lists and mappings
 * value.p is NULL. */
typedef void (*manifest_yaml_cb)(void *context, struct str path, struct str value, size_t line);

/* Walk a block of YAML whose first line is `first_line` of its file. Anchors, aliases, duplicate keys, more
 * than 32 levels and syntax errors are added to problems. True if the walk got to the end. */
bool manifest_yaml_walk(struct str text, size_t first_line, manifest_yaml_cb found, void *context,
			struct problems *problems);

#endif
