/* Handlers of /v1/keys (scope admin: keys of every tenant). */
#ifndef SKILLBOX_APISERVER_REST_KEYS_H
#define SKILLBOX_APISERVER_REST_KEYS_H

struct buffer;
struct request;

/* The member "scopes", of SCOPE_…. */
void rest_put_scopes(struct buffer *out, unsigned scopes);

void rest_key_create(struct request *request);
void rest_key_list(struct request *request);
void rest_key_revoke(struct request *request);

#endif
