/* The small parts: environment, interpreters, OOM counter, echo, copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/descriptor.h"
#include "runner/echo.h"
#include "runner/environment.h"
#include "runner/install.h"
#include "runner/interpreter.h"
#include "runner/oom.h"
#include "tests/unit/runner/directory.h"

#include <signal.h>

static void test_environment(void **state)
{
	(void)state;
	struct environment e = {0};
	struct error err = {0};
	assert_int_equal(environment_set(&e, STR("A"), STR("1"), &err), 0);
	assert_int_equal(environment_set(&e, STR("AB"), STR("2"), &err), 0);
	assert_int_equal(environment_set(&e, STR("B"), (struct str){NULL, 0}, &err), 0);
	assert_int_equal(environment_set(&e, STR("A"), STR("3=4"), &err), 0);
	assert_int_equal(e.count, 3);
	assert_string_equal(e.entries[0], "A=3=4");
	assert_string_equal(e.entries[1], "AB=2");
	assert_string_equal(e.entries[2], "B=");
	assert_null(e.entries[3]);
	char name[16];
	while (e.count < ENVIRONMENT_MAX) {
		snprintf(name, sizeof(name), "N%u", e.count);
		assert_int_equal(environment_set(&e, str_of(name), STR("x"), &err), 0);
	}
	assert_int_equal(environment_set(&e, STR("ONE_MORE"), STR("x"), &err), -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_int_equal(environment_set(&e, STR("A"), STR("last"), &err), 0); /* replacing still works */
	assert_null(e.entries[ENVIRONMENT_MAX]);
	environment_free(&e);
	assert_int_equal(e.count, 0);
}

static void make_program(struct directory *d, const char *path, mode_t mode)
{
	assert_int_equal(directory_write(d->fd, path, "#!", 2), 0);
	assert_int_equal(fchmodat(d->fd, path, mode, 0), 0);
}

static void test_interpreters(void **state)
{
	(void)state;
	struct directory d;
	assert_int_equal(directory_make(&d), 0);
	assert_int_equal(mkdirat(d.fd, "one", 0755), 0);
	assert_int_equal(mkdirat(d.fd, "two", 0755), 0);
	assert_int_equal(mkdirat(d.fd, "one/bash", 0755), 0); /* a directory is no program */
	make_program(&d, "one/node", 0644);                   /* nor is what can't be executed */
	make_program(&d, "two/node", 0755);
	make_program(&d, "one/python3", 0755);
	static struct interpreters found;
	char search[256], want[256];
	snprintf(search, sizeof(search), "relative::%s/missing:%s/one:%s/two", d.path, d.path, d.path);
	interpreters_find(search, &found);
	snprintf(want, sizeof(want), "%s/one/python3", d.path);
	assert_string_equal(interpreters_path(&found, STR("python")), want);
	snprintf(want, sizeof(want), "%s/two/node", d.path);
	assert_string_equal(interpreters_path(&found, STR("node")), want);
	assert_null(interpreters_path(&found, STR("bash")));
	assert_null(interpreters_path(&found, STR("ruby")));
	assert_null(interpreters_path(&found, STR("")));
	make_program(&d, "two/python", 0755); /* the plain name wins wherever it is */
	interpreters_find(search, &found);
	snprintf(want, sizeof(want), "%s/two/python", d.path);
	assert_string_equal(interpreters_path(&found, STR("python")), want);
	assert_int_equal(directory_remove(&d), 0);
}

static void test_oom(void **state)
{
	(void)state;
	assert_int_equal(oom_parse("low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 1\n"), 3);
	assert_int_equal(oom_parse("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"), 5);
	assert_int_equal(oom_parse("oom 2\n"), 0);
	assert_int_equal(oom_parse("oom_kill x\n"), 0);
	assert_int_equal(oom_parse(""), 0);
	assert_int_equal(oom_kills(-1), 0);
}

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

static void test_copy(void **state)
{
	(void)state;
	struct directory d;
	struct error err = {0};
	assert_int_equal(directory_make(&d), 0);
	char source[128], destination[128];
	static char content[200000];
	memset(content, 'c', sizeof(content));
	snprintf(source, sizeof(source), "%s/source", d.path);
	snprintf(destination, sizeof(destination), "%s/destination", d.path);
	assert_int_equal(directory_write(d.fd, "source", content, sizeof(content)), 0);
	assert_int_equal(install_copy(source, destination, &err), 0);
	struct stat st;
	assert_int_equal(stat(destination, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0755);
	assert_int_equal(st.st_size, sizeof(content));
	assert_int_equal(install_copy(source, destination, &err), 0); /* over an older one */
	assert_int_equal(install_copy("/nowhere", destination, &err), -1);
	assert_non_null(strstr(err.message, "open /nowhere"));
	assert_int_equal(install_copy(source, "/nowhere/x", &err), -1);
	snprintf(destination, sizeof(destination), "%s/destination.tmp", d.path);
	assert_int_equal(stat(destination, &st), -1);
	assert_int_equal(directory_remove(&d), 0);
}

static void test_copy_through_a_link(void **state)
{
	(void)state;
	struct directory d;
	struct error err = {0};
	assert_int_equal(directory_make(&d), 0);
	char destination[128];
	snprintf(destination, sizeof(destination), "%s/x", d.path);
	assert_int_equal(symlinkat("elsewhere", d.fd, "x.tmp"), 0);
	assert_int_equal(install_copy("/proc/self/exe", destination, &err), -1);
	struct stat st;
	assert_int_equal(fstatat(d.fd, "elsewhere", &st, 0), -1);
	assert_int_equal(directory_remove(&d), 0);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_environment),
	    cmocka_unit_test(test_interpreters),
	    cmocka_unit_test(test_oom),
	    cmocka_unit_test(test_echo),
	    cmocka_unit_test(test_echo_ends),
	    cmocka_unit_test(test_copy),
	    cmocka_unit_test(test_copy_through_a_link),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
