#include "apiserver/http/auth.h"

int auth_bearer(const struct str *header, struct str *ret_key, struct error *err)
{
	struct str text = header ? str_trim(*header) : STR("");
	struct str scheme = STR("Bearer");
	if (text.n == 0)
		return error_set(err, ERR_UNAUTHORIZED, "missing Authorization header");
	bool is_bearer = str_starts_with_ignore_case(text, scheme) &&
			 (text.n == scheme.n || text.p[scheme.n] == ' ' || text.p[scheme.n] == '\t');
	if (!is_bearer)
		return error_set(err, ERR_UNAUTHORIZED, "Authorization header must use Bearer scheme");
	struct str key = str_trim((struct str){text.p + scheme.n, text.n - scheme.n});
	if (key.n == 0)
		return error_set(err, ERR_UNAUTHORIZED, "empty bearer token");
	*ret_key = key;
	return 0;
}

static int check_tenant(const struct cluster *cluster, const struct api_key *key, const struct str *header,
			struct auth_caller *ret, struct error *err)
{
	if (header && str_trim(*header).n && !str_eq(str_trim(*header), str_of(key->tenant)))
		return error_set(
		    err, ERR_FORBIDDEN,
		    "X-Tenant-ID \"%.*s\" is not the tenant of this API key: leave the header out, or "
		    "use a key of that tenant",
		    (int)(header->n < 128 ? header->n : 128), header->p);
	if (cluster_has_synced(cluster) && cluster_check_age(cluster, CLUSTER_NAMESPACES, err) != 0)
		return -1;
	ret->tenant = key->tenant;
	ret->scopes = key->scopes;
	ret->key = key;
	ret->namespace = cluster_tenant_namespace(cluster, str_of(key->tenant));
	if (!ret->namespace && !cluster_has_synced(cluster))
		return error_set(err, ERR_UNAVAILABLE, "the server is starting; try again in a moment");
	if (!ret->namespace && cluster_tenant_is_ambiguous(cluster, str_of(key->tenant)))
		return error_set(err, ERR_UNAVAILABLE,
				 "tenant \"%s\" can't be served: several namespaces have its label, and an "
				 "administrator must take it from all but one; try again then",
				 key->tenant);
	if (!ret->namespace)
		return error_set(
		    err, ERR_FORBIDDEN,
		    "tenant \"%s\" has no namespace: an administrator must label one " API_TENANT_LABEL "=%s",
		    key->tenant, key->tenant);
	return 0;
}

int auth_hash(const struct str *header, char ret[DIGEST_HEX_SIZE], struct error *err)
{
	struct str text;
	return auth_bearer(header, &text, err) == 0 ? digest_sha256_hex(text, ret, err) : -1;
}

enum auth_lookup auth_find_key(const struct cluster *cluster, struct db_keys *db_keys, const char *hash,
			       const struct api_key **ret, struct error *err)
{
	*ret = cluster_key(cluster, str_of(hash));
	if (*ret)
		return cluster_check_age(cluster, CLUSTER_KEYS, err) == 0 ? AUTH_FOUND : AUTH_REFUSED;
	switch (db_keys_find(db_keys, str_of(hash), ret)) {
	case DB_KEYS_KNOWN:
		return AUTH_CACHED;
	case DB_KEYS_ASK:
		return AUTH_ASK;
	case DB_KEYS_UNKNOWN:
		break;
	}
	auth_refuse_unknown(cluster, err);
	return AUTH_REFUSED;
}

int auth_refuse_unknown(const struct cluster *cluster, struct error *err)
{
	/* Before the first list no key is known: that says nothing about this one. */
	if (!cluster_has_synced(cluster))
		return error_set(err, ERR_UNAVAILABLE, "the server is starting; try again in a moment");
	/* Nor does one that was made since. */
	if (cluster_check_age(cluster, CLUSTER_KEYS, err) != 0)
		return -1;
	return error_set(err, ERR_UNAUTHORIZED, "invalid or revoked API key");
}

int auth_admit(const struct cluster *cluster, const struct api_key *key, const struct str *tenant_header,
	       unsigned scopes, struct auth_caller *ret, struct error *err)
{
	char scope_names[API_KEY_SCOPES_SIZE];
	if (check_tenant(cluster, key, tenant_header, ret, err) != 0)
		return -1;
	if (!(key->scopes & (scopes | SCOPE_ADMIN | SCOPE_OPERATOR))) {
		api_key_scopes_format(scopes, scope_names);
		return error_set(err, ERR_FORBIDDEN, "this API key lacks the scope: %s", scope_names);
	}
	return 0;
}
