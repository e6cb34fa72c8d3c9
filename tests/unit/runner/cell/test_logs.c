#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/buffer.h"
#include "runner/cell/logs.h"

#define TEXT_MAX 4096

/* What was appended, by a plain model: the whole text. */
struct model {
	struct logs logs;
	struct buffer all;
	size_t max;
};

static void model_init(struct model *m, size_t max)
{
	struct error err = {0};
	*m = (struct model){.all = BUFFER(TEXT_MAX), .max = max};
	assert_int_equal(logs_init(&m->logs, max, &err), 0);
}

static void model_append(struct model *m, struct str bytes)
{
	assert_int_equal(buffer_append_str(&m->all, bytes), 0);
	logs_append(&m->logs, bytes, false);
}

static void model_check(struct model *m)
{
	size_t head = m->max / 2 < m->all.len ? m->max / 2 : m->all.len;
	size_t behind = m->all.len - head, ring = m->max - m->max / 2;
	size_t tail = behind < ring ? behind : ring;
	assert_true(m->logs.total == m->all.len);
	assert_true(str_eq(logs_head(&m->logs), (struct str){m->all.data, head}));
	assert_int_equal(logs_tail_size(&m->logs), tail);
	cleanup_buffer struct buffer got = BUFFER(TEXT_MAX);
	while (got.len < tail) {
		struct str piece = logs_tail(&m->logs, got.len);
		assert_true(piece.n > 0);
		buffer_append_str(&got, piece);
	}
	assert_int_equal(got.len, tail);
	assert_true(str_eq(buffer_str(&got), (struct str){m->all.data + (m->all.len - tail), tail}));
	assert_int_equal(logs_tail(&m->logs, tail).n, 0);
}

static void model_free(struct model *m)
{
	logs_free(&m->logs);
	buffer_free(&m->all);
}

static void test_pieces_of_every_size(void **state)
{
	(void)state;
	char text[300];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	static const size_t maxima[] = {0, 1, 2, 3, 7, 64, 65, 200, 1000};
	for (size_t k = 0; k < sizeof(maxima) / sizeof(maxima[0]); k++) {
		for (size_t piece = 1; piece < sizeof(text); piece += 7) {
			struct model m;
			model_init(&m, maxima[k]);
			model_check(&m);
			for (size_t at = 0; at < sizeof(text); at += piece) {
				size_t n = sizeof(text) - at < piece ? sizeof(text) - at : piece;
				model_append(&m, (struct str){text + at, n});
				model_check(&m);
			}
			model_free(&m);
		}
	}
}

static void test_empty_append(void **state)
{
	(void)state;
	struct model m;
	model_init(&m, 10);
	model_append(&m, (struct str){NULL, 0});
	model_check(&m);
	model_free(&m);
}

static void expect_line(const char *const *pieces, struct str want)
{
	struct logs logs;
	struct error err = {0};
	assert_int_equal(logs_init(&logs, 0, &err), 0);
	for (; *pieces; pieces++)
		logs_append(&logs, str_of(*pieces), true);
	struct str got = logs_last_stderr_line(&logs);
	if (!str_eq(got, want))
		fail_msg("got \"%.*s\", want \"%.*s\"", (int)got.n, got.p, (int)want.n, want.p);
	logs_free(&logs);
}

static void test_last_line(void **state)
{
	(void)state;
	expect_line((const char *[]){NULL}, STR(""));
	expect_line((const char *[]){"one\n", NULL}, STR("one"));
	expect_line((const char *[]){"one\ntwo", NULL}, STR("two"));
	expect_line((const char *[]){"one\ntw", "o\n\n \t\r\n", NULL}, STR("two"));
	expect_line((const char *[]){"one\n", "   ", NULL}, STR("one"));
	expect_line((const char *[]){"  padded \r\n", NULL}, STR("padded"));
	expect_line((const char *[]){"\n\n", NULL}, STR(""));
	expect_line((const char *[]){"a", "b", "\n", NULL}, STR("ab"));
}

static void test_stdout_is_no_stderr_line(void **state)
{
	(void)state;
	struct logs logs;
	struct error err = {0};
	assert_int_equal(logs_init(&logs, 100, &err), 0);
	logs_append(&logs, STR("err"), true);
	logs_append(&logs, STR("out\n"), false);
	logs_append(&logs, STR("or\n"), true);
	assert_true(str_eq(logs_last_stderr_line(&logs), STR("error")));
	logs_free(&logs);
}

static void test_long_line_is_cut(void **state)
{
	(void)state;
	struct logs logs;
	struct error err = {0};
	assert_int_equal(logs_init(&logs, 0, &err), 0);
	for (int i = 0; i < 3000; i++)
		logs_append(&logs, STR("x"), true);
	assert_int_equal(logs_last_stderr_line(&logs).n, LOGS_LINE_MAX);
	logs_append(&logs, STR("\nnext\n"), true);
	assert_true(str_eq(logs_last_stderr_line(&logs), STR("next")));
	logs_free(&logs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pieces_of_every_size),
	    cmocka_unit_test(test_empty_append),
	    cmocka_unit_test(test_last_line),
	    cmocka_unit_test(test_stdout_is_no_stderr_line),
	    cmocka_unit_test(test_long_line_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
