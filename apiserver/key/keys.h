/* Make, list and revoke API keys: of the caller's own tenant, or with the scope operator of every tenant.
 * What belongs to another one looks as if it were not there. With a database new keys are rows in it, else
 * Secrets; what is listed and revoked may be either.
 *
 * done is called once, at once or later; failures are as clients may see them. */
#ifndef SKILLBOX_APISERVER_KEY_KEYS_H
#define SKILLBOX_APISERVER_KEY_KEYS_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"

struct key_wish {
	struct str tenant, name;
	unsigned scopes;
};

/* key and its text, which is nowhere else, are valid during the call. */
typedef void (*key_created_cb)(void *context, const struct api_key *key, const char *text,
			       const struct error *failure);
void key_create(struct apiserver *server, struct caller *caller, const struct key_wish *wish,
		key_created_cb done, void *context);

/* keys are valid during the call. */
typedef void (*key_listed_cb)(void *context, const struct api_key *const *keys, size_t count,
			      const struct error *failure);
void key_list(struct apiserver *server, struct caller *caller, key_listed_cb done, void *context);

typedef void (*key_revoked_cb)(void *context, const struct error *failure);
void key_revoke(struct apiserver *server, struct caller *caller, struct str id, key_revoked_cb done,
		void *context);

#endif
