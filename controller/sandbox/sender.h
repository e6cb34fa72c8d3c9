/* What one sandbox is sent over its link: first perhaps a skill's files, ahead of any job; then the job of
 * one execution. The sender fetches what that needs (the skill's bundle, a large input) and sends as soon as
 * all is here and the sandbox waits, as much at a time as the link takes. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_SENDER_H
#define SKILLBOX_CONTROLLER_SANDBOX_SENDER_H

#include "controller/sandbox/link.h"
#include "controller/sandbox/services.h"
#include "controller/sandbox/shape.h"
#include "lib/api/execution.h"
#include "lib/api/skill.h"
#include "lib/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct sender;

/* Called from the loop, or from inside a function that sends. None may call sender_free. */
struct sender_handler {
	/* What was to be sent can't be had: ERR_INVALID_SKILL and ERR_NOT_FOUND say that another try would
	 * not help. Files: at once; a job: when the sandbox waits for it. */
	void (*unavailable)(void *context, const struct error *err);
	/* It could not be read or encoded while it was being sent. */
	void (*broken)(void *context, const struct error *err);
};

struct sender *sender_new(const struct session_services *services, struct link *link,
			  const struct sender_handler *handler, void *context, struct error *err);

/* What is still being fetched is dropped. Before the link's link_free. NULL-safe; returns NULL. */
struct sender *sender_free(struct sender *sender);

/* Files of the tenant's skill are to go ahead of any job. The skill is read during the call only. */
int sender_load_files(struct sender *sender, const struct skill *skill, const char *tenant,
		      struct error *err);

/* The job of this execution is to be sent; without files if the sandbox has them (sender_confirm_files).
 * skill may be NULL when they are there, or when the sandbox is expected to have the job already. All is read
 * during the call only. */
int sender_load_job(struct sender *sender, const struct execution *execution, const struct skill *skill,
		    const struct run_shape *shape, const char *tenant, struct error *err);

/* The sandbox waits, from now on: send what is to be sent when all of it is here, be it now or later. */
void sender_start(struct sender *sender);

/* The link takes more again. */
void sender_drain(struct sender *sender);

/* Were the files ahead of a job all sent, and the sandbox asked whether it has them? */
bool sender_has_asked(const struct sender *sender);

/* It has: the job will come without them. */
int sender_confirm_files(struct sender *sender, struct error *err);

/* Tell the sandbox to end the job that it has, or behind the last frame of the one that is being sent: the
 * pieces of a bundle don't end where its frames end. One that was not begun is not sent any more. */
int sender_cancel(struct sender *sender, struct error *err);

/* Monotonic time when the job began to be sent; 0 before that, or when the sandbox had it already. */
int64_t sender_begun_us(const struct sender *sender);

#endif
