/* What a sandbox sends after EXIT becomes a result; what doesn't fit the protocol is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/sandbox/collector.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
	uv_loop_t loop;
	char directory[64];
	struct blob_store *store;
	struct collector *collector;
	bool done, failed;
};

static const struct collector_limits limits = {
    .max_output = 1 << 20, .max_logs = 1 << 20, .max_files_bytes = 8 << 20, .max_files_count = 10};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error problem;
	*state = f;
	snprintf(f->directory, sizeof(f->directory), "/tmp/skillbox-collector-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->store = blob_store_directory(&f->loop, f->directory, STR("0123456789abcdef0123456789abcdef"),
					"http://localhost", &problem);
	assert_non_null(f->store);
	f->collector = collector_new(&f->loop, f->store, "acme", &limits, &problem);
	assert_non_null(f->collector);
	return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status, (void)kind, (void)where;
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	collector_free(f->collector);
	blob_store_free(f->store);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	nftw(f->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void take(struct fixture *f, struct frame frame)
{
	struct error problem;
	frame.from_runner = true;
	if (collector_frame(f->collector, &frame, &problem) != 0)
		fail_msg("%s", problem.message);
}

static void refuse(struct fixture *f, struct frame frame, const char *words)
{
	struct error problem = {0};
	assert_int_equal(collector_frame(f->collector, &frame, &problem), -1);
	if (!strstr(problem.message, words))
		fail_msg("'%s' lacks '%s'", problem.message, words);
}

static struct frame exited(int code, uint64_t logs_total)
{
	return (struct frame){
	    .type = FRAME_EXIT,
	    .exit = {.reason = FRAME_EXITED, .exit_code = code, .run_us = 1500, .logs_total = logs_total}};
}

static struct frame object(enum frame_object_kind kind, struct str path, uint64_t size)
{
	return (struct frame){.type = FRAME_OBJECT, .object = {.kind = kind, .path = path, .size = size}};
}

static struct frame data(struct str bytes)
{
	return (struct frame){.type = FRAME_DATA, .data = bytes};
}

static struct frame end(uint32_t objects, uint64_t bytes)
{
	return (struct frame){.type = FRAME_END, .end = {objects, bytes}};
}

static void on_done(void *context, const struct error *error)
{
	struct fixture *f = context;
	f->done = true;
	f->failed = error != NULL;
}

static const struct run_result *store(struct fixture *f)
{
	assert_true(collector_is_complete(f->collector));
	collector_store(f->collector, on_done, f);
	while (!f->done)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_false(f->failed);
	return collector_result(f->collector);
}

static void test_small_result(void **state)
{
	struct fixture *f = *state;
	struct str output = STR("{ \"n\": 1234567890123456789012345678901234567890, \"n\": 1e400 }\n");
	take(f, exited(0, 6));
	take(f, object(FRAME_LOGS_HEAD, STR(""), 6));
	take(f, data(STR("a\xff\0b\n\n")));
	take(f, object(FRAME_OUTPUT, STR(""), output.n));
	take(f, data(output));
	take(f, end(2, 6 + output.n));
	const struct run_result *result = store(f);
	assert_string_equal(result->output, "{\"n\":1234567890123456789012345678901234567890,\"n\":1e400}");
	assert_string_equal(result->logs, "a\xef\xbf\xbd\xef\xbf\xbd"
					  "b\n\n");
	assert_null(result->logs_ref.digest);
	assert_false(result->logs_truncated);
	assert_int_equal(result->run_us, 1500);
}

static void test_invalid_output_names_the_place(void **state)
{
	struct fixture *f = *state;
	take(f, exited(0, 0));
	take(f, object(FRAME_OUTPUT, STR(""), 6));
	take(f, data(STR("{\"a\":}")));
	take(f, end(1, 6));
	const struct run_result *result = store(f);
	assert_null(result->output);
	assert_non_null(strstr(result->output_problem, "line 1, column 6"));
}

static void test_large_texts_go_to_the_store(void **state)
{
	struct fixture *f = *state;
	size_t size = 600 * 1024;
	char *text = malloc(size);
	memset(text, 'x', size);
	text[0] = text[size - 1] = '"';
	take(f, exited(0, size));
	for (int i = 0; i < 2; i++) {
		take(f, object(i ? FRAME_OUTPUT : FRAME_LOGS_HEAD, STR(""), size));
		for (size_t at = 0; at < size; at += 60 * 1024)
			take(f, data((struct str){text + at, 60 * 1024}));
	}
	take(f, end(2, 2 * size));
	free(text);
	const struct run_result *result = store(f);
	assert_null(result->output);
	assert_int_equal(result->output_ref.size, size);
	assert_int_equal(result->logs_ref.size, size);
	assert_int_equal(strlen(result->logs), EXECUTION_INLINE_LOGS);
}

static void test_files_are_sorted_and_archived(void **state)
{
	struct fixture *f = *state;
	take(f, exited(0, 0));
	take(f, object(FRAME_OUT_FILE, STR("b.txt"), 2));
	take(f, data(STR("b\n")));
	take(f, object(FRAME_OUT_FILE, STR("a/empty"), 0));
	take(f, end(2, 2));
	const struct run_result *result = store(f);
	assert_int_equal(result->file_count, 2);
	assert_string_equal(result->files[0], "a/empty");
	assert_string_equal(result->files[1], "b.txt");
	assert_non_null(result->files_ref.digest);
}

static void test_protocol_is_enforced(void **state)
{
	struct fixture *f = *state;
	refuse(f, object(FRAME_OUTPUT, STR(""), 1), "out of turn");
	take(f, exited(0, 0));
	refuse(f, exited(0, 0), "two exits");
	refuse(f, data(STR("x")), "more data than it announced");
	refuse(f, object(FRAME_OUT_FILE, STR("../x"), 1), "bad path");
	refuse(f, object(FRAME_OUT_FILE, STR("x"), 9 << 20), "more files than allowed");
	refuse(f, end(0, 0), "incomplete");
}

static void test_incomplete_object(void **state)
{
	struct fixture *f = *state;
	take(f, exited(0, 0));
	take(f, object(FRAME_OUTPUT, STR(""), 2));
	take(f, data(STR("{")));
	refuse(f, end(1, 1), "incomplete");
	refuse(f, data(STR("}}")), "more data than it announced");
	assert_false(collector_is_complete(f->collector));
}

static void test_store_that_fails_is_tried_again(void **state)
{
	struct fixture *f = *state;
	char path[96];
	take(f, exited(0, 0));
	take(f, object(FRAME_OUT_FILE, STR("x"), 1));
	take(f, data(STR("x")));
	take(f, end(1, 1));
	/* a file where the store wants a directory; root may write anywhere, so permissions would not do */
	snprintf(path, sizeof(path), "%s/executions", f->directory);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	collector_store(f->collector, on_done, f);
	while (!f->done)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_true(f->failed);
	assert_int_equal(unlink(path), 0);
	f->done = false;
	const struct run_result *result = store(f);
	assert_int_equal(result->file_count, 1);
}

static void check_logs(struct str head, struct str tail, uint64_t total, const char *expected)
{
	struct buffer out = BUFFER(4096);
	bool gap;
	assert_int_equal(collector_logs_text(head, tail, total, &out, &gap, NULL), 0);
	assert_string_equal(out.data ? out.data : "", expected);
	assert_int_equal(gap, total > head.n + tail.n);
	buffer_free(&out);
}

static void test_logs_text(void **state)
{
	(void)state;
	check_logs(STR(""), STR(""), 0, "");
	check_logs(STR("ab"), STR("cd"), 4, "abcd");
	check_logs(STR("\xc3"), STR("\xa9"), 2, "\xc3\xa9"); /* a character across the two halves is whole */
	check_logs(STR("ab"),
		   STR("\xa9"
		       "cd"),
		   105, "ab\n[... 100 bytes left out ...]\ncd"); /* one that the gap cut is dropped */
	check_logs(STR("\xe2\x82"), STR(""), 2, "\xef\xbf\xbd\xef\xbf\xbd");
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(test_small_result),
	    WITH(test_invalid_output_names_the_place),
	    WITH(test_large_texts_go_to_the_store),
	    WITH(test_files_are_sorted_and_archived),
	    WITH(test_protocol_is_enforced),
	    WITH(test_incomplete_object),
	    WITH(test_store_that_fails_is_tried_again),
	    cmocka_unit_test(test_logs_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
