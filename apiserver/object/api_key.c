#include "apiserver/object/api_key.h"

#include "apiserver/object/secret.h"
#include "lib/api/json.h"
#include "lib/api/meta.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/json_write.h"
#include "lib/base/utf8.h"
#include "lib/kube/client.h"

#include <stdlib.h>

#define KEY_RANDOM_BYTES 24
#define NAME_MAX_BYTES 128
#define TENANT_MAX_BYTES 63
#define FIELD_MAX 4096 /* bytes of one field of the Secret */

static const struct {
	const char *name;
	unsigned bit;
} scope_names[] = {
    {"run", SCOPE_RUN}, {"push", SCOPE_PUSH}, {"admin", SCOPE_ADMIN}, {"operator", SCOPE_OPERATOR}};
#define SCOPE_COUNT (sizeof(scope_names) / sizeof(scope_names[0]))

static bool scope_find(struct str name, unsigned *ret)
{
	for (size_t i = 0; i < SCOPE_COUNT; i++) {
		if (str_eq(name, str_of(scope_names[i].name))) {
			*ret = scope_names[i].bit;
			return true;
		}
	}
	return false;
}

int api_key_scopes_parse(struct str text, unsigned *ret, struct error *err)
{
	unsigned scopes = 0, bit;
	struct str item;
	for (bool more = true; more;) {
		more = str_split_once(text, ',', &item, &text);
		item = str_trim(item);
		if (!scope_find(item, &bit))
			return error_set(err, ERR_BAD_REQUEST,
					 "unknown scope \"%.*s\": use run, push, admin or operator",
					 (int)(item.n < 64 ? item.n : 64), item.n ? item.p : "");
		scopes |= bit;
	}
	*ret = scopes;
	return 0;
}

void api_key_scopes_format(unsigned scopes, char ret[API_KEY_SCOPES_SIZE])
{
	size_t used = 0;
	ret[0] = '\0';
	for (size_t i = 0; i < SCOPE_COUNT; i++)
		if (scopes & scope_names[i].bit)
			used += (size_t)snprintf(ret + used, API_KEY_SCOPES_SIZE - used, "%s%s",
						 used ? "," : "", scope_names[i].name);
}

void api_key_generate(char ret[API_KEY_SIZE])
{
	unsigned char bytes[KEY_RANDOM_BYTES];
	id_random(bytes, sizeof(bytes));
	memcpy(ret, "sk-", 3);
	id_hex(bytes, sizeof(bytes), ret + 3);
	explicit_bzero(bytes, sizeof(bytes));
}

int api_key_hash(struct str key, char ret_hash[DIGEST_HEX_SIZE], char ret_secret[API_KEY_SECRET_SIZE],
		 struct error *err)
{
	if (digest_sha256_hex(key, ret_hash, err) != 0)
		return -1;
	snprintf(ret_secret, API_KEY_SECRET_SIZE, API_KEY_SECRET_PREFIX "%.*s", API_KEY_ID_DIGITS, ret_hash);
	return 0;
}

static char *id_of_secret(const char *secret)
{
	struct str name = str_of(secret), prefix = STR(API_KEY_SECRET_PREFIX);
	if (str_starts_with(name, prefix))
		name = (struct str){name.p + prefix.n, name.n - prefix.n};
	return str_dup(name);
}

void api_key_path(struct buffer *out, const char *namespace, const char *secret)
{
	buffer_appendf(out, "/api/v1/namespaces/%s/secrets", namespace);
	if (secret)
		buffer_appendf(out, "/%s", secret);
}

struct secret {
	struct object_meta meta;
	struct api_key *key;
	char *scopes, *created_at;
};

static int read_data(struct str value, const struct json_path *path, int64_t max, void *target,
		     struct error *err)
{
	static const struct json_field key_fields[] = {
	    {"hash", secret_read_base64, offsetof(struct api_key, hash), FIELD_MAX},
	    {"tenant", secret_read_base64, offsetof(struct api_key, tenant), FIELD_MAX},
	    {"name", secret_read_base64, offsetof(struct api_key, name), FIELD_MAX},
	};
	static const struct json_field fields[] = {
	    {"scopes", secret_read_base64, offsetof(struct secret, scopes), FIELD_MAX},
	    {"created_at", secret_read_base64, offsetof(struct secret, created_at), FIELD_MAX},
	};
	(void)max;
	struct secret *secret = target;
	if (json_read_object(value, path, key_fields, JSON_FIELD_COUNT(key_fields), secret->key, err) != 0)
		return -1;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), secret, err);
}

static int read_annotations(struct str value, const struct json_path *path, int64_t max, void *target,
			    struct error *err)
{
	static const struct json_field fields[] = {
	    {API_KEY_USED_ANNOTATION, json_read_time, offsetof(struct api_key, last_used_ms), 0},
	};
	(void)max;
	(void)json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target,
			       NULL); /* a broken one counts as absent */
	(void)err;
	return 0;
}

static int read_metadata(struct str value, const struct json_path *path, int64_t max, void *target,
			 struct error *err)
{
	static const struct json_field fields[] = {{"annotations", read_annotations, 0, 0}};
	struct secret *secret = target;
	if (object_meta_read(value, path, max, &secret->meta, err) != 0)
		return -1;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), secret->key, err);
}

static int read_secret(struct str json, struct secret *secret, struct error *err)
{
	static const struct json_field fields[] = {
	    {"metadata", read_metadata, 0, 0},
	    {"data", read_data, 0, 0},
	};
	if (json_check_object(json, err) != 0 ||
	    json_read_object(str_trim(json), NULL, fields, JSON_FIELD_COUNT(fields), secret, err) != 0)
		return -1;
	struct api_key *key = secret->key;
	if (!secret->meta.name)
		return error_set(err, ERR_BAD_REQUEST, "metadata.name is missing");
	if (!key->hash || !id_is_hex(str_of(key->hash), DIGEST_HEX_SIZE - 1))
		return error_set(err, ERR_BAD_REQUEST,
				 "data.hash must be the SHA-256 of the key in lower-case hex");
	if (!key->tenant || !key->tenant[0])
		return error_set(err, ERR_BAD_REQUEST, "data.tenant is missing");
	if (api_key_scopes_parse(str_of(secret->scopes), &key->scopes, err) != 0)
		return error_wrap(err, "data.scopes");
	if (!secret->created_at || !clock_parse_rfc3339(str_of(secret->created_at), &key->created_ms))
		key->created_ms = secret->meta.created_ms;
	key->secret = str_dup(str_of(secret->meta.name));
	key->id = id_of_secret(secret->meta.name);
	if (!key->name)
		key->name = str_dup(STR(""));
	return key->id && key->secret && key->name ? 0 : error_no_memory(err);
}

struct api_key *api_key_from_secret(struct str json, struct error *err)
{
	struct secret secret = {.key = calloc(1, sizeof(struct api_key))};
	if (!secret.key) {
		error_no_memory(err);
		return NULL;
	}
	if (read_secret(json, &secret, err) != 0)
		secret.key = api_key_free(secret.key);
	object_meta_clear(&secret.meta);
	free(secret.scopes);
	free(secret.created_at);
	return secret.key;
}

void api_key_clear(struct api_key *key)
{
	free(key->id);
	free(key->secret);
	free(key->hash);
	free(key->tenant);
	free(key->name);
	*key = (struct api_key){0};
}

struct api_key *api_key_free(struct api_key *key)
{
	if (!key)
		return NULL;
	api_key_clear(key);
	free(key);
	return NULL;
}

int api_key_make(struct str text, struct str tenant, struct str name, unsigned scopes, int64_t now_ms,
		 struct api_key *ret, struct error *err)
{
	char hash[DIGEST_HEX_SIZE], secret[API_KEY_SECRET_SIZE];
	if (api_key_hash(text, hash, secret, err) != 0)
		return -1;
	*ret = (struct api_key){.id = id_of_secret(secret),
				.secret = str_dup(str_of(secret)),
				.hash = str_dup(str_of(hash)),
				.tenant = str_dup(tenant),
				.name = str_dup(name),
				.scopes = scopes,
				.created_ms = now_ms};
	if (ret->id && ret->secret && ret->hash && ret->tenant && ret->name)
		return 0;
	api_key_clear(ret);
	return error_no_memory(err);
}

int api_key_check_names(struct str tenant, struct str name, struct error *err)
{
	if (name.n == 0 || name.n > NAME_MAX_BYTES)
		return error_set(err, ERR_BAD_REQUEST, "the key's name must have 1 to %d bytes, not %zu",
				 NAME_MAX_BYTES, name.n);
	if (!utf8_is_valid(name, NULL) || memchr(name.p, '\0', name.n))
		return error_set(err, ERR_BAD_REQUEST, "the key's name must be UTF-8 without NUL characters");
	if (tenant.n > TENANT_MAX_BYTES || memchr(tenant.n ? tenant.p : "", '.', tenant.n) ||
	    !kube_name_is_valid(tenant))
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "the tenant must be 1 to %d lower-case letters, digits and '-', not \"%.*s\"",
		    TENANT_MAX_BYTES, (int)(tenant.n < TENANT_MAX_BYTES ? tenant.n : TENANT_MAX_BYTES),
		    tenant.n ? tenant.p : "");
	return 0;
}

int api_key_to_secret(const struct api_key *key, const char *namespace, struct buffer *out, struct error *err)
{
	char scopes[API_KEY_SCOPES_SIZE];
	api_key_scopes_format(key->scopes, scopes);
	buffer_append_c(out, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"type\":\"skillbox.dev/"
			     "api-key\",\"immutable\":true");
	json_key(out, "metadata");
	json_open(out, '{');
	json_put_string(out, "name", key->secret);
	json_put_string(out, "namespace", namespace);
	buffer_append_c(out, ",\"labels\":{\"" API_KEY_LABEL "\":\"" API_KEY_COMPONENT "\"}");
	json_close(out, '}');
	json_key(out, "stringData");
	json_open(out, '{');
	json_put_string(out, "hash", key->hash);
	json_put_string(out, "tenant", key->tenant);
	json_put_string(out, "name", key->name);
	json_put_string(out, "scopes", scopes);
	json_put_time(out, "created_at", key->created_ms, true);
	json_close(out, '}');
	json_close(out, '}');
	return buffer_check(out, "the Secret", err);
}
