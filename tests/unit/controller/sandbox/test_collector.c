/* What a sandbox sends after EXIT becomes a result; what doesn't fit the protocol is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/sandbox/collector.h"
#include "lib/blob/directory_limits.h"
#include "lib/skill/libarchive.h"
#include "tests/unit/remove_tree.h"

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

static const struct arrival_limits limits = {
    .max_output = 1 << 20, .max_logs = 1 << 20, .max_files_bytes = 8 << 20, .max_files_count = 10};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err;
	*state = f;
	snprintf(f->directory, sizeof(f->directory), "/tmp/skillbox-collector-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->store = blob_store_directory(&f->loop, f->directory, STR("0123456789abcdef0123456789abcdef"),
					"http://localhost", &err);
	assert_non_null(f->store);
	f->collector = collector_new(&f->loop, f->store, "acme", &limits, &err);
	assert_non_null(f->collector);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	collector_free(f->collector);
	blob_store_free(f->store);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	remove_tree(f->directory);
	free(f);
	return 0;
}

static void take(struct fixture *f, struct frame frame)
{
	struct error err;
	frame.from_runner = true;
	if (collector_frame(f->collector, &frame, &err) != 0)
		fail_msg("%s", err.message);
}

static void refuse(struct fixture *f, struct frame frame, const char *words)
{
	struct error err = {0};
	assert_int_equal(collector_frame(f->collector, &frame, &err), -1);
	if (!strstr(err.message, words))
		fail_msg("'%s' lacks '%s'", err.message, words);
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

/* What `take` wrote into the store, read with the library that clients use. */
static void expect_entry(struct archive *a, const char *path, unsigned mode, int64_t mtime)
{
	struct libarchive_entry *entry;
	assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_OK);
	assert_string_equal(archive_entry_pathname(entry), path);
	assert_int_equal(archive_entry_perm(entry), mode);
	assert_int_equal(archive_entry_mtime(entry), mtime);
}

static void on_fetched(void *context, const struct error *error, int fd, int64_t size)
{
	(void)size;
	assert_null(error);
	*(int *)context = fd;
}

static void test_files_keep_their_mode_and_time(void **state)
{
	struct fixture *f = *state;
	struct frame run = object(FRAME_OUT_FILE, STR("run.sh"), 1),
		     text = object(FRAME_OUT_FILE, STR("t"), 0);
	run.object.flags = FRAME_OBJECT_EXECUTABLE;
	run.object.mtime = 1700000000;
	text.object.mtime = 1;
	take(f, exited(0, 0));
	take(f, run);
	take(f, data(STR("x")));
	take(f, text);
	take(f, end(2, 1));
	const struct blob_key key = {BLOB_EXECUTIONS, "acme", store(f)->files_ref.digest};
	struct error err;
	int fd = -1;
	assert_int_equal(blob_get(f->store, &key, 1 << 20, on_fetched, &fd, &err), 0);
	while (fd < 0)
		uv_run(&f->loop, UV_RUN_ONCE);
	struct archive *a = archive_read_new();
	archive_read_support_format_tar(a);
	archive_read_support_filter_gzip(a);
	assert_int_equal(archive_read_open_fd(a, fd, 10240), ARCHIVE_OK);
	expect_entry(a, "run.sh", 0755, 1700000000);
	expect_entry(a, "t", 0644, 1);
	archive_read_free(a);
	close(fd);
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

/* A sandbox that is no friend of ours */

#define MAX_STEPS 8

/* The tenant's limit is reached: the run ends with what fits, and says what doesn't. */
static void test_store_that_never_takes_it(void **state)
{
	static char large[EXECUTION_INLINE_LOGS + 1000];
	memset(large, 'l', sizeof(large));
	for (int fits = 0; fits < 2; fits++) { /* the archive of files, which comes last */
		struct fixture *f = *state;
		const struct blob_limits limit = {fits ? (int64_t)sizeof(large) - 1 : 1, 0};
		assert_int_equal(blob_directory_limit(f->store, &limit, NULL), 0);
		uv_run(&f->loop, UV_RUN_DEFAULT); /* the count */
		take(f, exited(0, sizeof(large)));
		take(f, object(FRAME_LOGS_HEAD, STR(""), sizeof(large)));
		take(f, data((struct str){large, sizeof(large) / 2}));
		take(f, data((struct str){large, sizeof(large) / 2}));
		take(f, object(FRAME_OUT_FILE, STR("a.txt"), 3));
		take(f, data(STR("abc")));
		take(f, end(2, sizeof(large) + 3));
		const struct run_result *result = store(f);
		assert_non_null(strstr(result->not_stored, "the limit (SKILLBOX_MAX_STORED_SIZE)"));
		assert_null(result->logs_ref.digest);
		assert_true(result->logs_truncated);
		assert_int_equal(strlen(result->logs), EXECUTION_INLINE_LOGS); /* its end is in the record */
		assert_int_equal(result->files_ref.digest != NULL, fits);
		assert_int_equal(result->file_count, fits);
		if (!fits) {
			teardown(state);
			setup(state);
		}
	}
}

/* What it says, as steps; the last one must be refused with these words. */
struct lie {
	const char *name;
	struct frame steps[MAX_STEPS];
	const char *words;
};

#define EXIT                                                                                                 \
	{                                                                                                    \
		.type = FRAME_EXIT, .exit = {.reason = FRAME_EXITED }                                        \
	}
#define OBJECT(what, bytes)                                                                                  \
	{                                                                                                    \
		.type = FRAME_OBJECT, .object = {.kind = (what), .size = (bytes) }                           \
	}
#define OUT_FILE(name, bytes)                                                                                \
	{                                                                                                    \
		.type = FRAME_OBJECT, .object = {                                                            \
			.kind = FRAME_OUT_FILE,                                                              \
			.path = {(name), sizeof(name) - 1},                                                  \
			.size = (bytes)                                                                      \
		}                                                                                            \
	}
#define DATA(text)                                                                                           \
	{                                                                                                    \
		.type = FRAME_DATA, .data = {(text), sizeof(text) - 1 }                                      \
	}
#define END(objects, bytes)                                                                                  \
	{                                                                                                    \
		.type = FRAME_END, .end = {(objects), (bytes) }                                              \
	}

static const struct lie lies[] = {
    {"the end first", {END(0, 0)}, "incomplete"},
    {"data first", {DATA("x")}, "more data than it announced"},
    {"an object first", {OBJECT(FRAME_LOGS_HEAD, 1)}, "out of turn"},
    {"another start", {EXIT, {.type = FRAME_STARTED}}, "unexpected frame"},
    {"another hello", {EXIT, {.type = FRAME_HELLO}}, "unexpected frame"},
    {"a job for us", {EXIT, {.type = FRAME_JOB}}, "unexpected frame"},
    {"two exits", {EXIT, EXIT}, "two exits"},
    {"an exit in an object", {EXIT, OBJECT(FRAME_OUTPUT, 2), EXIT}, "two exits"},
    {"an object in an object", {EXIT, OBJECT(FRAME_OUTPUT, 2), OBJECT(FRAME_LOGS_HEAD, 2)}, "out of turn"},
    {"the end in an object", {EXIT, OBJECT(FRAME_OUTPUT, 2), DATA("{"), END(1, 1)}, "incomplete"},
    {"data of nothing", {EXIT, DATA("x")}, "more data than it announced"},
    {"data of an object of none", {EXIT, OBJECT(FRAME_OUTPUT, 0), DATA("x")}, "more data than it announced"},
    {"data beyond the object", {EXIT, OBJECT(FRAME_OUTPUT, 2), DATA("{}}")}, "more data than it announced"},
    {"data behind the object",
     {EXIT, OBJECT(FRAME_OUTPUT, 2), DATA("{}"), DATA("}")},
     "more data than it announced"},
    {"two outputs", {EXIT, OBJECT(FRAME_OUTPUT, 1), DATA("1"), OBJECT(FRAME_OUTPUT, 1)}, "two outputs"},
    {"fewer objects than counted", {EXIT, OBJECT(FRAME_OUTPUT, 1), DATA("1"), END(2, 1)}, "incomplete"},
    {"more objects than counted", {EXIT, OBJECT(FRAME_OUTPUT, 1), DATA("1"), END(0, 1)}, "incomplete"},
    {"fewer bytes than counted", {EXIT, OBJECT(FRAME_OUTPUT, 1), DATA("1"), END(1, 2)}, "incomplete"},
    {"more bytes than counted", {EXIT, OBJECT(FRAME_OUTPUT, 1), DATA("1"), END(1, 0)}, "incomplete"},
    {"counts that overflow", {EXIT, END(UINT32_MAX, UINT64_MAX)}, "incomplete"},
    {"more after the end", {EXIT, END(0, 0), DATA("x")}, "after the end"},
    {"another end", {EXIT, END(0, 0), END(0, 0)}, "after the end"},
    {"a path upwards", {EXIT, OUT_FILE("../x", 1)}, "bad path"},
    {"a path from the root", {EXIT, OUT_FILE("/x", 1)}, "bad path"},
    {"no path", {EXIT, OUT_FILE("", 1)}, "bad path"},
    {"a path with a NUL", {EXIT, OUT_FILE("a\0b", 1)}, "bad path"},
    {"a file that is too large", {EXIT, OUT_FILE("x", (8 << 20) + 1)}, "more files than allowed"},
    {"a file of all there is", {EXIT, OUT_FILE("x", UINT64_MAX)}, "more files than allowed"},
    {"files that are too large together",
     {EXIT, OUT_FILE("x", 1), DATA("x"), OUT_FILE("y", 8 << 20)},
     "more files than allowed"},
};

static void test_lies(void **state)
{
	struct fixture *f = *state;
	struct error err;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const struct lie *lie = &lies[i];
		size_t last = 0;
		print_message("%s\n", lie->name);
		while (last + 1 < MAX_STEPS && lie->steps[last + 1].type)
			last++;
		struct collector *kept = f->collector;
		f->collector = collector_new(&f->loop, f->store, "acme", &limits, &err);
		assert_non_null(f->collector);
		for (size_t step = 0; step < last; step++)
			take(f, lie->steps[step]);
		bool was_complete = collector_is_complete(f->collector);
		refuse(f, lie->steps[last], lie->words);
		assert_int_equal(collector_is_complete(f->collector), was_complete);
		collector_free(f->collector);
		f->collector = kept;
	}
}

/* Texts end at their maximum, whatever was announced; nothing is taken for it before it comes. */
static void test_texts_that_are_too_large(void **state)
{
	struct fixture *f = *state;
	static const struct {
		enum frame_object_kind kind;
		size_t maximum;
	} cases[] = {{FRAME_LOGS_HEAD, 1 << 20},
		     {FRAME_LOGS_TAIL, 1 << 20},
		     {FRAME_OUTPUT, 1 << 20},
		     {FRAME_REASON, FRAME_MAX_REASON}};
	static char block[64 * 1024];
	struct error err;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct collector *kept = f->collector;
		f->collector = collector_new(&f->loop, f->store, "acme", &limits, &err);
		take(f, exited(0, 0));
		take(f, object(cases[i].kind, STR(""), UINT64_MAX));
		size_t step = cases[i].maximum < sizeof(block) ? cases[i].maximum : sizeof(block);
		for (size_t at = 0; at < cases[i].maximum; at += step)
			take(f, data((struct str){block, step}));
		refuse(f, data(STR("x")), "larger than allowed");
		collector_free(f->collector);
		f->collector = kept;
	}
}

static void test_too_many_files(void **state)
{
	struct fixture *f = *state;
	char name[16];
	take(f, exited(0, 0));
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%d", i);
		take(f, object(FRAME_OUT_FILE, str_of(name), 0));
	}
	refuse(f, object(FRAME_OUT_FILE, STR("one more"), 0), "more files than allowed");
}

/* The runner did not send an output that was too large: its size is told, however large. */
static void test_output_that_was_not_sent(void **state)
{
	struct fixture *f = *state;
	struct frame large = object(FRAME_OUTPUT, STR(""), UINT64_MAX);
	large.object.flags = FRAME_OBJECT_TOO_LARGE;
	take(f, exited(0, 0));
	take(f, large);
	refuse(f, data(STR("x")), "more data than it announced");
	take(f, end(1, 0));
	const struct run_result *result = store(f);
	assert_true(result->output_too_large);
	assert_int_equal(result->output_size, INT64_MAX);
	assert_null(result->output);
	assert_null(result->output_problem);
}

static void test_nothing_but_an_exit(void **state)
{
	struct fixture *f = *state;
	struct frame frame = {.type = FRAME_EXIT,
			      .exit = {.reason = FRAME_OOM, .exit_code = 137, .run_us = UINT64_MAX}};
	take(f, frame);
	take(f, end(0, 0));
	const struct run_result *result = store(f);
	assert_int_equal(result->reason, FRAME_OOM);
	assert_int_equal(result->exit_code, 137);
	assert_int_equal(result->run_us, INT64_MAX);
	assert_null(result->output);
	assert_null(result->logs);
	assert_null(result->reason_text);
	assert_null(result->files);
	assert_int_equal(result->file_count, 0);
}

static void test_outputs(void **state)
{
	struct fixture *f = *state;
	static const struct {
		struct str written;
		/* NULL: it is no valid output */
		const char *output;
	} cases[] = {
	    {STR("{}"), "{}"},
	    {STR(" [ 1.10 , \"\xc3\xa9\" ]\n"), "[1.10,\"\xc3\xa9\"]"},
	    {STR("null"), "null"},
	    {STR(""), NULL},
	    {STR("{} {}"), NULL},
	    {STR("{\"a\":NaN}"), NULL},
	    {STR("\"\xff\""), NULL},
	    {STR("\"\0\""), NULL},
	    {STR("\xef\xbb\xbf{}"), NULL},
	};
	struct error err;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct collector *kept = f->collector;
		f->collector = collector_new(&f->loop, f->store, "acme", &limits, &err);
		f->done = false;
		take(f, exited(0, 0));
		take(f, object(FRAME_OUTPUT, STR(""), cases[i].written.n));
		if (cases[i].written.n)
			take(f, data(cases[i].written));
		take(f, end(1, cases[i].written.n));
		const struct run_result *result = store(f);
		if (cases[i].output) {
			assert_string_equal(result->output, cases[i].output);
			assert_null(result->output_problem);
		} else {
			assert_null(result->output);
			assert_non_null(result->output_problem);
		}
		collector_free(f->collector);
		f->collector = kept;
	}
}

/* Bytes of any kind in what is shown: JSON must hold it. The archive keeps the true names. */
static void test_names_and_lines_of_any_bytes(void **state)
{
	struct fixture *f = *state;
	struct frame exit = exited(1, 0);
	exit.exit.files_over_limit = true;
	take(f, exit);
	take(f, object(FRAME_REASON, STR(""), 8));
	take(f, data(STR(" a\xff\0\n\x1b"
			 "b ")));
	take(f, object(FRAME_OUT_FILE, STR("\xfe.txt"), 0));
	take(f, end(2, 8));
	const struct run_result *result = store(f);
	assert_string_equal(result->reason_text, "a\xef\xbf\xbd\xef\xbf\xbd  b");
	assert_string_equal(result->files[0], "\xef\xbf\xbd.txt");
	assert_string_equal(result->logs, "\n[files beyond 10 files or 8388608 bytes were left out]\n");
}

/* Freed while the store works: that ends by itself, and nobody is told. */
static void test_freed_while_it_stores(void **state)
{
	struct fixture *f = *state;
	take(f, exited(0, 0));
	take(f, object(FRAME_OUT_FILE, STR("x"), 1));
	take(f, data(STR("x")));
	take(f, end(1, 1));
	collector_store(f->collector, on_done, f);
	f->collector = collector_free(f->collector);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_false(f->done);
	assert_null(collector_free(NULL));
}

static void check_logs(struct str head, struct str tail, uint64_t total, const char *expected)
{
	struct buffer out = BUFFER(4096);
	bool gap;
	assert_int_equal(arrival_logs_text(head, tail, total, &out, &gap, NULL), 0);
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
	check_logs(
	    STR("ab"),
	    STR("\xa9"
		"cd"),
	    105,
	    "ab\n[... 100 bytes left out: 5 of 105 are kept ...]\ncd"); /* one that the gap cut is dropped */
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
	    WITH(test_files_keep_their_mode_and_time),
	    WITH(test_protocol_is_enforced),
	    WITH(test_incomplete_object),
	    WITH(test_store_that_fails_is_tried_again),
	    WITH(test_store_that_never_takes_it),
	    WITH(test_lies),
	    WITH(test_texts_that_are_too_large),
	    WITH(test_too_many_files),
	    WITH(test_output_that_was_not_sent),
	    WITH(test_nothing_but_an_exit),
	    WITH(test_outputs),
	    WITH(test_names_and_lines_of_any_bytes),
	    WITH(test_freed_while_it_stores),
	    cmocka_unit_test(test_logs_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
