#include "lib/policy/newest.h"

#include "lib/policy/names.h"

bool skill_is_newer(const struct skill *a, const struct skill *b)
{
	if (a->uploaded_ms != b->uploaded_ms)
		return a->uploaded_ms > b->uploaded_ms;
	return strcmp(a->meta.name, b->meta.name) > 0;
}

struct newest_skill newest_skill(struct str version)
{
	return (struct newest_skill){.version = str_eq(version, STR("latest")) ? STR("") : version};
}

bool newest_skill_visit(void *context, const void *skill)
{
	struct newest_skill *newest = context;
	const struct skill *candidate = skill;
	struct str version = str_of(candidate->spec.version);
	if (newest->version.n > 0 ? skill_version_compare(newest->version, version) != 0
				  : skill_version_is_dev(version))
		return true;
	if (!newest->found || skill_is_newer(candidate, newest->found))
		newest->found = candidate;
	return true;
}
