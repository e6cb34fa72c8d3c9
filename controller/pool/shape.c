#include "controller/pool/shape.h"

#include "lib/base/quantity.h"
#include "lib/policy/policy.h"
#include "lib/skill/entrypoint.h"
#include "lib/skill/skill_package.h"

#include <stdio.h>

/* "node:22-slim" is no language's default image, but the name tells. */
static const char *language_of_image(const char *image)
{
	for (size_t i = 0; i < LANGUAGE_COUNT; i++) {
		const char *slash = strrchr(image, '/');
		const char *name = slash ? slash + 1 : image;
		size_t n = strlen(language_list[i].name);
		if (strncmp(name, language_list[i].name, n) == 0 &&
		    (name[n] == ':' || name[n] == '@' || name[n] == '\0'))
			return language_list[i].name;
	}
	return "";
}

static int join_preload(const struct sandbox_pool *pool, char *ret, size_t size)
{
	size_t used = 0;
	ret[0] = '\0';
	for (size_t i = 0; i < pool->spec.preload_count; i++) {
		int n = snprintf(ret + used, size - used, "%s%s", i > 0 ? "," : "", pool->spec.preload[i]);
		if (n < 0 || (size_t)n >= size - used)
			return -1;
		used += (size_t)n;
	}
	return 0;
}

static int resolve_resources(const struct sandbox_pool *pool, const struct controller_config *config,
			     struct pool_shape *ret, struct error *err)
{
	ret->memory = config->policy.default_memory;
	ret->cpu = config->policy.default_cpu;
	if (pool->spec.memory[0] && quantity_parse_memory(str_of(pool->spec.memory), &ret->memory, err) != 0)
		return error_wrap(err, "spec.resources.memory");
	if (pool->spec.cpu[0] && quantity_parse_cpu(str_of(pool->spec.cpu), &ret->cpu, err) != 0)
		return error_wrap(err, "spec.resources.cpu");
	if (ret->memory > config->policy.max_memory || ret->cpu > config->policy.max_cpu)
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "spec.resources asks for more than SKILLBOX_MAX_MEMORY or SKILLBOX_MAX_CPU allow");
	return 0;
}

/* As for an execution of the skill, so that it fits them all. */
static int resolve_of_skill(const struct skill *skill, const struct controller_config *config,
			    struct pool_shape *ret, struct error *err)
{
	const struct execution any = {0};
	const char *error_code;
	struct run_shape run;
	if (run_shape_resolve(skill, &any, config, &run, &error_code, err) != 0)
		return -1;
	memcpy(ret->image, run.image, sizeof(ret->image));
	memcpy(ret->lang, run.lang, sizeof(ret->lang));
	memcpy(ret->script, run.script, sizeof(ret->script));
	memcpy(ret->skill_version, run.skill_version, sizeof(ret->skill_version));
	memcpy(ret->skill_digest, run.skill_digest, sizeof(ret->skill_digest));
	ret->memory = run.memory;
	ret->cpu = run.cpu;
	return 0;
}

static int resolve_of_spec(const struct sandbox_pool *pool, const struct controller_config *config,
			   struct pool_shape *ret, struct error *err)
{
	if (policy_check_image(&config->policy, pool->spec.image, err) != 0)
		return -1;
	const char *lang = pool->spec.lang[0] ? pool->spec.lang : language_of_image(pool->spec.image);
	int image_length = snprintf(ret->image, sizeof(ret->image), "%s", pool->spec.image);
	if (image_length >= (int)sizeof(ret->image))
		return error_set(err, ERR_BAD_REQUEST, "spec.image is too long");
	snprintf(ret->lang, sizeof(ret->lang), "%s", lang);
	return resolve_resources(pool, config, ret, err);
}

int pool_shape_resolve(const struct sandbox_pool *pool, const struct skill *skill,
		       const struct controller_config *config, struct pool_shape *ret, struct error *err)
{
	struct pool_shape shape = {0};
	const char *class = pool->spec.runtime_class[0] ? pool->spec.runtime_class : config->runtime_class;
	if ((skill ? resolve_of_skill(skill, config, &shape, err)
		   : resolve_of_spec(pool, config, &shape, err)) != 0)
		return -1;
	if (strcmp(class, config->runtime_class) != 0)
		return error_set(err, ERR_BAD_REQUEST,
				 "runtimeClassName '%s' is not the one that Executions get "
				 "(SKILLBOX_RUNTIME_CLASS is '%s'), so "
				 "none would use this pool",
				 class, config->runtime_class);
	int class_length = snprintf(shape.runtime_class, sizeof(shape.runtime_class), "%s", class);
	if (class_length >= (int)sizeof(shape.runtime_class) ||
	    join_preload(pool, shape.preload, sizeof(shape.preload)) != 0)
		return error_set(err, ERR_BAD_REQUEST, "spec.runtimeClassName or spec.preload is too long");
	*ret = shape;
	return 0;
}

/* Lang and script, too: several skills may differ only in which of the same files is run. */
static bool has_right_files(const struct pool_shape *pool, const struct run_shape *run)
{
	return !pool_shape_is_bound(pool) ||
	       (strcmp(pool->skill_digest, run->skill_digest) == 0 && strcmp(pool->lang, run->lang) == 0 &&
		strcmp(pool->script, run->script) == 0);
}

bool pool_shape_serves(const struct pool_shape *pool, const struct run_shape *run,
		       const struct controller_config *config)
{
	return strcmp(pool->image, run->image) == 0 && pool->memory == run->memory && pool->cpu == run->cpu &&
	       strcmp(pool->runtime_class, config->runtime_class) == 0 && has_right_files(pool, run);
}

int pool_shape_write(const struct pool_shape *shape, const struct controller_config *config,
		     struct buffer *out)
{
	buffer_appendf(out, "v2 %lld %lld %d %s %s,%d %s %s %s %s", (long long)shape->memory,
		       (long long)shape->cpu, config->user_namespaces,
		       config->seccomp_profile[0] ? config->seccomp_profile : "-", config->runner_image,
		       (int)config->runner_delivery, shape->runtime_class[0] ? shape->runtime_class : "-",
		       shape->lang[0] ? shape->lang : "-", shape->preload[0] ? shape->preload : "-",
		       shape->image);
	if (pool_shape_is_bound(shape)) /* the path last: it may be anything */
		buffer_appendf(out, " %s %s", shape->skill_digest, shape->script);
	return out->failed ? -1 : 0;
}
