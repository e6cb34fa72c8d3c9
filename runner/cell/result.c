#include "runner/cell/result.h"

#include "lib/base/cleanup.h"
#include "runner/system/beneath.h"
#include "runner/system/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The objects in the order they are sent; files follow. */
enum { OBJECT_LOGS_HEAD, OBJECT_LOGS_TAIL, OBJECT_REASON, OBJECT_OUTPUT, OBJECT_FIRST_FILE };

void result_init(struct result *result)
{
	*result = (struct result){
	    .collection = {.output_fd = -1, .files_fd = -1},
	    .reason = BUFFER(FRAME_MAX_REASON),
	};
}

void result_fail(struct result *result, const char *reason, const char *message)
{
	result->finished = true;
	result->failed_reason = reason;
	snprintf(result->failed_message, sizeof(result->failed_message), "%s", message);
}

void result_free(struct result *result)
{
	buffer_free(&result->reason);
	collection_free(&result->collection);
	result_init(result);
}

void result_cursor_init(struct result_cursor *cursor)
{
	*cursor = (struct result_cursor){.fd = -1};
}

void result_cursor_free(struct result_cursor *cursor)
{
	descriptor_close(&cursor->fd);
}

static int put(const struct frame *frame, struct buffer *out, struct error *err)
{
	return frame_encode(frame, out, err) == 0 ? 1 : -1;
}

static void describe_file(const struct collection *c, size_t index, struct frame_object *ret)
{
	const struct collected_file *file = &c->files[index];
	*ret = (struct frame_object){
	    .kind = FRAME_OUT_FILE,
	    .flags = file->is_executable ? FRAME_OBJECT_EXECUTABLE : 0,
	    .path = collection_path(c, index),
	    .size = file->size,
	    .mtime = file->mtime,
	};
}

/* Fill in the object with this index; false if the result has none of its kind. */
static bool describe(const struct result *result, const struct logs *logs, size_t index,
		     struct frame_object *ret)
{
	const struct collection *c = &result->collection;
	switch (index) {
	case OBJECT_LOGS_HEAD:
		*ret = (struct frame_object){.kind = FRAME_LOGS_HEAD, .size = logs_head(logs).n};
		return ret->size > 0;
	case OBJECT_LOGS_TAIL:
		*ret = (struct frame_object){.kind = FRAME_LOGS_TAIL, .size = logs_tail_size(logs)};
		return ret->size > 0;
	case OBJECT_REASON:
		*ret = (struct frame_object){.kind = FRAME_REASON, .size = result->reason.len};
		return ret->size > 0;
	case OBJECT_OUTPUT:
		*ret = (struct frame_object){.kind = FRAME_OUTPUT, .size = c->output_size};
		if (c->output_size > result->max_output)
			ret->flags = FRAME_OBJECT_TOO_LARGE;
		return c->output_fd >= 0;
	default:
		describe_file(c, index - OBJECT_FIRST_FILE, ret);
		return true;
	}
}

static int open_file(const struct result *result, const struct frame_object *object, struct error *err)
{
	cleanup_close int fd =
	    beneath_open(result->collection.files_fd, object->path, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		return error_errno(err, "open out/files/%.*s", (int)object->path.n, object->path.p);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != object->size)
		return error_set(err, ERR_IO, "out/files/%.*s changed", (int)object->path.n, object->path.p);
	int opened = fd;
	fd = -1;
	return opened;
}

/* OBJECT of the next object there is, or on to END. */
static int next_object(const struct result *result, const struct logs *logs, struct result_cursor *cursor,
		       struct buffer *out, struct error *err)
{
	struct frame frame = {.type = FRAME_OBJECT, .from_runner = true};
	size_t end = OBJECT_FIRST_FILE + result->collection.count;
	while (cursor->object < end && !describe(result, logs, cursor->object, &frame.object))
		cursor->object++;
	if (cursor->object == end) {
		cursor->stage = RESULT_AT_END;
		return result_next(result, logs, cursor, out, err);
	}
	if (frame.object.kind == FRAME_OUT_FILE) {
		cursor->fd = open_file(result, &frame.object, err);
		if (cursor->fd < 0)
			return -1;
	}
	cursor->offset = 0;
	bool is_left_out = frame.object.kind == FRAME_OUTPUT && frame.object.flags & FRAME_OBJECT_TOO_LARGE;
	cursor->size = is_left_out ? 0 : frame.object.size;
	cursor->stage = RESULT_AT_DATA;
	cursor->object_count++;
	return put(&frame, out, err);
}

static struct str bytes_in_memory(const struct result *result, const struct logs *logs,
				  const struct result_cursor *cursor)
{
	size_t offset = (size_t)cursor->offset;
	if (cursor->object == OBJECT_LOGS_TAIL)
		return logs_tail(logs, offset);
	struct str whole = cursor->object == OBJECT_LOGS_HEAD ? logs_head(logs) : buffer_str(&result->reason);
	return (struct str){whole.p + offset, whole.n - offset};
}

static int next_data(const struct result *result, const struct logs *logs, struct result_cursor *cursor,
		     struct buffer *out, struct error *err)
{
	if (cursor->offset == cursor->size) {
		descriptor_close(&cursor->fd);
		cursor->object++;
		cursor->stage = RESULT_AT_OBJECT;
		return next_object(result, logs, cursor, out, err);
	}
	char piece[FRAME_DATA_SIZE];
	struct frame frame = {.type = FRAME_DATA, .from_runner = true};
	if (cursor->object < OBJECT_OUTPUT) {
		frame.data = bytes_in_memory(result, logs, cursor);
		if (frame.data.n > FRAME_DATA_SIZE)
			frame.data.n = FRAME_DATA_SIZE;
	} else {
		uint64_t left = cursor->size - cursor->offset;
		int fd = cursor->object == OBJECT_OUTPUT ? result->collection.output_fd : cursor->fd;
		ssize_t n = pread(fd, piece, left < sizeof(piece) ? (size_t)left : sizeof(piece),
				  (off_t)cursor->offset);
		if (n <= 0)
			return n == 0 ? error_set(err, ERR_IO, "a file of the result is shorter than it was")
				      : error_errno(err, "read a file of the result");
		frame.data = (struct str){piece, (size_t)n};
	}
	cursor->offset += frame.data.n;
	cursor->byte_count += frame.data.n;
	return put(&frame, out, err);
}

int result_next(const struct result *result, const struct logs *logs, struct result_cursor *cursor,
		struct buffer *out, struct error *err)
{
	struct frame frame = {.from_runner = true};
	if (result->failed_reason && cursor->stage != RESULT_AT_DONE) {
		cursor->stage = RESULT_AT_DONE;
		frame.type = FRAME_FAILED;
		frame.failed =
		    (struct frame_failed){str_of(result->failed_reason), str_of(result->failed_message)};
		return put(&frame, out, err);
	}
	switch (cursor->stage) {
	case RESULT_AT_STARTED:
		if (!result->started)
			return 0;
		cursor->stage = RESULT_AT_EXIT;
		frame.type = FRAME_STARTED;
		frame.started.load_us = result->load_us;
		return put(&frame, out, err);
	case RESULT_AT_EXIT:
		if (!result->finished)
			return 0;
		cursor->stage = RESULT_AT_OBJECT;
		frame.type = FRAME_EXIT;
		frame.exit = result->exit;
		return put(&frame, out, err);
	case RESULT_AT_OBJECT:
		return next_object(result, logs, cursor, out, err);
	case RESULT_AT_DATA:
		return next_data(result, logs, cursor, out, err);
	case RESULT_AT_END:
		cursor->stage = RESULT_AT_DONE;
		frame.type = FRAME_END;
		frame.end = (struct frame_end){cursor->object_count, cursor->byte_count};
		return put(&frame, out, err);
	case RESULT_AT_DONE:
		break;
	}
	return 0;
}
