#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/cell/echo.h"
#include "runner/system/descriptor.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_echo(void **state)
{
	(void)state;
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(descriptor_set_nonblocking(fds[1]), 0);
	struct echo echo;
	echo_init(&echo, fds[1]);
	static char piece[8192];
	size_t sent = 0, got = 0;
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = (char)('a' + i % 26);
	while (!echo_is_behind(&echo)) { /* nobody reads: it piles up and never blocks */
		echo_write(&echo, (struct str){piece, sizeof(piece)});
		sent += sizeof(piece);
	}
	assert_true(sent > ECHO_PAUSE);
	static char back[8192];
	while (got < sent) { /* and comes out whole and in order once somebody does */
		ssize_t n = read(fds[0], back, sizeof(back));
		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(back[i], piece[(got + (size_t)i) % sizeof(piece)]);
		got += (size_t)n;
		echo_flush(&echo);
	}
	assert_int_equal(echo.pending.len, 0);
	for (size_t i = 0; i < 2 * (ECHO_MAX / sizeof(piece)); i++) /* bounded, whatever comes */
		echo_write(&echo, (struct str){piece, sizeof(piece)});
	assert_true(echo.pending.len <= ECHO_MAX);
	close(fds[0]); /* the reader goes: no SIGPIPE, no error, nothing kept */
	echo_flush(&echo);
	assert_int_equal(echo.fd, -1);
	assert_int_equal(echo.pending.len, 0);
	echo_write(&echo, STR("x"));
	assert_int_equal(echo.pending.len, 0);
	echo_free(&echo);
	close(fds[1]);
}

/* A log that never ends must not fill the node's disk. */
static void test_echo_ends(void **state)
{
	(void)state;
	char path[] = "/tmp/skillbox-echo-XXXXXX", end[256] = "";
	static char piece[1 << 20];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	struct echo echo;
	echo_init(&echo, fd);
	memset(piece, 'x', sizeof(piece));
	for (size_t sent = 0; sent < ECHO_TOTAL + sizeof(piece); sent += sizeof(piece))
		echo_write(&echo, (struct str){piece, sizeof(piece) - 1});
	off_t size = lseek(fd, 0, SEEK_END);
	assert_true(size > ECHO_TOTAL && size < ECHO_TOTAL + 100);
	assert_true(pread(fd, end, sizeof(end) - 1, ECHO_TOTAL) > 0);
	assert_non_null(strstr(end, "the script writes more"));
	echo_free(&echo);
	close(fd);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_echo),
	    cmocka_unit_test(test_echo_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
