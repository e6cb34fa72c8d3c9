#include "controller/sandbox/sender.h"

#include "controller/sandbox/job.h"
#include "controller/sandbox/object.h"

#include <stdlib.h>
#include <unistd.h>

/* Outlives the sender if that is freed while the store works. */
struct input_fetch {
	/* NULL: nobody waits any more */
	struct sender *sender;
};

/* A bundle of the skill: its files, or its packages (enum bundle_part). */
struct part {
	struct sender *sender;
	/* Of what the sandbox confirmed; NULL: it has none. */
	struct bundle *outline;
	/* What is to be sent and is here; NULL: not yet, the job has it, or there is none. */
	struct bundle *bundle;
	/* While it is being fetched. */
	struct bundle_wait *wait;
};
#define PART_COUNT 2

struct sender {
	const struct session_services *services;
	struct link *link;
	struct sender_handler handler;
	void *context;

	enum { TO_SEND_NOTHING, TO_SEND_FILES, TO_SEND_JOB } to_send;
	bool sandbox_waits, cancelled;
	struct job job;
	int64_t begun_us;

	struct part parts[PART_COUNT];
	/* What is being fetched; NULL: nothing. */
	struct input_fetch *fetch;
	/* The objects, where the caches have outlines only; whose they are. */
	struct reading *execution_reading, *skill_reading;
	char *execution_uid, *skill_uid;
	/* Why it can't be had; ERR_NONE: it can. */
	struct error problem;
};

/* Sending */

static int put_cancel(struct sender *s, struct error *err)
{
	struct frame frame = {.type = FRAME_CANCEL};
	return frame_encode(&frame, &s->job.out, err);
}

/* What comes behind the last frame of what is sent. */
static int put_end(struct sender *s, struct error *err)
{
	if (s->to_send == TO_SEND_FILES)
		return link_put_hello(s->link, &s->job.out, err); /* has it got them all? */
	return s->cancelled ? put_cancel(s, err) : 0;
}

/* As much as the link takes. */
static void pump(struct sender *s)
{
	struct error err;
	while (link_is_listening(s->link) && s->job.stage != SEND_NOTHING) {
		if (s->job.out.len > 0) {
			buffer_consume(&s->job.out, link_write(s->link, buffer_str(&s->job.out)));
			if (s->job.out.len > 0)
				return; /* on sender_drain */
		}
		if (s->job.stage == SEND_ALL_SENT)
			return;
		int status = job_next(&s->job, &err);
		if (status == 0 && s->job.stage == SEND_ALL_SENT)
			status = put_end(s, &err);
		if (status != 0) {
			s->handler.broken(s->context, &err);
			return;
		}
	}
}

static bool has_bundles(const struct sender *s)
{
	return s->parts[BUNDLE_FILES].bundle && !s->parts[BUNDLE_FILES].wait &&
	       !s->parts[BUNDLE_PACKAGES].wait;
}

static struct bundle *take_bundle(struct sender *s, enum bundle_part part)
{
	struct bundle *bundle = s->parts[part].bundle;
	s->parts[part].bundle = NULL;
	return bundle;
}

static void send_files(struct sender *s)
{
	if (s->problem.code != ERR_NONE) {
		s->handler.unavailable(s->context, &s->problem);
		return;
	}
	if (!s->sandbox_waits || !has_bundles(s))
		return;
	job_init_ahead(&s->job, take_bundle(s, BUNDLE_FILES), take_bundle(s, BUNDLE_PACKAGES));
	pump(s);
}

static void send_job(struct sender *s)
{
	if (!s->sandbox_waits || s->job.stage != SEND_NOTHING)
		return;
	if (s->problem.code != ERR_NONE) {
		s->handler.unavailable(s->context, &s->problem);
		return;
	}
	if (!has_bundles(s) || s->fetch || s->execution_reading || s->skill_reading)
		return;
	job_begin(&s->job, take_bundle(s, BUNDLE_FILES), take_bundle(s, BUNDLE_PACKAGES));
	s->begun_us = clock_monotonic_us(s->services->clock);
	pump(s);
}

static void send_what_is_here(struct sender *s)
{
	switch (s->to_send) {
	case TO_SEND_FILES:
		send_files(s);
		break;
	case TO_SEND_JOB:
		send_job(s);
		break;
	case TO_SEND_NOTHING:
		break;
	}
}

void sender_start(struct sender *s)
{
	s->sandbox_waits = true;
	send_what_is_here(s);
}

void sender_drain(struct sender *s)
{
	pump(s);
}

bool sender_has_asked(const struct sender *s)
{
	return s->to_send == TO_SEND_FILES && job_is_sent(&s->job);
}

int sender_confirm_files(struct sender *s, struct error *err)
{
	const struct bundle *sent[PART_COUNT] = {s->job.bundle, s->job.packages};
	for (size_t i = 0; i < PART_COUNT; i++)
		if (sent[i] && !(s->parts[i].outline = bundle_outline(sent[i])))
			return error_no_memory(err);
	job_clear(&s->job);
	s->to_send = TO_SEND_NOTHING;
	return 0;
}

int sender_cancel(struct sender *s, struct error *err)
{
	s->cancelled = true;
	if (s->job.stage == SEND_NOTHING)
		s->job.stage = SEND_ALL_SENT; /* the sandbox has the job already: there is none to send */
	if (s->job.stage == SEND_ALL_SENT && put_cancel(s, err) != 0)
		return -1;
	pump(s);
	return 0;
}

/* Fetching */

static void bundle_ready(void *context, const struct error *error, struct bundle *bundle)
{
	struct part *part = context;
	part->wait = NULL;
	part->bundle = bundle;
	if (error)
		part->sender->problem = *error;
	send_what_is_here(part->sender);
}

static int load_part(struct sender *s, const struct skill *skill, enum bundle_part which, const char *tenant,
		     struct error *err)
{
	struct part *part = &s->parts[which];
	part->bundle = bundle_cache_find(s->services->bundles, skill, which, tenant);
	if (part->bundle)
		return 0;
	part->wait = bundle_cache_load(s->services->bundles, skill, which, tenant, bundle_ready, part, err);
	return part->wait ? 0 : -1;
}

static int load_bundles(struct sender *s, const struct skill *skill, const char *tenant, struct error *err)
{
	if (load_part(s, skill, BUNDLE_FILES, tenant, err) != 0)
		return -1;
	return skill_packages(skill)->blob.digest ? load_part(s, skill, BUNDLE_PACKAGES, tenant, err) : 0;
}

static void input_ready(void *context, const struct error *error, int fd, int64_t size)
{
	struct input_fetch *fetch = context;
	struct sender *s = fetch->sender;
	free(fetch);
	if (!s) {
		if (!error)
			close(fd);
		return;
	}
	s->fetch = NULL;
	if (error) {
		s->problem = *error;
		error_wrap(&s->problem, "the input could not be fetched");
	} else {
		job_take_input(&s->job, fd, size);
	}
	send_what_is_here(s);
}

static int fetch_input(struct sender *s, const char *digest, const char *tenant, struct error *err)
{
	struct blob_key key = {BLOB_EXECUTIONS, tenant, digest};
	s->fetch = malloc(sizeof(*s->fetch));
	if (!s->fetch)
		return error_no_memory(err);
	s->fetch->sender = s;
	if (blob_get(s->services->store, &key, (int64_t)FRAME_MAX_INPUT, input_ready, s->fetch, err) == 0)
		return 0;
	free(s->fetch);
	s->fetch = NULL;
	return -1;
}

/* Objects of which the caches have only the outline */

static void take_execution(struct sender *s, const struct kube_response *response)
{
	cleanup_execution struct execution *execution =
	    object_read_execution(response, s->execution_uid, &s->problem);
	if (execution && job_take_data(&s->job, execution, &s->problem) == 0)
		job_put_input_aside(&s->job, &s->problem);
}

static void execution_read(void *context, const struct kube_response *response)
{
	struct sender *s = context;
	s->execution_reading = NULL;
	take_execution(s, response);
	send_what_is_here(s);
}

static void skill_read(void *context, const struct kube_response *response)
{
	struct sender *s = context;
	s->skill_reading = NULL;
	cleanup_skill struct skill *skill = object_read_skill(response, s->skill_uid, &s->problem);
	if (skill)
		job_take_instructions(&s->job, skill->spec.instructions, &s->problem);
	send_what_is_here(s);
}

static int read_object(struct sender *s, const char *resource, const struct object_meta *meta,
		       kube_done_cb done, struct reading **reading, char **uid, struct error *err)
{
	free(*uid);
	*uid = str_dup(str_of(meta->uid));
	if (!*uid)
		return error_no_memory(err);
	*reading = object_read(s->services->reader, resource, meta, done, s, err);
	return *reading ? 0 : -1;
}

/* What job_init could not take. */
static int read_what_is_missing(struct sender *s, const struct execution *execution,
				const struct skill *skill, struct error *err)
{
	if (execution->is_outline && read_object(s, API_EXECUTIONS, &execution->meta, execution_read,
						 &s->execution_reading, &s->execution_uid, err) != 0)
		return -1;
	if (!skill || !skill->is_outline || skill->spec.instructions)
		return 0;
	return read_object(s, API_SKILLS, &skill->meta, skill_read, &s->skill_reading, &s->skill_uid, err);
}

/* The job's files: those that the sandbox has, or the skill's. */
static int prepare_bundle(struct sender *s, const struct skill *skill, const char *tenant, struct error *err)
{
	if (s->parts[BUNDLE_FILES].outline) {
		for (size_t i = 0; i < PART_COUNT; i++) {
			s->parts[i].bundle = s->parts[i].outline;
			s->parts[i].outline = NULL;
		}
		return 0;
	}
	if (!skill) {
		error_set(&s->problem, ERR_NOT_FOUND,
			  "the skill was deleted before the sandbox had its files");
		return 0;
	}
	return load_bundles(s, skill, tenant, err);
}

int sender_load_files(struct sender *s, const struct skill *skill, const char *tenant, struct error *err)
{
	s->to_send = TO_SEND_FILES;
	return load_bundles(s, skill, tenant, err);
}

int sender_load_job(struct sender *s, const struct execution *execution, const struct skill *skill,
		    const struct run_shape *shape, const char *tenant, struct error *err)
{
	const char *input_digest = execution->spec.input_ref.digest;
	s->to_send = TO_SEND_JOB;
	if (job_init(&s->job, execution, skill, shape, s->services->config, err) != 0 ||
	    (input_digest && fetch_input(s, input_digest, tenant, err) != 0) ||
	    read_what_is_missing(s, execution, skill, err) != 0)
		return -1;
	return prepare_bundle(s, skill, tenant, err);
}

/* Life */

struct sender *sender_new(const struct session_services *services, struct link *link,
			  const struct sender_handler *handler, void *context, struct error *err)
{
	struct sender *s = calloc(1, sizeof(*s));
	if (!s) {
		error_no_memory(err);
		return NULL;
	}
	s->services = services;
	s->link = link;
	s->handler = *handler;
	s->context = context;
	s->job = JOB_NONE;
	for (size_t i = 0; i < PART_COUNT; i++)
		s->parts[i].sender = s;
	return s;
}

struct sender *sender_free(struct sender *s)
{
	if (!s)
		return NULL;
	if (s->fetch)
		s->fetch->sender = NULL;
	reading_cancel(s->execution_reading);
	reading_cancel(s->skill_reading);
	free(s->execution_uid);
	free(s->skill_uid);
	for (size_t i = 0; i < PART_COUNT; i++) {
		bundle_wait_cancel(s->parts[i].wait);
		bundle_unref(s->parts[i].bundle);
		bundle_unref(s->parts[i].outline);
	}
	job_clear(&s->job);
	free(s);
	return NULL;
}

int64_t sender_begun_us(const struct sender *s)
{
	return s->begun_us;
}
