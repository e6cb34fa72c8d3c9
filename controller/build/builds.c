#include "controller/build/builds.h"

#include "controller/build/plan.h"
#include "controller/build/pod.h"
#include "controller/sandbox/pod_spec.h"
#include "lib/base/log.h"
#include "lib/skill/judgement.h"
#include "lib/wheel/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#define PATH_SIZE 1024
#define BODY_MAX (64 << 10)

/* What is remembered of one. */
struct build {
	LIST_ENTRY(build) link;
	struct builds *builds;
	char *key, *namespace;
	struct build_job *job;
	bool has_place;
	char pod[BUILD_POD_NAME_SIZE]; /* that was seen or asked for last; "" : none */
	int64_t asked_ms;              /* 0: not asked for */
	bool is_refused;
	struct trouble refusal;
	int64_t refused_ms;
};

enum call_kind { CALL_CREATE, CALL_DELETE, CALL_PATCH };

struct build_call {
	LIST_ENTRY(build_call) link;
	struct builds *builds;
	enum call_kind kind;
	char *key;
};

struct builds {
	struct build_services services;
	LIST_HEAD(, build) list;
	LIST_HEAD(, build_call) calls;
};

/* ---- what is remembered */

static struct build *find(struct builds *builds, struct str key)
{
	struct build *build;
	LIST_FOREACH(build, &builds->list, link)
		if (str_eq(str_of(build->key), key))
			return build;
	return NULL;
}

static void look(struct builds *builds, const char *key)
{
	if (workqueue_add(builds->services.queue, str_of(key)) != 0)
		log_error("no memory for a key", NULL);
}

/* build_job_start's changed */
static void job_changed(void *context)
{
	const struct build *build = context;
	look(build->builds, build->key);
}

/* Those that wait are asked whether they take the place. */
static void leave_place(struct build *build)
{
	struct build *other;
	if (!build->has_place)
		return;
	build->has_place = false;
	LIST_FOREACH(other, &build->builds->list, link)
		if (!other->has_place && other != build)
			look(other->builds, other->key);
}

static void build_free(struct build *build)
{
	LIST_REMOVE(build, link);
	leave_place(build);
	build_job_free(build->job);
	free(build->key);
	free(build->namespace);
	free(build);
}

static struct build *get(struct builds *builds, struct str key, const struct skill *skill)
{
	struct build *build = find(builds, key);
	if (build)
		return build;
	build = calloc(1, sizeof(*build));
	if (!build)
		return NULL;
	build->builds = builds;
	build->key = str_dup(key);
	build->namespace = str_dup(str_of(skill->meta.namespace));
	LIST_INSERT_HEAD(&builds->list, build, link);
	if (build->key && build->namespace)
		return build;
	build_free(build);
	return NULL;
}

static bool has_room(const struct build *build)
{
	const struct build *other;
	unsigned all = 0, own = 0;
	LIST_FOREACH(other, &build->builds->list, link) {
		if (other == build || !other->has_place)
			continue;
		all++;
		own += strcmp(other->namespace, build->namespace) == 0;
	}
	return all < BUILDS_AT_ONCE && own < BUILDS_OF_TENANT;
}

/* ---- requests */

static void call_free(struct build_call *call)
{
	LIST_REMOVE(call, link);
	free(call->key);
	free(call);
}

static void note_created(struct builds *builds, struct build *build, const struct kube_response *response)
{
	if (!build || !response->error || response->already_exists)
		return;
	trouble_of_refusal(response, builds->services.job.config->build.namespace, &build->refusal);
	build->is_refused = true;
	build->refused_ms = clock_wall_ms(builds->services.clock);
	build->asked_ms = 0;
	leave_place(build);
	log_warn("the Pod of a build was not created", "skill", build->key, "error", response->error->message,
		 NULL);
}

static void answered(void *context, const struct kube_response *response)
{
	struct build_call *call = context;
	struct builds *builds = call->builds;
	bool failed = response->error && response->error->code != ERR_NOT_FOUND;
	switch (call->kind) {
	case CALL_CREATE:
		note_created(builds, find(builds, str_of(call->key)), response);
		look(builds, call->key);
		break;
	case CALL_DELETE:
		if (failed && response->error->code != ERR_CONFLICT)
			log_warn("the Pod of a build was not deleted", "skill", call->key, "error",
				 response->error->message, NULL);
		break;
	case CALL_PATCH:
		if (failed)
			log_warn("skill status not written", "skill", call->key, "error",
				 response->error->message, NULL);
		workqueue_done(builds->services.queue, str_of(call->key), failed);
		break;
	}
	call_free(call);
}

static int send_call(struct builds *builds, enum call_kind kind, struct str key, struct kube_call *kube_call,
		     struct error *err)
{
	struct build_call *call = calloc(1, sizeof(*call));
	if (!call)
		return error_no_memory(err);
	*call = (struct build_call){.builds = builds, .kind = kind, .key = str_dup(key)};
	LIST_INSERT_HEAD(&builds->calls, call, link);
	kube_call->done = answered;
	kube_call->context = call;
	if (call->key && kube_client_call(builds->services.client, kube_call, err))
		return 0;
	if (!call->key)
		error_no_memory(err);
	call_free(call);
	return -1;
}

static void delete_pod(struct builds *builds, struct str key, const struct pod *pod)
{
	char path[PATH_SIZE], body[POD_DELETE_SIZE];
	struct error err;
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s", pod->meta.namespace, pod->meta.name);
	pod_delete_options(pod->meta.uid, body);
	struct kube_call call = {.method = "DELETE", .path = path, .body = str_of(body)};
	if (send_call(builds, CALL_DELETE, key, &call, &err) != 0)
		log_warn("the Pod of a build was not deleted", "error", err.message, NULL);
}

static int create_pod(struct build *build, const struct skill *skill, struct error *err)
{
	const struct controller_config *config = build->builds->services.job.config;
	char path[PATH_SIZE];
	cleanup_buffer struct buffer body = BUFFER(BODY_MAX);
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods", config->build.namespace);
	if (build_pod_spec(skill, config, &body, err) != 0)
		return -1;
	struct kube_call call = {.method = "POST", .path = path, .body = buffer_str(&body)};
	if (send_call(build->builds, CALL_CREATE, str_of(build->key), &call, err) != 0)
		return -1;
	build->has_place = true;
	build->is_refused = false;
	build->asked_ms = clock_wall_ms(build->builds->services.clock);
	build_pod_name(skill, build->pod);
	return 0;
}

/* ---- observing */

struct same_search {
	const struct skill *skill, *found;
	const char *key;
};

static bool visit_skill(void *context, const void *object)
{
	struct same_search *search = context;
	const struct skill *other = object;
	if (other->status.packages.blob.digest && other->spec.build && other->status.build.key &&
	    other->status.packages.lock && !other->meta.deleted_ms &&
	    strcmp(other->meta.namespace, search->skill->meta.namespace) == 0 &&
	    strcmp(other->status.build.key, search->key) == 0)
		search->found = other;
	return !search->found;
}

static const struct pod *find_pod(struct build *build, const struct skill *skill, bool *ret_is_foreign)
{
	const struct build_services *services = &build->builds->services;
	char name[BUILD_POD_NAME_SIZE];
	build_pod_name(skill, name);
	const struct pod *pod = cache_pod(services->cache, services->job.config->build.namespace, name);
	*ret_is_foreign = pod && (!pod->skill_uid || strcmp(pod->skill_uid, skill->meta.uid) != 0);
	if (strcmp(name, build->pod) != 0) { /* of an earlier attempt */
		build->asked_ms = 0;
		build->is_refused = false;
		leave_place(build);
	}
	if (pod && !*ret_is_foreign) {
		build->has_place = true;
		snprintf(build->pod, sizeof(build->pod), "%s", name);
	}
	return pod;
}

/* Is there room for the packages that came of it? Else *ret says why not. */
static bool has_room_in_sandbox(const struct build *build, const struct skill *skill, struct error *ret)
{
	struct skill with = *skill;
	with.status.packages = *build_job_packages(build->job);
	return skill_judge_room(&with, &build->builds->services.job.config->policy,
				build_job_file_bytes(build->job), ret) == 0;
}

static void observe(struct build *build, const struct skill *skill, const char *image, bool has_target,
		    struct error *no_room, struct build_observation *ret)
{
	const struct build_services *services = &build->builds->services;
	int64_t now_ms = clock_wall_ms(services->clock);
	*ret = (struct build_observation){
	    .skill = skill, .has_target = has_target, .image = image, .now_ms = now_ms};
	if (build->job && build_job_attempt(build->job) != skill->status.build.attempt)
		build->job = build_job_free(build->job);
	ret->pod = find_pod(build, skill, &ret->pod_is_foreign);
	ret->pod_asked_ms_ago = build->asked_ms ? now_ms - build->asked_ms : -1;
	ret->refusal = build->is_refused ? &build->refusal : NULL;
	ret->refused_ms_ago = now_ms - build->refused_ms;
	ret->has_room = has_room(build);
	ret->job = build->job;
	if (!build->job)
		return;
	ret->stage = build_job_stage(build->job);
	if (ret->stage == BUILD_DONE && !has_room_in_sandbox(build, skill, no_room))
		ret->no_room = no_room->message;
	if (ret->stage != BUILD_KNOWN)
		return;
	struct same_search search = {skill, NULL, build_job_key(build->job)};
	cache_each(services->cache, CACHE_SKILLS, visit_skill, &search);
	ret->same = search.found;
}

/* ---- applying */

static char *borrow(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* What the status becomes; all of it is borrowed. */
static void wish_status(const struct build *build, const struct build_observation *seen,
			const struct build_plan *plan, struct skill *ret)
{
	const struct skill *skill = seen->skill;
	const struct condition *now = &skill->status.ready;
	bool is_ready = plan->result == BUILD_RESULT_BUILT || plan->result == BUILD_RESULT_SHARED;
	bool is_failed = plan->result == BUILD_RESULT_FAILED;
	const char *status = is_ready ? "True" : is_failed ? "False" : "Unknown";
	struct skill_build *wish = &ret->status.build;
	*ret = (struct skill){.meta = skill->meta};
	ret->status.digest = skill->spec.bundle.digest;
	ret->status.ready = (struct condition){
	    .status = borrow(status),
	    .reason = borrow(is_ready    ? "Ready"
			     : is_failed ? SKILL_BUILD_FAILED
					 : SKILL_BUILDING),
	    .message = borrow(plan->message),
	    .transition_ms =
		now->status && strcmp(now->status, status) == 0 ? now->transition_ms : seen->now_ms,
	    .observed_generation = skill->meta.generation};
	*wish = skill->status.build;
	wish->uploaded_ms = skill->uploaded_ms;
	if (build->job) {
		wish->log = borrow(build_job_log(build->job));
		wish->key = borrow(build_job_key(build->job));
	}
	if (plan->result == BUILD_RESULT_BEGIN || plan->result == BUILD_RESULT_AGAIN) {
		wish->attempt++;
		wish->tries = plan->result == BUILD_RESULT_BEGIN ? 1 : wish->tries + 1;
		wish->started_ms = seen->now_ms;
		wish->completed_ms = 0;
	}
	if (is_ready || is_failed)
		wish->completed_ms = seen->now_ms;
	if (plan->result == BUILD_RESULT_BUILT)
		ret->status.packages = *build_job_packages(build->job);
	if (plan->result == BUILD_RESULT_SHARED) {
		ret->status.packages = seen->same->status.packages;
		wish->log = borrow("the same packages were fetched before\n");
	}
}

static int patch(struct build *build, const struct build_observation *seen, const struct build_plan *plan,
		 struct error *err)
{
	struct builds *builds = build->builds;
	const struct object_meta *meta = &seen->skill->meta;
	const struct event_object about = {API_VERSION, "Skill", meta->namespace, meta->name, meta->uid};
	char path[PATH_SIZE];
	struct skill wish;
	cleanup_buffer struct buffer body = BUFFER(BODY_MAX);
	wish_status(build, seen, plan, &wish);
	if (skill_status_patch(&wish, &body, err) != 0)
		return -1;
	snprintf(path, sizeof(path), API_BASE_PATH "/namespaces/%s/" API_SKILLS "/%s/status", meta->namespace,
		 meta->name);
	struct kube_call call = {
	    .method = "PATCH", .path = path, .content_type = KUBE_MERGE_PATCH, .body = buffer_str(&body)};
	if (send_call(builds, CALL_PATCH, str_of(build->key), &call, err) != 0)
		return -1;
	if (plan->result == BUILD_RESULT_FAILED && builds->services.events)
		event_record(builds->services.events, &about, "Warning", SKILL_BUILD_FAILED, "Build",
			     plan->message);
	return 0;
}

static int start_job(struct build *build, const struct skill *skill, const char *tenant,
		     const struct wheel_target *target, const char *image, struct error *err)
{
	build->job = build_job_start(&build->builds->services.job, skill, tenant, target, image, job_changed,
				     build, err);
	return build->job ? 0 : -1;
}

/* Whoever patches has workqueue_done called with the answer. */
void builds_reconcile(struct builds *builds, struct str key, const struct skill *skill, const char *tenant)
{
	const struct build_services *services = &builds->services;
	struct build *build = get(builds, key, skill);
	struct build_observation seen;
	struct build_plan plan;
	struct wheel_target target;
	struct skill_judgement judged;
	struct error err, no_room;
	if (!build || skill_judge_object(skill, &services->job.config->policy, &judged, NULL, &err) != 0) {
		workqueue_done(services->queue, key, true);
		return;
	}
	bool has_target = wheel_images_find(str_of(services->job.config->policy.python_images),
					    str_of(judged.image), &target);
	observe(build, skill, judged.image, has_target, &no_room, &seen);
	build_plan_make(&seen, services->job.config, &plan);
	int status = 0;
	if (plan.actions & BUILD_DELETE_POD)
		delete_pod(builds, key, seen.pod);
	if (plan.actions & BUILD_START_JOB)
		status = start_job(build, skill, tenant, &target, judged.image, &err);
	if (plan.actions & BUILD_CREATE_POD)
		status = create_pod(build, skill, &err);
	if (plan.actions & BUILD_GIVE)
		build_job_give(build->job, seen.pod);
	if (plan.requeue_ms >= 0)
		workqueue_add_after(services->queue, key, plan.requeue_ms);
	if (plan.actions & BUILD_PATCH) {
		if (patch(build, &seen, &plan, &err) == 0)
			return;
		status = -1;
	}
	if (status != 0)
		log_warn("a build can't go on", "skill", build->key, "error", err.message, NULL);
	if (plan.actions & BUILD_END)
		build_free(build);
	workqueue_done(services->queue, key, status != 0);
}

void builds_forget(struct builds *builds, struct str key)
{
	struct build *build = find(builds, key);
	if (!build)
		return;
	const struct pod *pod =
	    build->pod[0]
		? cache_pod(builds->services.cache, builds->services.job.config->build.namespace, build->pod)
		: NULL;
	if (pod && !pod->meta.deleted_ms && pod->skill)
		delete_pod(builds, key, pod);
	build_free(build);
}

struct builds *builds_new(const struct build_services *services, struct error *err)
{
	struct builds *builds = calloc(1, sizeof(*builds));
	if (!builds) {
		error_no_memory(err);
		return NULL;
	}
	builds->services = *services;
	LIST_INIT(&builds->list);
	LIST_INIT(&builds->calls);
	return builds;
}

struct builds *builds_free(struct builds *builds)
{
	if (!builds)
		return NULL;
	while (!LIST_EMPTY(&builds->list)) {
		LIST_FIRST(&builds->list)->has_place = false;
		build_free(LIST_FIRST(&builds->list));
	}
	while (!LIST_EMPTY(&builds->calls))
		call_free(LIST_FIRST(&builds->calls));
	free(builds);
	return NULL;
}
