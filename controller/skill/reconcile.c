/* The files of bundles were checked when they were uploaded; inline files, and what the operator allows by
 * now, are checked here. */
#include "controller/skill/reconcile.h"

#include "lib/base/digest.h"
#include "lib/base/log.h"
#include "lib/skill/judgement.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#define MESSAGE_SIZE 2048
#define PATH_SIZE 1024
#define PATCH_MAX (64 << 10)
#define NO_TENANT_RETRY_MS 30000
#define INVALID "Invalid" /* reason of the condition and of the Event */

struct skill_pass {
	LIST_ENTRY(skill_pass) link;
	struct skills *skills;
	char *key;
};

struct skills {
	struct skill_services services;
	/* statuses that are being written */
	LIST_HEAD(, skill_pass) passes;
};

static void skill_pass_free(struct skill_pass *pass)
{
	LIST_REMOVE(pass, link);
	free(pass->key);
	free(pass);
}

struct skills *skills_new(const struct skill_services *services, struct error *err)
{
	struct skills *skills = calloc(1, sizeof(*skills));
	if (!skills) {
		error_no_memory(err);
		return NULL;
	}
	skills->services = *services;
	LIST_INIT(&skills->passes);
	return skills;
}

struct skills *skills_free(struct skills *skills)
{
	while (skills && !LIST_EMPTY(&skills->passes))
		skill_pass_free(LIST_FIRST(&skills->passes));
	free(skills);
	return NULL;
}

static void status_patched(void *context, const struct kube_response *response)
{
	struct skill_pass *pass = context;
	bool failed = response->error && response->error->code != ERR_NOT_FOUND;
	if (failed)
		log_warn("skill status not written", "skill", pass->key, "error", response->error->message,
			 NULL);
	workqueue_done(pass->skills->services.queue, str_of(pass->key), failed);
	skill_pass_free(pass);
}

struct opinion {
	bool ready;
	const char *reason;
	char message[MESSAGE_SIZE];
	char digest[DIGEST_TEXT_SIZE]; /* "": none */
};

/* What makes it run makes it ready. */
static int judge(const struct skill *skill, const struct policy *policy, struct opinion *ret,
		 struct error *err)
{
	struct skill_judgement judged;
	struct error why;
	*ret = (struct opinion){.reason = INVALID};
	if (skill->invalid) {
		snprintf(ret->message, sizeof(ret->message), "%s", skill->invalid);
		return 0;
	}
	if (skill_judge_object(skill, policy, &judged, NULL, &why) != 0) {
		if (why.code == ERR_NO_MEMORY)
			return error_no_memory(err);
		snprintf(ret->message, sizeof(ret->message), "%s", why.message);
	} else if (judged.only_instructions) {
		ret->reason = "InstructionsOnly";
		snprintf(ret->message, sizeof(ret->message),
			 "it has instructions to read, and no script to run");
	} else {
		ret->ready = true;
		ret->reason = "Ready";
		snprintf(ret->message, sizeof(ret->message), "ready to run");
	}
	if (!skill->spec.bundle.digest)
		snprintf(ret->digest, sizeof(ret->digest), "%s",
			 skill->files_digest ? skill->files_digest : "");
	else
		snprintf(ret->digest, sizeof(ret->digest), "%s", skill->spec.bundle.digest);
	return 0;
}

/* Fill the wished condition and digest; true if they differ from what is recorded. */
static bool wish_status(const struct skill *skill, struct opinion *opinion, int64_t now_ms,
			struct skill *wish)
{
	const struct condition *now = &skill->status.ready;
	const char *status = opinion->ready ? "True" : "False";
	const char *digest = opinion->digest[0] ? opinion->digest : NULL;
	bool same_status = now->status && strcmp(now->status, status) == 0;
	wish->meta = skill->meta;
	wish->status.digest = digest ? opinion->digest : NULL;
	wish->status.ready = (struct condition){
	    .status = (char *)(uintptr_t)status,
	    .reason = (char *)(uintptr_t)opinion->reason,
	    .message = opinion->message,
	    .transition_ms = same_status ? now->transition_ms : now_ms,
	    .observed_generation = skill->meta.generation,
	};
	return !same_status || !now->message || strcmp(now->message, opinion->message) != 0 ||
	       now->observed_generation != skill->meta.generation ||
	       (digest && (!skill->status.digest || strcmp(skill->status.digest, digest) != 0));
}

/* That it is ready, or has nothing to run, the status alone tells. */
static void record_event(const struct skill_services *services, const struct skill *skill,
			 const struct opinion *opinion)
{
	const struct event_object about = {API_VERSION, "Skill", skill->meta.namespace, skill->meta.name,
					   skill->meta.uid};
	if (services->events && strcmp(opinion->reason, INVALID) == 0)
		event_record(services->events, &about, "Warning", INVALID, "Check", opinion->message);
}

/* What it needs is to be fetched: its condition is the build's. */
static bool leave_to_build(const struct skill_services *services, const struct skill *skill, struct str key,
			   struct opinion *opinion)
{
	const char *tenant = cache_tenant(services->cache, skill->meta.namespace);
	if (!opinion->ready || !skill_awaits_build(skill))
		return false;
	if (services->builds && tenant) {
		builds_reconcile(services->builds, key, skill, tenant);
		return true;
	}
	if (skill_build_has_failed(skill)) { /* that stays so, and is told */
		workqueue_done(services->queue, key, false);
		return true;
	}
	opinion->ready = false;
	opinion->reason = tenant ? "BuildDisabled" : "NoTenant";
	snprintf(opinion->message, sizeof(opinion->message), "%s",
		 tenant ? "the packages of requirements.txt are to be fetched by the server, and that is not "
			  "enabled any more (build.enabled of the chart)"
			: "this namespace belongs to no tenant: label it " API_TENANT_LABEL "=NAME");
	if (!tenant)
		workqueue_add_after(services->queue, key, NO_TENANT_RETRY_MS);
	return false;
}

/* Its Pod may be left. */
static void forget_build(const struct skill_services *services, const struct skill *skill, struct str key)
{
	if (services->builds && (!skill || skill->meta.deleted_ms || !skill_awaits_build(skill)))
		builds_forget(services->builds, key);
}

void skills_reconcile(struct skills *skills, struct str key)
{
	const struct skill_services *services = &skills->services;
	struct workqueue *queue = services->queue;
	const struct skill *skill = cache_skill(services->cache, key);
	char path[PATH_SIZE];
	struct error err = {0};
	struct skill wish = {0};
	struct opinion opinion;
	forget_build(services, skill, key);
	if (!skill || skill->meta.deleted_ms || judge(skill, services->policy, &opinion, &err) != 0) {
		workqueue_done(queue, key, err.code != ERR_NONE);
		return;
	}
	if (leave_to_build(services, skill, key, &opinion))
		return;
	if (!wish_status(skill, &opinion, clock_wall_ms(services->clock), &wish)) {
		workqueue_done(queue, key, false);
		return;
	}
	cleanup_buffer struct buffer body = BUFFER(PATCH_MAX);
	struct skill_pass *pass = calloc(1, sizeof(*pass));
	if (!pass || !(pass->key = str_dup(key)) || skill_status_patch(&wish, &body, &err) != 0)
		goto fail;
	pass->skills = skills;
	snprintf(path, sizeof(path), API_BASE_PATH "/namespaces/%s/" API_SKILLS "/%s/status",
		 skill->meta.namespace, skill->meta.name);
	struct kube_call call = {.method = "PATCH",
				 .path = path,
				 .content_type = KUBE_MERGE_PATCH,
				 .body = buffer_str(&body),
				 .done = status_patched,
				 .context = pass};
	if (kube_client_call(services->client, &call, &err)) { /* answered later, never from inside */
		LIST_INSERT_HEAD(&skills->passes, pass, link);
		record_event(services, skill, &opinion);
		return;
	}
fail:
	log_warn("skill status not written", "error", err.message, NULL);
	if (pass)
		free(pass->key);
	free(pass);
	workqueue_done(queue, key, true);
}
