/* API keys: Secrets in Skillbox's own namespace. Only the SHA-256 of a key is stored. */
#ifndef SKILLBOX_APISERVER_OBJECT_API_KEY_H
#define SKILLBOX_APISERVER_OBJECT_API_KEY_H

#include "lib/base/buffer.h"
#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdint.h>

#define API_KEY_LABEL "skillbox.dev/component"
#define API_KEY_COMPONENT "api-key"
#define API_KEY_SELECTOR API_KEY_LABEL "=" API_KEY_COMPONENT
#define API_KEY_SECRET_PREFIX "skillbox-key-" /* and the first 16 hex digits of the hash: the key's id */
#define API_KEY_USED_ANNOTATION "skillbox.dev/last-used-at"
#define API_KEY_ID_DIGITS 16
#define API_KEY_SIZE 52 /* "sk-", 48 hex digits, NUL */

/* What a key may do. */
#define SCOPE_RUN 1u
#define SCOPE_PUSH 2u
#define SCOPE_ADMIN 4u    /* includes those, and the keys of its tenant */
#define SCOPE_OPERATOR 8u /* includes those, and the keys of all tenants: given from a shell only */

struct api_key {
	/* What people name it by: of a Secret what follows the prefix (its whole name if it hasn't one), else
	 * the id of its row. */
	char *id;
	/* The name of its Secret; NULL: it is a row of the database. */
	char *secret;
	char *hash; /* lower hex SHA-256 of the whole key */
	char *tenant, *name;
	unsigned scopes; /* SCOPE_… */
	int64_t created_ms;
	/* Kept to within some minutes; 0: never. Of a Secret: annotation API_KEY_USED_ANNOTATION. */
	int64_t last_used_ms;
};

struct api_key *api_key_from_secret(struct str json, struct error *err);
struct api_key *api_key_free(struct api_key *key); /* NULL-safe; returns NULL */

/* The path of a key's Secret in the Kubernetes API, or of the collection (secret NULL). */
void api_key_path(struct buffer *out, const char *namespace, const char *secret);

/* The Secret to POST: at most so many bytes. */
#define API_KEY_OBJECT_MAX 16384
int api_key_to_secret(const struct api_key *key, const char *namespace, struct buffer *out,
		      struct error *err);

/* Fill *ret (zeroed; api_key_clear frees it) for this key's text, as of a Secret. */
int api_key_make(struct str text, struct str tenant, struct str name, unsigned scopes, int64_t now_ms,
		 struct api_key *ret, struct error *err);
void api_key_clear(struct api_key *key);

/* A new random key's text; explicit_bzero it when done. */
void api_key_generate(char ret[API_KEY_SIZE]);

/* The hash of a key as clients send it, and the name of its Secret. */
#define API_KEY_SECRET_SIZE (sizeof(API_KEY_SECRET_PREFIX) + API_KEY_ID_DIGITS)
int api_key_hash(struct str key, char ret_hash[DIGEST_HEX_SIZE], char ret_secret[API_KEY_SECRET_SIZE],
		 struct error *err);

/* Names of tenants are labels' values and parts of paths: a DNS-1123 label. Names of keys are for people. */
int api_key_check_names(struct str tenant, struct str name, struct error *err);

/* "run,push,admin,operator" to bits and back (to ret, which has API_KEY_SCOPES_SIZE bytes). */
#define API_KEY_SCOPES_SIZE 32
int api_key_scopes_parse(struct str text, unsigned *ret, struct error *err);
void api_key_scopes_format(unsigned scopes, char ret[API_KEY_SCOPES_SIZE]);

#endif
