/* The frames of a result: which, in what order, for each peer from the start, and files that change
 * meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/cell/result.h"
#include "tests/unit/runner/directory.h"

#include <sys/stat.h>

#include <string.h>

#define LOGS_MAX 200000u

struct fixture {
	struct directory sandbox;
	struct result result;
	struct logs logs;
	struct result_cursor cursor;
	struct buffer out;
	struct frame frame;
	size_t used; /* of `out`, by `frame` */
	struct error err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f || directory_make(&f->sandbox) != 0 || mkdirat(f->sandbox.fd, "out", 0755) != 0 ||
	    mkdirat(f->sandbox.fd, "out/files", 0755) != 0)
		return -1;
	f->out = BUFFER(1 << 20);
	result_init(&f->result);
	result_cursor_init(&f->cursor);
	f->result.max_output = 1000;
	f->result.load_us = 77;
	*state = f;
	return logs_init(&f->logs, LOGS_MAX, &f->err);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	result_cursor_free(&f->cursor);
	result_free(&f->result);
	logs_free(&f->logs);
	buffer_free(&f->out);
	int r = directory_remove(&f->sandbox);
	free(f);
	return r;
}

static void put(struct fixture *f, const char *path, const char *content, size_t n)
{
	assert_int_equal(directory_write(f->sandbox.fd, path, content, n), 0);
}

/* The run is over. */
static void finish(struct fixture *f)
{
	if (collect(f->sandbox.fd, UINT64_MAX, UINT32_MAX, &f->result.collection, &f->err) != 0)
		fail_msg("%s", f->err.message);
	f->result.exit = (struct frame_exit){.reason = FRAME_EXITED, .exit_code = 9};
	f->result.started = f->result.finished = true;
}

static int next(struct fixture *f)
{
	buffer_consume(&f->out, f->used);
	f->used = 0;
	int r = result_next(&f->result, &f->logs, &f->cursor, &f->out, &f->err);
	if (r == 1)
		assert_int_equal(frame_decode(buffer_str(&f->out), true, &f->frame, &f->used, &f->err), 1);
	assert_int_equal(f->used, f->out.len); /* one frame a call */
	return r;
}

static const struct frame *expect(struct fixture *f, enum frame_type type)
{
	if (next(f) != 1 || f->frame.type != type)
		fail_msg("%s, not %s: %s", frame_type_name(f->frame.type), frame_type_name(type),
			 f->err.message);
	return &f->frame;
}

static void expect_object(struct fixture *f, enum frame_object_kind kind, const char *path, uint64_t size)
{
	const struct frame *frame = expect(f, FRAME_OBJECT);
	assert_int_equal(frame->object.kind, kind);
	assert_true(str_eq(frame->object.path, str_of(path)));
	assert_true(frame->object.size == size);
}

static void expect_data(struct fixture *f, const char *text)
{
	assert_true(str_eq(expect(f, FRAME_DATA)->data, str_of(text)));
}

static void expect_error(struct fixture *f, const char *words)
{
	assert_int_equal(next(f), -1);
	if (!strstr(f->err.message, words))
		fail_msg("%s lacks %s", f->err.message, words);
}

static void expect_files_begin(struct fixture *f)
{
	expect(f, FRAME_STARTED);
	expect(f, FRAME_EXIT);
}

static void test_nothing_before_its_time(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(next(f), 0);
	f->result.started = true;
	logs_append(&f->logs, STR("not yet"), false);
	assert_true(expect(f, FRAME_STARTED)->started.load_us == 77);
	assert_int_equal(next(f), 0);
	assert_int_equal(next(f), 0);
	f->result.finished = true;
	assert_int_equal(expect(f, FRAME_EXIT)->exit.exit_code, 0);
	expect_object(f, FRAME_LOGS_HEAD, "", 7);
	expect_data(f, "not yet");
	expect(f, FRAME_END);
	assert_int_equal(next(f), 0);
	assert_int_equal(next(f), 0);
}

static void test_an_empty_result(void **state)
{
	struct fixture *f = *state;
	finish(f);
	expect_files_begin(f);
	const struct frame *frame = expect(f, FRAME_END);
	assert_int_equal(frame->end.object_count, 0);
	assert_true(frame->end.byte_count == 0);
}

static void test_all_there_can_be(void **state)
{
	static char line[1000];
	struct fixture *f = *state;
	memset(line, 'x', sizeof(line));
	for (unsigned i = 0; i < 300; i++)
		logs_append(&f->logs, (struct str){line, sizeof(line)}, false);
	logs_append(&f->logs, STR("\nat last\n"), true);
	put(f, "out/output.json", "{}", 2);
	put(f, "out/files/b", "bb", 2);
	put(f, "out/files/a", "", 0);
	assert_int_equal(buffer_append_str(&f->result.reason, STR("at last")), 0);
	finish(f);
	expect_files_begin(f);
	static const struct {
		enum frame_object_kind kind;
		const char *path;
		uint64_t size;
	} rows[] = {
	    {FRAME_LOGS_HEAD, "", LOGS_MAX / 2},
	    {FRAME_LOGS_TAIL, "", LOGS_MAX / 2},
	    {FRAME_REASON, "", 7},
	    {FRAME_OUTPUT, "", 2},
	    {FRAME_OUT_FILE, "a", 0},
	    {FRAME_OUT_FILE, "b", 2},
	};
	uint64_t total = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_object(f, rows[i].kind, rows[i].path, rows[i].size);
		for (uint64_t got = 0; got < rows[i].size;) {
			struct str data = expect(f, FRAME_DATA)->data;
			assert_true(data.n > 0 && data.n <= FRAME_DATA_SIZE && data.n <= rows[i].size - got);
			if (rows[i].kind == FRAME_REASON)
				assert_true(str_eq(data, STR("at last")));
			if (rows[i].kind == FRAME_OUTPUT)
				assert_true(str_eq(data, STR("{}")));
			got += data.n;
		}
		total += rows[i].size;
	}
	const struct frame *frame = expect(f, FRAME_END);
	assert_int_equal(frame->end.object_count, sizeof(rows) / sizeof(rows[0]));
	assert_true(frame->end.byte_count == total);
}

static void test_files_tell_their_mode_and_time(void **state)
{
	struct fixture *f = *state;
	const struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
	put(f, "out/files/run", "x", 1);
	put(f, "out/files/text", "x", 1);
	assert_int_equal(fchmodat(f->sandbox.fd, "out/files/run", 0755, 0), 0);
	assert_int_equal(utimensat(f->sandbox.fd, "out/files/text", times, 0), 0);
	finish(f);
	expect_files_begin(f);
	expect_object(f, FRAME_OUT_FILE, "run", 1); /* an x bit doesn't leave its bytes out */
	assert_int_equal(f->frame.object.flags, FRAME_OBJECT_EXECUTABLE);
	expect_data(f, "x");
	expect_object(f, FRAME_OUT_FILE, "text", 1);
	assert_int_equal(f->frame.object.flags, 0);
	assert_true(f->frame.object.mtime == 1700000000);
	expect_data(f, "x");
	expect(f, FRAME_END);
}

static void test_every_peer_gets_all(void **state)
{
	struct fixture *f = *state;
	put(f, "out/files/a", "aaa", 3);
	finish(f);
	for (unsigned i = 0; i < 3; i++) {
		expect_files_begin(f);
		expect_object(f, FRAME_OUT_FILE, "a", 3);
		if (i > 0) { /* the first is lost inside of an object */
			expect_data(f, "aaa");
			expect(f, FRAME_END);
		}
		result_cursor_free(&f->cursor);
		result_cursor_init(&f->cursor);
	}
}

static void test_output_at_and_above_its_limit(void **state)
{
	struct fixture *f = *state;
	put(f, "out/output.json", "12345", 5);
	f->result.max_output = 5;
	finish(f);
	expect_files_begin(f);
	expect_object(f, FRAME_OUTPUT, "", 5);
	assert_int_equal(f->frame.object.flags, 0);
	expect_data(f, "12345");
	expect(f, FRAME_END);
	result_cursor_init(&f->cursor);
	f->result.max_output = 4;
	expect_files_begin(f);
	expect_object(f, FRAME_OUTPUT, "", 5);
	assert_int_equal(f->frame.object.flags, FRAME_OBJECT_TOO_LARGE);
	const struct frame *frame = expect(f, FRAME_END); /* and no byte of it */
	assert_int_equal(frame->end.object_count, 1);
	assert_true(frame->end.byte_count == 0);
}

static void test_files_in_pieces(void **state)
{
	static char content[2 * FRAME_DATA_SIZE + 1];
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (char)(i % 251);
	put(f, "out/files/large", content, sizeof(content));
	finish(f);
	expect_files_begin(f);
	expect_object(f, FRAME_OUT_FILE, "large", sizeof(content));
	for (size_t at = 0, n; at < sizeof(content); at += n) {
		struct str data = expect(f, FRAME_DATA)->data;
		n = data.n;
		assert_true(n > 0 && at + n <= sizeof(content));
		assert_memory_equal(data.p, content + at, n);
	}
	expect(f, FRAME_END);
}

static void test_files_that_changed(void **state)
{
	struct fixture *f = *state;
	put(f, "out/files/a", "aaa", 3);
	put(f, "secret", "bbb", 3);
	finish(f);
	expect_files_begin(f);
	put(f, "out/files/a", "aa", 2);
	expect_error(f, "out/files/a changed");
	assert_int_equal(unlinkat(f->sandbox.fd, "out/files/a", 0), 0);
	expect_error(f, "open out/files/a: No such file");
	assert_int_equal(symlinkat("../../secret", f->sandbox.fd, "out/files/a"), 0);
	expect_error(f, "open out/files/a");
	assert_int_equal(unlinkat(f->sandbox.fd, "out/files/a", 0), 0);
	assert_int_equal(mkfifoat(f->sandbox.fd, "out/files/a", 0644), 0);
	expect_error(f, "out/files/a changed"); /* and nobody waits for a writer */
}

static void test_a_file_that_ends_early(void **state)
{
	struct fixture *f = *state;
	put(f, "out/files/a", "aaa", 3);
	finish(f);
	expect_files_begin(f);
	expect_object(f, FRAME_OUT_FILE, "a", 3);
	put(f, "out/files/a", "", 0);
	expect_error(f, "shorter than it was");
}

static void test_failed_is_all_there_is(void **state)
{
	static char message[2 * FRAME_MAX_TEXT];
	struct fixture *f = *state;
	memset(message, 'm', sizeof(message) - 1);
	logs_append(&f->logs, STR("log"), false);
	result_fail(&f->result, "bad_job", "no file main.py");
	assert_true(f->result.finished);
	const struct frame *frame = expect(f, FRAME_FAILED);
	assert_true(str_eq(frame->failed.reason, STR("bad_job")));
	assert_true(str_eq(frame->failed.message, STR("no file main.py")));
	assert_int_equal(next(f), 0);
	result_cursor_init(&f->cursor);
	result_fail(&f->result, "io", message); /* too long for a frame: cut */
	assert_int_equal(expect(f, FRAME_FAILED)->failed.message.n, FRAME_MAX_TEXT - 1);
}

/* It started, and then it was not a run after all. */
static void test_failed_after_started(void **state)
{
	struct fixture *f = *state;
	f->result.started = true;
	expect(f, FRAME_STARTED);
	result_fail(&f->result, "io", "why");
	expect(f, FRAME_FAILED);
	assert_int_equal(next(f), 0);
}

static void test_no_room(void **state)
{
	struct fixture *f = *state;
	f->result.started = true;
	f->out.max = 4;
	assert_int_equal(next(f), -1);
	assert_int_equal(f->out.len, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_nothing_before_its_time), TEST(test_an_empty_result),
	    TEST(test_all_there_can_be),        TEST(test_files_tell_their_mode_and_time),
	    TEST(test_every_peer_gets_all),     TEST(test_output_at_and_above_its_limit),
	    TEST(test_files_in_pieces),         TEST(test_files_that_changed),
	    TEST(test_a_file_that_ends_early),  TEST(test_failed_is_all_there_is),
	    TEST(test_failed_after_started),    TEST(test_no_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
