/* SKILL.md: YAML frontmatter and instructions (contract: both forms). One parser for server and command line.
 */
#ifndef SKILLBOX_SKILL_MANIFEST_H
#define SKILLBOX_SKILL_MANIFEST_H

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/skill/problems.h"

#include <stddef.h>
#include <stdint.h>

#define MANIFEST_MAX_FRONTMATTER (64 * 1024)

/* "" where nothing was given. */
struct manifest {
	char *name, *version, *description, *instructions;
	char *lang;
	char *entrypoint; /* path in the archive */
	char *image;
	int64_t timeout_ms;                 /* 0 if not given */
	char *cpu, *memory;                 /* quantities as text */
	char *input_schema, *output_schema; /* paths in the archive */
	char **warnings;                    /* unknown keys and the like */
	size_t warning_count;
};

/* Problems of every kind are collected: on failure err is ERR_INVALID_SKILL "invalid skill: A; B; C". */
int manifest_parse(struct str text, struct manifest *ret, struct error *err);
/* The same with the problems one by one; no_memory is told there, too. */
int manifest_examine(struct str text, struct manifest *ret, struct problems *problems);
/* Add the warning `TEXT "SUBJECT"`; beyond 100 they are left out. */
void manifest_warn(struct manifest *manifest, const char *text, struct str subject,
		   struct problems *problems);
void manifest_free(struct manifest *manifest);

#endif
