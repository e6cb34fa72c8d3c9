#include "apiserver/rest/blobs.h"

#include "apiserver/failure.h"
#include "apiserver/http/answer.h"
#include "apiserver/http/request.h"
#include "lib/base/temporary.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define QUERY_MAX 1024

struct transfer {
	struct blob_request blob;
	int fd; /* the body of a PUT; -1: none */
	int64_t size;
};

static void transfer_free(void *state)
{
	struct transfer *transfer = state;
	if (transfer->fd >= 0)
		close(transfer->fd);
	free(transfer);
}

static struct blob_key key_of(const struct transfer *transfer)
{
	return (struct blob_key){transfer->blob.bucket, transfer->blob.tenant, transfer->blob.digest};
}

/* The listener has taken the query apart. A value that holds a '&' gains nothing here: the signature covers
 * them all. */
static int verify(struct request *request, struct blob_request *ret, struct error *err)
{
	static const char *const names[] = {"expires", "method", "signature"};
	cleanup_buffer struct buffer query = BUFFER(QUERY_MAX);
	if (request->operation.server->config->s3.endpoint[0])
		return error_set(err, ERR_NOT_FOUND,
				 "files are in S3, not here: read the record again for a fresh link");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct str value;
		if (http_exchange_query_count(request->exchange, names[i]) > 1)
			return error_set(err, ERR_FORBIDDEN,
					 "the link is not one of this server's: it has '%s' twice", names[i]);
		if (!http_exchange_query(request->exchange, names[i], &value))
			continue;
		buffer_appendf(&query, "%s%s=", query.len ? "&" : "", names[i]);
		buffer_append_str(&query, value);
	}
	if (query.failed)
		return error_set(err, ERR_FORBIDDEN, "the link is not one of this server's");
	const char *method = request->route->method; /* HEAD as GET */
	return blob_request_verify(request->operation.server->signing_key, method,
				   http_exchange_path(request->exchange), buffer_str(&query),
				   clock_wall_ms(request->operation.server->clock), ret, err);
}

bool blob_request_begin(struct request *request)
{
	struct error err;
	struct transfer *transfer = calloc(1, sizeof(*transfer));
	if (!transfer) {
		answer_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return false;
	}
	transfer->fd = -1;
	request_set_state(request, transfer, transfer_free);
	if (verify(request, &transfer->blob, &err) != 0) {
		answer_error(request, &err);
		return false;
	}
	request->link_tenant = transfer->blob.tenant;
	if (request->route->body != ROUTE_BODY_BLOB)
		return true;
	transfer->fd = temporary_file(&err);
	if (transfer->fd < 0)
		answer_fault(request, "the blob could not be stored", &err);
	return transfer->fd >= 0;
}

void blob_request_piece(struct request *request, struct str piece)
{
	struct transfer *transfer = request->state;
	struct error err;
	while (transfer->fd >= 0 && piece.n) {
		ssize_t n = write(transfer->fd, piece.p, piece.n);
		if (n < 0 && errno != EINTR) {
			error_errno(&err, "writing a blob to a temporary file");
			answer_fault(request, "the blob could not be stored", &err);
			return;
		}
		size_t done = n > 0 ? (size_t)n : 0;
		piece = (struct str){piece.p + done, piece.n - done};
		transfer->size += (int64_t)done;
	}
}

/* GET */

static const char *content_type(const char *filename)
{
	struct str name = str_of(filename);
	if (str_ends_with(name, STR(".gz")))
		return "application/gzip";
	return str_ends_with(name, STR(".zip")) ? "application/zip" : "application/octet-stream";
}

static void on_read(struct operation *operation, const struct error *error, int fd, int64_t size)
{
	struct request *request = request_of(operation);
	struct transfer *transfer = request->state;
	char disposition[sizeof(transfer->blob.filename) + 64];
	if (error && error->code == ERR_NOT_FOUND) {
		answer_refuse(request, ERR_NOT_FOUND, "there is no such file any more");
		return;
	}
	if (error) {
		answer_fault(request, "the file could not be read", error);
		return;
	}
	snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"",
		 transfer->blob.filename[0] ? transfer->blob.filename : "blob");
	answer_header(request, "Content-Disposition", disposition);
	answer_file(request, 200, content_type(transfer->blob.filename), fd, size);
}

void blob_read(struct request *request)
{
	struct error err;
	struct blob_key key = key_of(request->state);
	if (operation_blob_get(&request->operation, &key, INT64_MAX, on_read, &err) != 0)
		answer_fault(request, "the file could not be read", &err);
}

/* PUT and DELETE */

/* A tenant's limit is not over in a moment: 507 is not asked again, as a 429 would be. */
static void refuse_write(struct request *request, const struct error *err)
{
	struct error failure;
	failure_of_storage(request->operation.caller, request->operation.server->metrics,
			   "the blob could not be stored", err, &failure);
	if (failure.code == ERR_NO_CAPACITY)
		answer_error_as(request, 507, error_code_name(failure.code), failure.message);
	else
		answer_failure(request, &failure);
}

static void on_written(struct operation *operation, const struct error *error, int fd, int64_t size)
{
	struct request *request = request_of(operation);
	(void)fd;
	(void)size;
	if (error && error->code == ERR_BAD_REQUEST)
		answer_refuse(request, ERR_BAD_REQUEST,
			      "the bytes that came don't have the digest in the path");
	else if (error)
		refuse_write(request, error);
	else
		answer_text(request, 204, NULL, STR(""));
}

void blob_write(struct request *request)
{
	struct error err;
	struct transfer *transfer = request->state;
	struct blob_key key = key_of(transfer);
	if (operation_blob_put(&request->operation, &key, transfer->fd, transfer->size, on_written, &err) !=
	    0)
		refuse_write(request, &err);
}

static void on_removed(struct operation *operation, const struct error *error, int fd, int64_t size)
{
	struct request *request = request_of(operation);
	(void)fd;
	(void)size;
	if (error)
		answer_fault(request, "the blob could not be deleted", error);
	else
		answer_text(request, 204, NULL, STR(""));
}

void blob_remove(struct request *request)
{
	struct error err;
	struct blob_key key = key_of(request->state);
	if (operation_blob_delete(&request->operation, &key, on_removed, &err) != 0)
		answer_fault(request, "the blob could not be deleted", &err);
}
