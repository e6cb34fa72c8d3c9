#include "apiserver/rest/skills.h"

#include "apiserver/http/answer.h"
#include "apiserver/http/request.h"
#include "apiserver/http/upload.h"
#include "apiserver/skill/delete.h"
#include "apiserver/skill/push.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"
#include "lib/base/quantity.h"
#include "lib/policy/names.h"
#include "lib/policy/newest.h"
#include "lib/policy/policy.h"

#include <stdlib.h>

#define FIRST_CAPACITY 64    /* skills */
#define VALIDATION_MAX 65536 /* bytes of an answer */

/* NULL if it isn't known yet. */
static const char *skill_digest(const struct skill *skill)
{
	return skill->spec.bundle.digest ? skill->spec.bundle.digest : skill->status.digest;
}

/* GET /v1/skills */

struct listing {
	const struct skill **skills;
	size_t count, capacity;
	bool failed;
};

static bool collect(void *context, const void *object)
{
	struct listing *listing = context;
	if (listing->count == listing->capacity) {
		size_t capacity = listing->capacity ? 2 * listing->capacity : FIRST_CAPACITY;
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

void rest_skill_list(struct request *request)
{
	struct listing listing = {0};
	cleanup_buffer struct buffer body = BUFFER(ANSWER_MAX);
	cluster_skills_each(request->operation.server->cluster, request->operation.caller->namespace, collect,
			    &listing);
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
		answer_refuse(request, ERR_UNAVAILABLE, "out of memory");
	else
		answer_json(request, 200, &body);
}

/* GET /v1/skills/:name/:version */

static void refuse_unknown(struct request *request)
{
	struct error failure;
	skill_not_found(request->match.params[0], request->match.params[1], &failure);
	answer_failure(request, &failure);
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

void rest_skill_get(struct request *request)
{
	const struct skill *skill =
	    cluster_skill(request->operation.server->cluster, request->operation.caller->namespace,
			  request->match.params[0], request->match.params[1]);
	if (!skill) {
		refuse_unknown(request);
		return;
	}
	cleanup_buffer struct buffer body = BUFFER(ANSWER_MAX);
	json_open(&body, '{');
	json_put_string(&body, "name", skill->spec.name);
	json_put_string(&body, "version", skill->spec.version);
	json_put_string(&body, "description", skill->spec.description);
	json_put_string(&body, "lang", skill->spec.lang);
	json_put_string(&body, "image", skill_image(skill->spec.image, skill->spec.lang));
	json_put_string(&body, "instructions", skill->spec.instructions);
	put_limits(&body, &request->operation.server->config->policy, skill);
	json_put_raw(&body, "input_schema", skill->spec.input_schema);
	json_put_raw(&body, "output_schema", skill->spec.output_schema);
	json_put_string(&body, "digest", skill_digest(skill));
	json_put_int(&body, "size", skill_size(skill));
	json_put_time(&body, "uploaded_at", skill->uploaded_ms, true);
	json_close(&body, '}');
	answer_json(request, 200, &body);
}

/* DELETE /v1/skills/:name/:version */

void rest_skill_delete(struct request *request)
{
	request_ref(request);
	skill_delete(request->operation.server, request->operation.caller, request->match.params[0],
		     request->match.params[1], answer_done, request);
}

/* POST /v1/skills */

/* skill_pushed_cb */
static void on_pushed(void *context, const struct skill *skill, const struct error *failure)
{
	struct request *request = context;
	cleanup_buffer struct buffer body = BUFFER(ANSWER_MAX);
	if (failure) {
		answer_failure(request, failure);
	} else {
		json_open(&body, '{');
		json_put_string(&body, "name", skill->spec.name);
		json_put_string(&body, "version", skill->spec.version);
		json_put_string(&body, "description", skill->spec.description);
		json_put_string(&body, "lang", skill->spec.lang);
		json_put_string(&body, "digest", skill->spec.bundle.digest);
		json_put_string(&body, "mode", "executable");
		json_put_string(&body, "status", "available");
		json_close(&body, '}');
		answer_json(request, 201, &body);
	}
	request_unref(request);
}

static void push(struct request *request, struct upload *upload)
{
	if (!upload->is_valid) {
		answer_error(request, &upload->problem);
		return;
	}
	const struct skill_bundle bundle = {&upload->package, upload->digest, upload->fd, upload->size};
	request_ref(request);
	skill_push(request->operation.server, request->operation.caller, &bundle, on_pushed, request);
}

void rest_skill_push(struct request *request)
{
	upload_check(request, push);
}

/* POST /v1/skills/validate */

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

static void validate(struct request *request, struct upload *upload)
{
	const struct manifest *manifest = &upload->package.manifest;
	struct error broken;
	bool valid = upload->is_valid &&
		     skill_check_rules(&request->operation.server->config->policy, manifest, &broken) == 0;
	if (!upload->is_valid && upload->problem.code != ERR_INVALID_SKILL) {
		answer_error(request, &upload->problem);
		return;
	}
	cleanup_buffer struct buffer body = BUFFER(VALIDATION_MAX);
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
	answer_json(request, 200, &body);
}

void rest_skill_validate(struct request *request)
{
	upload_check(request, validate);
}
