/* Durations, quantities and times: what is accepted prints as something that means the same. Names of
 * variables and images: what is allowed is not more than what was meant. */
#include "lib/base/clock.h"
#include "lib/base/quantity.h"
#include "lib/frame/frame.h"
#include "lib/policy/image.h"
#include "lib/skill/skill_package.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void names(struct str text)
{
	struct str prefix = STR("python:3.12-slim"), long_prefix = STR("docker.io/library/python:3.12-slim");
	if (frame_env_name_is_allowed(text) &&
	    (text.n == 0 || memchr(text.p, '=', text.n) || memchr(text.p, '\0', text.n) ||
	     str_starts_with_ignore_case(text, STR("LD_")) ||
	     str_starts_with_ignore_case(text, STR("PYTHON"))))
		abort();
	if (!image_is_allowed(text, STR("python:3.12-slim")))
		return;
	struct str image, digest;
	bool pinned = str_split_once(text, '@', &image, &digest);
	if ((!str_eq(image, prefix) && !str_eq(image, long_prefix)) || (pinned && digest.n != 71))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	int64_t value, again;
	names(text);
	char duration[DURATION_SIZE], time_text[CLOCK_RFC3339_SIZE], quantity[QUANTITY_SIZE];
	if (duration_parse(text, &value, NULL) == 0) {
		duration_format(value, duration);
		if (value < 1 || value > 86400000 || duration_parse(str_of(duration), &again, NULL) != 0 ||
		    again != value)
			abort();
	}
	if (clock_parse_rfc3339(text, &value)) {
		clock_format_rfc3339(value, true, time_text);
		bool in_range = value >= INT64_C(-62167219200000) && value <= INT64_C(253402300799999);
		if (!clock_parse_rfc3339(str_of(time_text), &again) || (in_range && again != value))
			abort();
	}
	if (quantity_parse_cpu(text, &value, NULL) == 0) {
		quantity_format_cpu(value, quantity);
		if (value < 1 || quantity_parse_cpu(str_of(quantity), &again, NULL) != 0 || again != value)
			abort();
	}
	if (quantity_parse_memory(text, &value, NULL) == 0) {
		quantity_format_memory(value, quantity);
		if (value < 1 || quantity_parse_memory(str_of(quantity), &again, NULL) != 0 || again != value)
			abort();
	}
	return 0;
}
