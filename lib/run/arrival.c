#include "lib/run/arrival.h"

#include "lib/base/jsontext.h"
#include "lib/base/temporary.h"
#include "lib/base/utf8.h"
#include "lib/skill/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The mark of a gap in the log, and the word of files that were left out */
#define LOG_MARKS_MAX 256
#define FILES_STEP 64

void arrival_init(struct arrival *a, const struct arrival_limits *limits)
{
	*a = (struct arrival){
	    .limits = *limits,
	    .spool_fd = -1,
	    .logs_head = BUFFER((size_t)limits->max_logs),
	    .logs_tail = BUFFER((size_t)limits->max_logs),
	    .output = BUFFER((size_t)limits->max_output),
	    .reason = BUFFER(FRAME_MAX_REASON),
	};
}

void arrival_free(struct arrival *a)
{
	buffer_free(&a->logs_head);
	buffer_free(&a->logs_tail);
	buffer_free(&a->output);
	buffer_free(&a->reason);
	for (size_t i = 0; i < a->file_count; i++)
		free(a->files[i].path);
	free(a->files);
	a->files = NULL;
	a->file_count = 0;
	if (a->spool_fd >= 0)
		close(a->spool_fd);
	a->spool_fd = -1;
}

static int begin_file(struct arrival *a, const struct frame_object *object, struct error *err)
{
	if (!frame_path_is_valid(object->path))
		return error_set(err, ERR_PROTOCOL, "sandbox sent a file with a bad path");
	if (a->file_count >= (size_t)a->limits.max_files_count ||
	    object->size > (uint64_t)(a->limits.max_files_bytes - a->spool_size))
		return error_set(err, ERR_PROTOCOL, "sandbox sent more files than allowed");
	if (a->file_count % FILES_STEP == 0) {
		struct arrival_file *files = realloc(a->files, (a->file_count + FILES_STEP) * sizeof(*files));
		if (!files)
			return error_no_memory(err);
		a->files = files;
	}
	if (a->spool_fd < 0 && (a->spool_fd = temporary_file(err)) < 0)
		return -1;
	char *path = str_dup(object->path);
	if (!path)
		return error_no_memory(err);
	a->files[a->file_count++] =
	    (struct arrival_file){.path = path,
				  .offset = a->spool_size,
				  .size = (int64_t)object->size,
				  .mtime = (int64_t)object->mtime,
				  .is_executable = (object->flags & FRAME_OBJECT_EXECUTABLE) != 0};
	return 0;
}

static int begin_object(struct arrival *a, const struct frame_object *object, struct error *err)
{
	if (!a->has_exit || a->in_object)
		return error_set(err, ERR_PROTOCOL, "sandbox sent an object out of turn");
	a->kind = object->kind;
	a->object_count++;
	a->object_left = object->size;
	if (object->kind == FRAME_OUTPUT) {
		if (a->has_output)
			return error_set(err, ERR_PROTOCOL, "sandbox sent two outputs");
		a->has_output = true;
		a->output_size = object->size > INT64_MAX ? INT64_MAX : (int64_t)object->size;
		if (object->flags & FRAME_OBJECT_TOO_LARGE) {
			a->output_too_large = true;
			a->object_left = 0;
		}
	}
	if (object->kind == FRAME_OUT_FILE && begin_file(a, object, err) != 0)
		return -1;
	a->in_object = a->object_left > 0;
	return 0;
}

static int spool(struct arrival *a, struct str data, struct error *err)
{
	a->spool_size += (int64_t)data.n;
	return temporary_write(a->spool_fd, data, err);
}

static int take_data(struct arrival *a, struct str data, struct error *err)
{
	if (!a->in_object || data.n > a->object_left)
		return error_set(err, ERR_PROTOCOL, "sandbox sent more data than it announced");
	a->object_left -= data.n;
	a->byte_count += data.n;
	a->in_object = a->object_left > 0;
	struct buffer *target = NULL;
	switch (a->kind) {
	case FRAME_LOGS_HEAD:
		target = &a->logs_head;
		break;
	case FRAME_LOGS_TAIL:
		target = &a->logs_tail;
		break;
	case FRAME_OUTPUT:
		target = &a->output;
		break;
	case FRAME_REASON:
		target = &a->reason;
		break;
	case FRAME_OUT_FILE:
		return spool(a, data, err);
	}
	if (!target || buffer_append_str(target, data) != 0)
		return error_set(err, ERR_PROTOCOL, "sandbox sent an object larger than allowed");
	return 0;
}

int arrival_frame(struct arrival *a, const struct frame *frame, struct error *err)
{
	if (a->complete)
		return error_set(err, ERR_PROTOCOL, "sandbox sent a frame after the end");
	switch (frame->type) {
	case FRAME_EXIT:
		if (a->has_exit)
			return error_set(err, ERR_PROTOCOL, "sandbox sent two exits");
		a->has_exit = true;
		a->exit = frame->exit;
		return 0;
	case FRAME_OBJECT:
		return begin_object(a, &frame->object, err);
	case FRAME_DATA:
		return take_data(a, frame->data, err);
	case FRAME_END:
		if (!a->has_exit || a->in_object || frame->end.object_count != a->object_count ||
		    frame->end.byte_count != a->byte_count)
			return error_set(
			    err, ERR_PROTOCOL,
			    "the result is incomplete: %u objects and %llu bytes announced, %u and %llu came",
			    frame->end.object_count, (unsigned long long)frame->end.byte_count,
			    a->object_count, (unsigned long long)a->byte_count);
		a->complete = true;
		return 0;
	default:
		return error_set(err, ERR_PROTOCOL, "sandbox sent an unexpected frame of type %d",
				 (int)frame->type);
	}
}

/* Making */

int arrival_logs_text(struct str head, struct str tail, uint64_t total, struct buffer *out, bool *ret_gap,
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

int arrival_make_output(const struct arrival *a, struct run_result *ret, struct buffer *text, bool *ret_has,
			struct error *err)
{
	*ret_has = false;
	if (!a->has_output || a->output_too_large)
		return 0;
	struct error invalid;
	struct jsontext_rules rules = {.max_depth = 0};
	if (jsontext_minify(buffer_str(&a->output), &rules, text, &invalid) != 0) {
		ret->output_problem = str_dup(str_of(invalid.message));
		return ret->output_problem ? 0 : error_no_memory(err);
	}
	*ret_has = true;
	return 0;
}

size_t arrival_logs_max(const struct arrival *a)
{
	return UTF8_CLEAN_GROWTH * (a->logs_head.len + a->logs_tail.len) + LOG_MARKS_MAX;
}

int arrival_make_logs(const struct arrival *a, struct run_result *ret, struct buffer *text, struct error *err)
{
	if (arrival_logs_text(buffer_str(&a->logs_head), buffer_str(&a->logs_tail), a->exit.logs_total, text,
			      &ret->logs_truncated, err) != 0)
		return -1;
	if (a->exit.files_over_limit &&
	    buffer_appendf(text, "\n[files beyond %lld files or %lld bytes were left out]\n",
			   (long long)a->limits.max_files_count, (long long)a->limits.max_files_bytes) != 0)
		return error_no_memory(err);
	return 0;
}

static int compare_files(const void *a, const void *b)
{
	return strcmp(((const struct arrival_file *)a)->path, ((const struct arrival_file *)b)->path);
}

int arrival_make_paths(struct arrival *a, struct run_result *ret, struct error *err)
{
	if (a->file_count == 0)
		return 0;
	qsort(a->files, a->file_count, sizeof(*a->files), compare_files);
	ret->files = calloc(a->file_count, sizeof(char *));
	if (!ret->files)
		return error_no_memory(err);
	for (size_t i = 0; i < a->file_count; i++) {
		/* Names are shown in JSON, so what is not UTF-8 is replaced there; the archive keeps it. */
		cleanup_buffer struct buffer name = BUFFER(UTF8_CLEAN_GROWTH * FRAME_MAX_PATH);
		if (utf8_append_clean(&name, str_of(a->files[i].path)) != 0 ||
		    !(ret->files[ret->file_count] = buffer_steal(&name)))
			return error_no_memory(err);
		ret->file_count++;
	}
	return 0;
}

int arrival_write_archive(const struct arrival *a, int fd, int64_t *ret_size, struct error *err)
{
	cleanup_free struct archive_source *sources = calloc(a->file_count, sizeof(*sources));
	if (!sources)
		return error_no_memory(err);
	for (size_t i = 0; i < a->file_count; i++)
		sources[i] = (struct archive_source){.path = str_of(a->files[i].path),
						     .fd = a->spool_fd,
						     .offset = a->files[i].offset,
						     .size = a->files[i].size,
						     .mtime = a->files[i].mtime,
						     .is_executable = a->files[i].is_executable};
	return archive_write_tar_gz(fd, sources, a->file_count, ret_size, err);
}

/* The sandbox's words are words: one line of them, whatever came. */
static int make_reason(const struct arrival *a, struct run_result *ret, struct error *err)
{
	cleanup_buffer struct buffer clean = BUFFER(UTF8_CLEAN_GROWTH * FRAME_MAX_REASON);
	if (utf8_append_clean(&clean, buffer_str(&a->reason)) != 0)
		return error_no_memory(err);
	for (size_t i = 0; i < clean.len; i++)
		if ((unsigned char)clean.data[i] < ' ')
			clean.data[i] = ' ';
	struct str text = utf8_cut_words(str_trim(buffer_str(&clean)), FRAME_MAX_REASON);
	if (text.n == 0)
		return 0;
	ret->reason_text = str_dup(text);
	return ret->reason_text ? 0 : error_no_memory(err);
}

int arrival_make_end(const struct arrival *a, struct run_result *ret, struct error *err)
{
	ret->reason = a->exit.reason;
	ret->exit_code = a->exit.exit_code;
	ret->run_us = a->exit.run_us > INT64_MAX ? INT64_MAX : (int64_t)a->exit.run_us;
	ret->output_size = a->output_size;
	ret->output_too_large = a->output_too_large;
	ret->output_limit = a->output_too_large ? a->limits.max_output : 0;
	return make_reason(a, ret, err);
}
