/* POST /v1/skills and /v1/skills/validate.
 *
 * A push: the archive is checked, its bytes go to the blob store, then the Skill object is created. The same
 * bytes again: the object is there, and only its upload time is renewed. Other bytes under the same name and
 * version: another object, and the older ones are deleted. The answer comes when this server's own cache has
 * it, so that the next request finds it. */
#include "apiserver/skill/skills.h"

#include "apiserver/audit.h"
#include "apiserver/http/call.h"
#include "apiserver/http/upload.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/kube/client.h"
#include "lib/policy/policy.h"

#include <stdlib.h>

#define OBJECT_MAX ((size_t)8 << 20)
#define PATH_MAX_BYTES 1024
#define VISIBLE_TIMEOUT_MS 10000

static const char what_failed[] = "the skill could not be stored";

void skill_path(struct buffer *out, const char *namespace, const char *name)
{
	buffer_appendf(out, API_BASE_PATH "/namespaces/%s/" API_SKILLS, namespace);
	if (name)
		buffer_appendf(out, "/%s", name);
}

struct push {
	struct skill *skill;
	struct waiter *waiter; /* holds a reference of the request */
};

static void push_free(void *state)
{
	struct push *push = state;
	skill_free(push->skill);
	free(push);
}

static struct push *push_of(struct request *request)
{
	return ((struct upload *)request->state)->next;
}

/* ---- the Skill from the package */

static int copy(char **to, const char *from, struct error *err)
{
	*to = str_dup(str_of(from));
	return *to ? 0 : error_no_memory(err);
}

static int copy_if(char **to, const char *from, struct error *err)
{
	return from ? copy(to, from, err) : 0;
}

/* Time must go on from upload to upload, or `latest` would be ambiguous. */
static int64_t upload_time(struct request *request, const char *name)
{
	int64_t now = clock_wall_ms(request->server->clock);
	const struct skill *newest =
	    cluster_skill(request->server->cluster, request->namespace, str_of(name), STR("latest"));
	return newest && newest->uploaded_ms >= now ? newest->uploaded_ms + 1 : now;
}

static int fill(struct request *request, const struct upload *upload, struct skill *skill, struct error *err)
{
	const struct manifest *manifest = &upload->package.manifest;
	cleanup_buffer struct buffer name = BUFFER(256);
	if (skill_object_name(str_of(manifest->name), str_of(manifest->version), str_of(upload->digest),
			      &name, err) != 0 ||
	    copy(&skill->meta.name, name.data, err) != 0 ||
	    copy(&skill->meta.namespace, request->namespace, err) != 0 ||
	    copy(&skill->spec.name, manifest->name, err) != 0 ||
	    copy(&skill->spec.version, manifest->version, err) != 0 ||
	    copy(&skill->spec.description, manifest->description, err) != 0 ||
	    copy(&skill->spec.instructions, manifest->instructions, err) != 0 ||
	    copy(&skill->spec.lang, manifest->lang, err) != 0 ||
	    copy(&skill->spec.image, manifest->image, err) != 0 ||
	    copy(&skill->spec.cpu, manifest->cpu, err) != 0 ||
	    copy(&skill->spec.memory, manifest->memory, err) != 0 ||
	    copy(&skill->spec.entrypoint, upload->package.entrypoint, err) != 0 ||
	    copy_if(&skill->spec.input_schema, upload->package.input_schema, err) != 0 ||
	    copy_if(&skill->spec.output_schema, upload->package.output_schema, err) != 0 ||
	    copy(&skill->spec.bundle.digest, upload->digest, err) != 0)
		return -1;
	skill->spec.bundle.size = upload->size;
	skill->spec.timeout_ms = manifest->timeout_ms;
	skill->uploaded_ms = upload_time(request, manifest->name);
	return 0;
}

/* What the archive can't know: this server's own rules. */
static int check_rules(const struct request *request, const struct manifest *manifest, struct error *err)
{
	return policy_check_image(&request->server->config->policy,
				  skill_image(manifest->image, manifest->lang), err);
}

/* ---- the answer */

static void answer_pushed(struct request *request)
{
	const struct skill *skill = push_of(request)->skill;
	cleanup_buffer struct buffer body = BUFFER(REQUEST_ANSWER_MAX);
	json_open(&body, '{');
	json_put_string(&body, "name", skill->spec.name);
	json_put_string(&body, "version", skill->spec.version);
	json_put_string(&body, "description", skill->spec.description);
	json_put_string(&body, "lang", skill->spec.lang);
	json_put_string(&body, "digest", skill->spec.bundle.digest);
	json_put_string(&body, "mode", "executable");
	json_put_string(&body, "status", "available");
	json_close(&body, '}');
	request_answer_json(request, 201, &body);
}

/* wait_cb */
static bool on_visible(void *context, const void *object, bool timed_out)
{
	struct request *request = context;
	struct push *push = push_of(request);
	const struct skill *seen = object;
	if (!timed_out && (!seen || seen->uploaded_ms < push->skill->uploaded_ms))
		return false;
	push->waiter = NULL;
	if (timed_out)
		request_refuse(
		    request, ERR_UNAVAILABLE,
		    "skill %s@%s is stored, but this server does not see it yet; try again in a moment",
		    push->skill->spec.name, push->skill->spec.version);
	else
		answer_pushed(request);
	request_unref(request);
	return true;
}

static void stop_waiting(struct request *request, struct push *push)
{
	if (!push->waiter)
		return;
	wait_cancel(request->server->waiters, push->waiter);
	push->waiter = NULL;
	request_unref(request); /* the caller holds another one */
}

/* ---- calls */

struct older {
	const struct skill *fresh;
	struct request *request;
};

static void on_older_deleted(struct request *request, const struct kube_response *response)
{
	if (response->error && response->status != 404)
		log_warn("an overwritten skill could not be deleted", "request_id", request->id, "reason",
			 response->error->message, NULL);
}

/* The newest upload counts anyway, so a deletion that fails does no harm. */
static bool delete_older(void *context, const void *object)
{
	const struct older *older = context;
	const struct skill *skill = object, *fresh = older->fresh;
	if (strcmp(skill->spec.version, fresh->spec.version) != 0 ||
	    strcmp(skill->meta.name, fresh->meta.name) == 0 || skill->uploaded_ms > fresh->uploaded_ms)
		return true;
	struct error err;
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES);
	skill_path(&path, skill->meta.namespace, skill->meta.name);
	struct kube_call call = {.method = "DELETE", .path = path.data};
	if (!path.failed && call_kube(older->request, &call, on_older_deleted, &err) != 0)
		log_warn("an overwritten skill could not be deleted", "request_id", older->request->id,
			 "reason", err.message, NULL);
	return true;
}

static void finish(struct request *request, const struct kube_response *response)
{
	struct push *push = push_of(request);
	if (response->error) {
		stop_waiting(request, push);
		request_answer_kube(request, what_failed, response);
		return;
	}
	char object[300];
	snprintf(object, sizeof(object), "%s@%s", push->skill->spec.name, push->skill->spec.version);
	audit_note(request, "skill.push", object);
	struct older older = {push->skill, request};
	cluster_skills_named(request->server->cluster, request->namespace, str_of(push->skill->spec.name),
			     delete_older, &older);
}

/* The same bytes were pushed before: now they are the newest again. */
static void renew(struct request *request, struct push *push)
{
	struct error err;
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES), body = BUFFER(1024);
	skill_path(&path, request->namespace, push->skill->meta.name);
	buffer_append_c(&body, "{\"metadata\":{\"annotations\":{");
	json_put_time(&body, API_UPLOADED_AT_ANNOTATION, push->skill->uploaded_ms, true);
	buffer_append_c(&body, "}}}");
	struct kube_call call = {.method = "PATCH",
				 .path = path.data,
				 .content_type = KUBE_MERGE_PATCH,
				 .body = buffer_str(&body)};
	if (path.failed || body.failed)
		error_no_memory(&err);
	else if (call_kube(request, &call, finish, &err) == 0)
		return;
	stop_waiting(request, push);
	request_answer_fault(request, what_failed, &err);
}

static void on_created(struct request *request, const struct kube_response *response)
{
	if (response->status == 409)
		renew(request, push_of(request));
	else
		finish(request, response);
}

static void create_object(struct request *request, struct push *push)
{
	struct error err;
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES), body = BUFFER(OBJECT_MAX);
	skill_path(&path, request->namespace, NULL);
	int result = path.failed ? error_no_memory(&err) : skill_to_json(push->skill, &body, &err);
	if (result == 0) { /* the wait begins before the call: the watch may be faster than its answer */
		push->waiter =
		    wait_add(request->server->waiters, WAIT_SKILL, request->namespace, push->skill->meta.name,
			     VISIBLE_TIMEOUT_MS, on_visible, request, &err);
		result = push->waiter ? 0 : -1;
	}
	if (result == 0) {
		request_ref(request);
		struct kube_call call = {.method = "POST", .path = path.data, .body = buffer_str(&body)};
		result = call_kube(request, &call, on_created, &err);
	}
	if (result != 0) {
		stop_waiting(request, push);
		request_answer_fault(request, what_failed, &err);
	}
}

static void on_stored(struct request *request, const struct error *error, int fd, int64_t size)
{
	(void)fd;
	(void)size;
	if (error)
		request_answer_fault(request, what_failed, error);
	else
		create_object(request, push_of(request));
}

static void on_checked(struct request *request)
{
	struct upload *upload = request->state;
	struct error err;
	if (!upload->is_valid) {
		request_answer_error(request, &upload->problem);
		return;
	}
	if (check_rules(request, &upload->package.manifest, &err) != 0) {
		request_answer_error(request, &err);
		return;
	}
	struct push *push = calloc(1, sizeof(*push));
	struct skill *skill = calloc(1, sizeof(*skill));
	if (!push || !skill) {
		free(push);
		free(skill);
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return;
	}
	push->skill = skill;
	upload->next = push;
	upload->free_next = push_free;
	struct blob_key key = {BLOB_SKILLS, request->tenant, upload->digest};
	if (fill(request, upload, skill, &err) != 0 ||
	    call_blob_put(request, &key, upload->fd, upload->size, on_stored, &err) != 0)
		request_answer_fault(request, what_failed, &err);
}

void skill_push(struct request *request)
{
	upload_check(request, on_checked);
}

/* ---- validate */

static void put_problems(struct buffer *out, struct str message)
{
	struct str prefix = STR("invalid skill: ");
	if (str_starts_with(message, prefix))
		message = (struct str){message.p + prefix.n, message.n - prefix.n};
	while (message.n) { /* "; " stands between problems */
		const char *end = memmem(message.p, message.n, "; ", 2);
		struct str one = {message.p, end ? (size_t)(end - message.p) : message.n};
		if (out->data[out->len - 1] != '[')
			buffer_append_byte(out, ',');
		jsontext_append_string(out, one);
		message = end ? (struct str){end + 2, message.n - one.n - 2} : STR("");
	}
}

static void on_validated(struct request *request)
{
	struct upload *upload = request->state;
	const struct manifest *manifest = &upload->package.manifest;
	struct error broken;
	bool valid = upload->is_valid && check_rules(request, manifest, &broken) == 0;
	if (!upload->is_valid && upload->problem.code != ERR_INVALID_SKILL) {
		request_answer_error(request, &upload->problem);
		return;
	}
	cleanup_buffer struct buffer body = BUFFER(65536);
	json_open(&body, '{');
	json_put_bool(&body, "valid", valid);
	json_put_raw(&body, "name", upload->is_valid ? NULL : "null");
	json_put_string(&body, "name", upload->is_valid ? manifest->name : NULL);
	json_put_raw(&body, "version", upload->is_valid ? NULL : "null");
	json_put_string(&body, "version", upload->is_valid ? manifest->version : NULL);
	buffer_append_c(&body, ",\"problems\":[");
	if (!valid && !body.failed)
		put_problems(&body, str_of(upload->is_valid ? broken.message : upload->problem.message));
	buffer_append_c(&body, "]}");
	request_answer_json(request, 200, &body);
}

void skill_validate(struct request *request)
{
	upload_check(request, on_validated);
}
