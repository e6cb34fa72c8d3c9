#include "lib/blob/s3.h"

#include "lib/blob/s3_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define GET_TIMEOUT_MIN_MS 60000
#define GET_TIMEOUT_MAX_MS 900000 /* as long as S3 takes a signature */
#define ASK_TIMEOUT_MS 30000
#define CA_FILE_MAX ((size_t)1 << 20)

static struct s3_store *from_base(struct blob_store *store)
{
	return (struct s3_store *)(void *)store;
}

/* Operations */

static void object_of(const struct blob_key *key, char ret[S3_OBJECT_SIZE])
{
	const char *hex = blob_digest_hex(key->digest);
	snprintf(ret, S3_OBJECT_SIZE, "%s/%.2s/%s", key->tenant, hex, hex + 2);
}

static void transfer_free(struct remote_transfer *remote)
{
	struct s3_transfer *transfer = (struct s3_transfer *)(void *)remote;
	s3_parts_free(transfer->parts);
	free(transfer);
}

static struct s3_transfer *transfer_new(struct blob_store *base, const struct blob_key *key,
					blob_done_cb done, void *context, struct error *err)
{
	struct s3_transfer *transfer = calloc(1, sizeof(*transfer));
	if (!transfer) {
		error_no_memory(err);
		return NULL;
	}
	transfer->bucket = key->bucket;
	object_of(key, transfer->object);
	remote_transfer_init(&transfer->remote, &from_base(base)->remote, key, done, context, transfer_free);
	return transfer;
}

static int s3_put(struct blob_store *base, const struct blob_key *key, int fd, int64_t size,
		  blob_done_cb done, void *context, struct error *err)
{
	struct s3_transfer *transfer = transfer_new(base, key, done, context, err);
	if (!transfer)
		return -1;
	if (remote_transfer_put(&transfer->remote, fd, size, err) != 0) {
		remote_transfer_free(&transfer->remote);
		return -1;
	}
	s3_put_start(transfer);
	return 0;
}

static int transfer_send(struct s3_transfer *transfer, const char *method,
			 struct http_request_options options, http_done_cb done, struct error *err)
{
	const struct s3_call call = {method, transfer->bucket, transfer->object, NULL, 0, NULL};
	options.done = done;
	options.context = transfer;
	transfer->remote.request = s3_send(s3_store_of(transfer), &call, options, err);
	if (transfer->remote.request)
		return 0;
	remote_transfer_free(&transfer->remote);
	return -1;
}

static void on_got(void *context, const struct http_response *response)
{
	struct s3_transfer *transfer = context;
	transfer->remote.request = NULL;
	if (s3_is_success(response)) {
		remote_transfer_fetched(&transfer->remote, response);
		return;
	}
	s3_transfer_refuse(transfer, response);
	remote_transfer_finish(&transfer->remote);
}

static int s3_get(struct blob_store *base, const struct blob_key *key, int64_t max, blob_done_cb done,
		  void *context, struct error *err)
{
	struct s3_transfer *transfer = transfer_new(base, key, done, context, err);
	if (!transfer)
		return -1;
	if (remote_transfer_get(&transfer->remote, max, err) != 0) {
		remote_transfer_free(&transfer->remote);
		return -1;
	}
	struct http_request_options options = {HTTP_REQUEST_DEFAULTS};
	remote_transfer_fetch_options(&transfer->remote, &options);
	int64_t timeout = GET_TIMEOUT_MIN_MS + max / 1024; /* from 1 MiB/s on */
	options.timeout_ms = timeout < GET_TIMEOUT_MAX_MS ? (unsigned)timeout : GET_TIMEOUT_MAX_MS;
	return transfer_send(transfer, "GET", options, on_got, err);
}

/* Nothing here removes blobs by their age: that it is there is enough. */
static void on_seen(void *context, const struct http_response *response)
{
	struct s3_transfer *transfer = context;
	struct remote_transfer *remote = &transfer->remote;
	remote->request = NULL;
	if (!response->error && response->status == 404)
		remote->status =
		    error_set(&remote->error, ERR_NOT_FOUND, "blob %s is not in the store", transfer->object);
	else if (!s3_is_success(response))
		s3_transfer_refuse(transfer, response);
	remote_transfer_finish(remote);
}

static int s3_renew(struct blob_store *base, const struct blob_key *key, int64_t size, blob_done_cb done,
		    void *context, struct error *err)
{
	struct http_request_options options = {HTTP_REQUEST_DEFAULTS, .timeout_ms = ASK_TIMEOUT_MS,
					       .max_response = S3_ANSWER_MAX};
	struct s3_transfer *transfer = transfer_new(base, key, done, context, err);
	(void)size;
	return transfer ? transfer_send(transfer, "HEAD", options, on_seen, err) : -1;
}

static void on_deleted(void *context, const struct http_response *response)
{
	struct s3_transfer *transfer = context;
	transfer->remote.request = NULL;
	bool absent = !response->error && response->status == 404 && !s3_answer_is(response, "NoSuchBucket");
	if (!s3_is_success(response) && !absent)
		s3_transfer_refuse(transfer, response);
	remote_transfer_finish(&transfer->remote);
}

static int s3_delete(struct blob_store *base, const struct blob_key *key, blob_done_cb done, void *context,
		     struct error *err)
{
	struct http_request_options options = {HTTP_REQUEST_DEFAULTS, .timeout_ms = ASK_TIMEOUT_MS,
					       .max_response = S3_ANSWER_MAX};
	struct s3_transfer *transfer = transfer_new(base, key, done, context, err);
	return transfer ? transfer_send(transfer, "DELETE", options, on_deleted, err) : -1;
}

static int s3_presign_get(struct blob_store *base, const struct blob_key *key, const char *filename,
			  int64_t seconds, struct buffer *ret, struct error *err)
{
	char object[S3_OBJECT_SIZE];
	object_of(key, object);
	return s3_presign(from_base(base), key->bucket, object, filename, seconds, ret, err);
}

static int s3_check(struct blob_store *base, struct error *err)
{
	struct s3_store *store = from_base(base);
	for (int i = 0; i < S3_BUCKETS; i++)
		if (s3_probe_check(&store->probes[i], err) != 0)
			return -1;
	return 0;
}

/* Life */

static void store_destroy(struct remote_store *remote)
{
	struct s3_store *store = (struct s3_store *)(void *)remote;
	if (store->secret_key)
		explicit_bzero(store->secret_key, strlen(store->secret_key));
	free(store->secret_key);
	free(store->access_key);
	free(store->region);
	free(store->endpoint.host);
	free(store->public_endpoint.host);
	for (int i = 0; i < S3_BUCKETS; i++)
		free(store->buckets[i]);
	free(store);
}

static void s3_free(struct blob_store *base)
{
	struct s3_store *store = from_base(base);
	for (int i = 0; i < S3_BUCKETS; i++)
		http_request_cancel(store->probes[i].request);
	remote_store_close(&store->remote);
}

static const struct blob_operations s3_operations = {
    .put = s3_put,
    .get = s3_get,
    .renew = s3_renew,
    .delete = s3_delete,
    .presign_get = s3_presign_get,
    .check = s3_check,
    .free = s3_free,
};

/* Options */

static bool only_has(struct str s, const char *more)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    !(c && strchr(more, c)))
			return false;
	}
	return s.n > 0;
}

static int parse_endpoint(const char *name, struct str text, bool tls, struct s3_endpoint *ret,
			  struct error *err)
{
	struct str rest = text, http = STR("http://"), https = STR("https://");
	ret->tls = tls;
	if (str_starts_with_ignore_case(rest, https)) {
		ret->tls = true;
		rest = (struct str){rest.p + https.n, rest.n - https.n};
	} else if (str_starts_with_ignore_case(rest, http)) {
		if (tls)
			return error_set(err, ERR_BAD_REQUEST,
					 "%s is an http URL, but SKILLBOX_S3_USE_SSL is true", name);
		rest = (struct str){rest.p + http.n, rest.n - http.n};
	}
	if (rest.n && rest.p[rest.n - 1] == '/')
		rest.n--;
	if (!only_has(rest, ".-:[]") || rest.n > 255)
		return error_set(err, ERR_BAD_REQUEST,
				 "%s is \"%.*s\": it must be host, host:port, or such a URL without a path",
				 name, (int)(text.n < 300 ? text.n : 300), text.p);
	/* The scheme's own port is left out of the header Host by everybody, so it must be in the signature.
	 */
	struct str port = ret->tls ? STR(":443") : STR(":80");
	if (str_ends_with(rest, port))
		rest.n -= port.n;
	ret->host = str_dup(rest);
	return ret->host ? 0 : error_no_memory(err);
}

static int check_bucket(const char *name, struct str bucket, struct error *err)
{
	bool good = bucket.n >= 3 && bucket.n <= 63 && bucket.p[0] != '.' && bucket.p[0] != '-';
	for (size_t i = 0; good && i < bucket.n; i++)
		good = only_has((struct str){bucket.p + i, 1}, ".-") &&
		       !(bucket.p[i] >= 'A' && bucket.p[i] <= 'Z');
	return good ? 0
		    : error_set(err, ERR_BAD_REQUEST,
				"%s is not the name of a bucket: 3 to 63 of a-z, 0-9, '.' and '-'", name);
}

static const char *or_default(const char *text, const char *otherwise)
{
	return text && text[0] ? text : otherwise;
}

static int take_options(struct s3_store *store, const struct s3_options *options, struct error *err)
{
	struct str endpoint = str_trim(str_of(options->endpoint));
	struct str public = str_trim(str_of(or_default(options->public_endpoint, options->endpoint)));
	const char *region = or_default(options->region, "us-east-1");
	const char *skills = or_default(options->bucket_skills, "skills");
	const char *executions = or_default(options->bucket_executions, "executions");
	if (parse_endpoint("SKILLBOX_S3_ENDPOINT", endpoint, options->use_ssl, &store->endpoint, err) != 0 ||
	    parse_endpoint("SKILLBOX_S3_PUBLIC_ENDPOINT", public, options->use_ssl, &store->public_endpoint,
			   err) != 0 ||
	    check_bucket("SKILLBOX_S3_BUCKET_SKILLS", str_of(skills), err) != 0 ||
	    check_bucket("SKILLBOX_S3_BUCKET_EXECUTIONS", str_of(executions), err) != 0)
		return -1;
	if (options->ca_file && options->ca_file[0] && !store->endpoint.tls)
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "SKILLBOX_S3_CA_FILE is set, but SKILLBOX_S3_ENDPOINT is without TLS: begin it "
		    "with https://, or set SKILLBOX_S3_USE_SSL");
	if (strcmp(skills, executions) == 0)
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "SKILLBOX_S3_BUCKET_SKILLS and SKILLBOX_S3_BUCKET_EXECUTIONS must be two buckets: what "
		    "one deletes the other may need");
	if (!only_has(str_of(region), "-_"))
		return error_set(err, ERR_BAD_REQUEST, "SKILLBOX_S3_REGION is not the name of a region");
	if (!only_has(str_of(options->access_key), "-_.+=@"))
		return error_set(err, ERR_BAD_REQUEST,
				 "SKILLBOX_S3_ACCESS_KEY is empty or not an access key");
	if (!options->secret_key || !options->secret_key[0])
		return error_set(err, ERR_BAD_REQUEST, "SKILLBOX_S3_SECRET_KEY is empty");
	store->region = str_dup(str_of(region));
	store->access_key = str_dup(str_of(options->access_key));
	store->secret_key = str_dup(str_of(options->secret_key));
	store->buckets[BLOB_SKILLS] = str_dup(str_of(skills));
	store->buckets[BLOB_EXECUTIONS] = str_dup(str_of(executions));
	if (!store->region || !store->access_key || !store->secret_key || !store->buckets[0] ||
	    !store->buckets[1])
		return error_no_memory(err);
	return 0;
}

/* curl would tell of it only at the first connection, and not in words that lead here. */
static int check_ca_file(const char *path, struct error *err)
{
	static const char mark[] = "-----BEGIN CERTIFICATE-----";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = malloc(CA_FILE_MAX);
	ssize_t n = fd >= 0 && text ? read(fd, text, CA_FILE_MAX) : 0;
	int status = 0;
	if (!text)
		status = error_no_memory(err);
	else if (fd < 0 || n < 0)
		status = error_errno(err, "SKILLBOX_S3_CA_FILE: can't read %s", path);
	else if (!memmem(text, (size_t)n, mark, sizeof(mark) - 1))
		status = error_set(err, ERR_BAD_REQUEST,
				   "SKILLBOX_S3_CA_FILE: there is no PEM certificate in %s", path);
	if (fd >= 0)
		close(fd);
	return status;
}

struct http_client *blob_s3_client(uv_loop_t *loop, const struct s3_options *options,
				   unsigned max_connections, struct error *err)
{
	bool own_ca = options->ca_file && options->ca_file[0];
	struct http_client_options client = {.max_connections = max_connections,
					     .ca_file = own_ca ? options->ca_file : NULL};
	if (own_ca && check_ca_file(options->ca_file, err) != 0)
		return NULL;
	return http_client_new(loop, &client, err);
}

struct blob_store *blob_store_s3(uv_loop_t *loop, struct http_client *client,
				 const struct s3_options *options, struct error *err)
{
	struct s3_store *store = calloc(1, sizeof(*store));
	if (!store) {
		error_no_memory(err);
		return NULL;
	}
	if (remote_store_init(&store->remote, &s3_operations, loop, client, store_destroy, err) != 0) {
		free(store);
		return NULL;
	}
	store->clock = options->clock ? options->clock : &clock_system;
	store->virtual_host = options->virtual_host;
	if (take_options(store, options, err) != 0)
		return blob_store_free(&store->remote.store);
	for (int i = 0; i < S3_BUCKETS; i++) {
		store->probes[i].store = store;
		store->probes[i].bucket = (enum blob_bucket)i;
		if (s3_probe_start(&store->probes[i], err) != 0)
			return blob_store_free(&store->remote.store);
	}
	return &store->remote.store;
}
