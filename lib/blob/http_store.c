/* The controller's view of the embedded store: the API server's /blobs/… with signed URLs. */
#include "lib/base/clock.h"
#include "lib/base/jsontext.h"
#include "lib/blob/remote.h"

#include <stdlib.h>

#define URL_MAX 4096
/* Of the server's own words. */
#define MESSAGE_MAX 512
#define URL_SECONDS 900
#define TIMEOUT_MS 300000
#define RETRIES 4

struct http_store {
	struct remote_store remote;
	char *base_url;
	struct buffer signing_key;
	struct error trouble; /* of the last transfer, if the server could not be reached; else ERR_NONE */
};

struct transfer {
	struct remote_transfer remote;
	bool is_delete;
};

static struct http_store *from_base(struct blob_store *store)
{
	return (struct http_store *)(void *)store;
}

static void store_destroy(struct remote_store *remote)
{
	struct http_store *store = (struct http_store *)(void *)remote;
	buffer_free(&store->signing_key);
	free(store->base_url);
	free(store);
}

static void transfer_free(struct remote_transfer *remote)
{
	free(remote); /* the first member */
}

/* Requests */

/* The server's own words, if it answered with our error body. */
static void error_of_response(const struct remote_transfer *transfer, const struct http_response *response,
			      struct error *err)
{
	cleanup_buffer struct buffer message = BUFFER(MESSAGE_MAX);
	struct str value;
	if (jsontext_check(response->body, NULL, NULL) == 0 &&
	    jsontext_kind_of(response->body) == JSONTEXT_OBJECT &&
	    jsontext_member(response->body, STR("message"), &value))
		jsontext_decode_string(value, &message, NULL);
	enum error_code code = error_code_from_http_status(response->status);
	/* A refused signature is our configuration's fault, not that of the user whose blob it is. */
	if (code == ERR_FORBIDDEN || code == ERR_UNAUTHORIZED)
		code = ERR_INTERNAL;
	if (code == ERR_NO_CAPACITY && message.len) {
		error_set(err, code, "%s", message.data); /* it names the limit */
		return;
	}
	error_set(err, code, "blob %s: the API server answered %d%s%s", transfer->digest, response->status,
		  message.len ? ": " : "", message.len ? message.data : "");
}

static void on_response(void *context, const struct http_response *response)
{
	struct transfer *transfer = context;
	struct remote_transfer *remote = &transfer->remote;
	struct error *trouble = &((struct http_store *)(void *)remote->store)->trouble;
	remote->request = NULL;
	trouble->code = ERR_NONE;
	if (response->error) {
		remote->status = error_set(&remote->error, response->error->code, "blob %s: %s",
					   remote->digest, response->error->message);
		if (response->status == 0 && response->error->code != ERR_TOO_LARGE)
			*trouble = *response->error;
	} else if (response->status >= 200 && response->status <= 299) {
		if (remote->is_get) {
			remote_transfer_fetched(remote, response);
			return;
		}
	} else if (!(transfer->is_delete && response->status == 404)) {
		error_of_response(remote, response, &remote->error);
		remote->status = -1;
	}
	remote_transfer_finish(remote);
}

static struct transfer *transfer_new(struct http_store *store, const struct blob_key *key, blob_done_cb done,
				     void *context, struct error *err)
{
	struct transfer *transfer = calloc(1, sizeof(*transfer));
	if (!transfer) {
		error_no_memory(err);
		return NULL;
	}
	remote_transfer_init(&transfer->remote, &store->remote, key, done, context, transfer_free);
	return transfer;
}

/* Repeats are harmless: the key is the content. */
static int transfer_start(struct transfer *transfer, const struct blob_key *key, const char *method,
			  struct http_request_options options, struct error *err)
{
	struct http_store *store = (struct http_store *)(void *)transfer->remote.store;
	cleanup_buffer struct buffer url = BUFFER(URL_MAX);
	int64_t expires = clock_wall_ms(&clock_system) / 1000 + URL_SECONDS;
	if (signed_url_append(&url, store->base_url, key, NULL, method, expires,
			      buffer_str(&store->signing_key), err) == 0) {
		options.method = method;
		options.url = url.data;
		options.timeout_ms = TIMEOUT_MS;
		options.retries = RETRIES;
		options.done = on_response;
		options.context = transfer;
		transfer->remote.request = http_client_send(store->remote.client, &options, err);
	}
	if (transfer->remote.request)
		return 0;
	remote_transfer_free(&transfer->remote);
	return -1;
}

static int http_store_put(struct blob_store *base, const struct blob_key *key, int fd, int64_t size,
			  blob_done_cb done, void *context, struct error *err)
{
	static const char *const headers[] = {"Content-Type: application/octet-stream", NULL};
	struct transfer *transfer = transfer_new(from_base(base), key, done, context, err);
	if (!transfer)
		return -1;
	if (remote_transfer_put(&transfer->remote, fd, size, err) != 0) {
		remote_transfer_free(&transfer->remote);
		return -1;
	}
	struct http_request_options options = {HTTP_REQUEST_DEFAULTS, .headers = headers};
	options.body_fd = transfer->remote.fd;
	options.body_fd_size = size;
	return transfer_start(transfer, key, "PUT", options, err);
}

static int http_store_get(struct blob_store *base, const struct blob_key *key, int64_t max, blob_done_cb done,
			  void *context, struct error *err)
{
	struct transfer *transfer = transfer_new(from_base(base), key, done, context, err);
	if (!transfer)
		return -1;
	if (remote_transfer_get(&transfer->remote, max, err) != 0) {
		remote_transfer_free(&transfer->remote);
		return -1;
	}
	struct http_request_options options = {HTTP_REQUEST_DEFAULTS};
	remote_transfer_fetch_options(&transfer->remote, &options);
	return transfer_start(transfer, key, "GET", options, err);
}

static int http_store_delete(struct blob_store *base, const struct blob_key *key, blob_done_cb done,
			     void *context, struct error *err)
{
	struct transfer *transfer = transfer_new(from_base(base), key, done, context, err);
	if (!transfer)
		return -1;
	transfer->is_delete = true;
	struct http_request_options options = {HTTP_REQUEST_DEFAULTS};
	return transfer_start(transfer, key, "DELETE", options, err);
}

static int http_store_presign_get(struct blob_store *base, const struct blob_key *key, const char *filename,
				  int64_t seconds, struct buffer *ret, struct error *err)
{
	struct http_store *store = from_base(base);
	int64_t expires = clock_wall_ms(&clock_system) / 1000 + seconds;
	return signed_url_append(ret, store->base_url, key, filename, "GET", expires,
				 buffer_str(&store->signing_key), err);
}

static int http_store_check(struct blob_store *base, struct error *err)
{
	const struct error *trouble = &from_base(base)->trouble;
	if (trouble->code == ERR_NONE)
		return 0;
	return error_set(err, ERR_UNAVAILABLE, "the API server's blob store can't be reached: %s",
			 trouble->message);
}

static void http_store_free(struct blob_store *base)
{
	remote_store_close(&from_base(base)->remote);
}

static const struct blob_operations http_operations = {
    .put = http_store_put,
    .get = http_store_get,
    .delete = http_store_delete,
    .presign_get = http_store_presign_get,
    .check = http_store_check,
    .free = http_store_free,
};

struct blob_store *blob_store_http(uv_loop_t *loop, struct http_client *client, const char *base_url,
				   struct str signing_key, struct error *err)
{
	if (signing_key.n == 0) {
		error_set(err, ERR_BAD_REQUEST, "the blob store needs a signing key");
		return NULL;
	}
	struct http_store *store = calloc(1, sizeof(*store));
	if (!store) {
		error_no_memory(err);
		return NULL;
	}
	if (remote_store_init(&store->remote, &http_operations, loop, client, store_destroy, err) != 0) {
		free(store);
		return NULL;
	}
	store->signing_key = BUFFER(BLOB_SIGNING_KEY_MAX);
	store->base_url = str_dup(str_of(base_url));
	buffer_append_str(&store->signing_key, signing_key);
	if (!store->base_url)
		error_no_memory(err);
	else if (buffer_check(&store->signing_key, "the signing key", err) == 0)
		return &store->remote.store;
	return blob_store_free(&store->remote.store);
}
