/* A whole skill: archive and manifest checked together. */
#ifndef SKILLBOX_SKILL_SKILL_PACKAGE_H
#define SKILLBOX_SKILL_SKILL_PACKAGE_H

#include "lib/skill/archive.h"
#include "lib/skill/entrypoint.h"
#include "lib/skill/manifest.h"

struct skill_package {
	struct manifest manifest; /* lang filled in, if there is a script */
	struct archive_content content;
	char *entrypoint;                   /* "": an instruction skill */
	char *input_schema, *output_schema; /* JSON text, NULL if none */
};

/* Check everything, in bounded memory: `content` has no data. Every problem is named: ERR_INVALID_SKILL
 * "invalid skill: A; B". */
int skill_package_read(int zip_fd, const struct archive_limits *limits, struct skill_package *ret,
		       struct error *err);
/* The same with the problems one by one: -1 with err unset says that they are told there. */
int skill_package_examine(int zip_fd, const struct archive_limits *limits, struct skill_package *ret,
			  struct problems *problems, struct error *err);
void skill_package_free(struct skill_package *package);

#endif
