#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/channel/connection.h"

#include <lz4.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct fixture {
	struct connection connection;
	int peer;
	struct result result;
	struct logs logs;
	struct error err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];
	if (!f || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
		return -1;
	connection_open(&f->connection, fds[0], 1);
	f->peer = fds[1];
	result_init(&f->result);
	*state = f;
	return logs_init(&f->logs, 8 << 20, &f->err);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	connection_close(&f->connection);
	close(f->peer);
	result_free(&f->result);
	logs_free(&f->logs);
	free(f);
	return 0;
}

static void peer_says(struct fixture *f, const struct frame *frame, size_t piece, unsigned want_frames)
{
	cleanup_buffer struct buffer bytes = BUFFER(1 << 20);
	assert_int_equal(frame_encode(frame, &bytes, &f->err), 0);
	unsigned got = 0;
	for (size_t at = 0; at < bytes.len; at += piece) {
		size_t n = bytes.len - at < piece ? bytes.len - at : piece;
		assert_int_equal(send(f->peer, bytes.data + at, n, 0), n);
		assert_int_equal(connection_read(&f->connection), 0);
		struct frame one;
		int r;
		while ((r = connection_next(&f->connection, &one, &f->err)) == 1) {
			assert_int_equal(one.type, frame->type);
			got++;
		}
		assert_int_equal(r, 0);
	}
	assert_int_equal(got, want_frames);
}

static void test_frames_in_pieces(void **state)
{
	struct fixture *f = *state;
	static char value[100000];
	memset(value, 'v', sizeof(value));
	struct frame env = {.type = FRAME_ENV, .env = {STR("NAME"), {value, sizeof(value)}}};
	struct frame cancel = {.type = FRAME_CANCEL};
	peer_says(f, &cancel, 1, 1);
	peer_says(f, &env, 1000, 1);
	peer_says(f, &env, 99999, 1);
	peer_says(f, &cancel, 5, 1);
}

static void test_end_and_silence(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(connection_read(&f->connection), 0); /* nothing there is no end */
	assert_false(f->connection.ended);
	assert_int_equal(connection_events(&f->connection), EPOLLIN);
	shutdown(f->peer, SHUT_WR);
	assert_int_equal(connection_read(&f->connection), 0);
	assert_true(f->connection.ended);
	assert_int_equal(connection_events(&f->connection), 0);
}

static void test_refusal_is_the_last_word(void **state)
{
	struct fixture *f = *state;
	f->connection.known = true;
	f->result.started = true; /* of a result, nothing more is sent */
	char message[3000];
	memset(message, 'm', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	connection_refuse(&f->connection, "protocol", message);
	assert_int_equal(connection_pump(&f->connection, &f->result, &f->logs),
			 -1); /* written: may be closed */
	char bytes[8192];
	ssize_t n = recv(f->peer, bytes, sizeof(bytes), 0);
	struct frame frame;
	size_t used = 0;
	assert_true(n > 0);
	assert_int_equal(frame_decode((struct str){bytes, (size_t)n}, true, &frame, &used, &f->err), 1);
	assert_int_equal(used, n);
	assert_int_equal(frame.type, FRAME_FAILED);
	assert_int_equal(frame.failed.message.n, FRAME_MAX_TEXT);
}

/* Nobody gets a word of the result before HELLO. */
static void test_stranger_gets_nothing(void **state)
{
	struct fixture *f = *state;
	f->result.started = f->result.finished = true;
	logs_append(&f->logs, STR("secret"), false);
	assert_int_equal(connection_pump(&f->connection, &f->result, &f->logs), 0);
	char byte;
	assert_int_equal(recv(f->peer, &byte, 1, 0), -1);
}

/* A peer that reads slowly: the queue stays bounded, and the whole result arrives. */
static void test_slow_peer(void **state)
{
	struct fixture *f = *state;
	static char line[1 << 16];
	memset(line, 'x', sizeof(line));
	for (int i = 0; i < 128; i++)
		logs_append(&f->logs, (struct str){line, sizeof(line)}, false);
	f->connection.known = true;
	f->result.started = f->result.finished = true;
	struct buffer in = BUFFER(1 << 20);
	uint64_t data = 0;
	unsigned objects = 0;
	bool ended = false;
	while (!ended) {
		assert_int_equal(connection_pump(&f->connection, &f->result, &f->logs), 0);
		assert_true(f->connection.out.len < 512 * 1024);
		assert_int_equal((connection_events(&f->connection) & EPOLLOUT) != 0,
				 f->connection.out.len > 0);
		char *at = buffer_reserve(&in, 50000);
		assert_non_null(at);
		ssize_t n = recv(f->peer, at, 50000, 0);
		assert_true(n > 0);
		in.len += (size_t)n;
		struct frame frame;
		size_t used;
		while (frame_decode(buffer_str(&in), true, &frame, &used, &f->err) == 1) {
			data += frame.type == FRAME_DATA ? frame.data.n : 0;
			objects += frame.type == FRAME_OBJECT;
			if (frame.type == FRAME_END) {
				assert_int_equal(frame.end.object_count, objects);
				assert_true(frame.end.byte_count == data);
				ended = true;
			}
			buffer_consume(&in, used);
		}
	}
	assert_true(data == 8 << 20);
	assert_int_equal(objects, 2); /* head and tail */
	buffer_free(&in);
}

static void test_peer_that_is_gone(void **state)
{
	struct fixture *f = *state;
	f->connection.known = true;
	f->result.started = true;
	close(f->peer);
	assert_int_equal(connection_pump(&f->connection, &f->result, &f->logs), -1);
	f->peer = dup(0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static void say_packed(struct fixture *f, struct str frames, uint32_t size)
{
	cleanup_buffer struct buffer bytes = BUFFER(1 << 20);
	struct error err;
	char packed[256];
	int n = LZ4_compress_default(frames.p, packed, (int)frames.n, sizeof(packed));
	assert_true(n > 0);
	struct frame frame = {.type = FRAME_PACKED, .packed = {size, {packed, (size_t)n}}};
	assert_int_equal(frame_encode(&frame, &bytes, &err), 0);
	assert_int_equal(send(f->peer, bytes.data, bytes.len, 0), bytes.len);
	assert_int_equal(connection_read(&f->connection), 0);
}

static void put(struct buffer *out, struct frame frame)
{
	struct error err;
	assert_int_equal(frame_encode(&frame, out, &err), 0);
}

/* Frame by frame, and what comes behind it after them. */
static void packed_frames_come_one_by_one(void **state)
{
	struct fixture *f = *state;
	cleanup_buffer struct buffer frames = BUFFER(4096);
	struct frame got;
	f->connection.known = true;
	put(&frames, (struct frame){.type = FRAME_PACKAGE, .file = {STR("a/b.py"), 0644, 3}});
	put(&frames, (struct frame){.type = FRAME_DATA, .data = STR("abc")});
	for (int round = 0; round < 2; round++) {
		say_packed(f, buffer_str(&frames), (uint32_t)frames.len);
		assert_int_equal(connection_next(&f->connection, &got, &f->err), 1);
		assert_int_equal(got.type, FRAME_PACKAGE);
		assert_int_equal(connection_next(&f->connection, &got, &f->err), 1);
		assert_true(str_eq(got.data, STR("abc")));
		assert_int_equal(connection_next(&f->connection, &got, &f->err), 0);
	}
}

static void only_files_may_be_packed(void **state)
{
	struct fixture *f = *state;
	cleanup_buffer struct buffer frames = BUFFER(4096);
	struct frame got;
	f->connection.known = true;
	put(&frames, (struct frame){.type = FRAME_CANCEL});
	say_packed(f, buffer_str(&frames), (uint32_t)frames.len);
	assert_int_equal(connection_next(&f->connection, &got, &f->err), -1);
	assert_non_null(strstr(f->err.message, "PACKED frame: has a CANCEL"));
}

static void a_packed_frame_is_whole(void **state)
{
	struct fixture *f = *state;
	cleanup_buffer struct buffer frames = BUFFER(4096);
	struct frame got;
	f->connection.known = true;
	put(&frames, (struct frame){.type = FRAME_DATA, .data = STR("abc")});
	say_packed(f, (struct str){frames.data, frames.len - 1}, (uint32_t)frames.len - 1);
	assert_int_equal(connection_next(&f->connection, &got, &f->err), -1);
	assert_non_null(strstr(f->err.message, "its last frame is cut"));
}

/* Nothing is unpacked for who has not said the token yet. */
static void a_stranger_s_is_not_unpacked(void **state)
{
	struct fixture *f = *state;
	struct frame got;
	say_packed(f, STR("anything"), 8);
	assert_int_equal(connection_next(&f->connection, &got, &f->err), 1);
	assert_int_equal(got.type, FRAME_PACKED);
	assert_int_equal(f->connection.unpacked.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_frames_in_pieces),
	    TEST(test_end_and_silence),
	    TEST(test_refusal_is_the_last_word),
	    TEST(test_stranger_gets_nothing),
	    TEST(test_slow_peer),
	    TEST(test_peer_that_is_gone),
	    cmocka_unit_test_setup_teardown(packed_frames_come_one_by_one, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(only_files_may_be_packed, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_packed_frame_is_whole, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_stranger_s_is_not_unpacked, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
