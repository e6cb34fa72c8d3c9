/* The rules for names and versions of skills, wherever one comes in. */
#ifndef SKILLBOX_POLICY_NAMES_H
#define SKILLBOX_POLICY_NAMES_H

#include "lib/base/str.h"

#include <stdbool.h>

/* Bytes; as in the Skill resource (crds/skills.yaml). */
#define SKILL_NAME_MAX 128
#define SKILL_VERSION_MAX 128

/* ^[a-zA-Z0-9][a-zA-Z0-9._-]*$ */
bool skill_name_is_valid(struct str name);

/* ^[0-9]+\.[0-9]+\.[0-9]+(-[a-zA-Z0-9.]+)?$; "latest" is none. */
bool skill_version_is_valid(struct str version);

/* < 0: a comes before b. Numbers count as numbers; a pre-release comes before its release. */
int skill_version_compare(const char *a, const char *b);

#endif
