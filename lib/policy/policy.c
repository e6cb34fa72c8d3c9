#include "lib/policy/policy.h"

#include "lib/base/quantity.h"
#include "lib/policy/image.h"

void policy_find_problems(const struct policy *policy, struct buffer *problems)
{
	if (policy->default_timeout_ms > policy->max_timeout_ms)
		buffer_append_c(problems, "; SKILLBOX_DEFAULT_TIMEOUT is longer than SKILLBOX_MAX_TIMEOUT: "
					  "lower the first or raise the second");
	if (policy->default_memory > policy->max_memory)
		buffer_append_c(problems, "; SKILLBOX_DEFAULT_MEMORY is more than SKILLBOX_MAX_MEMORY: "
					  "lower the first or raise the second");
	if (policy->default_cpu > policy->max_cpu)
		buffer_append_c(problems, "; SKILLBOX_DEFAULT_CPU is more than SKILLBOX_MAX_CPU: "
					  "lower the first or raise the second");
}

static int64_t at_most(int64_t value, int64_t maximum)
{
	return value < maximum ? value : maximum;
}

int64_t policy_timeout(const struct policy *policy, int64_t skill_ms, int64_t wished_ms)
{
	int64_t limit = at_most(skill_ms > 0 ? skill_ms : policy->default_timeout_ms, policy->max_timeout_ms);
	return wished_ms > 0 ? at_most(wished_ms, limit) : limit;
}

int policy_memory(const struct policy *policy, const char *quantity, int64_t *ret, struct error *err)
{
	int64_t bytes = policy->default_memory;
	if (quantity && *quantity && quantity_parse_memory(str_of(quantity), &bytes, err) != 0)
		return -1;
	*ret = at_most(bytes, policy->max_memory);
	return 0;
}

int policy_cpu(const struct policy *policy, const char *quantity, int64_t *ret, struct error *err)
{
	int64_t millicores = policy->default_cpu;
	if (quantity && *quantity && quantity_parse_cpu(str_of(quantity), &millicores, err) != 0)
		return -1;
	*ret = at_most(millicores, policy->max_cpu);
	return 0;
}

int policy_check_image(const struct policy *policy, const char *image, struct error *err)
{
	if (image_is_allowed(str_of(image), str_of(policy->image_allowlist)))
		return 0;
	return error_set(err, ERR_IMAGE_NOT_ALLOWED, "image '%s' is not on the allowlist (%s)", image,
			 policy->image_allowlist);
}
