/* What a session sends: the files that go ahead of a job, and the job; where they come from. */
#include "controller/sandbox/session_internal.h"

#include <stdlib.h>
#include <unistd.h>

/* Outlives the session if that is freed while the store works. */
struct input_fetch {
	struct session *session; /* NULL: nobody waits any more */
};

/* Sending */

int session_put_hello(const struct session *s, struct buffer *out, struct error *err)
{
	struct frame frame = {.type = FRAME_HELLO, .hello_request = {FRAME_VERSION, str_of(s->token)}};
	return frame_encode(&frame, out, err);
}

void session_pump(struct session *s)
{
	while (s->stream && s->job.stage != SEND_NOTHING) {
		if (s->job.out.len > 0) {
			size_t taken = exec_stream_write(s->stream, buffer_str(&s->job.out));
			buffer_consume(&s->job.out, taken);
			if (s->job.out.len > 0)
				return; /* on `drained` */
		}
		if (s->job.stage == SEND_ALL_SENT)
			return;
		struct error problem;
		bool ahead = s->job.stage == SEND_AHEAD;
		if (job_next(&s->job, &problem) != 0 ||
		    /* it answers when it has them all */
		    (ahead && s->job.stage == SEND_ALL_SENT &&
		     session_put_hello(s, &s->job.out, &problem) != 0)) {
			session_lose(s, &problem);
			return;
		}
	}
}

/* The runner waits, and the bundle that its pool wants in it is here: send the files. */
void session_maybe_send_ahead(struct session *s)
{
	if (s->job_problem.code != ERR_NONE) {
		session_lose(s, &s->job_problem);
		return;
	}
	if (!s->hello_waiting || !s->bundle)
		return;
	job_init_ahead(&s->job, s->bundle);
	s->bundle = NULL;
	session_pump(s);
}

/* The runner waits, and bundle and input are here: send the job. */
void session_maybe_send_job(struct session *s)
{
	if (!s->hello_waiting || !s->tenant || s->job.stage != SEND_NOTHING)
		return;
	if (s->job_problem.code != ERR_NONE) {
		if (s->job_problem.code == ERR_INVALID_SKILL)
			session_fail(s, "no_entrypoint", s->job_problem.message);
		else if (s->job_problem.code == ERR_NOT_FOUND)
			session_fail(s, "sandbox_start_failed", s->job_problem.message);
		else
			session_lose(s, &s->job_problem);
		return;
	}
	if (!s->bundle || s->input_wanted)
		return;
	job_begin(&s->job, s->bundle);
	s->bundle = NULL;
	s->job_us = clock_monotonic_us(s->services->clock);
	session_pump(s);
}

/* Preparing */

static void bundle_ready(void *context, const struct error *error, struct bundle *bundle)
{
	struct session *s = context;
	s->bundle_wait = NULL;
	s->bundle = bundle;
	if (error)
		s->job_problem = *error;
	if (s->wants_files)
		session_maybe_send_ahead(s);
	else
		session_maybe_send_job(s);
}

static void input_ready(void *context, const struct error *error, int fd, int64_t size)
{
	struct input_fetch *fetch = context;
	struct session *s = fetch->session;
	free(fetch);
	if (!s) {
		if (!error)
			close(fd);
		return;
	}
	s->fetch = NULL;
	s->input_wanted = false;
	if (error) {
		s->job_problem = *error;
		error_wrap(&s->job_problem, "the input could not be fetched");
	} else {
		job_take_input(&s->job, fd, size);
	}
	session_maybe_send_job(s);
}

int session_prepare_input(struct session *s, const struct execution *execution, struct error *err)
{
	if (!execution->spec.input_ref.digest)
		return 0; /* inline: the job has it */
	s->fetch = calloc(1, sizeof(*s->fetch));
	if (!s->fetch)
		return error_no_memory(err);
	s->fetch->session = s;
	s->input_wanted = true;
	struct blob_key key = {BLOB_EXECUTIONS, s->tenant, execution->spec.input_ref.digest};
	if (blob_get(s->services->store, &key, (int64_t)FRAME_MAX_INPUT, input_ready, s->fetch, err) == 0)
		return 0;
	free(s->fetch);
	s->fetch = NULL;
	return -1;
}

int session_load_bundle(struct session *s, const struct skill *skill, const char *tenant, struct error *err)
{
	s->bundle = bundle_cache_find(s->services->bundles, skill, tenant);
	if (s->bundle)
		return 0;
	s->bundle_wait = bundle_cache_load(s->services->bundles, skill, tenant, bundle_ready, s, err);
	return s->bundle_wait ? 0 : -1;
}

int session_prepare_bundle(struct session *s, const struct skill *skill, struct error *err)
{
	if (s->ahead) {
		s->bundle = s->ahead;
		s->ahead = NULL;
		return 0;
	}
	if (!skill) {
		error_set(&s->job_problem, ERR_NOT_FOUND,
			  "the skill was deleted before the sandbox had its files");
		return 0;
	}
	return session_load_bundle(s, skill, s->tenant, err);
}

void session_drop_input(struct session *s)
{
	if (s->fetch)
		s->fetch->session = NULL;
}
