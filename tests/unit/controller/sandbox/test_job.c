/* A job as frames: what the runner must get, in order, with counts that agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/sandbox/job.h"
#include "lib/base/temporary.h"
#include "lib/frame/frame.h"
#include "lib/skill/archive.h"

#include <stdlib.h>
#include <unistd.h>

static const struct controller_config config = {
    .max_output = 1 << 20, .max_logs = 1 << 20, .max_files_bytes = 1 << 20, .max_files_count = 10};

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
	struct archive_entry entry = {(char *)"main.py", 0644, calloc(1, size + 1), size};
	struct archive_content content = {&entry, 1, (int64_t)size};
	struct error problem;
	struct bundle *bundle = bundle_encode(&content, STR("python"), &problem);
	free(entry.data);
	if (!bundle)
		fail_msg("%s", problem.message);
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
	struct error problem;
	job_begin(job, bundle);
	while (!job_is_sent(job)) {
		if (job->out.len == 0 && job_next(job, &problem) != 0)
			fail_msg("%s", problem.message);
		size_t n = job->out.len < step ? job->out.len : step;
		buffer_append(&wire, job->out.data, n);
		buffer_consume(&job->out, n);
	}
	struct str rest = buffer_str(&wire);
	bool in_input = false;
	while (rest.n > 0) {
		struct frame frame;
		size_t used = 0;
		if (frame_decode(rest, false, &frame, &used, &problem) != 1)
			fail_msg("%s", problem.message);
		rest.p += used;
		rest.n -= used;
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
			assert_int_equal(rest.n, 0);
		}
	}
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
		struct error problem;
		job_init_ahead(&job, make_bundle(sizes[i]));
		assert_non_null(buffer_reserve(&all, (size_t)job.bundle->size));
		assert_int_equal(bundle_read(job.bundle, 0, all.data, (size_t)job.bundle->size, &problem), 0);
		all.len = (size_t)job.bundle->size;
		while (!job_is_sent(&job)) {
			if (job.out.len == 0)
				assert_int_equal(job_next(&job, &problem), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_input_from_a_file),
	    cmocka_unit_test(test_files_ahead),
	    cmocka_unit_test(test_null_and_absent_input_are_an_empty_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
