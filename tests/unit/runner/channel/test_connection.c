#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/channel/connection.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_frames_in_pieces),      TEST(test_end_and_silence), TEST(test_refusal_is_the_last_word),
	    TEST(test_stranger_gets_nothing), TEST(test_slow_peer),       TEST(test_peer_that_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
