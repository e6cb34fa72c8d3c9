#include "controller/sandbox/session.h"

#include "controller/sandbox/collector.h"
#include "controller/sandbox/link.h"
#include "controller/sandbox/sender.h"
#include "lib/frame/frame.h"

#include <stdio.h>
#include <stdlib.h>

/* Of what a sandbox says of a job that it could not run */
#define FAILURE_TEXT_MAX 1024
#define FAILURE_MESSAGE_MAX 800

struct session {
	const struct session_services *services;
	void (*changed)(void *context);
	void *context;

	enum session_state state;
	struct error problem;
	struct link *link;
	struct sender *sender;

	/* Before there is a run: is the sandbox to have files before it is parked? */
	bool wants_files;
	/* What the sandbox has already, by another controller; its shape if that is known. */
	char *found_execution;
	bool has_found_shape;
	struct run_shape found_shape;

	/* The run; NULL until there is one. */
	char *execution_id;
	struct collector *collector;
	/* wall clock */
	int64_t started_ms, cancel_sent_ms, store_failed_ms, store_tried_ms, lost_ms;
	/* monotonic */
	int64_t started_us, exit_us;
};

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

/* The stream, or what it was to bring, is no good. */
static void lose(struct session *s, const struct error *err)
{
	if (s->state == SESSION_DONE || s->state == SESSION_STORE_FAILED || s->state == SESSION_LOST)
		return;
	s->problem = *err;
	s->lost_ms = clock_wall_ms(s->services->clock);
	link_close(s->link);
	set_state(s, SESSION_LOST);
}

static void give_layers(struct session *s)
{
	struct run_result *result = collector_result(s->collector);
	isolation_unref(result->isolation);
	result->isolation = isolation_ref(link_isolation(s->link));
}

/* The job can't be run, and trying again would not help: that is a result. Without a job, the sandbox is of
 * no use. */
static void fail(struct session *s, const char *code, const char *message)
{
	struct error err;
	if (s->state == SESSION_DONE)
		return; /* the first reason counts: bundle and input may be missing both */
	if (!s->collector) {
		error_set(&err, ERR_UNAVAILABLE, "%s", message);
		lose(s, &err);
		return;
	}
	struct run_result *result = collector_result(s->collector);
	free(result->failure);
	free(result->failure_code);
	result->failure = str_dup(str_of(message));
	result->failure_code = str_dup(str_of(code));
	if (!result->failure || !result->failure_code) {
		error_no_memory(&err);
		lose(s, &err);
		return;
	}
	give_layers(s);
	link_close(s->link);
	set_state(s, SESSION_DONE);
}

/* Storing */

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
	struct run_result *result = collector_result(s->collector);
	struct execution_timings *t = &result->timings;
	int64_t begun_us = sender_begun_us(s->sender);
	t->queue = t->sandbox = t->total = -1; /* the controller knows these */
	t->start = begun_us && s->started_us ? (double)(s->started_us - begun_us) / 1000.0 : -1;
	t->run = (double)result->run_us / 1000.0;
	t->collect = (double)(now_us(s) - s->exit_us) / 1000.0;
	give_layers(s); /* not before: the collector clears a result that it could not make */
	set_state(s, SESSION_DONE);
}

/* The stream is closed with the session: it costs the node some milliseconds that the record of the result
 * need not wait for. */
static void take_end(struct session *s)
{
	link_mute(s->link);
	collector_store(s->collector, stored, s);
}

/* What the sandbox says: as a link_handler */

/* Another controller gave it a job: whoever has that Execution opens a stream of his own. */
static int note_found(struct session *s, const struct frame_hello *hello, struct error *err)
{
	s->found_execution = str_dup(hello->execution_id);
	s->has_found_shape = run_shape_read(hello->note, &s->found_shape);
	if (!s->found_execution)
		return error_no_memory(err);
	link_close(s->link);
	set_state(s, SESSION_PARKED);
	return 0;
}

/* The sandbox of a pool, before it is anybody's. */
static int park(struct session *s, const struct frame_hello *hello, struct error *err)
{
	bool waits = hello->state == FRAME_STATE_WAITING;
	if (!waits && hello->execution_id.n == 0)
		return 0; /* it could not take the files that came ahead of a job: FAILED follows */
	if (!waits)
		return note_found(s, hello, err);
	sender_start(s->sender);
	if (!s->wants_files)
		set_state(s, SESSION_PARKED);
	return 0;
}

/* What is to be sent may be packed. A Pod of an older controller is nobody's by now, so this is one whose
 * runner was exchanged. */
static int check_release(const struct frame_hello *hello, struct error *err)
{
	if (hello->state != FRAME_STATE_WAITING || hello->version >= FRAME_VERSION_PACKED)
		return 0;
	return error_set(
	    err, ERR_PROTOCOL,
	    "the sandbox's runner is of an older release (%.*s, protocol %u): it takes no packed files",
	    (int)hello->runner_version.n, hello->runner_version.p, hello->version);
}

static int on_hello(void *context, const struct frame_hello *hello, struct error *err)
{
	struct session *s = context;
	if (check_release(hello, err) != 0)
		return -1;
	if (!s->collector)
		return park(s, hello, err);
	if (hello->state == FRAME_STATE_WAITING) {
		sender_start(s->sender);
		return 0;
	}
	if (!str_eq(hello->execution_id, str_of(s->execution_id)))
		return error_set(err, ERR_PROTOCOL, "sandbox has the job of another execution");
	return 0; /* STARTED … END follow by themselves */
}

/* HELLO again: the files are there. */
static int take_second_hello(struct session *s, const struct frame_hello *hello, struct error *err)
{
	if (s->collector || !sender_has_asked(s->sender) || hello->state != FRAME_STATE_LOADING)
		return error_set(err, ERR_PROTOCOL, "sandbox said hello twice");
	if (sender_confirm_files(s->sender, err) != 0)
		return -1;
	set_state(s, SESSION_PARKED);
	return 0;
}

static void on_unfit(void *context, const struct error *missing)
{
	fail(context, "sandbox_start_failed", missing->message);
}

static int take_failed(struct session *s, const struct frame_failed *failed, struct error *err)
{
	char text[FAILURE_TEXT_MAX];
	size_t n = failed->message.n < FAILURE_MESSAGE_MAX ? failed->message.n : FAILURE_MESSAGE_MAX;
	snprintf(text, sizeof(text), "%.*s: %.*s", (int)failed->reason.n, failed->reason.p, (int)n,
		 failed->message.p);
	if (str_eq(failed->reason, STR(FRAME_SUPERSEDED)) && s->services->superseded)
		s->services->superseded(s->services->context);
	if (str_eq(failed->reason, STR("protocol")) || str_eq(failed->reason, STR(FRAME_SUPERSEDED)))
		return error_set(err, ERR_PROTOCOL, "sandbox: %s", text);
	fail(s, "sandbox_start_failed", text);
	return 0;
}

static int on_frame(void *context, const struct frame *frame, struct error *err)
{
	struct session *s = context;
	if (frame->type == FRAME_HELLO)
		return take_second_hello(s, &frame->hello, err);
	if (frame->type == FRAME_FAILED)
		return take_failed(s, &frame->failed, err);
	if (!s->collector)
		return error_set(err, ERR_PROTOCOL, "sandbox answers before it has a job");
	if (frame->type == FRAME_STARTED) {
		s->started_us = now_us(s);
		s->started_ms = clock_wall_ms(s->services->clock);
		set_state(s, SESSION_RUNNING);
		return 0;
	}
	if (frame->type == FRAME_EXIT)
		s->exit_us = now_us(s);
	if (collector_frame(s->collector, frame, err) != 0)
		return -1;
	if (frame->type == FRAME_EXIT)
		set_state(s, SESSION_COLLECTING);
	else if (frame->type == FRAME_END)
		take_end(s);
	return 0;
}

static void on_drained(void *context)
{
	struct session *s = context;
	sender_drain(s->sender);
}

static void on_lost(void *context, const struct error *err)
{
	lose(context, err);
}

static const struct link_handler link_handler = {
    .hello = on_hello, .unfit = on_unfit, .frame = on_frame, .drained = on_drained, .lost = on_lost};

/* What can't be sent: as a sender_handler */

static void on_unavailable(void *context, const struct error *err)
{
	struct session *s = context;
	if (s->collector && err->code == ERR_INVALID_SKILL)
		fail(s, "no_entrypoint", err->message);
	else if (s->collector && err->code == ERR_NOT_FOUND)
		fail(s, "sandbox_start_failed", err->message);
	else
		lose(s, err);
}

static const struct sender_handler sender_handler = {.unavailable = on_unavailable, .broken = on_lost};

/* Life */

static struct session *session_new(const struct session_services *services, const struct pod *pod,
				   void (*changed)(void *context), void *context, struct error *err)
{
	struct session *s = calloc(1, sizeof(*s));
	if (!s) {
		error_no_memory(err);
		return NULL;
	}
	s->services = services;
	s->changed = changed;
	s->context = context;
	s->state = SESSION_OPENING;
	s->link = link_open(services, pod, &link_handler, s, err);
	if (s->link)
		s->sender = sender_new(services, s->link, &sender_handler, s, err);
	return s->sender ? s : session_free(s);
}

/* From here on the session has an Execution: its job is prepared, and its result will be collected. */
static int take_execution(struct session *s, const struct execution *execution, const struct skill *skill,
			  const struct run_shape *shape, const char *tenant, struct error *err)
{
	const struct controller_config *config = s->services->config;
	struct arrival_limits limits = {config->policy.max_output_size, config->max_logs,
					config->policy.max_files_size, config->max_files_count};
	s->execution_id = str_dup(str_of(execution_id(execution)));
	if (!s->execution_id)
		return error_no_memory(err);
	s->collector = collector_new(s->services->loop, s->services->store, tenant, &limits, err);
	if (!s->collector)
		return -1;
	return sender_load_job(s->sender, execution, skill, shape, tenant, err);
}

struct session *session_start(const struct session_services *services, const struct execution *execution,
			      const struct skill *skill, const struct run_shape *shape, const struct pod *pod,
			      const char *tenant, void (*changed)(void *context), void *context,
			      struct error *err)
{
	struct session *s = session_new(services, pod, changed, context, err);
	if (s && take_execution(s, execution, skill, shape, tenant, err) != 0)
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
	if (skill && sender_load_files(s->sender, skill, tenant, err) != 0)
		return session_free(s);
	return s;
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
	if (take_execution(s, execution, skill, shape, tenant, err) != 0)
		return -1;
	sender_start(s->sender);
	return 0;
}

struct session *session_free(struct session *s)
{
	if (!s)
		return NULL;
	sender_free(s->sender);
	link_free(s->link);
	collector_free(s->collector);
	free(s->execution_id);
	free(s->found_execution);
	free(s);
	return NULL;
}

void session_cancel(struct session *s)
{
	struct error err;
	if (!link_is_listening(s->link) || s->cancel_sent_ms)
		return;
	s->cancel_sent_ms = clock_wall_ms(s->services->clock);
	if (sender_cancel(s->sender, &err) != 0)
		lose(s, &err);
}

void session_retry_store(struct session *s)
{
	if (s->state != SESSION_STORE_FAILED)
		return;
	s->state = SESSION_COLLECTING;
	collector_store(s->collector, stored, s);
}

/* What there is to know */

const char *session_found_execution(const struct session *s)
{
	return s->found_execution;
}

const struct run_shape *session_found_shape(const struct session *s)
{
	return s->has_found_shape ? &s->found_shape : NULL;
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
	return link_opened_us(s->link);
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
