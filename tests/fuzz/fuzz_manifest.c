/* A manifest is refused with a message, or holds what the rules allow. */
#include "lib/base/utf8.h"
#include "lib/policy/image.h"
#include "lib/policy/names.h"
#include "lib/skill/manifest.h"
#include "lib/skill/skill_package.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each problem by itself is told as the message tells them all. */
static void check_problems(struct str text, const struct error *err)
{
	struct manifest m;
	struct problems problems = PROBLEMS;
	if (manifest_examine(text, &m, &problems) == 0 || problems.count == 0 || problems.no_memory)
		abort();
	for (size_t i = 0; i < problems.count && i < 2; i++)
		if (!utf8_is_valid(str_of(problems.items[i]), NULL) ||
		    !strstr(err->message, problems.items[i]))
			abort();
	problems_free(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest m;
	struct error err = {0};
	if (manifest_parse((struct str){(const char *)data, size}, &m, &err) != 0) {
		if (err.code != ERR_INVALID_SKILL ||
		    !str_starts_with(str_of(err.message), STR("invalid skill: ")) ||
		    !utf8_is_valid(str_of(err.message), NULL))
			abort();
		check_problems((struct str){(const char *)data, size}, &err);
		return 0;
	}
	if (!*m.name || strlen(m.name) > 128 || !*m.description || !*m.version || m.timeout_ms < 0 ||
	    (*m.lang && !language_find(str_of(m.lang))) || (*m.image && !image_is_reference(str_of(m.image))))
		abort();
	struct str version = str_of(m.version);
	if (!skill_version_is_valid(version) || skill_version_compare(version, version) != 0)
		abort();
	manifest_free(&m);
	return 0;
}
