/* SKILL.md: YAML frontmatter and instructions (contract: both forms). One parser for server and command line.
 */
#ifndef SKILLBOX_SKILL_MANIFEST_H
#define SKILLBOX_SKILL_MANIFEST_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stddef.h>
#include <stdint.h>

#define MANIFEST_MAX_FRONTMATTER (64 * 1024)

struct manifest {
	char *name, *version, *description, *instructions;
	char *lang;                         /* "" if not given */
	char *image;                        /* "" if not given */
	int64_t timeout_ms;                 /* 0 if not given */
	char *cpu, *memory;                 /* quantities as text, "" if not given */
	char *input_schema, *output_schema; /* paths in the archive, "" if not given */
	char **warnings;                    /* unknown keys and the like */
	size_t warning_count;
};

/* Problems of every kind are collected: on failure err is ERR_INVALID_SKILL "invalid skill: A; B; C". */
int manifest_parse(struct str text, struct manifest *ret, struct error *err);
void manifest_free(struct manifest *manifest);

#endif
