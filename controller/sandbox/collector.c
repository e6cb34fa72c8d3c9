#include "controller/sandbox/collector.h"

#include "lib/base/digest.h"
#include "lib/base/temporary.h"
#include "lib/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Up to here the result is made on the loop's thread: a thread would cost more. */
#define SMALL_RESULT (64 * 1024)
/* Output, log, files */
#define MAX_UPLOADS 3

/* A blob to store */
struct upload {
	int fd;
	int64_t size;
	char digest[DIGEST_TEXT_SIZE];
	struct blob_ref *ref; /* of the result */
	bool stored;
};

struct collector {
	uv_loop_t *loop;
	struct blob_store *store;
	char *tenant;
	struct arrival arrival;

	/* Storing */
	struct run_result result;
	/* Result and uploads are made. */
	bool made;
	struct upload uploads[MAX_UPLOADS];
	unsigned upload_count;
	uv_work_t work;
	struct error error;
	bool busy, closing;
	collector_done_cb done;
	void *context;
};

struct collector *collector_new(uv_loop_t *loop, struct blob_store *store, const char *tenant,
				const struct arrival_limits *limits, struct error *err)
{
	struct collector *c = calloc(1, sizeof(*c));
	if (!c || !(c->tenant = str_dup(str_of(tenant)))) {
		free(c);
		error_no_memory(err);
		return NULL;
	}
	c->loop = loop;
	c->store = store;
	arrival_init(&c->arrival, limits);
	return c;
}

static void destroy(struct collector *c)
{
	arrival_free(&c->arrival);
	for (unsigned i = 0; i < c->upload_count; i++)
		close(c->uploads[i].fd);
	run_result_clear(&c->result);
	free(c->tenant);
	free(c);
}

struct collector *collector_free(struct collector *c)
{
	if (!c)
		return NULL;
	if (c->busy)
		c->closing = true;
	else
		destroy(c);
	return NULL;
}

int collector_frame(struct collector *c, const struct frame *frame, struct error *err)
{
	return arrival_frame(&c->arrival, frame, err);
}

bool collector_is_complete(const struct collector *c)
{
	return c->arrival.complete;
}

/* Making the result; pure but for temporary files, so it may run in the thread pool */

/* Takes the descriptor, also on failure. */
static int add_upload(struct collector *c, int fd, int64_t size, const char *digest, struct blob_ref *ref,
		      struct error *err)
{
	struct upload *upload = &c->uploads[c->upload_count++];
	upload->fd = fd;
	upload->size = size;
	snprintf(upload->digest, sizeof(upload->digest), "%s", digest);
	upload->ref = ref;
	ref->size = size;
	ref->digest = str_dup(str_of(digest));
	return ref->digest ? 0 : error_no_memory(err);
}

/* A text that is too long for the custom resource. */
static int add_text_upload(struct collector *c, struct str text, struct blob_ref *ref, struct error *err)
{
	char digest[DIGEST_TEXT_SIZE];
	if (digest_text(text, digest, err) != 0)
		return -1;
	int fd = temporary_file(err);
	if (fd < 0)
		return -1;
	if (temporary_write(fd, text, err) != 0) {
		close(fd);
		return -1;
	}
	return add_upload(c, fd, (int64_t)text.n, digest, ref, err);
}

static int make_output(struct collector *c, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(c->arrival.output.len + 1);
	bool has;
	if (arrival_make_output(&c->arrival, &c->result, &text, &has, err) != 0)
		return -1;
	if (!has)
		return 0;
	if (text.len > EXECUTION_INLINE_OUTPUT)
		return add_text_upload(c, buffer_str(&text), &c->result.output_ref, err);
	c->result.output = buffer_steal(&text);
	return c->result.output ? 0 : error_no_memory(err);
}

static int make_logs(struct collector *c, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(arrival_logs_max(&c->arrival));
	if (arrival_make_logs(&c->arrival, &c->result, &text, err) != 0)
		return -1;
	if (text.len == 0)
		return 0;
	struct str shown = buffer_str(&text);
	if (text.len > EXECUTION_INLINE_LOGS) {
		if (add_text_upload(c, shown, &c->result.logs_ref, err) != 0)
			return -1;
		shown = utf8_skip_partial(
		    (struct str){text.data + (text.len - EXECUTION_INLINE_LOGS), EXECUTION_INLINE_LOGS});
	}
	c->result.logs = str_dup(shown);
	return c->result.logs ? 0 : error_no_memory(err);
}

static int make_archive(struct collector *c, struct error *err)
{
	char digest[DIGEST_TEXT_SIZE];
	int64_t size = 0;
	int fd = temporary_file(err);
	int status = fd < 0 ? -1 : arrival_write_archive(&c->arrival, fd, &size, err);
	if (status == 0)
		status = digest_file_text(fd, 0, size, digest, err);
	if (status == 0)
		return add_upload(c, fd, size, digest, &c->result.files_ref, err);
	if (fd >= 0)
		close(fd);
	return -1;
}

static int make_files(struct collector *c, struct error *err)
{
	if (arrival_make_paths(&c->arrival, &c->result, err) != 0)
		return -1;
	return c->result.file_count > 0 ? make_archive(c, err) : 0;
}

static int make_result(struct collector *c, struct error *err)
{
	if (arrival_make_end(&c->arrival, &c->result, err) != 0)
		return -1;
	return make_output(c, err) || make_logs(c, err) || make_files(c, err) ? -1 : 0;
}

/* Storing, one upload after the other */

static void store_next(struct collector *c);

static void finish(struct collector *c, const struct error *error)
{
	c->busy = false;
	if (c->closing)
		destroy(c);
	else
		c->done(c->context, error);
}

/* The tenant may not keep it: the result goes without, and says so. */
static void leave_out(struct collector *c, const struct upload *upload, const struct error *why)
{
	struct run_result *result = &c->result;
	free(upload->ref->digest);
	*upload->ref = (struct blob_ref){0};
	if (!result->not_stored)
		result->not_stored = str_dup(str_of(why->message));
	if (upload->ref == &result->logs_ref)
		result->logs_truncated = true;
	if (upload->ref != &result->files_ref)
		return;
	while (result->file_count > 0)
		free(result->files[--result->file_count]);
}

static void upload_done(void *context, const struct error *error, int fd, int64_t size)
{
	struct collector *c = context;
	bool is_refused = error && error->code == ERR_NO_CAPACITY;
	(void)fd;
	(void)size;
	if (c->closing || (error && !is_refused)) {
		finish(c, error);
		return;
	}
	struct upload *upload = c->uploads; /* the first that was not stored, which there is */
	while (upload->stored)
		upload++;
	upload->stored = true;
	if (is_refused)
		leave_out(c, upload, error);
	if (is_refused && !c->result.not_stored) {
		error_no_memory(&c->error);
		finish(c, &c->error);
	} else {
		store_next(c);
	}
}

static void store_next(struct collector *c)
{
	for (unsigned i = 0; i < c->upload_count; i++) {
		struct upload *upload = &c->uploads[i];
		if (upload->stored)
			continue;
		struct blob_key key = {BLOB_EXECUTIONS, c->tenant, upload->digest};
		if (blob_put(c->store, &key, upload->fd, upload->size, upload_done, c, &c->error) != 0)
			finish(c, &c->error);
		return;
	}
	finish(c, NULL);
}

/* What arrived stays, so that the result can be made again. */
static void forget_half_made(struct collector *c)
{
	run_result_clear(&c->result);
	while (c->upload_count > 0)
		close(c->uploads[--c->upload_count].fd);
}

static void work_make(uv_work_t *work)
{
	struct collector *c = work->data;
	c->made = make_result(c, &c->error) == 0;
	if (!c->made)
		forget_half_made(c);
}

static void work_made(uv_work_t *work, int status)
{
	struct collector *c = work->data;
	if (status != 0)
		error_set(&c->error, ERR_INTERNAL, "thread pool: %s", uv_strerror(status));
	if (c->closing || !c->made)
		finish(c, &c->error);
	else
		store_next(c);
}

static bool is_small(const struct collector *c)
{
	const struct arrival *a = &c->arrival;
	return a->file_count == 0 && a->output.len + a->logs_head.len + a->logs_tail.len <= SMALL_RESULT;
}

void collector_store(struct collector *c, collector_done_cb done, void *context)
{
	c->done = done;
	c->context = context;
	c->busy = true;
	c->work.data = c;
	if (c->made) {
		store_next(c);
	} else if (is_small(c)) {
		work_make(&c->work);
		work_made(&c->work, 0);
	} else {
		int status = uv_queue_work(c->loop, &c->work, work_make, work_made);
		if (status != 0)
			work_made(&c->work, status);
	}
}

struct run_result *collector_result(struct collector *c)
{
	return &c->result;
}
