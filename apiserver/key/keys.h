/* Handlers of /v1/keys (scope admin: keys of every tenant). */
#ifndef SKILLBOX_APISERVER_KEY_KEYS_H
#define SKILLBOX_APISERVER_KEY_KEYS_H

#include "apiserver/http/request.h"

void key_create(struct request *request);
void key_list(struct request *request);
void key_revoke(struct request *request);

/* The path of a key's Secret, or of the collection (secret NULL). */
void key_path(struct buffer *out, const char *namespace, const char *secret);

/* A key was used: its last_used_at is brought up to date now and then, without anybody waiting for it. */
void key_touch(struct request *request, const struct api_key *key);

#endif
