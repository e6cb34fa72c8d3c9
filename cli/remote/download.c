#include "cli/files/unpack.h"
#include "cli/remote/executions.h"
#include "lib/base/temporary.h"

#include <string.h>
#include <unistd.h>

#define SLACK ((int64_t)1 << 20)

struct fetching {
	int fd;
	int64_t size;
};

static int fetch_begin(void *context, const char *content_type, struct error *err)
{
	struct fetching *fetching = context;
	(void)content_type;
	fetching->size = 0;
	if (ftruncate(fetching->fd, 0) != 0 || lseek(fetching->fd, 0, SEEK_SET) != 0)
		return error_errno(err, "can't write a temporary file");
	return 0;
}

static int fetch_piece(void *context, struct str bytes, struct error *err)
{
	struct fetching *fetching = context;
	fetching->size += (int64_t)bytes.n;
	if (fetching->size > UNPACK_BYTES_MAX + SLACK)
		return error_set(err, ERR_TOO_LARGE, "the files are larger than %d GiB",
				 (int)(UNPACK_BYTES_MAX >> 30));
	return temporary_write(fetching->fd, bytes, err);
}

static int fetch(struct http *http, const char *url, struct fetching *fetching, struct http_answer *answer,
		 struct error *err)
{
	struct http_sink sink = {fetch_begin, fetch_piece, NULL, NULL, fetching};
	struct http_request request = {.method = "GET",
				       .path = url,
				       .is_bare = true, /* signed, and perhaps another host: it gets no key */
				       .accept = "*/*",
				       .to = &sink,
				       .progress = "fetching files"};
	return http_send(http, &request, answer, err);
}

static void take_url(const struct http_answer *record, struct buffer *url)
{
	buffer_reset(url);
	execution_text(record, "files_url", url);
	if (url->failed || (url->len > 0 && strlen(url->data) != url->len))
		buffer_reset(url);
}

/* A link is good for an hour: an old one is made anew, once. */
static int fetch_by_record(struct http *http, const struct http_answer *record, struct fetching *fetching,
			   bool *ret_none, struct error *err)
{
	cleanup_buffer struct buffer url = BUFFER(16384);
	cleanup_answer struct http_answer answer = HTTP_ANSWER, fresh = HTTP_ANSWER;
	struct execution_facts facts;
	int status = execution_facts(record, &facts, err);
	if (status != 0)
		return status;
	take_url(record, &url);
	*ret_none = url.len == 0;
	if (*ret_none)
		return 0;
	status = fetch(http, url.data, fetching, &answer, err);
	if (status == 0 || (answer.status != 401 && answer.status != 403))
		return status;
	status = execution_read(http, facts.id, "", &fresh, err);
	if (status != 0 || (status = execution_facts(&fresh, &facts, err)) != 0)
		return status;
	take_url(&fresh, &url);
	if (url.len == 0)
		return error_set(err, ERR_NOT_FOUND, "the files of execution %s are not there any more",
				 facts.id);
	return fetch(http, url.data, fetching, &answer, err);
}

int execution_download(struct http *http, const struct http_answer *record, const char *folder,
		       size_t *ret_count, struct error *err)
{
	bool none = false;
	*ret_count = 0;
	cleanup_close int fd = temporary_file(err);
	if (fd < 0)
		return -1;
	struct fetching fetching = {.fd = fd};
	int status = fetch_by_record(http, record, &fetching, &none, err);
	if (status != 0 || none)
		return status;
	return unpack_files(fd, folder, ret_count, err);
}
