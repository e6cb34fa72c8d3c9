#include "lib/blob/sigv4.h"

#include "lib/base/digest.h"

#include <ctype.h>
#include <stdlib.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define CANONICAL_MAX 65536
/* "AWS4" and the secret key. */
#define SECRET_KEY_MAX 1024
/* The access key and the scope; the names of the signed headers. */
#define CREDENTIAL_MAX 1024
#define HEADER_NAMES_MAX 1024

static int no_room(bool no_memory, const char *where, struct error *err)
{
	return no_memory ? error_no_memory(err)
			 : error_set(err, ERR_TOO_LARGE, "signature: the %s has no room", where);
}

/* Encoding */

static bool is_unreserved(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

void sigv4_append_encoded(struct buffer *ret, struct str text, bool keep_slash)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (is_unreserved(c) || (keep_slash && c == '/'))
			buffer_append_byte(ret, c);
		else
			buffer_appendf(ret, "%%%02X", (unsigned char)c);
	}
}

void sigv4_append_path(struct buffer *ret, struct str path)
{
	if (path.n == 0)
		path = STR("/");
	sigv4_append_encoded(ret, path, true);
}

/* Canonical query: the pairs sorted by their encoded bytes */

/* One text a pair, "NAME\0VALUE" in encoded form, where no byte is smaller than those of an encoded name that
 * goes on: so the order of the texts is that of the names, then of the values. */
struct encoded_pair {
	struct buffer text;
	size_t name_size;
};

static int compare_pairs(const void *a, const void *b)
{
	const struct encoded_pair *x = a, *y = b;
	size_t n = x->text.len < y->text.len ? x->text.len : y->text.len;
	int order = memcmp(x->text.data, y->text.data, n);
	return order ? order : (x->text.len > y->text.len) - (x->text.len < y->text.len);
}

int sigv4_append_query(struct buffer *ret, const struct sigv4_pair *query, size_t count, struct error *err)
{
	struct encoded_pair pairs[SIGV4_MAX_PAIRS];
	bool failed = false, no_memory = false;
	if (count > SIGV4_MAX_PAIRS)
		return error_set(err, ERR_INTERNAL, "signature: more than %d query parameters",
				 SIGV4_MAX_PAIRS);
	for (size_t i = 0; i < count; i++) {
		pairs[i].text = BUFFER(CANONICAL_MAX);
		sigv4_append_encoded(&pairs[i].text, query[i].name, false);
		pairs[i].name_size = pairs[i].text.len;
		buffer_append_byte(&pairs[i].text, '\0');
		sigv4_append_encoded(&pairs[i].text, query[i].value, false);
		failed = failed || pairs[i].text.failed;
		no_memory = no_memory || pairs[i].text.no_memory;
	}
	if (!failed && count > 0)
		qsort(pairs, count, sizeof(pairs[0]), compare_pairs);
	for (size_t i = 0; i < count; i++) {
		struct buffer *text = &pairs[i].text;
		if (!failed && i > 0)
			buffer_append_byte(ret, '&');
		if (!failed) {
			text->data[pairs[i].name_size] = '=';
			buffer_append_str(ret, buffer_str(text));
		}
		buffer_free(text);
	}
	return failed || ret->failed ? no_room(no_memory || ret->no_memory, "query", err) : 0;
}

/* Canonical headers */

static int compare_names(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	for (size_t i = 0; i < n; i++) {
		int x = tolower((unsigned char)a.p[i]), y = tolower((unsigned char)b.p[i]);
		if (x != y)
			return x - y;
	}
	return (a.n > b.n) - (a.n < b.n);
}

struct sorted_headers {
	const struct sigv4_pair *at[SIGV4_MAX_PAIRS];
	size_t count;
};

/* By insertion: few, and those of one name must keep their order. */
static int sort_headers(const struct sigv4_request *request, struct sorted_headers *ret, struct error *err)
{
	ret->count = 0;
	if (request->header_count > SIGV4_MAX_PAIRS)
		return error_set(err, ERR_INTERNAL, "signature: more than %d headers", SIGV4_MAX_PAIRS);
	for (size_t i = 0; i < request->header_count; i++) {
		size_t place = ret->count++;
		for (; place > 0 && compare_names(request->headers[i].name, ret->at[place - 1]->name) < 0;
		     place--)
			ret->at[place] = ret->at[place - 1];
		ret->at[place] = &request->headers[i];
	}
	return 0;
}

static void append_lower(struct buffer *ret, struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		buffer_append_byte(ret, (char)tolower((unsigned char)name.p[i]));
}

/* Blanks at the ends go, runs of them inside become one. */
static void append_trimmed(struct buffer *ret, struct str value)
{
	value = str_trim(value);
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] != ' ' || value.p[i - 1] != ' ')
			buffer_append_byte(ret, value.p[i]);
}

static bool is_repeated(const struct sorted_headers *headers, size_t i)
{
	return i > 0 && compare_names(headers->at[i]->name, headers->at[i - 1]->name) == 0;
}

static void append_headers(struct buffer *ret, const struct sorted_headers *headers)
{
	for (size_t i = 0; i < headers->count; i++) {
		if (is_repeated(headers, i)) {
			buffer_append_byte(ret, ',');
		} else {
			if (i > 0)
				buffer_append_byte(ret, '\n');
			append_lower(ret, headers->at[i]->name);
			buffer_append_byte(ret, ':');
		}
		append_trimmed(ret, headers->at[i]->value);
	}
	buffer_append_byte(ret, '\n');
}

static void append_signed_names(struct buffer *ret, const struct sorted_headers *headers)
{
	for (size_t i = 0; i < headers->count; i++) {
		if (is_repeated(headers, i))
			continue;
		if (i > 0)
			buffer_append_byte(ret, ';');
		append_lower(ret, headers->at[i]->name);
	}
}

/* Signature */

void sigv4_date(int64_t time_ms, char ret[SIGV4_DATE_SIZE])
{
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm tm = {0};
	gmtime_r(&seconds, &tm);
	if (strftime(ret, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm) == 0)
		ret[0] = '\0'; /* a year of five digits */
}

/* "20261124/us-east-1/s3/aws4_request" */
static void append_scope(struct buffer *ret, const struct sigv4_key *key, const char *date)
{
	buffer_appendf(ret, "%.8s/%.*s/%.*s/aws4_request", date, (int)key->region.n, key->region.p,
		       (int)key->service.n, key->service.p);
}

static int derive_key(const struct sigv4_key *key, const char *date, unsigned char ret[32], struct error *err)
{
	cleanup_secret_buffer struct buffer first = BUFFER(SECRET_KEY_MAX);
	struct str day = {date, 8}, derived = {(const char *)ret, 32};
	buffer_append_c(&first, "AWS4");
	buffer_append_str(&first, key->secret_key);
	if (first.failed)
		return error_set(err, ERR_BAD_REQUEST, "signature: the secret key is too long");
	int status = digest_hmac_sha256(buffer_str(&first), day, ret, err) ||
			     digest_hmac_sha256(derived, key->region, ret, err) ||
			     digest_hmac_sha256(derived, key->service, ret, err) ||
			     digest_hmac_sha256(derived, STR("aws4_request"), ret, err)
			 ? -1
			 : 0;
	return status;
}

static int sign(const struct sigv4_key *key, const struct sigv4_request *request, struct str query,
		const struct sorted_headers *headers, char ret[DIGEST_HEX_SIZE], struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(CANONICAL_MAX);
	char date[SIGV4_DATE_SIZE], hash[DIGEST_HEX_SIZE];
	unsigned char derived[32];
	sigv4_date(request->time_ms, date);
	buffer_appendf(&text, "%s\n", request->method);
	sigv4_append_path(&text, request->path);
	buffer_append_byte(&text, '\n');
	buffer_append_str(&text, query);
	buffer_append_byte(&text, '\n');
	append_headers(&text, headers);
	buffer_append_byte(&text, '\n');
	append_signed_names(&text, headers);
	buffer_appendf(&text, "\n%s", request->payload_hash);
	if (text.failed)
		return no_room(text.no_memory, "request", err);
	if (digest_sha256_hex(buffer_str(&text), hash, err) != 0)
		return -1;
	buffer_reset(&text);
	buffer_appendf(&text, ALGORITHM "\n%s\n", date);
	append_scope(&text, key, date);
	buffer_appendf(&text, "\n%s", hash);
	if (buffer_check(&text, "signature: the text to sign", err) != 0)
		return -1;
	if (derive_key(key, date, derived, err) != 0)
		return -1;
	int status = digest_hmac_sha256_hex((struct str){(const char *)derived, sizeof(derived)},
					    buffer_str(&text), ret, err);
	explicit_bzero(derived, sizeof(derived));
	return status;
}

int sigv4_sign(const struct sigv4_key *key, const struct sigv4_request *request, struct buffer *ret,
	       struct error *err)
{
	cleanup_buffer struct buffer query = BUFFER(CANONICAL_MAX);
	struct sorted_headers headers;
	char signature[DIGEST_HEX_SIZE], date[SIGV4_DATE_SIZE];
	if (sigv4_append_query(&query, request->query, request->query_count, err) != 0 ||
	    sort_headers(request, &headers, err) != 0 ||
	    sign(key, request, buffer_str(&query), &headers, signature, err) != 0)
		return -1;
	sigv4_date(request->time_ms, date);
	buffer_append_c(ret, ALGORITHM " Credential=");
	buffer_append_str(ret, key->access_key);
	buffer_append_byte(ret, '/');
	append_scope(ret, key, date);
	buffer_append_c(ret, ", SignedHeaders=");
	append_signed_names(ret, &headers);
	buffer_appendf(ret, ", Signature=%s", signature);
	return ret->failed ? no_room(ret->no_memory, "header", err) : 0;
}

int sigv4_presign(const struct sigv4_key *key, const struct sigv4_request *request, int64_t seconds,
		  struct buffer *ret, struct error *err)
{
	cleanup_buffer struct buffer credential = BUFFER(CREDENTIAL_MAX), names = BUFFER(HEADER_NAMES_MAX),
				     query = BUFFER(CANONICAL_MAX);
	char date[SIGV4_DATE_SIZE], expires[24], signature[DIGEST_HEX_SIZE];
	struct sorted_headers headers;
	struct sigv4_pair pairs[SIGV4_MAX_PAIRS];
	if (request->query_count + 5 > SIGV4_MAX_PAIRS)
		return error_set(err, ERR_INTERNAL, "signature: more than %d query parameters",
				 SIGV4_MAX_PAIRS - 5);
	if (sort_headers(request, &headers, err) != 0)
		return -1;
	sigv4_date(request->time_ms, date);
	snprintf(expires, sizeof(expires), "%lld", (long long)seconds);
	buffer_append_str(&credential, key->access_key);
	buffer_append_byte(&credential, '/');
	append_scope(&credential, key, date);
	append_signed_names(&names, &headers);
	if (credential.failed || names.failed)
		return no_room(credential.no_memory || names.no_memory, "URL", err);
	size_t count = 0;
	for (; count < request->query_count; count++)
		pairs[count] = request->query[count];
	pairs[count++] = (struct sigv4_pair){STR("X-Amz-Algorithm"), STR(ALGORITHM)};
	pairs[count++] = (struct sigv4_pair){STR("X-Amz-Credential"), buffer_str(&credential)};
	pairs[count++] = (struct sigv4_pair){STR("X-Amz-Date"), str_of(date)};
	pairs[count++] = (struct sigv4_pair){STR("X-Amz-Expires"), str_of(expires)};
	pairs[count++] = (struct sigv4_pair){STR("X-Amz-SignedHeaders"), buffer_str(&names)};
	if (sigv4_append_query(&query, pairs, count, err) != 0 ||
	    sign(key, request, buffer_str(&query), &headers, signature, err) != 0)
		return -1;
	buffer_append_str(ret, buffer_str(&query));
	buffer_appendf(ret, "&X-Amz-Signature=%s", signature);
	return ret->failed ? no_room(ret->no_memory, "URL", err) : 0;
}
