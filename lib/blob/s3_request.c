/* Requests to S3: where they go, and their signature. */
#include "lib/base/digest.h"
#include "lib/blob/s3_internal.h"

#define RETRIES 7 /* 6 to 11 s: a server that starts anew */
#define AUTHORIZATION_MAX 2048
/* A file name, each byte as %XX, and the words around it. */
#define DISPOSITION_MAX 1024

struct address {
	struct buffer host, path; /* not encoded */
};

static void address_free(struct address *address)
{
	buffer_free(&address->host);
	buffer_free(&address->path);
}

#define cleanup_address __attribute__((cleanup(address_free)))

static int address_fill(const struct s3_store *store, const struct s3_endpoint *endpoint,
			enum blob_bucket bucket, const char *object, struct address *ret, struct error *err)
{
	const char *name = store->buckets[bucket];
	ret->host = ret->path = BUFFER(S3_URL_MAX);
	if (store->virtual_host) {
		buffer_appendf(&ret->host, "%s.%s", name, endpoint->host);
		buffer_appendf(&ret->path, "/%s", object ? object : "");
	} else {
		buffer_append_c(&ret->host, endpoint->host);
		buffer_appendf(&ret->path, "/%s%s%s", name, object ? "/" : "", object ? object : "");
	}
	return buffer_check(&ret->host, "S3: the host name", err) ||
		       buffer_check(&ret->path, "S3: the path", err)
		   ? -1
		   : 0;
}

static void append_url(struct buffer *ret, const struct s3_endpoint *endpoint, const struct address *address)
{
	buffer_appendf(ret, "%s://%s", endpoint->tls ? "https" : "http", address->host.data);
	sigv4_append_path(ret, buffer_str(&address->path));
}

static struct sigv4_key key_of(const struct s3_store *store)
{
	return (struct sigv4_key){str_of(store->access_key), str_of(store->secret_key), str_of(store->region),
				  STR("s3")};
}

struct http_request *s3_send(struct s3_store *store, const struct s3_call *call,
			     struct http_request_options options, struct error *err)
{
	cleanup_address struct address address = {0};
	cleanup_buffer struct buffer url = BUFFER(S3_URL_MAX), authorization = BUFFER(AUTHORIZATION_MAX),
				     host = BUFFER(S3_URL_MAX);
	char body_hash[DIGEST_HEX_SIZE], date[SIGV4_DATE_SIZE], date_line[64], hash_line[128];
	const char *hash = call->payload_hash ? call->payload_hash : body_hash;
	int64_t now = clock_wall_ms(store->clock);
	if (address_fill(store, &store->endpoint, call->bucket, call->object, &address, err) != 0 ||
	    (hash == body_hash && digest_sha256_hex(options.body, body_hash, err) != 0))
		return NULL;
	sigv4_date(now, date);
	const struct sigv4_pair headers[] = {
	    {STR("host"), buffer_str(&address.host)},
	    {STR("x-amz-content-sha256"), str_of(hash)},
	    {STR("x-amz-date"), str_of(date)},
	};
	const struct sigv4_request request = {.method = call->method,
					      .path = buffer_str(&address.path),
					      .query = call->query,
					      .query_count = call->query_count,
					      .headers = headers,
					      .header_count = 3,
					      .payload_hash = hash,
					      .time_ms = now};
	const struct sigv4_key key = key_of(store);
	buffer_append_c(&authorization, "Authorization: ");
	append_url(&url, &store->endpoint, &address);
	if (call->query_count)
		buffer_append_byte(&url, '?');
	buffer_appendf(&host, "Host: %s", address.host.data);
	if (sigv4_append_query(&url, call->query, call->query_count, err) != 0 ||
	    sigv4_sign(&key, &request, &authorization, err) != 0)
		return NULL;
	if (buffer_check(&host, "S3: the host name", err) != 0)
		return NULL;
	snprintf(date_line, sizeof(date_line), "x-amz-date: %s", date);
	snprintf(hash_line, sizeof(hash_line), "x-amz-content-sha256: %s", hash);
	const char *const lines[] = {
	    host.data, date_line, hash_line, authorization.data, "Content-Type: application/octet-stream",
	    NULL};
	options.method = call->method;
	options.url = url.data;
	options.headers = lines;
	if (options.retries == 0)
		options.retries = RETRIES;
	options.retry_internal_errors = true;
	options.keep_headers = true;
	return http_client_send(store->remote.client, &options, err);
}

/* filename="…" for ASCII; what is more goes into filename*, of RFC 8187. */
static void append_disposition(struct buffer *ret, struct str filename)
{
	bool ascii = true;
	for (size_t i = 0; i < filename.n; i++)
		ascii = ascii && (unsigned char)filename.p[i] < 0x80;
	buffer_append_c(ret, "attachment; filename");
	if (ascii) {
		buffer_appendf(ret, "=\"%.*s\"", (int)filename.n, filename.p);
	} else {
		buffer_append_c(ret, "*=UTF-8''");
		sigv4_append_encoded(ret, filename, false);
	}
}

int s3_presign(struct s3_store *store, enum blob_bucket bucket, const char *object, const char *filename,
	       int64_t seconds, struct buffer *ret, struct error *err)
{
	cleanup_address struct address address = {0};
	cleanup_buffer struct buffer disposition = BUFFER(DISPOSITION_MAX), url = BUFFER(S3_URL_MAX);
	const struct s3_endpoint *endpoint = &store->public_endpoint;
	struct str name = str_of(filename);
	if (!blob_filename_is_valid(name))
		return error_set(err, ERR_BAD_REQUEST, "blob: invalid file name");
	if (address_fill(store, endpoint, bucket, object, &address, err) != 0)
		return -1;
	append_disposition(&disposition, name);
	if (buffer_check(&disposition, "S3: the file name", err) != 0)
		return -1;
	const struct sigv4_pair query = {STR("response-content-disposition"), buffer_str(&disposition)};
	const struct sigv4_pair host = {STR("host"), buffer_str(&address.host)};
	const struct sigv4_key key = key_of(store);
	const struct sigv4_request request = {.method = "GET",
					      .path = buffer_str(&address.path),
					      .query = &query,
					      .query_count = name.n ? 1 : 0,
					      .headers = &host,
					      .header_count = 1,
					      .payload_hash = SIGV4_UNSIGNED_PAYLOAD,
					      .time_ms = clock_wall_ms(store->clock)};
	append_url(&url, endpoint, &address);
	buffer_append_byte(&url, '?');
	if (sigv4_presign(&key, &request, seconds, &url, err) != 0)
		return -1;
	if (url.failed || buffer_append_str(ret, buffer_str(&url)) != 0)
		return error_set(err, ERR_TOO_LARGE, "blob: the URL has no room");
	return 0;
}
