#include "controller/sandbox/shape.h"

#include "lib/policy/policy.h"
#include "lib/skill/judgement.h"

#include <stdio.h>

static int fail(const char **ret_error_code, const char *code)
{
	*ret_error_code = code;
	return -1;
}

static const char *code_of(enum error_code code)
{
	return code == ERR_IMAGE_NOT_ALLOWED ? "image_not_allowed"
	       : code == ERR_NO_ENTRYPOINT   ? "no_entrypoint"
					     : "sandbox_start_failed";
}

static const char *refused_env(const struct execution *execution)
{
	for (size_t i = 0; i < execution->spec.env_count; i++)
		if (!frame_env_name_is_allowed(str_of(execution->spec.env[i].name)))
			return execution->spec.env[i].name;
	return execution->refused_env;
}

/* Nothing is allocated: it can't fail. */
void run_shape_drop_data(struct execution *execution)
{
	const char *refused = refused_env(execution);
	for (size_t i = 0; refused && i < execution->spec.env_count; i++)
		if (execution->spec.env[i].name == refused) {
			execution->refused_env = execution->spec.env[i].name;
			execution->spec.env[i].name = NULL;
			break;
		}
	execution_drop_data(execution);
}

static int check_env(const struct execution *execution, struct error *err)
{
	const char *refused = refused_env(execution);
	return refused ? error_set(err, ERR_INVALID_ENV,
				   "environment variable '%s' can't be set: the name is reserved or no name",
				   refused)
		       : 0;
}

int run_shape_resolve(const struct skill *skill, const struct execution *execution,
		      const struct controller_config *config, struct run_shape *ret,
		      const char **ret_error_code, struct error *err)
{
	struct skill_judgement judged;
	if (skill_judge_run(skill, &config->policy, &judged, err) != 0)
		return fail(ret_error_code, code_of(err->code));
	if (check_env(execution, err) != 0)
		return fail(ret_error_code, "sandbox_start_failed");
	const struct language *language = judged.script.language;
	ret->memory = judged.memory;
	ret->cpu = judged.cpu;
	snprintf(ret->image, sizeof(ret->image), "%s", judged.image);
	snprintf(ret->script, sizeof(ret->script), "%s", judged.script.path);
	snprintf(ret->lang, sizeof(ret->lang), "%s", language ? language->name : "");
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
