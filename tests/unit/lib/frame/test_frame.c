#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/frame/frame.h"

#define BIG (FRAME_MAX_PAYLOAD + 1024)

static char text[BIG]; /* filled with 'a' */

static int fill_text(void **state)
{
	(void)state;
	memset(text, 'a', sizeof(text));
	return 0;
}

static struct str text_of(size_t n)
{
	return (struct str){text, n};
}

/* one frame of each type, every field set to something of its own */
static const struct frame samples[] = {
    {.type = FRAME_HELLO,
     .hello_request = {.version = FRAME_VERSION, .token = {"secret", 6}, .generation = 1ull << 40}},
    {.type = FRAME_HELLO,
     .from_runner = true,
     .hello = {.version = FRAME_VERSION,
	       .state = FRAME_STATE_RUNNING,
	       .execution_id = {"exec", 4},
	       .note = {"a note", 6},
	       .runner_version = {"0.1.0", 5},
	       .layer_count = 2,
	       .layers = {{{"landlock", 8}, true, {"ABI 7", 5}}, {{"seccomp", 7}, false, {"mode 0", 6}}}}},
    {.type = FRAME_JOB,
     .job = {{"exec", 4},
	     {"note", 4},
	     {"python", 6},
	     {"scripts/main.py", 15},
	     1234,
	     0x100000,
	     0x100001,
	     0x123456789aull,
	     77}},
    {.type = FRAME_ENV, .env = {{"NAME", 4}, {"value=x", 7}}},
    {.type = FRAME_FILE, .file = {{"a/b.py", 6}, 0755, 12345}},
    {.type = FRAME_INPUT, .input = {5 << 20}},
    {.type = FRAME_START, .start = {3, 99999}},
    {.type = FRAME_CANCEL},
    {.type = FRAME_DATA, .data = {"\0\1\2\xff", 4}},
    {.type = FRAME_DATA, .from_runner = true, .data = {"x", 1}},
    {.type = FRAME_STARTED, .from_runner = true, .started = {0xffffffffffull}},
    {.type = FRAME_EXIT, .from_runner = true, .exit = {FRAME_SIGNALED, 139, 55, 66, 7, true, true}},
    {.type = FRAME_OBJECT,
     .from_runner = true,
     .object = {FRAME_OUT_FILE, FRAME_OBJECT_EXECUTABLE, {"out/f", 5}, 42, 1700000000}},
    {.type = FRAME_OBJECT,
     .from_runner = true,
     .object = {FRAME_OUTPUT, FRAME_OBJECT_TOO_LARGE, {NULL, 0}, 1ull << 40, 0}},
    {.type = FRAME_END, .from_runner = true, .end = {9, 1ull << 33}},
    {.type = FRAME_FAILED, .from_runner = true, .failed = {{"bad_job", 7}, {"why", 3}}},
    {.type = FRAME_PACKAGE, .file = {{"numpy/__init__.py", 17}, 0644, 1}},
    {.type = FRAME_PACKED, .packed = {7, {"packed", 6}}},
};
#define SAMPLE_COUNT (sizeof(samples) / sizeof(samples[0]))

static void assert_same(const struct frame *a, const struct frame *b)
{
	cleanup_buffer struct buffer x = BUFFER(BIG), y = BUFFER(BIG);
	struct error err = {0};
	assert_int_equal(frame_encode(a, &x, &err), 0);
	assert_int_equal(frame_encode(b, &y, &err), 0);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.data, y.data, x.len);
}

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		cleanup_buffer struct buffer out = BUFFER(BIG);
		struct error err = {0};
		assert_int_equal(frame_encode(&samples[i], &out, &err), 0);
		assert_int_equal((unsigned char)out.data[4], samples[i].type);
		struct frame got;
		size_t used = 0;
		assert_int_equal(frame_decode(buffer_str(&out), samples[i].from_runner, &got, &used, &err),
				 1);
		assert_int_equal(used, out.len);
		assert_int_equal(got.type, samples[i].type);
		assert_int_equal(got.from_runner, samples[i].from_runner);
		assert_same(&samples[i], &got);
	}
}

/* Peers of other releases meet in an upgrade: the first fields of a HELLO stay what they are. */
static void test_hello_of_other_versions(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
		uint16_t version;
		uint64_t generation;
		int result;
	} rows[] = {
#define ROW(payload, ...) {payload, sizeof(payload) - 1, __VA_ARGS__}
	    ROW("\0\0\0\7\1\0\3\0\0\0\1t", 3, 0, 1),
	    ROW("\0\0\0\17\1\0\4\0\0\0\1t\0\0\0\0\0\0\1\2", 4, 258, 1),
	    ROW("\0\0\0\17\1\0\5\0\0\0\1t\0\0\0\0\0\0\1\2", 5, 258, 1),
	    ROW("\0\0\0\22\1\0\6\0\0\0\1t\0\0\0\0\0\0\1\2new", 6, 258, 1),
	    ROW("\0\0\0\12\1\0\3\0\0\0\1tnew", 3, 0, -1), /* nothing comes behind those of an old one */
	    ROW("\0\0\0\22\1\0\4\0\0\0\1t\0\0\0\0\0\0\1\2new", 4, 0, -1),
	    ROW("\0\0\0\7\1\0\4\0\0\0\1t", 4, 0, -1), /* its generation is missing */
	    ROW("\0\0\0\7\1\0\2\0\0\0\1t", 2, 0, -1),
#undef ROW
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame got;
		struct error err = {0};
		size_t used = 0;
		assert_int_equal(
		    frame_decode((struct str){rows[i].bytes, rows[i].n}, false, &got, &used, &err),
		    rows[i].result);
		if (rows[i].result != 1)
			continue;
		assert_int_equal(used, rows[i].n);
		assert_int_equal(got.hello_request.version, rows[i].version);
		assert_int_equal(got.hello_request.generation, rows[i].generation);
		assert_true(str_eq(got.hello_request.token, STR("t")));
	}
}

/* the layout itself, so that a change on both sides at once is seen */
static void test_bytes_on_the_wire(void **state)
{
	(void)state;
	cleanup_buffer struct buffer out = BUFFER(BIG);
	struct error err = {0};
	struct frame file = {.type = FRAME_FILE, .file = {STR("a"), 0755, 0x0102}};
	assert_int_equal(frame_encode(&file, &out, &err), 0);
	static const char want[] = "\0\0\0\x11\x04"
				   "\0\0\0\1a"
				   "\0\0\x01\xed"
				   "\0\0\0\0\0\0\x01\x02";
	assert_int_equal(out.len, sizeof(want) - 1);
	assert_memory_equal(out.data, want, out.len);
}

static void test_fields_arrive(void **state)
{
	(void)state;
	cleanup_buffer struct buffer out = BUFFER(BIG);
	struct error err = {0};
	struct frame got;
	size_t used;
	assert_int_equal(frame_encode(&samples[1], &out, &err), 0);
	assert_int_equal(frame_decode(buffer_str(&out), true, &got, &used, &err), 1);
	assert_int_equal(got.hello.state, FRAME_STATE_RUNNING);
	assert_int_equal(got.hello.layer_count, 2);
	assert_true(str_eq(got.hello.layers[1].name, STR("seccomp")));
	assert_false(got.hello.layers[1].active);
	assert_true(str_eq(got.hello.layers[0].detail, STR("ABI 7")));
	buffer_reset(&out);
	assert_int_equal(frame_encode(&samples[2], &out, &err), 0);
	assert_int_equal(frame_decode(buffer_str(&out), false, &got, &used, &err), 1);
	assert_int_equal(got.job.timeout_ms, 1234);
	assert_int_equal(got.job.max_logs, 0x100001);
	assert_true(got.job.max_files_bytes == 0x123456789aull);
	assert_int_equal(got.job.max_files_count, 77);
	assert_true(str_eq(got.job.script, STR("scripts/main.py")));
}

/* A prefix of a frame asks for more; a payload cut with its length corrected is refused, and nothing reads
 * beyond it (each cut lies in memory of its own, so the sanitizer would see). */
static void test_cut_at_each_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		cleanup_buffer struct buffer out = BUFFER(BIG);
		struct error err = {0};
		assert_int_equal(frame_encode(&samples[i], &out, &err), 0);
		for (size_t n = 0; n < out.len; n++) {
			char *cut = malloc(n ? n : 1);
			assert_non_null(cut);
			memcpy(cut, out.data, n);
			struct frame got;
			size_t used;
			assert_int_equal(
			    frame_decode((struct str){cut, n}, samples[i].from_runner, &got, &used, &err), 0);
			if (n >= FRAME_HEADER_SIZE && samples[i].type != FRAME_DATA &&
			    samples[i].type != FRAME_PACKED) {
				cut[3] = (char)(n - FRAME_HEADER_SIZE);
				cut[2] = (char)((n - FRAME_HEADER_SIZE) >> 8);
				err = (struct error){0};
				assert_int_equal(frame_decode((struct str){cut, n}, samples[i].from_runner,
							      &got, &used, &err),
						 -1);
				assert_int_equal(err.code, ERR_PROTOCOL);
			}
			free(cut);
		}
	}
}

static void test_longer_than_its_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		if (samples[i].type == FRAME_DATA || samples[i].type == FRAME_PACKED)
			continue;
		cleanup_buffer struct buffer out = BUFFER(BIG);
		struct error err = {0};
		assert_int_equal(frame_encode(&samples[i], &out, &err), 0);
		buffer_append_byte(&out, 'x');
		size_t payload = out.len - FRAME_HEADER_SIZE;
		out.data[2] = (char)(payload >> 8);
		out.data[3] = (char)payload;
		struct frame got;
		size_t used;
		assert_int_equal(frame_decode(buffer_str(&out), samples[i].from_runner, &got, &used, &err),
				 -1);
		assert_non_null(strstr(err.message, "longer than its fields"));
	}
}

static void test_bytes_behind_a_frame_are_left(void **state)
{
	(void)state;
	cleanup_buffer struct buffer out = BUFFER(BIG);
	struct error err = {0};
	assert_int_equal(frame_encode(&samples[7], &out, &err), 0);
	size_t first = out.len;
	assert_int_equal(frame_encode(&samples[3], &out, &err), 0);
	struct frame got;
	size_t used;
	assert_int_equal(frame_decode(buffer_str(&out), false, &got, &used, &err), 1);
	assert_int_equal(used, first);
	assert_int_equal(got.type, FRAME_CANCEL);
}

static void test_wrong_side(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		if (samples[i].type == FRAME_DATA || samples[i].type == FRAME_HELLO)
			continue;
		cleanup_buffer struct buffer out = BUFFER(BIG);
		struct error err = {0};
		assert_int_equal(frame_encode(&samples[i], &out, &err), 0);
		struct frame got;
		size_t used;
		assert_int_equal(frame_decode(buffer_str(&out), !samples[i].from_runner, &got, &used, &err),
				 -1);
		assert_int_equal(err.code, ERR_PROTOCOL);
	}
}

static void test_header(void **state)
{
	(void)state;
	struct frame got;
	size_t used;
	struct error err = {0};
	/* too long: refused as soon as the length is there, before any payload */
	assert_int_equal(frame_decode(STR("\0\2\x80\1"), false, &got, &used, &err), -1);
	assert_non_null(strstr(err.message, "163841 bytes"));
	assert_int_equal(frame_decode(STR("\xff\xff\xff\xff"), false, &got, &used, &err), -1);
	assert_int_equal(frame_decode(STR("\0\2\x80\0"), false, &got, &used, &err), 0);
	/* unknown type: refused before its payload */
	assert_int_equal(frame_decode(STR("\0\0\0\7\x63"), false, &got, &used, &err), -1);
	assert_non_null(strstr(err.message, "type 99"));
	assert_int_equal(frame_decode(STR("\0\0\0\0\0"), true, &got, &used, &err), -1);
	/* a NULL str is an empty one */
	assert_int_equal(frame_decode((struct str){NULL, 0}, true, &got, &used, &err), 0);
}

static void refuse(struct frame frame, const char *word)
{
	cleanup_buffer struct buffer out = BUFFER(2 * BIG);
	buffer_append_c(&out, "before");
	struct error err = {0};
	if (frame_encode(&frame, &out, &err) != -1)
		fail_msg("%s frame was taken, should fail for %s", frame_type_name(frame.type), word);
	assert_int_equal(err.code, ERR_PROTOCOL);
	if (!strstr(err.message, word))
		fail_msg("message \"%s\" has no \"%s\"", err.message, word);
	assert_string_equal(out.data, "before");
	assert_false(out.failed);
}

static void take(struct frame frame)
{
	cleanup_buffer struct buffer out = BUFFER(2 * BIG);
	struct error err = {0};
	if (frame_encode(&frame, &out, &err) != 0)
		fail_msg("%s", err.message);
	struct frame got;
	size_t used;
	assert_int_equal(frame_decode(buffer_str(&out), frame.from_runner, &got, &used, &err), 1);
}

#define WITH(sample, change)                                                                                 \
	({                                                                                                   \
		struct frame f = samples[sample];                                                            \
		change;                                                                                      \
		f;                                                                                           \
	})

static void test_bounds_on_encode(void **state)
{
	(void)state;
	refuse(WITH(0, f.hello_request.version = FRAME_VERSION_OLDEST - 1), "version");
	refuse(WITH(0, f.hello_request.token = STR("")), "token");
	take(WITH(0, f.hello_request.token = text_of(FRAME_MAX_TOKEN)));
	refuse(WITH(0, f.hello_request.token = text_of(FRAME_MAX_TOKEN + 1)), "token");
	refuse(WITH(1, f.hello.version = 0), "version");
	refuse(WITH(1, f.hello.state = (enum frame_state)4), "state");
	refuse(WITH(1, f.hello.layer_count = FRAME_MAX_LAYERS + 1), "layer_count");
	refuse(WITH(1, f.hello.layers[1].name = STR("")), "layer name");
	refuse(WITH(1, f.hello.layers[1].detail = text_of(FRAME_MAX_TEXT + 1)), "layer detail");
	refuse(WITH(1, f.hello.execution_id = text_of(FRAME_MAX_NAME + 1)), "execution_id");
	refuse(WITH(2, f.job.execution_id = STR("")), "execution_id");
	refuse(WITH(2, f.job.note = text_of(FRAME_MAX_TEXT + 1)), "note");
	refuse(WITH(2, f.job.execution_id = STR("a\0b")), "NUL");
	refuse(WITH(2, f.job.interpreter = STR("")), "interpreter");
	refuse(WITH(2, f.job.script = STR("../x.py")), "script");
	refuse(WITH(2, f.job.script = STR("/x.py")), "script");
	refuse(WITH(2, f.job.timeout_ms = 0), "timeout_ms");
	take(WITH(2, f.job.max_logs = FRAME_MAX_LOGS));
	refuse(WITH(2, f.job.max_logs = FRAME_MAX_LOGS + 1), "max_logs");
	refuse(WITH(3, f.env.name = STR("")), "name");
	refuse(WITH(3, f.env.name = STR("A=B")), "name");
	take(WITH(3, f.env.name = text_of(FRAME_MAX_ENV_NAME)));
	refuse(WITH(3, f.env.name = text_of(FRAME_MAX_ENV_NAME + 1)), "name");
	take(WITH(3, f.env.value = text_of(FRAME_MAX_ENV_VALUE)));
	refuse(WITH(3, f.env.value = text_of(FRAME_MAX_ENV_VALUE + 1)), "value");
	refuse(WITH(3, f.env.value = STR("a\0b")), "value");
	refuse(WITH(4, f.file.path = STR("a/../b")), "path");
	refuse(WITH(4, f.file.path = STR("")), "path");
	refuse(WITH(4, f.file.path = text_of(FRAME_MAX_PATH + 1)), "path");
	refuse(WITH(4, f.file.mode = 010000), "mode");
	take(WITH(4, f.file.size = FRAME_MAX_BUNDLE_BYTES));
	refuse(WITH(4, f.file.size = FRAME_MAX_BUNDLE_BYTES + 1), "size");
	take(WITH(5, f.input.size = FRAME_MAX_INPUT));
	refuse(WITH(5, f.input.size = FRAME_MAX_INPUT + 1), "size");
	refuse(WITH(6, f.start.file_count = FRAME_MAX_BUNDLE_FILES + 1), "file_count");
	refuse(WITH(6, f.start.byte_count = FRAME_MAX_BUNDLE_BYTES + FRAME_MAX_INPUT + 1), "byte_count");
	refuse(WITH(8, f.data = STR("")), "length");
	take(WITH(8, f.data = text_of(FRAME_DATA_SIZE)));
	refuse(WITH(8, f.data = text_of(FRAME_DATA_SIZE + 1)), "length");
	refuse(WITH(11, f.exit.reason = (enum frame_exit_reason)5), "reason");
	refuse(WITH(11, f.exit.exit_code = 256), "exit_code");
	refuse(WITH(11, f.exit.exit_code = -1), "exit_code");
	refuse(WITH(12, f.object.kind = (enum frame_object_kind)0), "kind");
	refuse(WITH(12, f.object.kind = (enum frame_object_kind)6), "kind");
	refuse(WITH(12, f.object.path = STR("a//b")), "path");
	refuse(WITH(12, f.object.flags = 2), "flags");
	take(WITH(12, f.object.mtime = FRAME_MAX_MTIME));
	refuse(WITH(12, f.object.mtime = FRAME_MAX_MTIME + 1), "mtime");
	refuse(WITH(13, f.object.flags = 2), "flags");
	refuse(WITH(13, f.object.path = STR("x")), "path");
	refuse(WITH(15, f.failed.reason = STR("")), "reason");
	refuse(WITH(15, f.failed.message = text_of(FRAME_MAX_TEXT + 1)), "message");
	refuse(WITH(0, f.type = (enum frame_type)99), "unknown type 99");
}

/* a lying peer: numbers patched in the encoded bytes */
static void patch(unsigned sample, size_t offset, const char *bytes, size_t n, const char *word)
{
	cleanup_buffer struct buffer out = BUFFER(BIG);
	struct error err = {0};
	assert_int_equal(frame_encode(&samples[sample], &out, &err), 0);
	assert_true(FRAME_HEADER_SIZE + offset + n <= out.len);
	memcpy(out.data + FRAME_HEADER_SIZE + offset, bytes, n);
	struct frame got;
	size_t used;
	assert_int_equal(frame_decode(buffer_str(&out), samples[sample].from_runner, &got, &used, &err), -1);
	assert_int_equal(err.code, ERR_PROTOCOL);
	if (!strstr(err.message, word))
		fail_msg("message \"%s\" has no \"%s\"", err.message, word);
}

static void test_bounds_on_decode(void **state)
{
	(void)state;
	patch(0, 0, "\0\1", 2, "version: out of range");
	patch(0, 2, "\xff\xff\xff\xff", 4, "token: out of range");
	patch(0, 2, "\0\0\0\x0f", 4, "token: the payload ends too early");
	patch(0, 6, "\0", 1, "token: contains NUL");
	patch(1, 2, "\4", 1, "state");
	patch(1, 3 + 8 + 10 + 9, "\x21", 1, "layer_count");
	patch(1, 3 + 8 + 10 + 9, "\3", 1, "layer name");
	patch(1, 3 + 8 + 10 + 9 + 1 + 12, "\2", 1, "layer active");
	patch(2, 8 + 8 + 10 + 4, "/", 1, "script");
	patch(2, 8 + 8 + 10 + 19, "\0\0\0\0", 4, "timeout_ms");
	patch(3, 4, "=", 1, "name");
	patch(4, 4, "../", 3, "path");
	patch(4, 10, "\xff", 1, "mode");
	patch(4, 14, "\xff", 1, "size");
	patch(5, 0, "\xff", 1, "size");
	patch(6, 0, "\xff", 1, "file_count");
	patch(6, 4, "\xff", 1, "byte_count");
	patch(11, 0, "\5", 1, "reason");
	patch(11, 1, "\0\0\1\0", 4, "exit_code");
	patch(11, 1 + 4 + 8 + 8 + 4, "\2", 1, "files_over_limit");
	patch(11, 1 + 4 + 8 + 8 + 4 + 1, "\2", 1, "parked");
	patch(12, 0, "\0", 1, "kind");
	patch(12, 1, "\0\0\0\2", 4, "flags");
	patch(12, 1 + 4 + 4 + 5 + 8, "\1", 1, "mtime");
	patch(12, 5 + 4 + 3, "//", 2, "path");
	patch(13, 0, "\1", 1, "flags");
	patch(15, 0, "\0\0\0\0", 4, "reason");
}

static void test_data_length_on_decode(void **state)
{
	(void)state;
	struct frame got;
	size_t used;
	struct error err = {0};
	assert_int_equal(frame_decode(STR("\0\0\0\0\x08"), false, &got, &used, &err), -1);
	assert_non_null(strstr(err.message, "DATA frame: length"));
	cleanup_buffer struct buffer in = BUFFER(BIG);
	buffer_append_str(&in, STR("\0\1\0\1\x08")); /* 65537 */
	buffer_append_str(&in, text_of(FRAME_DATA_SIZE + 1));
	assert_int_equal(frame_decode(buffer_str(&in), false, &got, &used, &err), -1);
}

static void test_full_buffer(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		cleanup_buffer struct buffer whole = BUFFER(BIG);
		struct error err = {0};
		assert_int_equal(frame_encode(&samples[i], &whole, &err), 0);
		for (size_t max = 0; max < whole.len; max++) {
			cleanup_buffer struct buffer out = BUFFER(max);
			assert_int_equal(frame_encode(&samples[i], &out, &err), -1);
			assert_int_equal(err.code, ERR_UNAVAILABLE);
			assert_int_equal(out.len, 0);
			assert_false(out.failed);
		}
	}
}

static void test_type_names(void **state)
{
	(void)state;
	assert_string_equal(frame_type_name(FRAME_HELLO), "HELLO");
	assert_string_equal(frame_type_name(FRAME_FAILED), "FAILED");
	assert_string_equal(frame_type_name((enum frame_type)200), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_hello_of_other_versions),
	    cmocka_unit_test(test_bytes_on_the_wire),
	    cmocka_unit_test(test_fields_arrive),
	    cmocka_unit_test(test_cut_at_each_byte),
	    cmocka_unit_test(test_longer_than_its_fields),
	    cmocka_unit_test(test_bytes_behind_a_frame_are_left),
	    cmocka_unit_test(test_wrong_side),
	    cmocka_unit_test(test_header),
	    cmocka_unit_test(test_bounds_on_encode),
	    cmocka_unit_test(test_bounds_on_decode),
	    cmocka_unit_test(test_data_length_on_decode),
	    cmocka_unit_test(test_full_buffer),
	    cmocka_unit_test(test_type_names),
	};
	return cmocka_run_group_tests(tests, fill_text, NULL);
}
