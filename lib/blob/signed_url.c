/* /blobs/{skills|executions}/{tenant}/{sha256-hex}[/filename]?expires=SECONDS&method=GET&signature=HEX, where
 * the signature is an HMAC-SHA-256 over all the rest. */
#include "lib/base/digest.h"
#include "lib/base/id.h"
#include "lib/base/utf8.h"
#include "lib/blob/blob_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#define FILENAME_MAX_BYTES 127
#define SIGNED_TEXT_MAX 1024

/* No field can hold a line feed, so no two requests give the same text. */
static int sign(const struct blob_key *key, struct str filename, const char *method, int64_t expires,
		struct str secret, char ret[DIGEST_HEX_SIZE], struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(SIGNED_TEXT_MAX);
	buffer_appendf(&text, "skillbox-blob-1\n%s\n%s\n%s\n%s\n", method, blob_bucket_name(key->bucket),
		       key->tenant, key->digest);
	buffer_append_str(&text, filename);
	buffer_appendf(&text, "\n%" PRId64, expires);
	if (buffer_check(&text, "the text to sign", err) != 0)
		return -1;
	if (secret.n == 0)
		return error_set(err, ERR_INTERNAL, "the blob store has no signing key");
	return digest_hmac_sha256_hex(secret, buffer_str(&text), ret, err);
}

bool blob_filename_is_valid(struct str name)
{
	if (name.n > FILENAME_MAX_BYTES || !utf8_is_valid(name, NULL) || str_eq(name, STR(".")) ||
	    str_eq(name, STR("..")))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f || strchr("/\\\"", name.p[i]))
			return false;
	return true;
}

static bool is_unreserved(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("-._~", c));
}

int signed_url_append(struct buffer *ret, const char *base, const struct blob_key *key, const char *filename,
		      const char *method, int64_t expires, struct str signing_key, struct error *err)
{
	struct str name = str_of(filename), host = str_of(base);
	char signature[DIGEST_HEX_SIZE];
	if (!blob_filename_is_valid(name))
		return error_set(err, ERR_BAD_REQUEST, "blob: invalid file name");
	if (sign(key, name, method, expires, signing_key, signature, err) != 0)
		return -1;
	while (host.n && host.p[host.n - 1] == '/')
		host.n--;
	size_t before = ret->len;
	buffer_append_str(ret, host);
	buffer_appendf(ret, "/blobs/%s/%s/%s", blob_bucket_name(key->bucket), key->tenant,
		       blob_digest_hex(key->digest));
	if (name.n)
		buffer_append_byte(ret, '/');
	for (size_t i = 0; i < name.n; i++) {
		if (is_unreserved(name.p[i]))
			buffer_append_byte(ret, name.p[i]);
		else
			buffer_appendf(ret, "%%%02X", (unsigned char)name.p[i]);
	}
	buffer_appendf(ret, "?expires=%" PRId64 "&method=%s&signature=%s", expires, method, signature);
	if (!ret->failed)
		return 0;
	if (ret->data)
		ret->data[ret->len = before] = '\0';
	return error_set(err, ERR_TOO_LARGE, "blob: the URL has no room");
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Percent-decoding into ret; false if it is malformed or doesn't fit. */
static bool decode(struct str s, char *ret, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (n + 1 >= size)
			return false;
		if (c == '%') {
			if (s.n - i < 3 || hex_digit(s.p[i + 1]) < 0 || hex_digit(s.p[i + 2]) < 0)
				return false;
			c = (char)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2]));
			i += 2;
		}
		if (c == '\0')
			return false;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return true;
}

static bool parse_path(struct str path, struct blob_request *ret)
{
	struct str prefix = STR("/blobs/"), bucket, tenant, hex, rest;
	if (!str_starts_with(path, prefix))
		return false;
	rest = (struct str){path.p + prefix.n, path.n - prefix.n};
	if (!str_split_once(rest, '/', &bucket, &rest) || !blob_bucket_find(bucket, &ret->bucket) ||
	    !str_split_once(rest, '/', &tenant, &rest) || !blob_tenant_is_valid(tenant))
		return false;
	bool named = str_split_once(rest, '/', &hex, &rest);
	if (!id_is_hex(hex, 64) || (named && rest.n == 0) ||
	    !decode(rest, ret->filename, sizeof(ret->filename)) ||
	    !blob_filename_is_valid(str_of(ret->filename)))
		return false;
	memcpy(ret->tenant, tenant.p, tenant.n);
	ret->tenant[tenant.n] = '\0';
	snprintf(ret->digest, sizeof(ret->digest), "sha256:%.64s", hex.p);
	return true;
}

struct parameters {
	struct str expires, method, signature;
};

/* Each of ours exactly once; others (that a proxy may have put there) have no meaning. */
static bool parse_query(struct str query, struct parameters *ret)
{
	struct {
		struct str name, *value;
	} const wanted[] = {{STR("expires"), &ret->expires},
			    {STR("method"), &ret->method},
			    {STR("signature"), &ret->signature}};
	*ret = (struct parameters){0};
	for (bool more = query.n > 0; more;) {
		struct str pair, name, value;
		more = str_split_once(query, '&', &pair, &query);
		str_split_once(pair, '=', &name, &value);
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
			if (!str_eq(name, wanted[i].name))
				continue;
			if (wanted[i].value->n || value.n == 0)
				return false;
			*wanted[i].value = value;
		}
	}
	return ret->expires.n && ret->method.n && ret->signature.n;
}

int blob_request_verify(struct str signing_key, const char *method, struct str path, struct str query,
			int64_t now_ms, struct blob_request *ret, struct error *err)
{
	struct blob_request request = {0};
	struct parameters given;
	int64_t expires;
	char signature[DIGEST_HEX_SIZE];
	if (!parse_path(path, &request))
		return error_set(err, ERR_NOT_FOUND, "there is no such blob");
	if (!parse_query(query, &given) || !str_to_i64(given.expires, 1, INT64_MAX / 1000, &expires))
		return error_set(err, ERR_FORBIDDEN,
				 "the link is not signed; read the record again for a fresh link");
	struct blob_key key = {request.bucket, request.tenant, request.digest};
	if (sign(&key, str_of(request.filename), method, expires, signing_key, signature, err) != 0)
		return -1;
	if (!str_eq(given.method, str_of(method)) ||
	    !str_eq_constant_time(given.signature, str_of(signature)))
		return error_set(err, ERR_FORBIDDEN,
				 "the link's signature is wrong; read the record again for a fresh link");
	if (now_ms >= expires * 1000)
		return error_set(err, ERR_FORBIDDEN,
				 "the link has expired; read the record again for a fresh one");
	*ret = request;
	return 0;
}
