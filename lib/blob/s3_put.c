/* Storing a blob: its digest is verified first; then one request up to 16 MiB, parts beyond. What is there
 * already, and was stored lately, isn't sent again. */
#include "lib/base/digest.h"
#include "lib/base/id.h"
#include "lib/blob/s3_internal.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define ASK_FIRST_SIZE ((int64_t)64 << 10) /* below it, sending costs no more than asking */
/* An older one is sent again, which makes it new: rules that let objects expire go by their age, and a record
 * that refers to this one is about to be made. */
#define NEW_ENOUGH_S (12 * 3600)
#define SEND_TIMEOUT_MS 120000
#define ASK_TIMEOUT_MS 30000
#define COMPLETE_TIMEOUT_MS 300000 /* servers may put the parts together while we wait */
#define ETAG_MAX 128
#define UPLOAD_ID_MAX 2048
#define COMPLETE_BODY_MAX ((size_t)4 << 20)

struct part {
	char hash[DIGEST_HEX_SIZE];
	char etag[ETAG_MAX]; /* with its quotes, as the server gave it */
};

struct s3_parts {
	struct buffer upload_id;
	int64_t part_size;
	size_t count, next;
	struct part part[];
};

struct s3_parts *s3_parts_free(struct s3_parts *parts)
{
	if (!parts)
		return NULL;
	buffer_free(&parts->upload_id);
	free(parts);
	return NULL;
}

static struct s3_transfer *from_remote(struct remote_transfer *remote)
{
	return (struct s3_transfer *)(void *)remote;
}

/* On the pool: the digest of all, and of each part */

static int hash_parts(struct s3_transfer *transfer, struct error *err)
{
	struct s3_parts *parts = transfer->parts;
	for (size_t i = 0; i < parts->count; i++) {
		int64_t offset = (int64_t)i * parts->part_size, left = transfer->remote.size - offset;
		if (digest_file_hex(transfer->remote.fd, offset,
				    left < parts->part_size ? left : parts->part_size, parts->part[i].hash,
				    err) != 0)
			return error_wrap(err, "read blob");
	}
	return 0;
}

static int parts_new(struct s3_transfer *transfer, struct error *err)
{
	int64_t size = transfer->remote.size, part_size = S3_PART_SIZE;
	while ((size + part_size - 1) / part_size > S3_MAX_PARTS)
		part_size *= 2;
	size_t count = (size_t)((size + part_size - 1) / part_size);
	struct s3_parts *parts = calloc(1, sizeof(*parts) + count * sizeof(parts->part[0]));
	if (!parts)
		return error_no_memory(err);
	parts->upload_id = BUFFER(UPLOAD_ID_MAX);
	parts->part_size = part_size;
	parts->count = count;
	transfer->parts = parts;
	return 0;
}

static void check_content(struct remote_transfer *remote)
{
	struct s3_transfer *transfer = from_remote(remote);
	remote->status = blob_copy_verified(remote->fd, remote->size, remote->digest, -1, &remote->error);
	if (remote->status == 0 && remote->size > S3_PART_SIZE)
		remote->status =
		    parts_new(transfer, &remote->error) == 0 ? hash_parts(transfer, &remote->error) : -1;
}

/* Requests */

/* The request runs, or the transfer's error says why not. */
static bool send_call(struct s3_transfer *transfer, const char *method, const struct sigv4_pair *query,
		      size_t count, const char *payload_hash, struct http_request_options options,
		      http_done_cb done)
{
	struct remote_transfer *remote = &transfer->remote;
	const struct s3_call call = {method, transfer->bucket, transfer->object, query, count, payload_hash};
	options.max_response = S3_ANSWER_MAX;
	options.done = done;
	options.context = transfer;
	remote->request = s3_send(s3_store_of(transfer), &call, options, &remote->error);
	if (!remote->request)
		remote->status = -1;
	return remote->request != NULL;
}

/* Is it there in its full size? */
static void ask(struct s3_transfer *transfer, http_done_cb done)
{
	struct http_request_options options = {HTTP_REQUEST_DEFAULTS, .timeout_ms = ASK_TIMEOUT_MS};
	if (!send_call(transfer, "HEAD", NULL, 0, NULL, options, done))
		remote_transfer_finish(&transfer->remote);
}

static bool is_there(const struct s3_transfer *transfer, const struct http_response *response)
{
	struct str length;
	int64_t size;
	return s3_is_success(response) && http_response_header(response, "Content-Length", &length) &&
	       str_to_i64(length, 0, INT64_MAX, &size) && size == transfer->remote.size;
}

static bool header_time(const struct http_response *response, const char *name, time_t *ret)
{
	struct str value;
	char text[64];
	if (!http_response_header(response, name, &value) || value.n >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)value.n, value.p);
	*ret = curl_getdate(text, NULL);
	return *ret >= 0;
}

/* By the server's own clock. */
static bool is_new_enough(const struct http_response *response)
{
	time_t now, stored;
	return header_time(response, "Date", &now) && header_time(response, "Last-Modified", &stored) &&
	       now - stored < NEW_ENOUGH_S;
}

/* In one */

static void on_sent(void *context, const struct http_response *response)
{
	struct s3_transfer *transfer = context;
	transfer->remote.request = NULL;
	if (!s3_is_success(response))
		s3_transfer_refuse(transfer, response);
	remote_transfer_finish(&transfer->remote);
}

static void send_whole(struct s3_transfer *transfer)
{
	struct remote_transfer *remote = &transfer->remote;
	struct http_request_options options = {.response_fd = -1, .timeout_ms = SEND_TIMEOUT_MS};
	options.body_fd = remote->fd;
	options.body_fd_size = remote->size;
	if (!send_call(transfer, "PUT", NULL, 0, blob_digest_hex(remote->digest), options, on_sent))
		remote_transfer_finish(remote);
}

/* In parts */

static void send_next_part(struct s3_transfer *transfer);

static struct sigv4_pair upload_id_of(const struct s3_transfer *transfer)
{
	return (struct sigv4_pair){STR("uploadId"), buffer_str(&transfer->parts->upload_id)};
}

static void on_aborted(void *context, const struct http_response *response)
{
	(void)response; /* the first error is what the caller gets to know */
	struct s3_transfer *transfer = context;
	transfer->remote.request = NULL;
	remote_transfer_finish(&transfer->remote);
}

/* Parts of an upload that is never completed would be stored, and paid for, for ever. */
static void abort_upload(struct s3_transfer *transfer)
{
	struct error why = transfer->remote.error;
	struct sigv4_pair query = upload_id_of(transfer);
	struct http_request_options options = {HTTP_REQUEST_DEFAULTS, .timeout_ms = ASK_TIMEOUT_MS};
	bool sent = send_call(transfer, "DELETE", &query, 1, NULL, options, on_aborted);
	transfer->remote.status = -1;
	transfer->remote.error = why;
	if (!sent)
		remote_transfer_finish(&transfer->remote);
}

static void on_asked_again(void *context, const struct http_response *response)
{
	struct s3_transfer *transfer = context;
	transfer->remote.request = NULL;
	if (is_there(transfer, response)) {
		transfer->remote.status = 0;
		transfer->remote.error = (struct error){0};
	}
	remote_transfer_finish(&transfer->remote);
}

static void on_completed(void *context, const struct http_response *response)
{
	struct s3_transfer *transfer = context;
	transfer->remote.request = NULL;
	/* An error may come with status 200: the status is sent before the work is done. */
	if (s3_is_success(response) && response->body.n &&
	    memmem(response->body.p, response->body.n, "<CompleteMultipartUploadResult", 30)) {
		remote_transfer_finish(&transfer->remote);
		return;
	}
	s3_transfer_refuse(transfer, response);
	/* A repeat whose first answer was lost finds no such upload any more. */
	if (!response->error && s3_answer_is(response, "NoSuchUpload"))
		ask(transfer, on_asked_again);
	else
		abort_upload(transfer);
}

static void complete_upload(struct s3_transfer *transfer)
{
	struct s3_parts *parts = transfer->parts;
	struct sigv4_pair query = upload_id_of(transfer);
	cleanup_buffer struct buffer body = BUFFER(COMPLETE_BODY_MAX);
	buffer_append_c(&body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (size_t i = 0; i < parts->count; i++)
		buffer_appendf(&body, "<Part><PartNumber>%zu</PartNumber><ETag>%s</ETag></Part>", i + 1,
			       parts->part[i].etag);
	buffer_append_c(&body, "</CompleteMultipartUpload>");
	struct http_request_options options = {HTTP_REQUEST_DEFAULTS, .body = buffer_str(&body),
					       .timeout_ms = COMPLETE_TIMEOUT_MS};
	transfer->remote.status = buffer_check(&body, "the list of parts", &transfer->remote.error);
	if (transfer->remote.status != 0 ||
	    !send_call(transfer, "POST", &query, 1, NULL, options, on_completed))
		abort_upload(transfer);
}

/* A value that can go back into XML as it is. */
static bool take_etag(const struct http_response *response, char ret[ETAG_MAX])
{
	struct str etag;
	if (!http_response_header(response, "ETag", &etag) || etag.n == 0 || etag.n >= ETAG_MAX)
		return false;
	for (size_t i = 0; i < etag.n; i++)
		if (etag.p[i] <= ' ' || etag.p[i] >= 0x7f || strchr("<>&", etag.p[i]))
			return false;
	memcpy(ret, etag.p, etag.n);
	ret[etag.n] = '\0';
	return true;
}

static void on_part_sent(void *context, const struct http_response *response)
{
	struct s3_transfer *transfer = context;
	struct s3_parts *parts = transfer->parts;
	transfer->remote.request = NULL;
	if (!s3_is_success(response)) {
		s3_transfer_refuse(transfer, response);
		abort_upload(transfer);
	} else if (!take_etag(response, parts->part[parts->next].etag)) {
		transfer->remote.status =
		    error_set(&transfer->remote.error, ERR_PROTOCOL,
			      "blob %s: S3 took a part, but gave no ETag for it", transfer->remote.digest);
		abort_upload(transfer);
	} else if (++parts->next < parts->count) {
		send_next_part(transfer);
	} else {
		complete_upload(transfer);
	}
}

static void send_next_part(struct s3_transfer *transfer)
{
	struct s3_parts *parts = transfer->parts;
	struct remote_transfer *remote = &transfer->remote;
	char number[16];
	snprintf(number, sizeof(number), "%zu", parts->next + 1);
	const struct sigv4_pair query[] = {{STR("partNumber"), str_of(number)}, upload_id_of(transfer)};
	struct http_request_options options = {.response_fd = -1, .timeout_ms = SEND_TIMEOUT_MS};
	options.body_fd = remote->fd;
	options.body_fd_offset = (int64_t)parts->next * parts->part_size;
	int64_t left = remote->size - options.body_fd_offset;
	options.body_fd_size = left < parts->part_size ? left : parts->part_size;
	if (!send_call(transfer, "PUT", query, 2, parts->part[parts->next].hash, options, on_part_sent))
		abort_upload(transfer);
}

static void on_begun(void *context, const struct http_response *response)
{
	struct s3_transfer *transfer = context;
	transfer->remote.request = NULL;
	if (!s3_is_success(response)) {
		s3_transfer_refuse(transfer, response);
	} else if (!s3_xml_text(response->body, "UploadId", &transfer->parts->upload_id) ||
		   transfer->parts->upload_id.len == 0) {
		transfer->remote.status = error_set(
		    &transfer->remote.error, ERR_PROTOCOL,
		    "blob %s: S3 began an upload in parts, but named no UploadId", transfer->remote.digest);
	} else {
		send_next_part(transfer);
		return;
	}
	remote_transfer_finish(&transfer->remote);
}

static void begin_upload(struct s3_transfer *transfer)
{
	const struct sigv4_pair query = {STR("uploads"), STR("")};
	struct http_request_options options = {HTTP_REQUEST_DEFAULTS, .timeout_ms = ASK_TIMEOUT_MS};
	if (!send_call(transfer, "POST", &query, 1, NULL, options, on_begun))
		remote_transfer_finish(&transfer->remote);
}

/* Start */

static void send_it(struct s3_transfer *transfer)
{
	if (transfer->parts)
		begin_upload(transfer);
	else
		send_whole(transfer);
}

/* Whatever the answer is but "yes": only that of a request with a body says what is wrong. */
static void on_asked(void *context, const struct http_response *response)
{
	struct s3_transfer *transfer = context;
	transfer->remote.request = NULL;
	if (response->error)
		s3_transfer_refuse(transfer, response);
	if (response->error || (is_there(transfer, response) && is_new_enough(response)))
		remote_transfer_finish(&transfer->remote);
	else
		send_it(transfer);
}

static void on_checked(struct remote_transfer *remote)
{
	struct s3_transfer *transfer = from_remote(remote);
	if (remote->status != 0)
		remote_transfer_finish(remote);
	else if (remote->size >= ASK_FIRST_SIZE)
		ask(transfer, on_asked);
	else
		send_it(transfer);
}

void s3_put_start(struct s3_transfer *transfer)
{
	remote_transfer_on_pool(&transfer->remote, check_content, on_checked);
}
