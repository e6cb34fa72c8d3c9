/* A job as frames: what the runner must get, in order, with counts that agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/frame/taker.h"
#include "controller/sandbox/job.h"
#include "lib/base/temporary.h"
#include "lib/base/utf8.h"
#include "lib/frame/frame.h"
#include "lib/skill/archive.h"

#include <stdlib.h>
#include <unistd.h>

static const struct controller_config config = {.policy.max_output_size = 1 << 20,
						.max_logs = 1 << 20,
						.policy.max_files_size = 1 << 20,
						.max_files_count = 10};

static struct env_var variables[] = {{(char *)"TOKEN", (char *)"x=y"}};

static struct execution execution = {
    .meta = {.name = (char *)"e", .uid = (char *)"uid-1"},
    .spec = {.input = (char *)"{\"n\":1.50}", .env = variables, .env_count = 1, .ttl_seconds = -1},
};

static const struct run_shape shape = {.image = "python:3.12-slim",
				       .timeout_ms = 1000,
				       .memory = 256 << 20,
				       .cpu = 500,
				       .skill_version = "1.0.0",
				       .skill_digest = "sha256:abc"};

static struct bundle *make_bundle(size_t size)
{
	struct archive_entry entry = {
	    .path = (char *)"main.py", .mode = 0644, .data = calloc(1, size + 1), .size = size};
	struct archive_content content = {&entry, 1, (int64_t)size};
	struct error err;
	struct bundle *bundle = bundle_encode(&content, "python", "", &err);
	free(entry.data);
	if (!bundle)
		fail_msg("%s", err.message);
	return bundle;
}

/* All frames of a job, decoded as the runner does. `step`: bytes that the stream takes at a time. */
struct seen {
	unsigned jobs, envs, files, inputs, starts;
	uint64_t data, announced;
	struct buffer input;
};

static void run(struct job *job, struct bundle *bundle, size_t step, struct seen *seen)
{
	struct buffer wire = BUFFER(16 << 20);
	struct error err;
	job_begin(job, bundle, NULL);
	while (!job_is_sent(job)) {
		if (job->out.len == 0 && job_next(job, &err) != 0)
			fail_msg("%s", err.message);
		size_t n = job->out.len < step ? job->out.len : step;
		buffer_append(&wire, job->out.data, n);
		buffer_consume(&job->out, n);
	}
	struct taker taker = taker_of(buffer_str(&wire));
	struct frame frame;
	bool in_input = false;
	while (taker_next(&taker, &frame)) {
		seen->jobs += frame.type == FRAME_JOB;
		seen->envs += frame.type == FRAME_ENV;
		seen->files += frame.type == FRAME_FILE;
		seen->inputs += frame.type == FRAME_INPUT;
		in_input |= frame.type == FRAME_INPUT;
		if (frame.type == FRAME_DATA)
			seen->data += frame.data.n;
		if (frame.type == FRAME_DATA && in_input)
			buffer_append_str(&seen->input, frame.data);
		if (frame.type == FRAME_START) {
			seen->starts++;
			seen->announced = frame.start.byte_count;
			assert_int_equal(frame.start.file_count, seen->files);
			assert_int_equal(taker.rest.n, 0);
		}
	}
	buffer_free(&taker.unpacked);
	buffer_free(&wire);
}

static void check(size_t bundle_size, int input_fd, int64_t input_size, size_t step)
{
	struct job job;
	struct seen seen = {.input = BUFFER(8 << 20)};
	struct skill skill = {.spec = {.instructions = (char *)"Say it."}};
	assert_int_equal(job_init(&job, &execution, &skill, &shape, &config, NULL), 0);
	if (input_fd >= 0) {
		free(job.input);
		job.input = NULL;
		job_take_input(&job, input_fd, input_size);
	}
	run(&job, make_bundle(bundle_size), step, &seen);
	assert_int_equal(seen.jobs, 1);
	assert_int_equal(seen.envs, 2); /* SKILL_INSTRUCTIONS and TOKEN */
	assert_int_equal(seen.files, 1);
	assert_int_equal(seen.inputs, 1);
	assert_int_equal(seen.starts, 1);
	assert_null(job.bundle); /* what was sent is let go of, for the run may take long */
	assert_null(job.input);
	assert_int_equal(job.input_fd, -1);
	assert_int_equal(seen.announced, bundle_size + (uint64_t)job.input_size);
	assert_int_equal(seen.data, seen.announced);
	assert_int_equal(seen.input.len, job.input_size);
	if (input_fd < 0)
		assert_string_equal(seen.input.data, "{\"n\":1.50}");
	buffer_free(&seen.input);
	job_clear(&job);
}

static void test_sizes(void **state)
{
	(void)state;
	static const size_t sizes[] = {0,     1, FRAME_DATA_SIZE - 1, FRAME_DATA_SIZE, FRAME_DATA_SIZE + 1,
				       300000};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		check(sizes[i], -1, 0, 1 << 20);
	check(300000, -1, 0, 777);
}

static void test_input_from_a_file(void **state)
{
	(void)state;
	static const int64_t sizes[] = {0, 1, 64 * 1024, 1000000};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd = temporary_file(NULL);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, sizes[i]), 0);
		check(10, fd, sizes[i], 10000);
	}
}

/* A pool sent the files before there was a job: the job brings the rest, and counts them all. */
static void test_files_ahead(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 300000};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct job job;
		struct buffer files = BUFFER(16 << 20), all = BUFFER(16 << 20);
		struct error err;
		job_init_ahead(&job, make_bundle(sizes[i]), NULL);
		assert_non_null(buffer_reserve(&all, (size_t)job.bundle->size));
		assert_int_equal(bundle_read(job.bundle, 0, all.data, (size_t)job.bundle->size, &err), 0);
		all.len = (size_t)job.bundle->size;
		while (!job_is_sent(&job)) {
			if (job.out.len == 0)
				assert_int_equal(job_next(&job, &err), 0);
			buffer_append_str(&files, buffer_str(&job.out));
			buffer_reset(&job.out);
		}
		assert_true(str_eq(buffer_str(&files), buffer_str(&all)));
		struct bundle *outline = bundle_outline(job.bundle);
		assert_non_null(outline);
		job_clear(&job);

		struct seen seen = {.files = 1, .input = BUFFER(1024)}; /* START counts it */
		assert_int_equal(job_init(&job, &execution, NULL, &shape, &config, NULL), 0);
		uint64_t whole = sizes[i] + (uint64_t)job.input_size;
		run(&job, outline, 777, &seen);
		assert_int_equal(seen.jobs, 1);
		assert_int_equal(seen.files, 1);
		assert_int_equal(seen.data, whole - sizes[i]);
		assert_int_equal(seen.announced, whole);
		job_clear(&job);
		buffer_free(&seen.input);
		buffer_free(&files);
		buffer_free(&all);
	}
}

static void test_null_and_absent_input_are_an_empty_object(void **state)
{
	(void)state;
	struct execution other = execution;
	struct job job;
	other.spec.input = NULL;
	assert_int_equal(job_init(&job, &other, NULL, &shape, &config, NULL), 0);
	assert_string_equal(job.input, "{}");
	job_clear(&job);
	other.spec.input = (char *)"null";
	assert_int_equal(job_init(&job, &other, NULL, &shape, &config, NULL), 0);
	assert_string_equal(job.input, "{}");
	job_clear(&job);
}

/* All that a job says first, taken from execution, skill, shape and configuration. */
static void test_head(void **state)
{
	(void)state;
	struct job job;
	struct frame frame;
	size_t used;
	assert_int_equal(job_init(&job, &execution, NULL, &shape, &config, NULL), 0);
	assert_int_equal(job_next(&job, NULL), 0);
	assert_int_equal(job.out.len, 0); /* not before it is begun */
	assert_false(job_is_sent(&job));
	job_begin(&job, make_bundle(10), NULL);
	assert_int_equal(job_next(&job, NULL), 0);
	assert_int_equal(frame_decode(buffer_str(&job.out), false, &frame, &used, NULL), 1);
	assert_int_equal(frame.type, FRAME_JOB);
	assert_true(str_eq(frame.job.execution_id, STR("uid-1")));
	assert_true(str_eq(frame.job.note, STR("v1 1000 268435456 500 1.0.0 sha256:abc python:3.12-slim")));
	assert_true(str_eq(frame.job.interpreter, STR("python")));
	assert_true(str_eq(frame.job.script, STR("main.py")));
	assert_int_equal(frame.job.timeout_ms, 1000);
	assert_int_equal(frame.job.max_output, 1 << 20);
	assert_int_equal(frame.job.max_logs, 1 << 20);
	assert_int_equal(frame.job.max_files_bytes, 1 << 20);
	assert_int_equal(frame.job.max_files_count, 10);
	job_clear(&job);
}

/* Instructions that are too long for a variable are cut between two characters. */
static void test_long_instructions(void **state)
{
	(void)state;
	static const struct {
		const char *character;
		size_t kept;
	} cases[] = {{"a", 65536}, {"\xc3\xa9", 65536}, {"\xe2\x82\xac", 65535}, {"\xf0\x9f\x99\x82", 65536}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_buffer struct buffer text = BUFFER(1 << 20);
		struct execution bare = execution;
		struct frame frame;
		struct job job;
		size_t used;
		bare.spec.env_count = 0;
		while (text.len < 70000)
			buffer_append_c(&text, cases[i].character);
		struct skill skill = {.spec = {.instructions = text.data}};
		assert_int_equal(job_init(&job, &bare, &skill, &shape, &config, NULL), 0);
		assert_int_equal(frame_decode(buffer_str(&job.env), false, &frame, &used, NULL), 1);
		assert_int_equal(used, job.env.len);
		assert_true(str_eq(frame.env.name, STR("SKILL_INSTRUCTIONS")));
		assert_int_equal(frame.env.value.n, cases[i].kept);
		assert_true(utf8_is_valid(frame.env.value, NULL));
		job_clear(&job);
	}
}

/* What no frame holds is refused, and the message says which. */
static void test_variables_that_do_not_fit(void **state)
{
	(void)state;
	static char long_value[FRAME_MAX_ENV_VALUE + 2], long_name[FRAME_MAX_ENV_NAME + 2];
	memset(long_value, 'v', sizeof(long_value) - 1);
	memset(long_name, 'N', sizeof(long_name) - 1);
	struct env_var bad[] = {
	    {(char *)"BIG", long_value}, {long_name, (char *)"x"}, {(char *)"", (char *)"x"}};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct execution other = execution;
		struct error err = {0};
		struct job job;
		other.spec.env = &bad[i];
		assert_int_equal(job_init(&job, &other, NULL, &shape, &config, &err), -1);
		assert_non_null(strstr(err.message, "environment variable"));
		assert_non_null(strstr(err.message, bad[i].name));
		job_clear(&job);
	}
	long_value[FRAME_MAX_ENV_VALUE] = '\0'; /* just so */
	struct execution other = execution;
	struct job job;
	other.spec.env = &bad[0];
	assert_int_equal(job_init(&job, &other, NULL, &shape, &config, NULL), 0);
	job_clear(&job);
}

static int send_all(struct job *job, struct error *err)
{
	while (!job_is_sent(job)) {
		buffer_reset(&job->out);
		if (job_next(job, err) != 0)
			return -1;
		if (job->stage == SEND_ALL_SENT)
			buffer_reset(&job->out);
	}
	return 0;
}

/* The file of an input that is shorter than it was: an error, and no job that seems whole. */
static void test_an_input_that_was_cut(void **state)
{
	(void)state;
	struct execution other = execution;
	other.spec.input_ref = (struct blob_ref){(char *)"sha256:ab", 100000};
	for (off_t size = 0; size <= 100000; size += 50000) {
		struct error err = {0};
		struct job job;
		int fd = temporary_file(NULL);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(job_init(&job, &other, NULL, &shape, &config, NULL), 0);
		assert_null(job.input);
		job_take_input(&job, fd, 100000);
		job_begin(&job, make_bundle(10), NULL);
		assert_int_equal(send_all(&job, &err), size < 100000 ? -1 : 0);
		assert_int_equal(err.code, size < 100000 ? ERR_IO : ERR_NONE);
		job_clear(&job);
	}
}

/* A zeroed job owned descriptor 0: clearing it closed stdin. */
static void test_no_job_owns_nothing(void **state)
{
	(void)state;
	int open_before = dup(0);
	struct job job = JOB_NONE;
	assert_int_equal(job_next(&job, NULL), 0);
	assert_int_equal(job.out.len, 0);
	job_clear(&job);
	job_clear(&job);
	job_init_ahead(&job, make_bundle(1), NULL);
	assert_int_equal(job.input_fd, -1);
	job_clear(&job);
	assert_int_equal(job.stage, SEND_NOTHING);
	int open_after = dup(0);
	assert_int_equal(open_before >= 0, open_after >= 0);
	close(open_before);
	close(open_after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_input_from_a_file),
	    cmocka_unit_test(test_files_ahead),
	    cmocka_unit_test(test_head),
	    cmocka_unit_test(test_long_instructions),
	    cmocka_unit_test(test_variables_that_do_not_fit),
	    cmocka_unit_test(test_an_input_that_was_cut),
	    cmocka_unit_test(test_no_job_owns_nothing),
	    cmocka_unit_test(test_null_and_absent_input_are_an_empty_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
