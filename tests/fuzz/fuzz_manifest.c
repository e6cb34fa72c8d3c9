/* A manifest is refused with a message, or holds what the rules allow. */
#include "lib/base/utf8.h"
#include "lib/skill/manifest.h"
#include "lib/skill/skill_package.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest m;
	struct error err = {0};
	if (manifest_parse((struct str){(const char *)data, size}, &m, &err) != 0) {
		if (err.code != ERR_INVALID_SKILL ||
		    !str_starts_with(str_of(err.message), STR("invalid skill: ")) ||
		    !utf8_is_valid(str_of(err.message), NULL))
			abort();
		return 0;
	}
	if (!*m.name || strlen(m.name) > 128 || !*m.description || !*m.version || m.timeout_ms < 0 ||
	    (*m.lang && !language_find(str_of(m.lang))))
		abort();
	manifest_free(&m);
	return 0;
}
