/* Handlers of /v1/skills. */
#ifndef SKILLBOX_APISERVER_REST_SKILLS_H
#define SKILLBOX_APISERVER_REST_SKILLS_H

struct request;

/* Both after upload_begin and upload_piece. */
void rest_skill_push(struct request *request);
void rest_skill_validate(struct request *request);

void rest_skill_list(struct request *request);
void rest_skill_get(struct request *request);
void rest_skill_delete(struct request *request);

#endif
