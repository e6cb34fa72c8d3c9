#include "apiserver/rest/files.h"

#include "apiserver/execution/file.h"
#include "apiserver/http/answer.h"
#include "apiserver/http/range.h"
#include "apiserver/http/request.h"
#include "apiserver/rest/file_type.h"
#include "lib/base/temporary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define ETAG_SIZE 80 /* a digest's digits, in quotes */
#define DISPOSITION_MAX                                                                                      \
	8192                  /* bytes; a name has at most 1,024, each shown twice and one of them as "%XX"  \
			       */
#define CONTENT_RANGE_SIZE 80 /* three numbers */
#define PATH_PARAM 1          /* of the route */

/* request->state */
struct file_answer {
	char etag[ETAG_SIZE];
	int64_t size, offset;
	bool is_part;
};

static bool is_head(const struct request *request)
{
	return str_eq(http_exchange_method(request->exchange), STR("HEAD"));
}

/* Also of what has no body. */
static void put_validators(struct request *request, const struct file_answer *answer)
{
	answer_header(request, "ETag", answer->etag);
	answer_header(request, "Accept-Ranges", "bytes");
}

/* The file's own headers. Whatever it is, a browser that opens it runs nothing of it: it has no origin, and
 * may load nothing. */
static void give(struct request *request, int status, int fd, int64_t length)
{
	struct str path = request->match.params[PATH_PARAM];
	const struct file_type *type = file_type_of(path);
	cleanup_buffer struct buffer disposition = BUFFER(DISPOSITION_MAX);
	file_disposition(&disposition, path, type->is_shown);
	put_validators(request, request->state);
	answer_header(request, "Cache-Control", "no-store");
	answer_header(request, "Content-Security-Policy", "default-src 'none'; sandbox");
	answer_header(request, "Content-Disposition", disposition.failed ? "attachment" : disposition.data);
	answer_file(request, status, type->content_type, fd, length);
}

/* Of HEAD: nothing is read but how long it would be. */
static void give_size(struct request *request, int64_t size)
{
	struct error err;
	int fd = temporary_file(&err);
	if (fd >= 0 && ftruncate(fd, (off_t)size) == 0) {
		give(request, 200, fd, size);
		return;
	}
	if (fd >= 0) {
		error_errno(&err, "a temporary file of %" PRId64 " bytes", size);
		close(fd);
	}
	answer_fault(request, "the file could not be read", &err);
}

static void refuse_range(struct request *request, const struct file_answer *answer)
{
	char range[CONTENT_RANGE_SIZE];
	snprintf(range, sizeof(range), "bytes */%" PRId64, answer->size);
	answer_header(request, "Content-Range", range);
	put_validators(request, answer);
	answer_refuse(request, ERR_RANGE_NOT_SATISFIABLE,
		      "the file has %" PRId64 " bytes, and the Range begins behind them", answer->size);
}

/* Is the file still what the client has a part of? */
static bool is_range_meant(const struct request *request, const struct file_answer *answer,
			   struct str *ret_range)
{
	struct str condition;
	if (http_exchange_header_count(request->exchange, "Range") != 1 ||
	    !http_exchange_header(request->exchange, "Range", ret_range))
		return false;
	return !http_exchange_header(request->exchange, "If-Range", &condition) ||
	       str_eq(str_trim(condition), str_of(answer->etag));
}

/* execution_file_listener */
static bool on_known(void *context, const char *digest)
{
	struct request *request = context;
	struct file_answer *answer = request->state;
	struct str wanted, hex = str_of(digest);
	if (!request->exchange) /* nobody listens any more */
		return false;
	if (str_starts_with(hex, STR("sha256:")))
		hex = (struct str){hex.p + 7, hex.n - 7};
	snprintf(answer->etag, sizeof(answer->etag), "\"%.*s\"", (int)hex.n, hex.p);
	if (!http_exchange_header(request->exchange, "If-None-Match", &wanted) ||
	    !etag_list_has(wanted, str_of(answer->etag)))
		return true;
	put_validators(request, answer);
	answer_text(request, 304, NULL, STR(""));
	return false;
}

static bool on_found(void *context, int64_t size, int64_t *ret_offset, int64_t *ret_length)
{
	struct request *request = context;
	struct file_answer *answer = request->state;
	struct str range;
	if (!request->exchange)
		return false;
	answer->size = size;
	*ret_offset = 0;
	*ret_length = size;
	if (is_head(request)) {
		give_size(request, size);
		return false;
	}
	if (!is_range_meant(request, answer, &range))
		return true;
	switch (range_read(range, size, ret_offset, ret_length)) {
	case RANGE_WHOLE:
		return true;
	case RANGE_PART:
		answer->is_part = true;
		answer->offset = *ret_offset;
		return true;
	case RANGE_NONE:
		break;
	}
	refuse_range(request, answer);
	return false;
}

static void on_done(void *context, struct execution_file *file, const struct error *failure)
{
	struct request *request = context;
	const struct file_answer *answer = request->state;
	char range[CONTENT_RANGE_SIZE];
	if (failure) {
		answer_failure(request, failure);
	} else if (file->fd >= 0 && !request->exchange) {
		close(file->fd);
	} else if (file->fd >= 0) {
		usage_move(&request->hold, &file->hold); /* until the client has taken it */
		if (answer->is_part) {
			snprintf(range, sizeof(range), "bytes %" PRId64 "-%" PRId64 "/%" PRId64,
				 answer->offset, answer->offset + file->length - 1, answer->size);
			answer_header(request, "Content-Range", range);
		}
		give(request, answer->is_part ? 206 : 200, file->fd, file->length);
	}
	request_unref(request);
}

void rest_execution_file(struct request *request)
{
	const struct execution_file_listener listener = {on_known, on_found, on_done, request};
	struct file_answer *answer = calloc(1, sizeof(*answer));
	if (!answer) {
		answer_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return;
	}
	request_set_state(request, answer, free);
	request_ref(request);
	execution_file(request->operation.server, request->operation.caller, request->match.params[0],
		       request->match.params[PATH_PARAM], &listener);
}
