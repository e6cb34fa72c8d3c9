/* A whole skill: archive and manifest checked together; entrypoint and languages. */
#ifndef SKILLBOX_SKILL_SKILL_PACKAGE_H
#define SKILLBOX_SKILL_SKILL_PACKAGE_H

#include "lib/skill/archive.h"
#include "lib/skill/manifest.h"

struct language {
	const char *name;          /* "python" */
	const char *interpreter;   /* program in the image: "python" */
	const char *suffix;        /* ".py" */
	const char *default_image; /* "python:3.12-slim" */
};
const struct language *language_find(struct str name); /* NULL if unknown */
const struct language *language_of_path(struct str path);

/* The image that a skill runs in: its own or its language's; "" if neither is known. */
const char *skill_image(const char *image, const char *lang);

/* The contract's search order; path in the archive, or NULL. lang "" : any language. */
const char *entrypoint_find(const struct archive_content *content, struct str lang);

struct skill_package {
	struct manifest manifest; /* lang filled in */
	struct archive_content content;
	char *entrypoint;
	char *input_schema, *output_schema; /* JSON text, NULL if none */
};

/* Check everything, in bounded memory: `content` has no data. Every problem is named: ERR_INVALID_SKILL
 * "invalid skill: A; B". */
int skill_package_read(int zip_fd, const struct archive_limits *limits, struct skill_package *ret,
		       struct error *err);
void skill_package_free(struct skill_package *package);

#endif
