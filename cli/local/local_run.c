#include "cli/local/local_run.h"

#include "cli/local/cage.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/utf8.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOKEN_BYTES 32
#define IN_MAX (2u * (FRAME_MAX_PAYLOAD + FRAME_HEADER_SIZE))
#define OUT_MAX (4u << 20) /* the head with all of the environment, or a piece of the files */
#define OUT_FULL (512u << 10)
#define PIECE (64u << 10)
#define WORDS_MAX (4u << 10)
/* What the server keeps unless its operator says otherwise (controller/config.c). */
#define MAX_LOGS (1 << 20)
#define MAX_FILES_COUNT 1000
/* The runner ends a run when its time is over; this is for a runner that doesn't. */
#define START_MS 30000
#define GRACE_MS 30000
#define CANCEL_MS 5000

enum stage { GREETING, HEAD, FILES, INPUT, START, SENT };

struct run {
	const struct local_job *job;
	const struct local_witness *witness;
	struct local_result *result;
	struct cage cage;
	struct buffer in, out, words;
	enum stage stage;
	int64_t sent; /* of the packages and the files, or the input */
	bool cancelled, memory_exceeded, ended;
	int64_t begun_us, ready_us, job_us, started_us, exit_us, deadline_us;
};

static int64_t now_us(void)
{
	return clock_monotonic_us(&clock_system);
}

static void set_deadline(struct run *run, int64_t ms)
{
	run->deadline_us = now_us() + ms * 1000;
}

/* What is sent */

static int send_frame(struct run *run, const struct frame *frame, struct error *err)
{
	return frame_encode(frame, &run->out, err);
}

static int send_env(struct run *run, struct str name, struct str value, struct error *err)
{
	struct frame frame = {.type = FRAME_ENV, .env = {name, value}};
	if (send_frame(run, &frame, err) != 0)
		return error_wrap(err, "environment variable %.*s", (int)name.n, name.p);
	return 0;
}

static int send_head(struct run *run, struct error *err)
{
	const struct local_job *job = run->job;
	struct frame frame = {.type = FRAME_JOB,
			      .job = {
				  .execution_id = str_of(run->result->execution_id),
				  .note = STR(""),
				  .interpreter = str_of(job->bundle->interpreter),
				  .script = str_of(job->bundle->entrypoint),
				  .timeout_ms = (uint32_t)job->timeout_ms,
				  .max_output = (uint32_t)job->max_output,
				  .max_logs = MAX_LOGS,
				  .max_files_bytes = (uint64_t)job->max_files_bytes,
				  .max_files_count = MAX_FILES_COUNT,
			      }};
	struct str instructions = utf8_cut(str_of(job->instructions), BUNDLE_MAX_INSTRUCTIONS);
	if (send_frame(run, &frame, err) != 0 ||
	    (instructions.n > 0 && send_env(run, STR("SKILL_INSTRUCTIONS"), instructions, err) != 0))
		return -1;
	for (size_t i = 0; i < job->env_count; i++)
		if (send_env(run, str_of(job->env[i].name), str_of(job->env[i].value), err) != 0)
			return -1;
	return 0;
}

static int send_input(struct run *run, struct error *err)
{
	struct str input = run->job->input;
	size_t left = input.n - (size_t)run->sent, n = left < FRAME_DATA_SIZE ? left : FRAME_DATA_SIZE;
	struct frame frame = {.type = FRAME_DATA, .data = {input.p + run->sent, n}};
	run->sent += (int64_t)n;
	return send_frame(run, &frame, err);
}

/* The next piece of the job. */
static int send_next(struct run *run, struct error *err)
{
	const struct local_job *job = run->job;
	struct frame input = {.type = FRAME_INPUT, .input = {job->input.n}};
	struct frame start = bundles_start(job->packages, job->bundle, job->input.n);
	switch (run->stage) {
	case HEAD:
		run->stage = FILES;
		return send_head(run, err);
	case FILES:
		if (run->sent < bundles_size(job->packages, job->bundle))
			return bundles_append(job->packages, job->bundle, &run->sent, PIECE, &run->out, err);
		run->stage = INPUT;
		run->sent = 0;
		return send_frame(run, &input, err);
	case INPUT:
		if ((size_t)run->sent < job->input.n)
			return send_input(run, err);
		run->stage = START;
		return 0;
	case START:
		run->stage = SENT;
		return send_frame(run, &start, err);
	case GREETING:
	case SENT:
		return 0;
	}
	return 0;
}

static bool has_more(const struct run *run)
{
	return run->stage != GREETING && run->stage != SENT;
}

static int fill(struct run *run, struct error *err)
{
	while (has_more(run) && run->out.len < OUT_FULL)
		if (send_next(run, err) != 0)
			return -1;
	return 0;
}

static int flush(struct run *run, struct error *err)
{
	while (run->out.len > 0) {
		ssize_t n = send(run->cage.stream_fd, run->out.data, run->out.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		/* A runner that is gone has its last word in the other direction. */
		if (n < 0 && (errno == EAGAIN || errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (n < 0)
			return error_errno(err, "write to the sandbox");
		buffer_consume(&run->out, (size_t)n);
	}
	return 0;
}

/* What comes */

static int take_hello(struct run *run, const struct frame_hello *hello, struct error *err)
{
	if (run->stage != GREETING || hello->state != FRAME_STATE_WAITING)
		return error_set(err, ERR_PROTOCOL, "the sandbox said hello out of turn");
	run->ready_us = now_us();
	if (run->witness->layers)
		run->witness->layers(run->witness->context, hello);
	run->job_us = now_us();
	if (layers_check(run->job->required, hello, err) != 0)
		return -1;
	run->stage = HEAD;
	set_deadline(run, START_MS);
	return 0;
}

static int take_failed(struct run *run, const struct frame_failed *failed, struct error *err)
{
	struct run_result *result = &run->result->run;
	cleanup_buffer struct buffer text = BUFFER(FRAME_MAX_NAME + FRAME_MAX_TEXT + 8);
	if (buffer_appendf(&text, "%.*s: %.*s", (int)failed->reason.n, failed->reason.p,
			   (int)failed->message.n, failed->message.p) != 0)
		return error_no_memory(err);
	if (str_eq(failed->reason, STR("protocol")))
		return error_set(err, ERR_PROTOCOL, "the sandbox: %s", text.data);
	result->failure = buffer_steal(&text);
	result->failure_code = str_dup(STR("sandbox_start_failed"));
	run->ended = true;
	return result->failure && result->failure_code ? 0 : error_no_memory(err);
}

static int take_frame(struct run *run, const struct frame *frame, struct error *err)
{
	if (frame->type == FRAME_HELLO)
		return take_hello(run, &frame->hello, err);
	if (frame->type == FRAME_FAILED)
		return take_failed(run, &frame->failed, err);
	if (frame->type == FRAME_STARTED) {
		run->started_us = now_us();
		set_deadline(run, run->job->timeout_ms + GRACE_MS);
		return 0;
	}
	if (run->started_us == 0)
		return error_set(err, ERR_PROTOCOL, "the sandbox answers before it has a job");
	if (frame->type == FRAME_EXIT) {
		run->exit_us = now_us();
		set_deadline(run, GRACE_MS);
	}
	if (arrival_frame(&run->result->arrival, frame, err) != 0)
		return -1;
	run->ended = run->result->arrival.complete;
	return 0;
}

static int take_frames(struct run *run, struct error *err)
{
	size_t at = 0;
	int status = 1;
	while (status > 0 && !run->ended) {
		struct frame frame;
		size_t used = 0;
		struct str bytes = {run->in.data + at, run->in.len - at};
		status = bytes.n ? frame_decode(bytes, true, &frame, &used, err) : 0;
		if (status > 0 && take_frame(run, &frame, err) != 0)
			status = -1;
		at += used;
	}
	buffer_consume(&run->in, at);
	return status < 0 ? -1 : 0;
}

/* The words of the runner, where it left some. */
static int set_lost(struct run *run, const char *what, struct error *err)
{
	char bytes[WORDS_MAX];
	ssize_t n = read(run->cage.words_fd, bytes, sizeof(bytes));
	if (n > 0)
		buffer_append(&run->words, bytes, (size_t)n);
	struct str words = str_trim(buffer_str(&run->words));
	return error_set(err, ERR_IO, "%s%s%.*s", what, words.n ? ": " : "", (int)words.n,
			 words.n ? words.p : "");
}

static int read_stream(struct run *run, struct error *err)
{
	char *at = buffer_reserve(&run->in, PIECE);
	if (!at)
		return error_no_memory(err);
	ssize_t n = recv(run->cage.stream_fd, at, PIECE, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return set_lost(run, "the sandbox ended without a result", err);
	run->in.len += (size_t)n;
	return take_frames(run, err);
}

static void read_log(struct run *run)
{
	char bytes[PIECE];
	for (ssize_t n; (n = read(run->cage.log_fd, bytes, sizeof(bytes))) > 0;)
		if (run->started_us || run->stage != GREETING)
			if (run->witness->log)
				run->witness->log(run->witness->context, (struct str){bytes, (size_t)n});
}

static void read_words(struct run *run)
{
	char bytes[WORDS_MAX];
	ssize_t n = read(run->cage.words_fd, bytes, sizeof(bytes));
	if (n > 0)
		buffer_append(&run->words, bytes, (size_t)n);
}

/* The runner is told once, and has some seconds for its last words. */
static int cancel(struct run *run, struct error *err)
{
	struct frame frame = {.type = FRAME_CANCEL};
	run->cancelled = run->result->was_interrupted = true;
	if (run->stage != SENT)
		return error_set(err, ERR_UNAVAILABLE, "interrupted before the script began");
	set_deadline(run, CANCEL_MS);
	return send_frame(run, &frame, err);
}

/* Wait for whatever comes first, and take it. */
static int turn(struct run *run, struct error *err)
{
	struct cage *cage = &run->cage;
	/* All that was prepared may be gone at once, with more to come. */
	short events = run->out.len > 0 || has_more(run) ? POLLIN | POLLOUT : POLLIN;
	struct pollfd fds[] = {{.fd = cage->stream_fd, .events = events},
			       {.fd = cage->log_fd, .events = POLLIN},
			       {.fd = cage->words_fd, .events = POLLIN},
			       {.fd = cage->control_fd, .events = POLLIN},
			       {.fd = run->cancelled ? -1 : run->job->interrupt_fd, .events = POLLIN}};
	int64_t left_us = run->deadline_us - now_us();
	if (left_us <= 0)
		return set_lost(run, "the sandbox does not answer", err);
	int n = poll(fds, 5, (int)(left_us / 1000) + 1);
	if (n < 0)
		return errno == EINTR ? 0 : error_errno(err, "poll");
	if (fds[4].revents && cancel(run, err) != 0)
		return -1;
	if (fds[1].revents)
		read_log(run);
	if (fds[2].revents)
		read_words(run);
	if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) && read_stream(run, err) != 0)
		return -1;
	if (run->ended)
		return 0;
	if (fds[3].revents && !cage_read_control(cage, &run->memory_exceeded))
		return set_lost(run, "the sandbox has ended", err);
	return fill(run, err) != 0 ? -1 : flush(run, err);
}

/* Making the result */

/* The kernel's killer leaves SIGKILL as the cause of death, and so does the keeper's. */
static void name_memory(const struct run *run)
{
	struct run_result *result = &run->result->run;
	bool killed = result->exit_code == 128 + SIGKILL &&
		      (result->reason == FRAME_SIGNALED || result->reason == FRAME_EXITED);
	if (run->memory_exceeded && killed)
		result->reason = FRAME_OOM;
}

static int make_result(struct run *run, struct error *err)
{
	struct local_result *local = run->result;
	struct run_result *result = &local->run;
	struct execution_timings *t = &result->timings;
	t->queue = 0;
	t->sandbox = (double)(run->ready_us - run->begun_us) / 1000.0;
	t->start = run->started_us ? (double)(run->started_us - run->job_us) / 1000.0 : 0;
	t->run = t->collect = 0;
	if (!result->failure) {
		bool has = false;
		cleanup_buffer struct buffer output = BUFFER(local->arrival.output.len + 1);
		local->logs = BUFFER(arrival_logs_max(&local->arrival));
		if (arrival_make_end(&local->arrival, result, err) != 0 ||
		    arrival_make_output(&local->arrival, result, &output, &has, err) != 0 ||
		    arrival_make_logs(&local->arrival, result, &local->logs, err) != 0 ||
		    arrival_make_paths(&local->arrival, result, err) != 0)
			return -1;
		if (has && !(result->output = buffer_steal(&output)))
			return error_no_memory(err);
		t->run = (double)result->run_us / 1000.0;
		t->collect = (double)(now_us() - run->exit_us) / 1000.0;
		name_memory(run);
	}
	t->total = (double)(now_us() - run->begun_us) / 1000.0;
	return 0;
}

static int converse(struct run *run, const char *token, struct error *err)
{
	struct frame hello = {.type = FRAME_HELLO,
			      .hello_request = {FRAME_VERSION, str_of(token), .generation = 1}};
	set_deadline(run, START_MS);
	if (send_frame(run, &hello, err) != 0 || flush(run, err) != 0)
		return -1;
	while (!run->ended)
		if (turn(run, err) != 0)
			return -1;
	read_log(run);
	return make_result(run, err);
}

int local_run(const struct local_job *job, const struct local_witness *witness, struct local_result *ret,
	      struct error *err)
{
	const struct arrival_limits limits = {job->max_output, MAX_LOGS, job->max_files_bytes,
					      MAX_FILES_COUNT};
	unsigned char random[TOKEN_BYTES];
	char token[2 * TOKEN_BYTES + 1];
	*ret = (struct local_result){.timeout_ms = job->timeout_ms, .memory = job->memory};
	arrival_init(&ret->arrival, &limits);
	id_uuid4(ret->execution_id);
	id_random(random, sizeof(random));
	id_hex(random, sizeof(random), token);
	struct run run = {.job = job,
			  .witness = witness,
			  .result = ret,
			  .in = BUFFER(IN_MAX),
			  .out = BUFFER(OUT_MAX),
			  .words = BUFFER(WORDS_MAX),
			  .begun_us = now_us()};
	struct cage_wish wish = {job->runner, token, job->memory, job->interrupt_fd};
	int status = cage_open(&run.cage, &wish, err);
	if (status == 0)
		status = converse(&run, token, err);
	cage_close(&run.cage);
	buffer_free(&run.in);
	buffer_free(&run.out);
	buffer_free(&run.words);
	return status;
}

void local_result_free(struct local_result *result)
{
	run_result_clear(&result->run);
	arrival_free(&result->arrival);
	buffer_free(&result->logs);
}
