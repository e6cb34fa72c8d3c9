#include "controller/sandbox/job.h"

#include "lib/base/temporary.h"
#include "lib/base/utf8.h"

#include <stdlib.h>
#include <unistd.h>

#define SEND_BLOCK (64 * 1024)
/* A block as frames, or the head with all of the environment. */
#define OUT_MAX (4 * 1024 * 1024)
#define ENV_MAX (2 * 1024 * 1024)
/* job->sent in SEND_INPUT, before the frame INPUT */
#define INPUT_NOT_SENT (-1)

static int encode_env(struct job *job, struct str name, struct str value, struct error *err)
{
	struct frame frame = {.type = FRAME_ENV, .env = {name, value}};
	if (frame_encode(&frame, &job->env, err) != 0)
		return error_wrap(err, "environment variable %.*s", (int)name.n, name.p);
	return 0;
}

static int prepare_head(struct job *job, struct error *err)
{
	const struct controller_config *config = job->config;
	struct frame frame = {.type = FRAME_JOB,
			      .job = {
				  .execution_id = str_of(job->execution_id),
				  .note = str_of(job->note),
				  .interpreter = str_of(job->bundle->interpreter),
				  .script = str_of(job->bundle->entrypoint),
				  .timeout_ms = (uint32_t)job->timeout_ms,
				  .max_output = (uint32_t)config->policy.max_output_size,
				  .max_logs = (uint32_t)config->max_logs,
				  .max_files_bytes = (uint64_t)config->policy.max_files_size,
				  .max_files_count = (uint32_t)config->max_files_count,
			      }};
	if (frame_encode(&frame, &job->out, err) != 0)
		return -1;
	return buffer_append_str(&job->out, buffer_str(&job->env)) != 0 ? error_no_memory(err) : 0;
}

/* Next block of the input as DATA frames (and INPUT in front of the first). */
static int prepare_input(struct job *job, struct error *err)
{
	char block[SEND_BLOCK];
	if (job->sent == INPUT_NOT_SENT) {
		struct frame frame = {.type = FRAME_INPUT, .input = {(uint64_t)job->input_size}};
		job->sent = 0;
		if (frame_encode(&frame, &job->out, err) != 0)
			return -1;
	}
	int64_t left = job->input_size - job->sent;
	struct str piece = {block, left < SEND_BLOCK ? (size_t)left : SEND_BLOCK};
	if (job->input) {
		piece.p = job->input + job->sent;
	} else if (piece.n > 0) {
		ssize_t n = pread(job->input_fd, block, piece.n, job->sent);
		if (n < 0)
			return error_errno(err, "can't read the input's temporary file");
		if (n == 0)
			return error_set(err, ERR_IO, "the input's temporary file was cut");
		piece.n = (size_t)n;
	}
	job->sent += (int64_t)piece.n;
	if (piece.n == 0)
		return 0;
	struct frame frame = {.type = FRAME_DATA, .data = piece};
	return frame_encode(&frame, &job->out, err);
}

static int prepare_files(struct job *job, struct error *err)
{
	return bundles_append(job->packages, job->bundle, &job->sent, SEND_BLOCK, &job->out, err);
}

static int prepare_tail(struct job *job, struct error *err)
{
	struct frame frame = bundles_start(job->packages, job->bundle, (uint64_t)job->input_size);
	return frame_encode(&frame, &job->out, err);
}

/* The run may take long. */
static void let_go_of_sources(struct job *job)
{
	job->bundle = bundle_unref(job->bundle);
	job->packages = bundle_unref(job->packages);
	if (job->input_fd >= 0)
		close(job->input_fd);
	job->input_fd = -1;
	free(job->input);
	job->input = NULL;
	buffer_free(&job->env);
}

int job_next(struct job *job, struct error *err)
{
	switch (job->stage) {
	case SEND_AHEAD:
		if (job->sent < bundles_size(job->packages, job->bundle))
			return prepare_files(job, err);
		job->stage = SEND_ALL_SENT;
		return 0;
	case SEND_HEAD:
		job->stage = SEND_BUNDLE;
		job->sent = 0;
		return prepare_head(job, err);
	case SEND_BUNDLE:
		if (job->sent < bundles_size(job->packages, job->bundle))
			return prepare_files(job, err);
		job->stage = SEND_INPUT;
		job->sent = INPUT_NOT_SENT;
		return 0;
	case SEND_INPUT:
		if (job->sent < job->input_size)
			return prepare_input(job, err);
		job->stage = SEND_TAIL;
		return 0;
	case SEND_TAIL:
		job->stage = SEND_ALL_SENT;
		if (prepare_tail(job, err) != 0)
			return -1;
		let_go_of_sources(job);
		return 0;
	case SEND_NOTHING:
	case SEND_ALL_SENT:
		return 0;
	}
	return 0;
}

int job_take_instructions(struct job *job, const char *instructions, struct error *err)
{
	struct str text = utf8_cut(str_of(instructions), BUNDLE_MAX_INSTRUCTIONS);
	return text.n > 0 ? encode_env(job, STR("SKILL_INSTRUCTIONS"), text, err) : 0;
}

static int take_environment(struct job *job, const struct execution *execution, struct error *err)
{
	for (size_t i = 0; i < execution->spec.env_count; i++)
		if (encode_env(job, str_of(execution->spec.env[i].name), str_of(execution->spec.env[i].value),
			       err) != 0)
			return -1;
	return 0;
}

static int take_inline_input(struct job *job, const struct execution *execution, struct error *err)
{
	struct str input = execution->spec.input ? str_of(execution->spec.input) : STR("{}");
	if (str_eq(input, STR("null"))) /* contract: null is treated as {} */
		input = STR("{}");
	job->input = str_dup(input);
	job->input_size = (int64_t)input.n;
	return job->input ? 0 : error_no_memory(err);
}

int job_take_data(struct job *job, const struct execution *execution, struct error *err)
{
	if (!execution->spec.input_ref.digest && take_inline_input(job, execution, err) != 0)
		return -1;
	return take_environment(job, execution, err);
}

/* It may wait for its turn, and so may a hundred others. */
int job_put_input_aside(struct job *job, struct error *err)
{
	if (!job->input || job->input_size <= JOB_MAX_WAITING_INPUT)
		return 0;
	int fd = temporary_file(err);
	if (fd < 0 || temporary_write(fd, (struct str){job->input, (size_t)job->input_size}, err) != 0) {
		if (fd >= 0)
			close(fd);
		return error_wrap(err, "the input's temporary file");
	}
	free(job->input);
	job->input = NULL;
	job_take_input(job, fd, job->input_size);
	return 0;
}

static int note_shape(struct job *job, const struct run_shape *shape, struct error *err)
{
	cleanup_buffer struct buffer note = BUFFER(FRAME_MAX_TEXT);
	if (run_shape_write(shape, &note) != 0)
		return error_no_memory(err);
	memcpy(job->note, note.data, note.len + 1);
	return 0;
}

int job_init(struct job *job, const struct execution *execution, const struct skill *skill,
	     const struct run_shape *shape, const struct controller_config *config, struct error *err)
{
	*job = JOB_NONE;
	job->config = config;
	job->timeout_ms = shape->timeout_ms;
	job->env = BUFFER(ENV_MAX);
	job->out = BUFFER(OUT_MAX);
	job->execution_id = str_dup(str_of(execution_id(execution)));
	if (!job->execution_id)
		return error_no_memory(err);
	if (note_shape(job, shape, err) != 0)
		return -1;
	if (skill && job_take_instructions(job, skill->spec.instructions, err) != 0)
		return -1;
	return execution->is_outline ? 0 : job_take_data(job, execution, err);
}

void job_init_ahead(struct job *job, struct bundle *bundle, struct bundle *packages)
{
	*job = JOB_NONE;
	job->out = BUFFER(OUT_MAX);
	job->bundle = bundle;
	job->packages = packages;
	job->stage = SEND_AHEAD;
}

void job_take_input(struct job *job, int fd, int64_t size)
{
	job->input_fd = fd;
	job->input_size = size;
}

void job_begin(struct job *job, struct bundle *bundle, struct bundle *packages)
{
	job->bundle = bundle;
	job->packages = packages;
	job->stage = SEND_HEAD;
}

void job_clear(struct job *job)
{
	let_go_of_sources(job);
	free(job->execution_id);
	buffer_free(&job->out);
	*job = JOB_NONE;
}
