#include "controller/sandbox/token.h"

#include "lib/base/digest.h"
#include "lib/base/log.h"

/* Names of namespace and Pod, and a UID */
#define TEXT_MAX 1024

int token_key_derive(struct str signing_key, struct token_key *ret, struct error *err)
{
	return digest_hmac_sha256(signing_key, STR("skillbox-sandbox-token-key-1"), ret->bytes, err);
}

/* No name can hold a line feed, so no two Pods give the same text. */
int token_make(const struct token_key *key, const char *namespace, const char *pod_name,
	       const char *owner_uid, char ret[TOKEN_SIZE], struct error *err)
{
	char hex[DIGEST_HEX_SIZE];
	cleanup_buffer struct buffer text = BUFFER(TEXT_MAX);
	buffer_appendf(&text, "skillbox-sandbox-1\n%s\n%s\n%s", namespace, pod_name, owner_uid);
	if (buffer_check(&text, "the token of a Pod", err) != 0 ||
	    digest_hmac_sha256_hex((struct str){(const char *)key->bytes, sizeof(key->bytes)},
				   buffer_str(&text), hex, err) != 0)
		return -1;
	memcpy(ret, hex, TOKEN_SIZE - 1);
	ret[TOKEN_SIZE - 1] = '\0';
	return 0;
}

bool token_is_of(const struct token_key *key, const struct pod *pod)
{
	const struct object_meta *meta = &pod->meta;
	char token[TOKEN_SIZE];
	struct error err;
	if (!pod->token || !meta->namespace || !meta->owner_uid)
		return false;
	if (token_make(key, meta->namespace, meta->name, meta->owner_uid, token, &err) != 0) {
		log_error("the token of a Pod can't be computed", "pod", meta->name, "error", err.message,
			  NULL);
		return false;
	}
	return str_eq_constant_time(str_of(pod->token), str_of(token));
}
