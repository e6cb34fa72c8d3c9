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

/* ^v?N(.N(.N)?)?(-[a-zA-Z0-9.-]+)?([+][a-zA-Z0-9.-]+)?$, N being digits; "latest" is none. It is kept and
 * shown as written. */
bool skill_version_is_valid(struct str version);

/* < 0: a comes before b; 0: both are the same version, for look-up and for what overwrites what. As Semantic
 * Versioning has it: a number that is left out is 0, numbers count as numbers, a "v" in front makes no
 * difference, and a pre-release comes before its release. Beyond it: what differs in +build only are two
 * versions, in the order of that text, so that neither overwrites the other. */
int skill_version_compare(struct str a, struct str b);

/* X-dev.HASH: what somebody tries out. It is never `latest`, and not listed. */
bool skill_version_is_dev(struct str version);

#endif
