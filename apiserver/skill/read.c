/* GET and DELETE of skills. */
#include "apiserver/skill/skills.h"

#include "apiserver/audit.h"
#include "apiserver/execution/execution_request.h"
#include "apiserver/http/call.h"
#include "lib/base/clock.h"
#include "lib/base/json_write.h"
#include "lib/base/log.h"
#include "lib/base/quantity.h"
#include "lib/kube/client.h"
#include "lib/policy/names.h"
#include "lib/policy/newest.h"
#include "lib/skill/skill_package.h"

#include <stdlib.h>

#define PATH_MAX_BYTES 1024
#define GONE_TIMEOUT_MS 10000

const char *skill_digest(const struct skill *skill)
{
	return skill->spec.bundle.digest ? skill->spec.bundle.digest : skill->status.digest;
}

/* ---- GET /v1/skills */

struct listing {
	const struct skill **skills;
	size_t count, capacity;
	bool failed;
};

static bool collect(void *context, const void *object)
{
	struct listing *listing = context;
	if (listing->count == listing->capacity) {
		size_t capacity = listing->capacity ? 2 * listing->capacity : 64;
		const struct skill **skills = realloc(listing->skills, capacity * sizeof(*skills));
		if (!skills) {
			listing->failed = true;
			return false;
		}
		listing->skills = skills;
		listing->capacity = capacity;
	}
	listing->skills[listing->count++] = object;
	return true;
}

/* By name, then version, then the newest upload first (which is then the one that counts). */
static int in_order(const void *a, const void *b)
{
	const struct skill *left = *(const struct skill *const *)a, *right = *(const struct skill *const *)b;
	int order = strcmp(left->spec.name, right->spec.name);
	if (order == 0)
		order = skill_version_compare(left->spec.version, right->spec.version);
	return order != 0 ? order : skill_is_newer(left, right) ? -1 : 1;
}

static void put_summary(struct buffer *out, const struct skill *skill)
{
	json_open(out, '{');
	json_put_string(out, "name", skill->spec.name);
	json_put_string(out, "version", skill->spec.version);
	json_put_string(out, "description", skill->spec.description);
	json_put_string(out, "lang", skill->spec.lang);
	json_put_time(out, "uploaded_at", skill->uploaded_ms, true);
	json_put_string(out, "digest", skill_digest(skill));
	json_close(out, '}');
}

void skill_list(struct request *request)
{
	struct listing listing = {0};
	cleanup_buffer struct buffer body = BUFFER(REQUEST_ANSWER_MAX);
	cluster_skills_each(request->server->cluster, request->namespace, collect, &listing);
	if (listing.count)
		qsort(listing.skills, listing.count, sizeof(*listing.skills), in_order);
	json_open(&body, '[');
	for (size_t i = 0; i < listing.count; i++) {
		const struct skill *skill = listing.skills[i], *previous = i ? listing.skills[i - 1] : NULL;
		/* An upload that was overwritten a moment ago. */
		if (previous && strcmp(previous->spec.name, skill->spec.name) == 0 &&
		    strcmp(previous->spec.version, skill->spec.version) == 0)
			continue;
		put_summary(&body, skill);
	}
	json_close(&body, ']');
	free(listing.skills);
	if (listing.failed)
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
	else
		request_answer_json(request, 200, &body);
}

/* ---- GET /v1/skills/:name/:version */

static void refuse_unknown(struct request *request)
{
	struct str name = request->match.params[0], version = request->match.params[1];
	request_refuse(request, ERR_NOT_FOUND, "skill not found: %.*s@%.*s",
		       (int)(name.n < 128 ? name.n : 128), name.p, (int)(version.n < 128 ? version.n : 128),
		       version.p);
}

/* What a run of it would get: its own, or the default, and never more than the maximum. */
static void put_limits(struct buffer *out, const struct policy *policy, const struct skill *skill)
{
	char timeout[DURATION_SIZE], cpu[QUANTITY_SIZE], memory[QUANTITY_SIZE];
	int64_t millicores, bytes;
	if (policy_cpu(policy, skill->spec.cpu, &millicores, NULL) != 0)
		millicores = policy->default_cpu;
	if (policy_memory(policy, skill->spec.memory, &bytes, NULL) != 0)
		bytes = policy->default_memory;
	duration_format(policy_timeout(policy, skill->spec.timeout_ms, 0), timeout);
	quantity_format_cpu(millicores, cpu);
	quantity_format_memory(bytes, memory);
	json_put_string(out, "timeout", timeout);
	json_key(out, "resources");
	json_open(out, '{');
	json_put_string(out, "cpu", cpu);
	json_put_string(out, "memory", memory);
	json_close(out, '}');
}

static int64_t skill_size(const struct skill *skill)
{
	int64_t size = skill->spec.bundle.size;
	for (size_t i = 0; i < skill->spec.file_count; i++)
		size += (int64_t)strlen(skill->spec.files[i].text);
	return size;
}

void skill_get(struct request *request)
{
	const struct skill *skill = cluster_skill(request->server->cluster, request->namespace,
						  request->match.params[0], request->match.params[1]);
	if (!skill) {
		refuse_unknown(request);
		return;
	}
	cleanup_buffer struct buffer body = BUFFER(REQUEST_ANSWER_MAX);
	json_open(&body, '{');
	json_put_string(&body, "name", skill->spec.name);
	json_put_string(&body, "version", skill->spec.version);
	json_put_string(&body, "description", skill->spec.description);
	json_put_string(&body, "lang", skill->spec.lang);
	json_put_string(&body, "image", skill_image(skill->spec.image, skill->spec.lang));
	json_put_string(&body, "instructions", skill->spec.instructions);
	put_limits(&body, &request->server->config->policy, skill);
	json_put_raw(&body, "input_schema", skill->spec.input_schema);
	json_put_raw(&body, "output_schema", skill->spec.output_schema);
	json_put_string(&body, "digest", skill_digest(skill));
	json_put_int(&body, "size", skill_size(skill));
	json_put_time(&body, "uploaded_at", skill->uploaded_ms, true);
	json_close(&body, '}');
	request_answer_json(request, 200, &body);
}

/* ---- DELETE /v1/skills/:name/:version */

struct deletion {
	size_t wanted, gone; /* objects */
	size_t calls;        /* under way */
	struct str version;
	struct request *request;
	bool failed;
};

static void finish_deletion(struct request *request, struct deletion *deletion)
{
	char object[300];
	if (deletion->calls || deletion->gone != deletion->wanted || deletion->failed)
		return;
	struct str name = request->match.params[0], version = deletion->version;
	snprintf(object, sizeof(object), "%.*s@%.*s", (int)name.n, name.p, (int)version.n, version.p);
	audit_note(request, "skill.delete", object);
	request_answer_text(request, 204, NULL, STR(""));
}

static void on_deleted(struct request *request, const struct kube_response *response)
{
	struct deletion *deletion = request->state;
	deletion->calls--;
	if (response->error && response->status != 404) {
		deletion->failed = true;
		request_answer_kube(request, "the skill could not be deleted", response);
		return;
	}
	finish_deletion(request, deletion);
}

/* wait_cb: the next request must not find it any more. */
static bool on_gone(void *context, const void *object, bool timed_out)
{
	struct request *request = context;
	const struct skill *skill = object;
	if (!timed_out && skill && !skill->meta.deleted_ms)
		return false;
	struct deletion *deletion = request->state;
	deletion->gone++;
	finish_deletion(request, deletion);
	request_unref(request);
	return true;
}

static bool delete_one(void *context, const void *object)
{
	struct deletion *deletion = context;
	struct request *request = deletion->request;
	const struct skill *skill = object;
	struct error err;
	if (!str_eq(str_of(skill->spec.version), deletion->version))
		return true;
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES);
	skill_path(&path, skill->meta.namespace, skill->meta.name);
	struct kube_call call = {.method = "DELETE", .path = path.data};
	deletion->wanted++;
	if (path.failed || !wait_add(request->server->waiters, WAIT_SKILL, skill->meta.namespace,
				     skill->meta.name, GONE_TIMEOUT_MS, on_gone, request, &err)) {
		deletion->failed = true;
		return false;
	}
	request_ref(request);
	if (call_kube(request, &call, on_deleted, &err) != 0) {
		deletion->failed = true; /* the waiter ends by itself */
		return false;
	}
	deletion->calls++;
	return true;
}

void skill_delete(struct request *request)
{
	struct deletion *deletion = calloc(1, sizeof(*deletion));
	if (!deletion) {
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return;
	}
	deletion->version = request->match.params[1];
	deletion->request = request;
	request->state = deletion;
	request->free_state = free;
	cluster_skills_named(request->server->cluster, request->namespace, request->match.params[0],
			     delete_one, deletion);
	if (deletion->failed)
		request_refuse(request, ERR_UNAVAILABLE,
			       "the skill could not be deleted; try again in a moment");
	else if (deletion->wanted == 0)
		refuse_unknown(request);
}
