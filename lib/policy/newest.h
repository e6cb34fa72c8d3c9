/* Which upload a name and a version mean: the newest one, for both programs alike. */
#ifndef SKILLBOX_POLICY_NEWEST_H
#define SKILLBOX_POLICY_NEWEST_H

#include "lib/api/skill.h"
#include "lib/base/str.h"

#include <stdbool.h>

/* Was a uploaded after b? Of two uploads of one moment always the same one counts as the newer. */
bool skill_is_newer(const struct skill *a, const struct skill *b);

/* A search among the Skills of one name: newest_skill(version), then newest_skill_visit for each of them, in
 * any order. */
struct newest_skill {
	/* Empty: any but those of skill_version_is_dev. */
	struct str version;
	/* NULL: there is none. */
	const struct skill *found;
};

/* version: "" and "latest" mean any; else all that skill_version_compare calls the same. */
struct newest_skill newest_skill(struct str version);

/* For informer_index_each: context is the struct newest_skill. Always true: go on. */
bool newest_skill_visit(void *context, const void *skill);

#endif
