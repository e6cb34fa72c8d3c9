/* The exec stream of a test, in place of lib/kube/exec.c: takes `room` bytes, keeps what was written, and
 * says what the test has it say. One is open at a time; its functions are linked, so one file of a program
 * includes this. */
#ifndef SKILLBOX_TESTS_FAKE_STREAM_H
#define SKILLBOX_TESTS_FAKE_STREAM_H

#include "lib/base/buffer.h"
#include "lib/frame/frame.h"
#include "lib/kube/exec.h"

#include <stdlib.h>

struct exec_stream {
	struct exec_handler handler;
	void *context;
	struct buffer written;
	size_t room;
};

/* The one that is open; NULL: none. */
static struct exec_stream *stream;

struct exec_stream *exec_stream_open(struct kube_ws *ws, const struct exec_options *options,
				     struct error *err)
{
	(void)ws;
	(void)err;
	assert_null(stream);
	stream = calloc(1, sizeof(*stream));
	assert_non_null(stream);
	*stream = (struct exec_stream){options->handler, options->context, BUFFER(64 << 20), SIZE_MAX};
	return stream;
}

size_t exec_stream_write(struct exec_stream *one, struct str data)
{
	size_t n = data.n < one->room ? data.n : one->room;
	one->room -= one->room == SIZE_MAX ? 0 : n;
	assert_int_equal(buffer_append(&one->written, data.p, n), 0);
	return n;
}

struct exec_stream *exec_stream_close(struct exec_stream *one)
{
	if (!one)
		return NULL;
	assert_ptr_equal(one, stream);
	buffer_free(&stream->written);
	free(stream);
	stream = NULL;
	return NULL;
}

/* It ends by itself: the handler hears it last. */
static inline void stream_end(const struct error *problem, int exit_code)
{
	struct exec_stream *ended = stream;
	ended->handler.closed(ended->context, problem, exit_code);
	exec_stream_close(ended);
}

/* What the sandbox says, as bytes: to be freed. */
static inline struct buffer stream_encode(const struct frame *frame)
{
	struct buffer bytes = BUFFER(1 << 20);
	struct error err;
	if (frame_encode(frame, &bytes, &err) != 0)
		fail_msg("%s", err.message);
	return bytes;
}

static inline void stream_say(const struct frame *frame)
{
	cleanup_buffer struct buffer bytes = stream_encode(frame);
	stream->handler.output(stream->context, buffer_str(&bytes));
}

#endif
