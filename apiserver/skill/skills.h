/* Handlers of /v1/skills. */
#ifndef SKILLBOX_APISERVER_SKILL_SKILLS_H
#define SKILLBOX_APISERVER_SKILL_SKILLS_H

#include "apiserver/http/request.h"
#include "lib/api/skill.h"

void skill_push(struct request *request);     /* after upload_begin and upload_piece */
void skill_validate(struct request *request); /* the same */
void skill_list(struct request *request);
void skill_get(struct request *request);
void skill_delete(struct request *request);

/* The path of a Skill in the Kubernetes API, or of the collection (name NULL). */
void skill_path(struct buffer *out, const char *namespace, const char *name);

/* The digest of a skill's content; NULL if it isn't known yet. */
const char *skill_digest(const struct skill *skill);

#endif
