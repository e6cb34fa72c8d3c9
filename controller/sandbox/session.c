#include "controller/sandbox/session_internal.h"

#include "controller/sandbox/layers.h"
#include "lib/frame/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SEND_QUEUE_MAX (128 * 1024) /* a session; the rest of a job waits in its files */
#define RECEIVE_MAX (2 * (FRAME_MAX_PAYLOAD + FRAME_HEADER_SIZE))

static int64_t now_us(const struct session *s)
{
	return clock_monotonic_us(s->services->clock);
}

static void set_state(struct session *s, enum session_state state)
{
	if (s->state == state)
		return;
	s->state = state;
	s->changed(s->context);
}

void session_lose(struct session *s, const struct error *problem)
{
	if (s->state == SESSION_DONE || s->state == SESSION_STORE_FAILED || s->state == SESSION_LOST)
		return;
	s->problem = *problem;
	s->lost_ms = clock_wall_ms(s->services->clock);
	s->stream = exec_stream_close(s->stream);
	set_state(s, SESSION_LOST);
}

static void give_layers(struct session *s)
{
	collector_result(s->collector)->isolation = s->isolation;
	s->isolation = NULL;
}

/* The job can't be run, and trying again would not help: that is a result. */
void session_fail(struct session *s, const char *code, const char *message)
{
	struct error refused;
	if (!s->collector) { /* parked: there is no job to fail */
		error_set(&refused, ERR_UNAVAILABLE, "%s", message);
		session_lose(s, &refused);
		return;
	}
	struct run_result *result = collector_result(s->collector);
	free(result->failure);
	free(result->failure_code);
	result->failure = str_dup(str_of(message));
	result->failure_code = str_dup(str_of(code));
	if (!result->failure || !result->failure_code) {
		struct error problem;
		error_no_memory(&problem);
		session_lose(s, &problem);
		return;
	}
	give_layers(s);
	s->stream = exec_stream_close(s->stream);
	set_state(s, SESSION_DONE);
}

/* Receiving */

static int keep_layers(struct session *s, const struct frame_hello *hello, struct error *err)
{
	s->isolation = isolation_new(hello->layer_count, err);
	if (!s->isolation)
		return -1;
	for (unsigned i = 0; i < hello->layer_count; i++) {
		struct execution_layer *layer = &s->isolation->layers[i];
		layer->active = hello->layers[i].active;
		layer->name = str_dup(hello->layers[i].name);
		layer->detail = str_dup(hello->layers[i].detail);
		if (!layer->name || !layer->detail)
			return error_no_memory(err);
	}
	s->isolation = isolation_share(s->isolation);
	return 0;
}

static int park(struct session *s, const struct frame_hello *hello, struct error *err)
{
	if (!s->hello_waiting && hello->execution_id.n == 0)
		return 0;        /* it could not take the files that came ahead of a job: FAILED follows */
	if (!s->hello_waiting) { /* whoever has that Execution opens a stream of his own */
		s->found_execution = str_dup(hello->execution_id);
		s->has_found_shape = run_shape_read(hello->note, &s->found_shape);
		if (!s->found_execution)
			return error_no_memory(err);
		s->stream = exec_stream_close(s->stream);
	} else if (s->wants_files) {
		session_maybe_send_ahead(s);
		return 0;
	}
	set_state(s, SESSION_PARKED);
	return 0;
}

/* HELLO again: the files are there. */
static int take_second_hello(struct session *s, const struct frame_hello *hello, struct error *err)
{
	bool asked = !s->tenant && job_is_sent(&s->job);
	if (!asked || hello->state != FRAME_STATE_LOADING)
		return error_set(err, ERR_PROTOCOL, "sandbox said hello twice");
	s->ahead = bundle_outline(s->job.bundle);
	if (!s->ahead)
		return error_no_memory(err);
	job_clear(&s->job);
	set_state(s, SESSION_PARKED);
	return 0;
}

static int take_hello(struct session *s, const struct frame_hello *hello, struct error *err)
{
	struct error missing;
	if (s->hello_seen)
		return take_second_hello(s, hello, err);
	if (hello->version != FRAME_VERSION)
		return error_set(err, ERR_PROTOCOL, "sandbox speaks version %u of the protocol, not %u",
				 hello->version, FRAME_VERSION);
	s->hello_seen = true;
	s->opened_us = now_us(s);
	if (keep_layers(s, hello, err) != 0)
		return -1;
	if (layers_check(&s->services->config->required_layers, hello, &missing) != 0) {
		session_fail(s, "sandbox_start_failed", missing.message);
		return 0;
	}
	s->hello_waiting = hello->state == FRAME_STATE_WAITING;
	if (!s->tenant)
		return park(s, hello, err);
	if (s->hello_waiting) {
		session_maybe_send_job(s);
		return 0;
	}
	if (!str_eq(hello->execution_id, str_of(s->job.execution_id)))
		return error_set(err, ERR_PROTOCOL, "sandbox has the job of another execution");
	return 0; /* STARTED … END follow by themselves */
}

static void stored(void *context, const struct error *error)
{
	struct session *s = context;
	if (error) {
		s->problem = *error;
		s->store_tried_ms = clock_wall_ms(s->services->clock);
		if (s->store_failed_ms == 0)
			s->store_failed_ms = s->store_tried_ms;
		set_state(s, SESSION_STORE_FAILED);
		return;
	}
	struct execution_timings *t = &collector_result(s->collector)->timings;
	t->queue = t->sandbox = t->total = -1; /* the controller knows these */
	t->start = s->job_us && s->started_us ? (double)(s->started_us - s->job_us) / 1000.0 : -1;
	t->run = (double)collector_result(s->collector)->run_us / 1000.0;
	t->collect = (double)(now_us(s) - s->exit_us) / 1000.0;
	set_state(s, SESSION_DONE);
}

/* The stream is closed with the session: it costs the node some milliseconds that the record of the result
 * need not wait for. */
static void take_end(struct session *s)
{
	give_layers(s);
	s->complete = true;
	collector_store(s->collector, stored, s);
}

static int take_frame(struct session *s, const struct frame *frame, struct error *err)
{
	if (!s->hello_seen && frame->type != FRAME_HELLO && frame->type != FRAME_FAILED)
		return error_set(err, ERR_PROTOCOL, "sandbox did not say hello first");
	if (!s->collector && frame->type != FRAME_HELLO && frame->type != FRAME_FAILED)
		return error_set(err, ERR_PROTOCOL, "sandbox answers before it has a job");
	char text[1024];
	switch (frame->type) {
	case FRAME_HELLO:
		return take_hello(s, &frame->hello, err);
	case FRAME_STARTED:
		s->started_us = now_us(s);
		s->started_ms = clock_wall_ms(s->services->clock);
		set_state(s, SESSION_RUNNING);
		return 0;
	case FRAME_FAILED:
		snprintf(text, sizeof(text), "%.*s: %.*s", (int)frame->failed.reason.n,
			 frame->failed.reason.p,
			 (int)(frame->failed.message.n < 800 ? frame->failed.message.n : 800),
			 frame->failed.message.p);
		if (str_eq(frame->failed.reason, STR("protocol")))
			return error_set(err, ERR_PROTOCOL, "sandbox: %s", text);
		session_fail(s, "sandbox_start_failed", text);
		return 0;
	case FRAME_EXIT:
		s->exit_us = now_us(s);
		if (collector_frame(s->collector, frame, err) != 0)
			return -1;
		set_state(s, SESSION_COLLECTING);
		return 0;
	case FRAME_END:
		if (collector_frame(s->collector, frame, err) != 0)
			return -1;
		take_end(s);
		return 0;
	default:
		return collector_frame(s->collector, frame, err);
	}
}

static bool is_listening(const struct session *s)
{
	return s->stream && !s->complete;
}

static void on_output(void *context, struct str data)
{
	struct session *s = context;
	struct error problem;
	while (data.n > 0 && is_listening(s)) {
		/* take what fits; frames are decoded as they get whole */
		size_t room = s->in.max - s->in.len;
		size_t n = data.n < room ? data.n : room;
		if (buffer_append(&s->in, data.p, n) != 0) {
			error_no_memory(&problem);
			session_lose(s, &problem);
			return;
		}
		data.p += n;
		data.n -= n;
		size_t used = 0;
		while (is_listening(s)) {
			struct frame frame;
			size_t frame_used = 0;
			struct str rest = {s->in.data + used, s->in.len - used};
			int got = frame_decode(rest, true, &frame, &frame_used, &problem);
			if (got == 0)
				break;
			if (got < 0 || take_frame(s, &frame, &problem) != 0) {
				session_lose(s, &problem);
				return;
			}
			used += frame_used;
		}
		buffer_consume(&s->in, used);
	}
}

static void on_error_output(void *context, struct str data)
{
	struct session *s = context;
	/* the relay's own words: kept for the message when the stream ends */
	if (s->problem.code == ERR_NONE && data.n > 0)
		error_set(&s->problem, ERR_UNAVAILABLE, "%.*s", (int)(data.n < 256 ? data.n : 256), data.p);
}

static void on_open(void *context)
{
	struct session *s = context;
	struct buffer hello __attribute__((cleanup(buffer_free))) = BUFFER(1024);
	struct error problem;
	if (session_put_hello(s, &hello, &problem) != 0) {
		session_lose(s, &problem);
		return;
	}
	if (exec_stream_write(s->stream, buffer_str(&hello)) != hello.len) {
		error_set(&problem, ERR_INTERNAL, "a new stream took no hello");
		session_lose(s, &problem);
	}
}

static void on_drained(void *context)
{
	session_pump(context);
}

static void on_closed(void *context, const struct error *problem, int exit_code)
{
	struct session *s = context;
	struct error text;
	s->stream = NULL; /* freed by itself */
	if (s->complete)
		return;
	if (problem)
		text = *problem;
	else
		error_set(&text, ERR_UNAVAILABLE,
			  "the relay ended with exit code %d before the result was complete%s%s", exit_code,
			  s->problem.code != ERR_NONE ? ": " : "",
			  s->problem.code != ERR_NONE ? s->problem.message : "");
	session_lose(s, &text);
}

/* Life */

static int open_stream(struct session *s, const struct pod *pod, struct error *err)
{
	static const char *const command[] = {"/skillbox/runner", "relay", NULL};
	struct exec_options options = {
	    .namespace = pod->meta.namespace,
	    .pod = pod->meta.name,
	    .container = POD_CONTAINER,
	    .command = command,
	    .handler = {on_open, on_output, on_error_output, on_drained, on_closed},
	    .context = s,
	    .max_queue = SEND_QUEUE_MAX,
	};
	s->stream = exec_stream_open(s->services->ws, &options, err);
	return s->stream ? 0 : -1;
}

static struct session *session_new(const struct session_services *services, const struct pod *pod,
				   void (*changed)(void *context), void *context, struct error *err)
{
	struct session *s = calloc(1, sizeof(*s));
	char *token = pod->token ? str_dup(str_of(pod->token)) : NULL;
	if (!s || !token) {
		if (!pod->token)
			error_set(err, ERR_PROTOCOL, "Pod %s has no token", pod->meta.name);
		else
			error_no_memory(err);
		free(token);
		free(s);
		return NULL;
	}
	s->services = services;
	s->changed = changed;
	s->context = context;
	s->token = token;
	s->state = SESSION_OPENING;
	s->job = JOB_NONE;
	s->in = BUFFER(RECEIVE_MAX);
	return s;
}

/* From here on the session has an Execution: its job is prepared, and its result will be collected. */
static int take_execution(struct session *s, const struct execution *execution, const struct skill *skill,
			  const struct run_shape *shape, const char *tenant, struct error *err)
{
	const struct controller_config *config = s->services->config;
	struct collector_limits limits = {config->max_output, config->max_logs, config->max_files_bytes,
					  config->max_files_count};
	s->tenant = str_dup(str_of(tenant));
	if (!s->tenant)
		return error_no_memory(err);
	s->collector = collector_new(s->services->loop, s->services->store, tenant, &limits, err);
	if (!s->collector || job_init(&s->job, execution, skill, shape, config, err) != 0 ||
	    session_prepare_input(s, execution, err) != 0)
		return -1;
	return session_prepare_bundle(s, skill, err);
}

struct session *session_start(const struct session_services *services, const struct execution *execution,
			      const struct skill *skill, const struct run_shape *shape, const struct pod *pod,
			      const char *tenant, void (*changed)(void *context), void *context,
			      struct error *err)
{
	struct session *s = session_new(services, pod, changed, context, err);
	if (s &&
	    (take_execution(s, execution, skill, shape, tenant, err) != 0 || open_stream(s, pod, err) != 0))
		return session_free(s);
	return s;
}

struct session *session_park(const struct session_services *services, const struct pod *pod,
			     const struct skill *skill, const char *tenant, void (*changed)(void *context),
			     void *context, struct error *err)
{
	struct session *s = session_new(services, pod, changed, context, err);
	if (!s)
		return NULL;
	s->wants_files = skill != NULL;
	if ((skill && session_load_bundle(s, skill, tenant, err) != 0) || open_stream(s, pod, err) != 0)
		return session_free(s);
	return s;
}

const char *session_found_execution(const struct session *s)
{
	return s->found_execution;
}

const struct run_shape *session_found_shape(const struct session *s)
{
	return s->has_found_shape ? &s->found_shape : NULL;
}

int session_assign(struct session *s, const struct execution *execution, const struct skill *skill,
		   const struct run_shape *shape, const char *tenant, void (*changed)(void *context),
		   void *context, struct error *err)
{
	if (s->state != SESSION_PARKED || s->found_execution)
		return error_set(err, ERR_INTERNAL, "the sandbox is not free");
	s->changed = changed;
	s->context = context;
	s->state = SESSION_OPENING;
	s->wants_files = false;
	if (take_execution(s, execution, skill, shape, tenant, err) != 0)
		return -1;
	session_maybe_send_job(s);
	return 0;
}

struct session *session_free(struct session *s)
{
	if (!s)
		return NULL;
	exec_stream_close(s->stream);
	bundle_wait_cancel(s->bundle_wait);
	bundle_unref(s->bundle);
	bundle_unref(s->ahead);
	job_clear(&s->job);
	session_drop_input(s);
	collector_free(s->collector);
	isolation_unref(s->isolation);
	buffer_free(&s->in);
	free(s->tenant);
	free(s->found_execution);
	if (s->token)
		explicit_bzero(s->token, strlen(s->token));
	free(s->token);
	free(s);
	return NULL;
}

enum session_state session_state(const struct session *s)
{
	return s->state;
}

const char *session_problem(const struct session *s)
{
	return s->problem.code == ERR_NONE ? "no reason known" : s->problem.message;
}

const struct run_result *session_result(const struct session *s)
{
	return collector_result(s->collector);
}

int64_t session_started_ms(const struct session *s)
{
	return s->started_ms;
}

int64_t session_opened_us(const struct session *s)
{
	return s->opened_us;
}

int64_t session_cancel_sent_ms(const struct session *s)
{
	return s->cancel_sent_ms;
}

int64_t session_lost_ms(const struct session *s)
{
	return s->lost_ms;
}

int64_t session_store_failed_ms(const struct session *s)
{
	return s->store_failed_ms;
}

int64_t session_store_tried_ms(const struct session *s)
{
	return s->store_tried_ms;
}

void session_cancel(struct session *s)
{
	struct frame frame = {.type = FRAME_CANCEL};
	struct error problem;
	if (!is_listening(s) || s->job.stage == SEND_HEAD || s->cancel_sent_ms)
		return;
	s->cancel_sent_ms = clock_wall_ms(s->services->clock);
	if (frame_encode(&frame, &s->job.out, &problem) != 0) {
		session_lose(s, &problem);
		return;
	}
	if (s->job.stage == SEND_NOTHING)
		s->job.stage = SEND_ALL_SENT; /* re-attached: there is no job to send */
	session_pump(s);
}

void session_retry_store(struct session *s)
{
	if (s->state != SESSION_STORE_FAILED)
		return;
	s->state = SESSION_COLLECTING;
	collector_store(s->collector, stored, s);
}
