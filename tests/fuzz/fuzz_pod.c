/* An Execution and a Skill, whatever they say (a NUL between the two): the sandbox Pod that follows is strict
 * JSON, its spec comes from the shape and the configuration alone, and its image is an allowed one. */
#include "controller/execution/plan.h"
#include "controller/sandbox/pod_spec.h"
#include "lib/base/jsontext.h"
#include "lib/policy/image.h"
#include "lib/skill/skill_package.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct controller_config config = {.runner_delivery = RUNNER_IN_IMAGE,
						.runner_image = (char *)"skillbox/runner:1",
						.policy.image_allowlist =
						    (char *)"python:3.12-slim,node:20-slim,bash:5",
						.runtime_class = (char *)"gvisor",
						.seccomp_profile = (char *)"",
						.start_timeout_ms = 300000,
						.policy.default_timeout_ms = 120000,
						.policy.max_timeout_ms = 600000,
						.policy.default_memory = 256 << 20,
						.policy.max_memory = 1 << 30,
						.policy.default_cpu = 500,
						.policy.max_cpu = 4000,
						.user_namespaces = true};

static struct str build(const struct execution *execution, const struct run_shape *shape, struct buffer *out)
{
	const struct jsontext_rules strict = {.refuse_duplicates = true};
	struct str spec = {0};
	static const struct token_key key = {"key"};
	if (pod_spec_of_execution(execution, shape, &key, &config, out, NULL) != 0 ||
	    jsontext_check(buffer_str(out), &strict, NULL) != 0 ||
	    !jsontext_member(buffer_str(out), STR("spec"), &spec))
		abort();
	return spec;
}

static void check_shape(const struct run_shape *shape)
{
	cleanup_buffer struct buffer text = BUFFER(2048);
	struct run_shape again;
	if (!image_is_allowed(str_of(shape->image), str_of(config.policy.image_allowlist)) ||
	    shape->memory < 1 || shape->memory > config.policy.max_memory || shape->cpu < 1 ||
	    shape->cpu > config.policy.max_cpu || shape->timeout_ms < 1 ||
	    shape->timeout_ms > config.policy.max_timeout_ms)
		abort();
	/* the custom resource's schema lets no blank into a version or a digest */
	if (strchr(shape->skill_version, ' ') || strchr(shape->skill_digest, ' ') || !shape->skill_version[0])
		return;
	if (run_shape_write(shape, &text) != 0 || !run_shape_read(buffer_str(&text), &again) ||
	    strcmp(again.image, shape->image) != 0 || again.timeout_ms != shape->timeout_ms ||
	    again.memory != shape->memory || again.cpu != shape->cpu)
		abort();
}

static void plan(const struct execution *execution, const struct skill *skill)
{
	const struct observation seen = {.execution = execution,
					 .namespace_is_tenant = true,
					 .skill = skill,
					 .queue_ms = -1,
					 .sandbox_ms = -1,
					 .total_ms = -1,
					 .now_ms = 1790000000000};
	struct plan result;
	cleanup_buffer struct buffer patch = BUFFER(4 << 20);
	if (plan_execution(&seen, &config, &result, NULL) != 0)
		return;
	if (result.wish && execution_status_patch(result.wish, true, &patch, NULL) == 0 &&
	    jsontext_check(buffer_str(&patch), NULL, NULL) != 0)
		abort();
	plan_clear(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str execution_text, skill_text;
	struct run_shape shape;
	const char *code;
	struct error err = {0};
	str_split_once((struct str){(const char *)data, size}, '\0', &execution_text, &skill_text);
	(void)run_shape_read(execution_text, &shape);
	cleanup_execution struct execution *execution = execution_from_json(execution_text, NULL);
	cleanup_skill struct skill *skill = skill_from_json(skill_text, NULL);
	if (execution)
		plan(execution, skill);
	if (!execution || !skill || execution->invalid || skill->invalid ||
	    run_shape_resolve(skill, execution, &config, &shape, &code, &err) != 0)
		return 0;
	check_shape(&shape);
	/* The token is of the Pod, by its namespace, name and owner. */
	const struct execution plain = {.meta = {.namespace = execution->meta.namespace,
						 .name = (char *)"plain",
						 .uid = execution->meta.uid},
					.status.attempt = execution->status.attempt};
	cleanup_buffer struct buffer theirs = BUFFER(1 << 20), ours = BUFFER(1 << 20);
	if (!str_eq(build(execution, &shape, &theirs), build(&plain, &shape, &ours)))
		abort();
	return 0;
}
