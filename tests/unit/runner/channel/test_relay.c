#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/channel/relay.h"
#include "runner/system/descriptor.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The relay in a thread, between two pipes and a socket pair. */
struct relay {
	int in[2], out[2], socket[2]; /* ours: in[1], out[0], socket[1] */
	pthread_t thread;
	int result;
};

static void *run(void *argument)
{
	struct relay *r = argument;
	r->result = relay_copy(r->in[0], r->out[1], r->socket[0]);
	close(r->out[1]);
	return NULL;
}

static void start(struct relay *r)
{
	assert_int_equal(pipe(r->in), 0);
	assert_int_equal(pipe(r->out), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, r->socket), 0);
	descriptor_set_nonblocking(r->in[0]);
	descriptor_set_nonblocking(r->out[1]);
	descriptor_set_nonblocking(r->socket[0]);
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
}

static void finish(struct relay *r)
{
	assert_int_equal(pthread_join(r->thread, NULL), 0);
	close(r->in[0]);
	close(r->out[0]);
	close(r->socket[0]);
}

static void expect(int fd, const char *want)
{
	char got[64] = {0};
	size_t n = 0;
	while (n < strlen(want)) {
		ssize_t r = read(fd, got + n, sizeof(got) - 1 - n);
		assert_true(r > 0);
		n += (size_t)r;
	}
	assert_string_equal(got, want);
}

static void test_both_ways(void **state)
{
	(void)state;
	struct relay r;
	start(&r);
	assert_int_equal(write(r.in[1], "up", 2), 2);
	expect(r.socket[1], "up");
	assert_int_equal(write(r.socket[1], "down", 4), 4);
	expect(r.out[0], "down");
	close(r.in[1]); /* the end of stdin goes on as the end of our direction only */
	char byte;
	assert_int_equal(read(r.socket[1], &byte, 1), 0);
	assert_int_equal(write(r.socket[1], "last", 4), 4);
	close(r.socket[1]);
	expect(r.out[0], "last");
	assert_int_equal(read(r.out[0], &byte, 1), 0);
	finish(&r);
	assert_int_equal(r.result, 0);
}

/* PID 1 says why and closes, while bytes for it are still under way: its last word arrives. */
static void test_last_word(void **state)
{
	(void)state;
	struct relay r;
	start(&r);
	static char block[256 * 1024];
	descriptor_set_nonblocking(r.in[1]);
	assert_true(write(r.in[1], block, sizeof(block)) > 0);
	assert_int_equal(write(r.socket[1], "why", 3), 3);
	close(r.socket[1]);
	expect(r.out[0], "why");
	finish(&r);
	assert_int_equal(r.result, 0);
	close(r.in[1]);
}

/* Neither side reads at first: bytes both ways fill every buffer, and none is lost. */
static void *feed(void *argument)
{
	int fd = *(int *)argument;
	static char block[64 * 1024];
	for (int i = 0; i < 32; i++)
		for (size_t done = 0; done < sizeof(block);) {
			ssize_t n = write(fd, block + done, sizeof(block) - done);
			if (n < 0)
				return (void *)1;
			done += (size_t)n;
		}
	return NULL;
}

static size_t drain(int fd, size_t want)
{
	static char block[64 * 1024];
	size_t got = 0;
	while (got < want) {
		ssize_t n = read(fd, block, sizeof(block));
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got;
}

static void test_full_buffers(void **state)
{
	(void)state;
	struct relay r;
	start(&r);
	pthread_t up, down;
	assert_int_equal(pthread_create(&up, NULL, feed, &r.in[1]), 0);
	assert_int_equal(pthread_create(&down, NULL, feed, &r.socket[1]), 0);
	assert_int_equal(drain(r.out[0], 32 * 64 * 1024),
			 32 * 64 * 1024); /* one side first, then the other */
	assert_int_equal(drain(r.socket[1], 32 * 64 * 1024), 32 * 64 * 1024);
	pthread_join(up, NULL);
	pthread_join(down, NULL);
	close(r.in[1]);
	close(r.socket[1]);
	finish(&r);
	assert_int_equal(r.result, 0);
}

static void test_stdout_is_gone(void **state)
{
	(void)state;
	struct relay r;
	start(&r);
	close(r.out[0]);
	assert_int_equal(write(r.socket[1], "x", 1), 1);
	assert_int_equal(pthread_join(r.thread, NULL), 0);
	assert_int_equal(r.result, -1);
	close(r.in[0]);
	close(r.in[1]);
	close(r.socket[0]);
	close(r.socket[1]);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_both_ways),
	    cmocka_unit_test(test_last_word),
	    cmocka_unit_test(test_full_buffers),
	    cmocka_unit_test(test_stdout_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
