/* SKILL.md in its two parts: YAML between two lines of ---, and the text below. */
#ifndef SKILLBOX_SKILL_FRONTMATTER_H
#define SKILLBOX_SKILL_FRONTMATTER_H

#include "lib/skill/problems.h"

#include <stdbool.h>
#include <stddef.h>

struct frontmatter {
	struct str yaml, body; /* in the text that was split */
	size_t first_line;     /* of yaml, in the file */
};

/* A byte order mark and blank lines may stand before the first ---. False, with problems: it has not this
 * form, or its bytes are no text. */
bool frontmatter_split(struct str text, struct frontmatter *ret, struct problems *problems);

#endif
