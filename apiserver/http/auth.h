/* Who asks? Keys, tenants and scopes. */
#ifndef SKILLBOX_APISERVER_HTTP_AUTH_H
#define SKILLBOX_APISERVER_HTTP_AUTH_H

#include "apiserver/cluster.h"
#include "apiserver/key/db_keys.h"

/* The key in an Authorization header; NULL header: there is none. ERR_UNAUTHORIZED with the contract's words.
 */
int auth_bearer(const struct str *header, struct str *ret_key, struct error *err);

struct auth_caller { /* strings as in the cluster's caches: copy what outlives this loop turn */
	const char *tenant, *namespace;
	unsigned scopes;
	const struct api_key *key;
};

/* The hash of the key in an Authorization header; errors as of auth_bearer. */
int auth_hash(const struct str *header, char ret[DIGEST_HEX_SIZE], struct error *err);

/* The key with a hash: of a Secret or, with db_keys, of the database. */
enum auth_lookup {
	AUTH_FOUND,   /* *ret, of a Secret, valid until the loop turns */
	AUTH_CACHED,  /* the same, of the database */
	AUTH_ASK,     /* db_keys_ask knows */
	AUTH_REFUSED, /* err */
};
enum auth_lookup auth_find_key(const struct cluster *cluster, struct db_keys *db_keys, const char *hash,
			       const struct api_key **ret, struct error *err);
/* There is no such key. */
int auth_refuse_unknown(const struct cluster *cluster, struct error *err);
/* Does it have one of the scopes, is tenant_header (NULL: not sent) its own tenant? */
int auth_admit(const struct cluster *cluster, const struct api_key *key, const struct str *tenant_header,
	       unsigned scopes, struct auth_caller *ret, struct error *err);

#endif
