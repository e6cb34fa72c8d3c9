/* lib/base/log.c: what arrives on stderr. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/log.h"

#include "lib/base/jsontext.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* stderr is a pipe that one read empties. */
static int saved_stderr, pipe_fds[2];
static char line[128 * 1024];

static int redirect(void **state)
{
	(void)state;
	saved_stderr = dup(STDERR_FILENO);
	return saved_stderr < 0 || pipe2(pipe_fds, O_NONBLOCK) != 0 ||
	       fcntl(pipe_fds[1], F_SETPIPE_SZ, 1 << 20) < 0 || dup2(pipe_fds[1], STDERR_FILENO) < 0;
}

static int restore(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	log_init("skillbox", LOG_INFO);
	return 0;
}

static struct str read_line(void)
{
	ssize_t n = read(pipe_fds[0], line, sizeof(line));
	return (struct str){line, n > 0 ? (size_t)n : 0};
}

static void expect_member(struct str json, const char *key, const char *expected)
{
	struct str value;
	assert_true(jsontext_member(json, str_of(key), &value));
	assert_true(str_eq(value, str_of(expected)));
}

static void one_json_object_a_line(void **state)
{
	(void)state;
	log_init("controller", LOG_INFO);
	errno = EAGAIN;
	log_info("execution \"finished\"\n", "execution", "abc", "left out", NULL, "bad", "a\xff", "id", "9",
		 NULL);
	assert_int_equal(errno, EAGAIN);
	struct str got = read_line();
	assert_true(str_ends_with(got, STR("}\n")));
	assert_null(memchr(got.p, '\n', got.n - 1));
	struct jsontext_rules rules = {.refuse_duplicates = true};
	assert_int_equal(jsontext_check(got, &rules, NULL), 0);
	expect_member(got, "level", "\"info\"");
	expect_member(got, "component", "\"controller\"");
	expect_member(got, "msg", "\"execution \\\"finished\\\"\\n\"");
	expect_member(got, "execution", "\"abc\"");
	expect_member(got, "bad", "\"a\xef\xbf\xbd\"");
	expect_member(got, "id", "\"9\"");
	struct str value;
	assert_false(jsontext_member(got, STR("left out"), &value));
	assert_true(jsontext_member(got, STR("ts"), &value));
	assert_int_equal(value.n, sizeof("\"2026-11-24T10:58:24.123Z\"") - 1);
}

static void levels_are_kept(void **state)
{
	(void)state;
	log_init("controller", LOG_WARN);
	log_debug("a", NULL);
	log_info("a", NULL);
	assert_int_equal(read_line().n, 0);
	log_warn("b", NULL);
	expect_member(read_line(), "level", "\"warn\"");
	log_error("c", NULL);
	expect_member(read_line(), "level", "\"error\"");
	log_init("controller", LOG_DEBUG);
	log_debug("d", NULL);
	expect_member(read_line(), "level", "\"debug\"");
}

static void a_line_has_a_maximum(void **state)
{
	(void)state;
	log_init("controller", LOG_INFO);
	char *big = malloc(300001);
	assert_non_null(big);
	memset(big, '\x01', 300000);
	big[300000] = '\0';
	log_info("big", "a", "first", "b", big, "c", big, "d", "last", NULL);
	struct str got = read_line();
	free(big);
	assert_in_range(got.n, 8000, 65 * 1024);
	assert_true(str_ends_with(got, STR("}\n")));
	assert_int_equal(jsontext_check(got, NULL, NULL), 0);
	expect_member(got, "a", "\"first\"");
}

static void parses_levels(void **state)
{
	(void)state;
	enum log_level level = LOG_ERROR;
	assert_true(log_level_parse("debug", &level));
	assert_int_equal(level, LOG_DEBUG);
	assert_true(log_level_parse("WARN", &level));
	assert_int_equal(level, LOG_WARN);
	assert_false(log_level_parse("warning", &level));
	assert_false(log_level_parse("", &level));
	assert_false(log_level_parse(NULL, &level));
	assert_int_equal(level, LOG_WARN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_json_object_a_line, redirect, restore),
	    cmocka_unit_test_setup_teardown(levels_are_kept, redirect, restore),
	    cmocka_unit_test_setup_teardown(a_line_has_a_maximum, redirect, restore),
	    cmocka_unit_test(parses_levels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
