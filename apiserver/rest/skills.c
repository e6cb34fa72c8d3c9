#include "apiserver/rest/skills.h"

#include "apiserver/http/answer.h"
#include "apiserver/http/request.h"
#include "apiserver/http/upload.h"
#include "apiserver/skill/delete.h"
#include "apiserver/skill/push.h"
#include "apiserver/skill/read.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"
#include "lib/base/quantity.h"
#include "lib/policy/names.h"
#include "lib/policy/newest.h"
#include "lib/policy/policy.h"
#include "lib/skill/judgement.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAPACITY 64                  /* skills */
#define VALIDATION_MAX ((size_t)256 << 10) /* bytes of an answer */

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
	const struct skill *skill = object;
	if (skill_version_is_dev(str_of(skill->spec.version)))
		return true;
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
		order = skill_version_compare(str_of(left->spec.version), str_of(right->spec.version));
	return order != 0 ? order : skill_is_newer(left, right) ? -1 : 1;
}

/* What it is judged to be, as far as that goes. */
static struct skill_judgement judge(const struct request *request, const struct skill *skill)
{
	struct skill_judgement judged = {.script = {NULL, ""}, .image = ""};
	skill_judge_object(skill, &request->operation.server->config->policy, &judged, NULL, NULL);
	return judged;
}

static void put_lang(struct buffer *out, const struct skill_judgement *judged)
{
	const struct language *language = judged->script.language;
	json_put_string(out, "lang", language ? language->name : "");
}

/* Of what is to be read, and not run. */
static void put_mode(struct buffer *out, const struct skill_judgement *judged)
{
	if (judged->only_instructions)
		json_put_string(out, "mode", skill_mode(judged));
}

/* Cut in the cache; the skill itself is read whole. */
static void put_short_description(struct buffer *out, const struct skill *skill)
{
	static const char more[] = "…";
	char text[CLUSTER_MAX_DESCRIPTION + sizeof(more)];
	snprintf(text, sizeof(text), "%s%s", skill->spec.description, skill->is_description_cut ? more : "");
	json_put_string(out, "description", text);
}

static void put_summary(struct buffer *out, const struct request *request, const struct skill *skill)
{
	const struct skill_judgement judged = judge(request, skill);
	json_open(out, '{');
	json_put_string(out, "name", skill->spec.name);
	json_put_string(out, "version", skill->spec.version);
	put_short_description(out, skill);
	put_lang(out, &judged);
	json_put_time(out, "uploaded_at", skill->uploaded_ms, true);
	json_put_string(out, "digest", skill_digest(skill));
	put_mode(out, &judged);
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
		    skill_version_compare(str_of(previous->spec.version), str_of(skill->spec.version)) == 0)
			continue;
		put_summary(&body, request, skill);
	}
	json_close(&body, ']');
	free(listing.skills);
	if (listing.failed)
		answer_refuse(request, ERR_UNAVAILABLE, "out of memory");
	else
		answer_json(request, 200, &body);
}

/* GET /v1/skills/:name/:version */

/* What a run of it would get: its own, or the default, and never more than the maximum. */
static void put_limits(struct buffer *out, const struct skill_judgement *judged)
{
	char timeout[DURATION_SIZE], cpu[QUANTITY_SIZE], memory[QUANTITY_SIZE];
	duration_format(judged->timeout_ms, timeout);
	quantity_format_cpu(judged->cpu, cpu);
	quantity_format_memory(judged->memory, memory);
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

/* Of one whose packages are fetched here: how far that is, and how it went. */
static void put_build(struct buffer *out, const struct skill *skill)
{
	const struct skill_build *build = &skill->status.build;
	if (!skill->spec.build)
		return;
	bool has_failed = skill_build_has_failed(skill);
	json_put_string(out, "status",
			has_failed                  ? "build_failed"
			: skill_awaits_build(skill) ? "building"
						    : "available");
	json_key(out, "build");
	json_open(out, '{');
	json_put_string(out, "message", skill->status.ready.message);
	json_put_string(out, "log", build->log);
	if (build->started_ms)
		json_put_time(out, "started_at", build->started_ms, true);
	if (build->completed_ms)
		json_put_time(out, "completed_at", build->completed_ms, true);
	json_close(out, '}');
}

static void answer_skill(struct request *request, const struct skill *skill)
{
	const struct skill_judgement judged = judge(request, skill);
	cleanup_buffer struct buffer body = BUFFER(ANSWER_MAX);
	json_open(&body, '{');
	json_put_string(&body, "name", skill->spec.name);
	json_put_string(&body, "version", skill->spec.version);
	json_put_string(&body, "description", skill->spec.description);
	put_lang(&body, &judged);
	json_put_string(&body, "image", judged.image);
	json_put_string(&body, "instructions", skill->spec.instructions);
	put_limits(&body, &judged);
	json_put_raw(&body, "input_schema", skill->spec.input_schema);
	json_put_raw(&body, "output_schema", skill->spec.output_schema);
	json_put_string(&body, "digest", skill_digest(skill));
	json_put_int(&body, "size", skill_size(skill));
	json_put_time(&body, "uploaded_at", skill->uploaded_ms, true);
	put_mode(&body, &judged);
	put_build(&body, skill);
	json_close(&body, '}');
	answer_json(request, 200, &body);
}

/* skill_read_cb */
static void on_read(void *context, const struct skill *skill, const struct error *failure)
{
	struct request *request = context;
	if (failure)
		answer_failure(request, failure);
	else
		answer_skill(request, skill);
	request_unref(request);
}

void rest_skill_get(struct request *request)
{
	request_ref(request);
	skill_read(request->operation.server, request->operation.caller, request->match.params[0],
		   request->match.params[1], on_read, request);
}

/* DELETE /v1/skills/:name/:version */

void rest_skill_delete(struct request *request)
{
	request_ref(request);
	skill_delete(request->operation.server, request->operation.caller, request->match.params[0],
		     request->match.params[1], answer_done, request);
}

/* POST /v1/skills */

/* The same bytes may have been pushed before: what became of those the cache tells. */
static const char *pushed_status(const struct request *request, const struct skill *skill)
{
	const struct skill *known =
	    cluster_skill(request->operation.server->cluster, request->operation.caller->namespace,
			  str_of(skill->spec.name), str_of(skill->spec.version));
	return skill_awaits_build(known && strcmp(known->meta.name, skill->meta.name) == 0 ? known : skill)
		   ? "building"
		   : "available";
}

/* skill_pushed_cb */
static void on_pushed(void *context, const struct skill *skill, const struct error *failure)
{
	struct request *request = context;
	cleanup_buffer struct buffer body = BUFFER(ANSWER_MAX);
	if (failure) {
		answer_failure(request, failure);
	} else {
		const struct skill_judgement judged = judge(request, skill);
		json_open(&body, '{');
		json_put_string(&body, "name", skill->spec.name);
		json_put_string(&body, "version", skill->spec.version);
		json_put_string(&body, "description", skill->spec.description);
		put_lang(&body, &judged);
		json_put_string(&body, "digest", skill->spec.bundle.digest);
		json_put_string(&body, "mode", skill_mode(&judged));
		json_put_string(&body, "status", pushed_status(request, skill));
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
	const struct skill_bundle bundle = {&upload->package, &upload->dependencies, upload->digest,
					    upload->fd, upload->size};
	request_ref(request);
	skill_push(request->operation.server, request->operation.caller, &bundle, on_pushed, request);
}

void rest_skill_push(struct request *request)
{
	upload_check(request, push);
}

/* POST /v1/skills/validate */

static void put_texts(struct buffer *out, const char *key, char *const *texts, size_t count)
{
	json_key(out, key);
	json_open(out, '[');
	for (size_t i = 0; i < count; i++) {
		buffer_append_c(out, i > 0 ? "," : "");
		jsontext_append_string(out, str_of(texts[i]));
	}
	json_close(out, ']');
}

static void put_problems(struct buffer *out, struct problems *problems)
{
	size_t left_out = problems->count > PROBLEMS_MAX ? problems->count - PROBLEMS_MAX : 0;
	char *texts[PROBLEMS_MAX + 1], more[64];
	memcpy(texts, problems->items, sizeof(problems->items));
	snprintf(more, sizeof(more), "and %zu more", left_out);
	if (left_out)
		texts[PROBLEMS_MAX] = more;
	put_texts(out, "problems", texts, left_out ? PROBLEMS_MAX + 1 : problems->count);
}

static void validate(struct request *request, struct upload *upload)
{
	const struct manifest *manifest = &upload->package.manifest;
	struct error why = {.code = ERR_NONE};
	bool valid = upload->is_valid && skill_judge_package(&upload->package, &upload->dependencies,
							     &request->operation.server->config->policy,
							     &upload->problems, &why) == 0;
	if (why.code == ERR_NO_MEMORY || (!upload->is_valid && upload->problem.code != ERR_INVALID_SKILL)) {
		answer_error(request, upload->is_valid ? &why : &upload->problem);
		return;
	}
	cleanup_buffer struct buffer body = BUFFER(VALIDATION_MAX);
	json_open(&body, '{');
	json_put_bool(&body, "valid", valid);
	json_put_raw(&body, "name", upload->is_valid ? NULL : "null");
	json_put_string(&body, "name", upload->is_valid ? manifest->name : NULL);
	json_put_raw(&body, "version", upload->is_valid ? NULL : "null");
	json_put_string(&body, "version", upload->is_valid ? manifest->version : NULL);
	put_problems(&body, &upload->problems);
	if (upload->is_valid && manifest->warning_count)
		put_texts(&body, "warnings", manifest->warnings, manifest->warning_count);
	json_close(&body, '}');
	answer_json(request, 200, &body);
}

void rest_skill_validate(struct request *request)
{
	upload_check(request, validate);
}
