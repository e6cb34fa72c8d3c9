#include "apiserver/skill/push.h"

#include "apiserver/audit.h"
#include "apiserver/failure.h"
#include "apiserver/operation.h"
#include "apiserver/skill/quota.h"
#include "apiserver/skill/skill_path.h"
#include "lib/base/json_write.h"
#include "lib/base/log.h"
#include "lib/policy/names.h"

#include <stdlib.h>

#define OBJECT_MAX ((size_t)8 << 20)
#define OBJECT_NAME_MAX 256
#define PATCH_MAX 1024
#define VISIBLE_TIMEOUT_MS 10000
#define AUDITED_SIZE 300 /* "name@version" */

static const char what_failed[] = "the skill could not be stored";

/* Of one object: the one that is there may just be going, since others of the version came after it. */
#define CREATE_TRIES 3

struct push {
	struct operation operation;
	struct skill *skill;
	/* The archive: its owner's. */
	int fd;
	int64_t size;
	/* Until it is seen, or fails; NULL: it needs none. */
	struct skill_place *place;
	/* Holds a reference. */
	struct waiter *waiter;
	/* The cluster has said so. */
	bool is_stored;
	unsigned creates;
	/* NULL: it was called. */
	skill_pushed_cb done;
	void *context;
};

/* The Skill from the package */

static int copy(char **to, const char *from, struct error *err)
{
	*to = str_dup(str_of(from));
	return *to ? 0 : error_no_memory(err);
}

static int copy_if(char **to, const char *from, struct error *err)
{
	return from ? copy(to, from, err) : 0;
}

static int64_t later_than(const struct skill *skill, int64_t ms)
{
	return skill && skill->uploaded_ms >= ms ? skill->uploaded_ms + 1 : ms;
}

/* Time must go on from upload to upload, or it would be ambiguous which one `latest`, or the version, is. */
static int64_t upload_time(const struct operation *operation, const struct manifest *manifest)
{
	const struct cluster *cluster = operation->server->cluster;
	const char *namespace = operation->caller->namespace;
	struct str name = str_of(manifest->name);
	int64_t ms = later_than(cluster_skill(cluster, namespace, name, STR("latest")),
				clock_wall_ms(operation->server->clock));
	return later_than(cluster_skill(cluster, namespace, name, str_of(manifest->version)), ms);
}

/* What a run needs; an instruction skill has none. */
static int fill_run(const struct skill_package *package, struct skill *skill, struct error *err)
{
	const struct manifest *manifest = &package->manifest;
	if (!*package->entrypoint)
		return 0;
	skill->spec.timeout_ms = manifest->timeout_ms;
	return copy(&skill->spec.lang, manifest->lang, err) != 0 ||
		       copy(&skill->spec.image, manifest->image, err) != 0 ||
		       copy(&skill->spec.cpu, manifest->cpu, err) != 0 ||
		       copy(&skill->spec.memory, manifest->memory, err) != 0 ||
		       copy(&skill->spec.entrypoint, package->entrypoint, err) != 0
		   ? -1
		   : 0;
}

/* Of an archive that only lists its packages: those of a skill that is there. */
static int find_packages(const struct operation *operation, const char *lock, struct skill_packages *ret,
			 struct error *err)
{
	const struct skill *other =
	    cluster_skill_with_lock(operation->server->cluster, operation->caller->namespace, lock);
	if (!other)
		return error_set(
		    err, ERR_PACKAGES_MISSING,
		    "the packages that wheels/sha256sums lists are not stored here: push the archive "
		    "with the wheels themselves");
	const struct skill_packages *packages = skill_packages(other);
	ret->blob.size = packages->blob.size;
	ret->files = packages->files;
	ret->bytes = packages->bytes;
	return copy(&ret->blob.digest, packages->blob.digest, err);
}

static int fill_packages(const struct operation *operation, const struct dependencies *dependencies,
			 struct skill_packages *ret, struct error *err)
{
	if (!*dependencies->lock)
		return 0;
	if (copy(&ret->lock, dependencies->lock, err) != 0)
		return -1;
	if (dependencies->packages_fd < 0)
		return find_packages(operation, dependencies->lock, ret, err);
	ret->blob.size = dependencies->packages_size;
	ret->files = dependencies->package_files;
	ret->bytes = dependencies->package_bytes;
	return copy(&ret->blob.digest, dependencies->packages_digest, err);
}

static int fill(const struct operation *operation, const struct skill_bundle *bundle, struct skill *skill,
		struct error *err)
{
	const struct manifest *manifest = &bundle->package->manifest;
	cleanup_buffer struct buffer name = BUFFER(OBJECT_NAME_MAX);
	if (skill_object_name(str_of(manifest->name), str_of(manifest->version), str_of(bundle->digest),
			      &name, err) != 0 ||
	    copy(&skill->meta.name, name.data, err) != 0 ||
	    copy(&skill->meta.namespace, operation->caller->namespace, err) != 0 ||
	    copy(&skill->spec.name, manifest->name, err) != 0 ||
	    copy(&skill->spec.version, manifest->version, err) != 0 ||
	    copy(&skill->spec.description, manifest->description, err) != 0 ||
	    copy(&skill->spec.instructions, manifest->instructions, err) != 0 ||
	    fill_run(bundle->package, skill, err) != 0 ||
	    copy_if(&skill->spec.input_schema, bundle->package->input_schema, err) != 0 ||
	    copy_if(&skill->spec.output_schema, bundle->package->output_schema, err) != 0 ||
	    copy(&skill->spec.bundle.digest, bundle->digest, err) != 0 ||
	    fill_packages(operation, bundle->dependencies, &skill->spec.packages, err) != 0)
		return -1;
	skill->spec.bundle.size = bundle->size;
	skill->spec.build = bundle->dependencies->to_be_built;
	skill->uploaded_ms = upload_time(operation, manifest);
	return 0;
}

int skill_judge_package(const struct skill_package *package, const struct dependencies *dependencies,
			const struct policy *policy, struct problems *problems, struct error *err)
{
	const struct manifest *manifest = &package->manifest;
	struct skill_judgement judged;
	struct skill_claim claim = {0};
	if (*package->entrypoint)
		claim = (struct skill_claim){.lang = manifest->lang,
					     .entrypoint = package->entrypoint,
					     .image = manifest->image,
					     .cpu = manifest->cpu,
					     .memory = manifest->memory,
					     .timeout_ms = manifest->timeout_ms,
					     .files_size = dependencies->file_room,
					     .packages_size = policy_room_of(dependencies->package_files,
									     dependencies->package_bytes)};
	if (skill_judge(&claim, policy, &judged, problems, err) == 0)
		return 0;
	return err->code == ERR_INVALID_SKILL ? error_wrap(err, "invalid skill") : -1;
}

/* Ends */

static struct push *of(struct operation *operation)
{
	return (struct push *)operation;
}

static void stop_waiting(struct push *push)
{
	if (!push->waiter)
		return;
	wait_cancel(push->operation.server->waiters, push->waiter);
	push->waiter = NULL;
	operation_unref(&push->operation); /* the caller holds another one */
}

static void end(struct push *push, const struct error *failure)
{
	skill_pushed_cb done = push->done;
	push->done = NULL;
	stop_waiting(push);
	skill_quota_give(push->place);
	push->place = NULL;
	if (done)
		done(push->context, failure ? NULL : push->skill, failure);
}

static void fail(struct push *push, const struct error *err)
{
	struct error failure;
	if (err->code == ERR_NO_CAPACITY)
		measure_refusal(push->operation.server->metrics, REFUSED_SKILLS);
	if (err->code == ERR_NO_CAPACITY || err->code == ERR_PACKAGES_MISSING ||
	    err->code == ERR_INVALID_SKILL) {
		end(push, err);
		return;
	}
	failure_of_fault(push->operation.caller, what_failed, err, &failure);
	end(push, &failure);
}

static void push_free(struct operation *operation)
{
	struct push *push = of(operation);
	struct error failure;
	failure_of_stop(&failure);
	end(push, &failure);
	skill_free(push->skill);
	free(push);
}

static void refuse_unknown(const struct push *push, struct error *ret)
{
	error_set(ret, ERR_UNAVAILABLE,
		  "it is not known whether skill %s@%s is stored, the cluster gave no answer; push it again, "
		  "the same files are stored once",
		  push->skill->spec.name, push->skill->spec.version);
}

/* wait_cb */
static bool on_visible(void *context, const void *object, bool timed_out)
{
	struct push *push = context;
	const struct skill *seen = object;
	struct error failure;
	if (!timed_out && (!seen || seen->uploaded_ms < push->skill->uploaded_ms))
		return false;
	push->waiter = NULL;
	if (timed_out && !push->is_stored)
		refuse_unknown(push, &failure);
	else if (timed_out)
		error_set(&failure, ERR_UNAVAILABLE,
			  "skill %s@%s is stored, but this server does not see it yet; try again in a moment",
			  push->skill->spec.name, push->skill->spec.version);
	end(push, timed_out ? &failure : NULL);
	operation_unref(&push->operation);
	return true;
}

/* Calls */

static void warn_of_older(const struct operation *operation, const struct error *err)
{
	log_warn("an overwritten skill could not be deleted", "request_id", operation->caller->request_id,
		 "reason", err->message, NULL);
}

static void on_older_deleted(struct operation *operation, const struct kube_response *response)
{
	if (response->error && response->status != 404)
		warn_of_older(operation, response->error);
}

/* The newest upload counts anyway, so a deletion that fails does no harm. */
static bool delete_older(void *context, const void *object)
{
	struct push *push = context;
	const struct skill *skill = object, *fresh = push->skill;
	if (skill_version_compare(str_of(skill->spec.version), str_of(fresh->spec.version)) != 0 ||
	    strcmp(skill->meta.name, fresh->meta.name) == 0 || skill->uploaded_ms > fresh->uploaded_ms)
		return true;
	struct error err;
	cleanup_buffer struct buffer path = BUFFER(OPERATION_PATH_MAX);
	skill_path(&path, skill->meta.namespace, skill->meta.name);
	struct kube_call call = {.method = "DELETE", .path = path.data};
	if (!path.failed && operation_kube(&push->operation, &call, on_older_deleted, &err) != 0)
		warn_of_older(&push->operation, &err);
	return true;
}

/* The waiter ends the push. */
static void on_stored_object(struct operation *operation, const struct kube_response *response)
{
	struct push *push = of(operation);
	struct apiserver *server = operation->server;
	const struct skill *skill = push->skill;
	struct error failure;
	char object[AUDITED_SIZE];
	if (response->error) {
		failure_of_kube(operation->caller, server->metrics, what_failed, response, &failure);
		if (response->is_uncertain && failure.code != ERR_BAD_REQUEST)
			refuse_unknown(push, &failure);
		end(push, &failure);
		return;
	}
	push->is_stored = true;
	snprintf(object, sizeof(object), "%s@%s", skill->spec.name, skill->spec.version);
	audit_note(server->audit, operation->caller, "skill.push", object);
	cluster_skills_named(server->cluster, operation->caller->namespace, str_of(skill->spec.name),
			     delete_older, push);
}

static int create_object(struct push *push, struct error *err);

static void on_renewed(struct operation *operation, const struct kube_response *response)
{
	struct push *push = of(operation);
	struct error err;
	if (response->status != 404 || !push->waiter || push->creates == CREATE_TRIES)
		on_stored_object(operation, response);
	else if (create_object(push, &err) != 0)
		fail(push, &err);
}

/* The same bytes were pushed before: now they are the newest again. */
static void renew(struct push *push)
{
	struct error err;
	cleanup_buffer struct buffer path = BUFFER(OPERATION_PATH_MAX), body = BUFFER(PATCH_MAX);
	skill_path(&path, push->skill->meta.namespace, push->skill->meta.name);
	buffer_append_c(&body, "{\"metadata\":{\"annotations\":{");
	json_put_time(&body, API_UPLOADED_AT_ANNOTATION, push->skill->uploaded_ms, true);
	buffer_append_c(&body, "}}}");
	struct kube_call call = {.method = "PATCH",
				 .path = path.data,
				 .content_type = KUBE_MERGE_PATCH,
				 .body = buffer_str(&body)};
	if (buffer_check(&path, "the path", &err) != 0 || buffer_check(&body, "the patch", &err) != 0 ||
	    operation_kube(&push->operation, &call, on_renewed, &err) != 0)
		fail(push, &err);
}

static void on_created(struct operation *operation, const struct kube_response *response)
{
	if (response->already_exists)
		renew(of(operation));
	else
		on_stored_object(operation, response);
}

static int create_object(struct push *push, struct error *err)
{
	const struct object_meta *meta = &push->skill->meta;
	cleanup_buffer struct buffer path = BUFFER(OPERATION_PATH_MAX), body = BUFFER(OBJECT_MAX);
	skill_path(&path, meta->namespace, NULL);
	if (buffer_check(&path, "the path", err) != 0 || skill_to_json(push->skill, &body, err) != 0)
		return -1;
	/* The wait begins before the call: the watch may be faster than its answer. */
	if (push->creates++ == 0) {
		push->waiter = wait_add(push->operation.server->waiters, WAIT_SKILL, meta->namespace,
					meta->name, VISIBLE_TIMEOUT_MS, on_visible, push, err);
		if (!push->waiter)
			return -1;
		operation_ref(&push->operation);
	}
	struct kube_call call = {.method = "POST", .path = path.data, .body = buffer_str(&body)};
	return operation_kube(&push->operation, &call, on_created, err);
}

static void on_stored(struct operation *operation, const struct error *error, int fd, int64_t size)
{
	struct error err;
	(void)fd;
	(void)size;
	if (error) {
		failure_of_storage(operation->caller, operation->server->metrics, what_failed, error, &err);
		end(of(operation), &err);
	} else if (create_object(of(operation), &err) != 0) {
		fail(of(operation), &err);
	}
}

static int store_archive(struct push *push, struct error *err)
{
	struct operation *operation = &push->operation;
	struct blob_key key = {BLOB_SKILLS, operation->caller->tenant, push->skill->spec.bundle.digest};
	return operation_blob_put(operation, &key, push->fd, push->size, on_stored, err);
}

static void on_packages(struct operation *operation, const struct error *error, int fd, int64_t size)
{
	struct push *push = of(operation);
	struct error err;
	(void)fd;
	(void)size;
	if (error && error->code == ERR_NOT_FOUND) {
		error_set(&err, ERR_PACKAGES_MISSING,
			  "the packages that wheels/sha256sums lists are not stored any more: push the "
			  "archive with "
			  "the wheels themselves");
		end(push, &err);
	} else if (error) {
		failure_of_storage(operation->caller, operation->server->metrics, what_failed, error, &err);
		end(push, &err);
	} else if (store_archive(push, &err) != 0) {
		fail(push, &err);
	}
}

/* What runs of it need at least, which a list of packages could not tell before they were found. */
static int check_found(const struct push *push, struct error *err)
{
	struct skill_judgement judged;
	if (skill_judge_object(push->skill, &push->operation.server->config->policy, &judged, NULL, err) == 0)
		return 0;
	return err->code == ERR_INVALID_SKILL ? error_wrap(err, "invalid skill") : -1;
}

static int start(struct push *push, const struct skill_bundle *bundle, struct error *err)
{
	struct operation *operation = &push->operation;
	const struct dependencies *dependencies = bundle->dependencies;
	const struct blob_ref *packages = &push->skill->spec.packages.blob;
	push->fd = bundle->fd;
	push->size = bundle->size;
	if (fill(operation, bundle, push->skill, err) != 0 ||
	    skill_quota_take(operation->server, push->skill, &push->place, err) != 0)
		return -1;
	if (!packages->digest)
		return store_archive(push, err);
	struct blob_key key = {BLOB_SKILLS, operation->caller->tenant, packages->digest};
	if (dependencies->packages_fd >= 0)
		return operation_blob_put(operation, &key, dependencies->packages_fd, packages->size,
					  on_packages, err);
	if (check_found(push, err) != 0)
		return -1;
	return operation_blob_renew(operation, &key, packages->size, on_packages, err);
}

void skill_push(struct apiserver *server, struct caller *caller, const struct skill_bundle *bundle,
		skill_pushed_cb done, void *context)
{
	struct error err;
	struct push *push = NULL;
	struct skill *skill = NULL;
	if (skill_judge_package(bundle->package, bundle->dependencies, &server->config->policy, NULL, &err) !=
	    0) {
		done(context, NULL, &err);
		return;
	}
	if (!(push = calloc(1, sizeof(*push))) || !(skill = calloc(1, sizeof(*skill)))) {
		free(push);
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		done(context, NULL, &err);
		return;
	}
	operation_init(&push->operation, server, caller, push_free);
	push->skill = skill;
	push->done = done;
	push->context = context;
	if (start(push, bundle, &err) != 0)
		fail(push, &err);
	operation_unref(&push->operation);
}
