#include "controller/sandbox/shape.h"

#include "lib/policy/policy.h"
#include "lib/skill/skill_package.h"

#include <stdio.h>
#include <stdlib.h>

static int fail(const char **ret_error_code, const char *code)
{
	*ret_error_code = code;
	return -1;
}

static int resolve_image(const struct skill *skill, const struct controller_config *config,
			 struct run_shape *ret, const char **ret_error_code, struct error *err)
{
	const char *image = skill_image(skill->spec.image, skill->spec.lang);
	if (!*image) {
		error_set(err, ERR_INVALID_SKILL, "skill %s@%s has lang '%s': use python, node or bash",
			  skill->spec.name, skill->spec.version, skill->spec.lang ? skill->spec.lang : "");
		return fail(ret_error_code, "sandbox_start_failed");
	}
	if (policy_check_image(&config->policy, image, err) != 0)
		return fail(ret_error_code, "image_not_allowed");
	if (strlen(image) >= sizeof(ret->image)) {
		error_set(err, ERR_IMAGE_NOT_ALLOWED, "image '%s' has a name of more than %zu bytes", image,
			  sizeof(ret->image) - 1);
		return fail(ret_error_code, "image_not_allowed");
	}
	memcpy(ret->image, image, strlen(image) + 1);
	return 0;
}

/* Path of the script, as the bundle's encoder will find it: a Pod may be made ahead of that. Of an archive
 * only whoever took it in knows. */
static void resolve_script(const struct skill *skill, struct run_shape *ret)
{
	struct archive_content files = {calloc(skill->spec.file_count + 1, sizeof(*files.entries)),
					skill->spec.file_count, 0};
	const char *script = skill->spec.entrypoint;
	for (size_t i = 0; files.entries && i < files.count; i++)
		files.entries[i].path = skill->spec.files[i].path;
	if (files.entries && files.count > 0)
		script = entrypoint_find(&files, str_of(skill->spec.lang ? skill->spec.lang : ""));
	snprintf(ret->script, sizeof(ret->script), "%s", script ? script : "");
	free(files.entries);
}

static int check_env(const struct execution *execution, struct error *err)
{
	for (size_t i = 0; i < execution->spec.env_count; i++)
		if (!frame_env_name_is_allowed(str_of(execution->spec.env[i].name)))
			return error_set(
			    err, ERR_INVALID_ENV,
			    "environment variable '%s' can't be set: the name is reserved or no name",
			    execution->spec.env[i].name);
	return 0;
}

int run_shape_resolve(const struct skill *skill, const struct execution *execution,
		      const struct controller_config *config, struct run_shape *ret,
		      const char **ret_error_code, struct error *err)
{
	if (resolve_image(skill, config, ret, ret_error_code, err) != 0)
		return -1;
	if (policy_memory(&config->policy, skill->spec.memory, &ret->memory, err) != 0 ||
	    policy_cpu(&config->policy, skill->spec.cpu, &ret->cpu, err) != 0 ||
	    check_env(execution, err) != 0)
		return fail(ret_error_code, "sandbox_start_failed");
	resolve_script(skill, ret);
	snprintf(ret->lang, sizeof(ret->lang), "%s", skill->spec.lang ? skill->spec.lang : "");
	snprintf(ret->skill_version, sizeof(ret->skill_version), "%s", skill->spec.version);
	snprintf(ret->skill_digest, sizeof(ret->skill_digest), "%s",
		 skill->spec.bundle.digest ? skill->spec.bundle.digest
		 : skill->status.digest    ? skill->status.digest
					   : "");
	ret->timeout_ms = policy_timeout(&config->policy, skill->spec.timeout_ms, execution->spec.timeout_ms);
	return 0;
}

int run_shape_write(const struct run_shape *shape, struct buffer *out)
{
	return buffer_appendf(out, "v1 %lld %lld %lld %s %s %s", (long long)shape->timeout_ms,
			      (long long)shape->memory, (long long)shape->cpu, shape->skill_version,
			      shape->skill_digest[0] ? shape->skill_digest : "-", shape->image);
}

static bool take_text(struct str *text, char *ret, size_t size)
{
	struct str word;
	str_split_once(*text, ' ', &word, text);
	if (word.n == 0 || word.n >= size)
		return false;
	memcpy(ret, word.p, word.n);
	ret[word.n] = '\0';
	return true;
}

static bool take_number(struct str *text, int64_t *ret)
{
	struct str word;
	str_split_once(*text, ' ', &word, text);
	return str_to_i64(word, 1, INT64_MAX, ret);
}

bool run_shape_read(struct str text, struct run_shape *ret)
{
	struct run_shape shape = {0};
	char word[4];
	if (!take_text(&text, word, sizeof(word)) || strcmp(word, "v1") != 0 ||
	    !take_number(&text, &shape.timeout_ms) || !take_number(&text, &shape.memory) ||
	    !take_number(&text, &shape.cpu) ||
	    !take_text(&text, shape.skill_version, sizeof(shape.skill_version)) ||
	    !take_text(&text, shape.skill_digest, sizeof(shape.skill_digest)) ||
	    !take_text(&text, shape.image, sizeof(shape.image)) || text.n > 0)
		return false;
	if (strcmp(shape.skill_digest, "-") == 0)
		shape.skill_digest[0] = '\0';
	*ret = shape;
	return true;
}
