#include "controller/sandbox/collector.h"

#include "lib/base/digest.h"
#include "lib/base/jsontext.h"
#include "lib/base/temporary.h"
#include "lib/base/utf8.h"
#include "lib/skill/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Up to here the result is made on the loop's thread: a thread would cost more. */
#define SMALL_RESULT (64 * 1024)
/* Output, log, files */
#define MAX_UPLOADS 3
/* The mark of a gap in the log, and the word of files that were left out */
#define LOG_MARKS_MAX 256
#define FILES_STEP 64

struct out_file {
	char *path;
	/* In the spool */
	int64_t offset, size;
	int64_t mtime;
	bool is_executable;
};

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
	struct collector_limits limits;

	/* Arriving */
	bool has_exit, complete;
	struct frame_exit exit;
	bool in_object;
	enum frame_object_kind kind;
	uint64_t object_left;
	uint32_t object_count;
	uint64_t byte_count;
	struct buffer logs_head, logs_tail, output, reason;
	bool has_output;
	struct out_file *files;
	size_t file_count;
	/* The bytes of all files, one after the other; -1: none */
	int spool_fd;
	int64_t spool_size;

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
				const struct collector_limits *limits, struct error *err)
{
	struct collector *c = calloc(1, sizeof(*c));
	if (!c || !(c->tenant = str_dup(str_of(tenant)))) {
		free(c);
		error_no_memory(err);
		return NULL;
	}
	c->loop = loop;
	c->store = store;
	c->limits = *limits;
	c->spool_fd = -1;
	c->logs_head = BUFFER((size_t)limits->max_logs);
	c->logs_tail = BUFFER((size_t)limits->max_logs);
	c->output = BUFFER((size_t)limits->max_output);
	c->reason = BUFFER(FRAME_MAX_REASON);
	return c;
}

static void destroy(struct collector *c)
{
	buffer_free(&c->logs_head);
	buffer_free(&c->logs_tail);
	buffer_free(&c->output);
	buffer_free(&c->reason);
	for (size_t i = 0; i < c->file_count; i++)
		free(c->files[i].path);
	free(c->files);
	if (c->spool_fd >= 0)
		close(c->spool_fd);
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

/* Arriving */

static int begin_file(struct collector *c, const struct frame_object *object, struct error *err)
{
	if (!frame_path_is_valid(object->path))
		return error_set(err, ERR_PROTOCOL, "sandbox sent a file with a bad path");
	if (c->file_count >= (size_t)c->limits.max_files_count ||
	    object->size > (uint64_t)(c->limits.max_files_bytes - c->spool_size))
		return error_set(err, ERR_PROTOCOL, "sandbox sent more files than allowed");
	if (c->file_count % FILES_STEP == 0) {
		struct out_file *files = realloc(c->files, (c->file_count + FILES_STEP) * sizeof(*files));
		if (!files)
			return error_no_memory(err);
		c->files = files;
	}
	if (c->spool_fd < 0 && (c->spool_fd = temporary_file(err)) < 0)
		return -1;
	char *path = str_dup(object->path);
	if (!path)
		return error_no_memory(err);
	c->files[c->file_count++] =
	    (struct out_file){.path = path,
			      .offset = c->spool_size,
			      .size = (int64_t)object->size,
			      .mtime = (int64_t)object->mtime,
			      .is_executable = (object->flags & FRAME_OBJECT_EXECUTABLE) != 0};
	return 0;
}

static int begin_object(struct collector *c, const struct frame_object *object, struct error *err)
{
	if (!c->has_exit || c->in_object)
		return error_set(err, ERR_PROTOCOL, "sandbox sent an object out of turn");
	c->kind = object->kind;
	c->object_count++;
	c->object_left = object->size;
	if (object->kind == FRAME_OUTPUT) {
		if (c->has_output)
			return error_set(err, ERR_PROTOCOL, "sandbox sent two outputs");
		c->has_output = true;
		c->result.output_size = object->size > INT64_MAX ? INT64_MAX : (int64_t)object->size;
		if (object->flags & FRAME_OBJECT_TOO_LARGE) {
			c->result.output_too_large = true;
			c->result.output_limit = c->limits.max_output;
			c->object_left = 0;
		}
	}
	if (object->kind == FRAME_OUT_FILE && begin_file(c, object, err) != 0)
		return -1;
	c->in_object = c->object_left > 0;
	return 0;
}

static int spool(struct collector *c, struct str data, struct error *err)
{
	c->spool_size += (int64_t)data.n;
	return temporary_write(c->spool_fd, data, err);
}

static int take_data(struct collector *c, struct str data, struct error *err)
{
	if (!c->in_object || data.n > c->object_left)
		return error_set(err, ERR_PROTOCOL, "sandbox sent more data than it announced");
	c->object_left -= data.n;
	c->byte_count += data.n;
	c->in_object = c->object_left > 0;
	struct buffer *target = NULL;
	switch (c->kind) {
	case FRAME_LOGS_HEAD:
		target = &c->logs_head;
		break;
	case FRAME_LOGS_TAIL:
		target = &c->logs_tail;
		break;
	case FRAME_OUTPUT:
		target = &c->output;
		break;
	case FRAME_REASON:
		target = &c->reason;
		break;
	case FRAME_OUT_FILE:
		return spool(c, data, err);
	}
	if (!target || buffer_append_str(target, data) != 0)
		return error_set(err, ERR_PROTOCOL, "sandbox sent an object larger than allowed");
	return 0;
}

int collector_frame(struct collector *c, const struct frame *frame, struct error *err)
{
	if (c->complete)
		return error_set(err, ERR_PROTOCOL, "sandbox sent a frame after the end");
	switch (frame->type) {
	case FRAME_EXIT:
		if (c->has_exit)
			return error_set(err, ERR_PROTOCOL, "sandbox sent two exits");
		c->has_exit = true;
		c->exit = frame->exit;
		return 0;
	case FRAME_OBJECT:
		return begin_object(c, &frame->object, err);
	case FRAME_DATA:
		return take_data(c, frame->data, err);
	case FRAME_END:
		if (!c->has_exit || c->in_object || frame->end.object_count != c->object_count ||
		    frame->end.byte_count != c->byte_count)
			return error_set(
			    err, ERR_PROTOCOL,
			    "the result is incomplete: %u objects and %llu bytes announced, %u and %llu came",
			    frame->end.object_count, (unsigned long long)frame->end.byte_count,
			    c->object_count, (unsigned long long)c->byte_count);
		c->complete = true;
		return 0;
	default:
		return error_set(err, ERR_PROTOCOL, "sandbox sent an unexpected frame of type %d",
				 (int)frame->type);
	}
}

bool collector_is_complete(const struct collector *c)
{
	return c->complete;
}

/* Making the result; pure but for temporary files, so it may run in the thread pool */

int collector_logs_text(struct str head, struct str tail, uint64_t total, struct buffer *out, bool *ret_gap,
			struct error *err)
{
	uint64_t kept = (uint64_t)head.n + tail.n;
	*ret_gap = total > kept;
	int failed;
	if (!*ret_gap) {
		cleanup_buffer struct buffer whole = BUFFER(head.n + tail.n);
		failed = buffer_append_str(&whole, head) || buffer_append_str(&whole, tail) ||
			 utf8_append_clean(out, buffer_str(&whole));
	} else {
		failed = utf8_append_clean(out, head) ||
			 buffer_appendf(out, "\n[... %llu bytes left out: %llu of %llu are kept ...]\n",
					(unsigned long long)(total - kept), (unsigned long long)kept,
					(unsigned long long)total) ||
			 utf8_append_clean(out, utf8_skip_partial(tail));
	}
	return failed ? error_no_memory(err) : 0;
}

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
	if (!c->has_output || c->result.output_too_large)
		return 0;
	cleanup_buffer struct buffer text = BUFFER(c->output.len + 1);
	struct error invalid;
	struct jsontext_rules rules = {.max_depth = 0};
	if (jsontext_minify(buffer_str(&c->output), &rules, &text, &invalid) != 0) {
		c->result.output_problem = str_dup(str_of(invalid.message));
		return c->result.output_problem ? 0 : error_no_memory(err);
	}
	if (text.len > EXECUTION_INLINE_OUTPUT)
		return add_text_upload(c, buffer_str(&text), &c->result.output_ref, err);
	c->result.output = buffer_steal(&text);
	return c->result.output ? 0 : error_no_memory(err);
}

static int make_logs(struct collector *c, struct error *err)
{
	cleanup_buffer struct buffer text =
	    BUFFER(UTF8_CLEAN_GROWTH * (c->logs_head.len + c->logs_tail.len) + LOG_MARKS_MAX);
	if (collector_logs_text(buffer_str(&c->logs_head), buffer_str(&c->logs_tail), c->exit.logs_total,
				&text, &c->result.logs_truncated, err) != 0)
		return -1;
	if (c->exit.files_over_limit &&
	    buffer_appendf(&text, "\n[files beyond %lld files or %lld bytes were left out]\n",
			   (long long)c->limits.max_files_count, (long long)c->limits.max_files_bytes) != 0)
		return error_no_memory(err);
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

static int compare_files(const void *a, const void *b)
{
	return strcmp(((const struct out_file *)a)->path, ((const struct out_file *)b)->path);
}

static int make_archive(struct collector *c, struct error *err)
{
	cleanup_free struct archive_source *sources = calloc(c->file_count, sizeof(*sources));
	if (!sources)
		return error_no_memory(err);
	for (size_t i = 0; i < c->file_count; i++)
		sources[i] = (struct archive_source){.path = str_of(c->files[i].path),
						     .fd = c->spool_fd,
						     .offset = c->files[i].offset,
						     .size = c->files[i].size,
						     .mtime = c->files[i].mtime,
						     .is_executable = c->files[i].is_executable};
	char digest[DIGEST_TEXT_SIZE];
	int64_t size = 0;
	int fd = temporary_file(err);
	int status = fd < 0 ? -1 : archive_write_tar_gz(fd, sources, c->file_count, &size, err);
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
	if (c->file_count == 0)
		return 0;
	qsort(c->files, c->file_count, sizeof(*c->files), compare_files);
	c->result.files = calloc(c->file_count, sizeof(char *));
	if (!c->result.files)
		return error_no_memory(err);
	for (size_t i = 0; i < c->file_count; i++) {
		/* Names are shown in JSON, so what is not UTF-8 is replaced there; the archive keeps it. */
		cleanup_buffer struct buffer name = BUFFER(UTF8_CLEAN_GROWTH * FRAME_MAX_PATH);
		if (utf8_append_clean(&name, str_of(c->files[i].path)) != 0 ||
		    !(c->result.files[c->result.file_count] = buffer_steal(&name)))
			return error_no_memory(err);
		c->result.file_count++;
	}
	return make_archive(c, err);
}

/* The sandbox's words are words: one line of them, whatever came. */
static int make_reason(struct collector *c, struct error *err)
{
	cleanup_buffer struct buffer clean = BUFFER(UTF8_CLEAN_GROWTH * FRAME_MAX_REASON);
	if (utf8_append_clean(&clean, buffer_str(&c->reason)) != 0)
		return error_no_memory(err);
	for (size_t i = 0; i < clean.len; i++)
		if ((unsigned char)clean.data[i] < ' ')
			clean.data[i] = ' ';
	struct str text = utf8_cut_words(str_trim(buffer_str(&clean)), FRAME_MAX_REASON);
	if (text.n == 0)
		return 0;
	c->result.reason_text = str_dup(text);
	return c->result.reason_text ? 0 : error_no_memory(err);
}

static int make_result(struct collector *c, struct error *err)
{
	struct run_result *result = &c->result;
	result->reason = c->exit.reason;
	result->exit_code = c->exit.exit_code;
	result->run_us = c->exit.run_us > INT64_MAX ? INT64_MAX : (int64_t)c->exit.run_us;
	if (make_reason(c, err) != 0)
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
	bool too_large = c->result.output_too_large;
	int64_t size = c->result.output_size, limit = c->result.output_limit;
	run_result_clear(&c->result);
	c->result.output_too_large = too_large;
	c->result.output_size = size;
	c->result.output_limit = limit;
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
	return c->file_count == 0 && c->output.len + c->logs_head.len + c->logs_tail.len <= SMALL_RESULT;
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
