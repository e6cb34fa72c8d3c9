#include "apiserver/skill/skill_path.h"

#include "lib/api/skill.h"

void skill_path(struct buffer *out, const char *namespace, const char *name)
{
	buffer_appendf(out, API_BASE_PATH "/namespaces/%s/" API_SKILLS, namespace);
	if (name)
		buffer_appendf(out, "/%s", name);
}
