/* Skills in the Kubernetes API. */
#ifndef SKILLBOX_APISERVER_SKILL_SKILL_PATH_H
#define SKILLBOX_APISERVER_SKILL_SKILL_PATH_H

#include "lib/base/buffer.h"

/* The path of a Skill, or of the collection (name NULL). */
void skill_path(struct buffer *out, const char *namespace, const char *name);

#endif
