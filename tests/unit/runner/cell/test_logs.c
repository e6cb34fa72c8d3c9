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

/* The last bytes of each stream by itself, however they came, and enough of them. */
static void test_ends(void **state)
{
	(void)state;
	static char all[5 * LOGS_END_MAX];
	static const size_t pieces[] = {
	    1000, 4096, LOGS_END_MAX - 1, LOGS_END_MAX, LOGS_END_MAX + 1, 3 * LOGS_END_MAX};
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i % 251);
	for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
		struct logs logs;
		struct error err = {0};
		assert_int_equal(logs_init(&logs, 0, &err), 0);
		for (size_t at = 0; at < sizeof(all);) {
			size_t n = sizeof(all) - at < pieces[k] ? sizeof(all) - at : pieces[k];
			logs_append(&logs, (struct str){all + at, n}, true);
			logs_append(&logs, STR("o"), false);
			at += n;
			struct str end = logs_end(&logs, true);
			assert_true(end.n >= (at < LOGS_END_MAX ? at : LOGS_END_MAX) &&
				    end.n <= 2 * LOGS_END_MAX);
			assert_true(str_eq(end, (struct str){all + at - end.n, end.n}));
		}
		assert_true(logs_end(&logs, false).n > 0 && logs_end(&logs, false).p[0] == 'o');
		logs_free(&logs);
		assert_int_equal(logs_end(&logs, true).n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pieces_of_every_size),
	    cmocka_unit_test(test_empty_append),
	    cmocka_unit_test(test_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
