/* Texts around wheels: names, targets, images, versions, requirements and RECORD. What is read lies within
 * what was given, and what is written again is the same. */
#include "lib/base/buffer.h"
#include "lib/wheel/images.h"
#include "lib/wheel/name.h"
#include "lib/wheel/record.h"
#include "lib/wheel/requirements.h"
#include "lib/wheel/version.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct str part, struct str whole)
{
	if (part.n > 0 && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
		abort();
}

static void names(struct str text)
{
	struct wheel_name name;
	struct wheel_target target;
	if (wheel_name_parse(text, &name, NULL) != 0)
		return;
	const struct str parts[] = {name.file,   name.name, name.version, name.build,
				    name.python, name.abi,  name.platform};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		check_within(parts[i], text);
		if (parts[i].n > 0 &&
		    (memchr(parts[i].p, '/', parts[i].n) || memchr(parts[i].p, '\0', parts[i].n)))
			abort();
	}
	char normal[WHEEL_NAME_MAX + 1];
	wheel_project_normalise(name.name, normal);
	if (wheel_project_compare(name.name, str_of(normal)) != 0)
		abort();
	if (wheel_target_parse(STR("cp312-manylinux_2_36_x86_64"), &target, NULL) != 0)
		abort();
	struct buffer words = BUFFER(8192);
	wheel_name_explain(&name, &target, STR("an image"), &words);
	if (words.failed)
		abort();
	if (wheel_name_fits(&name, &target) &&
	    (!memchr(name.python.p, '3', name.python.n) || str_eq(name.platform, STR("win_amd64"))))
		abort();
	buffer_free(&words);
}

static void targets(struct str text)
{
	struct wheel_target target, again;
	struct wheel_platforms platforms;
	char written[WHEEL_TARGET_SIZE];
	if (wheel_target_parse(text, &target, NULL) == 0) {
		wheel_target_format(&target, written);
		if (!str_eq(str_of(written), text) || wheel_target_parse(text, &again, NULL) != 0)
			abort();
		wheel_target_platforms(&target, &platforms);
		if (platforms.count < 2 || platforms.count > WHEEL_PLATFORMS_MAX)
			abort();
	}
	if (wheel_images_check(text, NULL) != 0)
		return;
	struct str image, rest;
	str_split_once(text, '=', &image, &rest);
	if (rest.n > 0 && !memchr(image.p, ',', image.n) && !wheel_images_find(text, str_trim(image), &again))
		abort();
}

static void versions(struct str text)
{
	struct str one, two;
	str_split_once(text, '\n', &one, &two);
	if (one.n < WHEEL_VERSION_SIZE && !wheel_version_matches(one, one))
		abort();
	(void)wheel_version_matches(one, two);
}

static void requirements(struct str text)
{
	struct str rest = text, hash;
	struct requirement one;
	bool is_wanted = false;
	for (size_t before = rest.n; requirements_next(&rest, &one); before = rest.n) {
		struct str options = one.options;
		if (rest.n >= before || one.text.n == 0)
			abort();
		check_within(one.text, text);
		check_within(one.name, one.text);
		check_within(one.version, one.text);
		check_within(one.options, one.text);
		if ((one.kind == REQUIREMENT_PLAIN) != (one.name.n > 0))
			abort();
		while (requirements_next_sha256(&options, &hash))
			if (hash.n != 64)
				abort();
		is_wanted |= one.kind != REQUIREMENT_OPTION;
	}
	if (is_wanted != requirements_are_wanted(text))
		abort();
}

static void record(struct str text)
{
	struct buffer copy = BUFFER(1 << 20);
	struct record_line line;
	buffer_append_str(&copy, text);
	struct str rest = buffer_str(&copy);
	while (record_next(&rest, &line, NULL) > 0) {
		check_within(line.path, buffer_str(&copy));
		check_within(line.hash, buffer_str(&copy));
		if (line.has_size && line.size < 0)
			abort();
	}
	buffer_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	names(text);
	targets(text);
	versions(text);
	requirements(text);
	record(text);
	return 0;
}
