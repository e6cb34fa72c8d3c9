#include "cli/dev/dev_version.h"

#include "lib/policy/names.h"
#include "lib/skill/frontmatter.h"
#include "lib/skill/manifest.h"
#include "lib/skill/manifest_yaml.h"

#include <inttypes.h>
#include <string.h>

#define PLACES_MAX 4

int dev_version_make(struct str version, uint32_t hash, struct buffer *ret, struct error *err)
{
	struct str rest;
	str_split_once(version, '+', &version, &rest);
	str_split_once(version, '-', &version, &rest);
	buffer_append_str(ret, version);
	buffer_appendf(ret, "-dev.%08" PRIx32, hash);
	if (buffer_check(ret, "the version", err) != 0)
		return -1;
	if (!skill_version_is_dev(buffer_str(ret)) || ret->len > SKILL_VERSION_MAX)
		return error_set(err, ERR_INVALID_SKILL, "'%s' is no version: the skill's own is too long",
				 ret->data);
	return 0;
}

/* Where the manifest says its version. */
struct places {
	struct {
		size_t line;
		char text[SKILL_VERSION_MAX + 1]; /* as written, without quotes */
	} items[PLACES_MAX];
	size_t count;
};

static void find_place(void *context, struct str path, const struct manifest_value *value)
{
	struct places *places = context;
	bool is_version = str_eq(path, STR("version")) || str_eq(path, STR("metadata.version")) ||
			  str_eq(path, STR("skillbox.version")) ||
			  str_eq(path, STR("metadata.skillbox.version"));
	if (!is_version || value->kind != MANIFEST_TEXT || places->count == PLACES_MAX ||
	    value->text.n > SKILL_VERSION_MAX)
		return;
	places->items[places->count].line = value->line;
	memcpy(places->items[places->count].text, value->text.p, value->text.n);
	places->items[places->count].text[value->text.n] = 0;
	places->count++;
}

/* The value's offset in its line: behind the key, if that is there, too. */
static bool find_in_line(struct str line, struct str text, size_t *ret)
{
	size_t from = 0;
	for (size_t i = 0; i + 7 <= line.n; i++)
		if (memcmp(line.p + i, "version", 7) == 0) {
			from = i + 7;
			break;
		}
	for (size_t i = from; i + text.n <= line.n; i++)
		if (text.n > 0 && memcmp(line.p + i, text.p, text.n) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

static void append_line(struct str line, size_t number, const struct places *places, struct str version,
			struct buffer *out)
{
	for (size_t i = 0; i < places->count; i++) {
		size_t at;
		struct str text = str_of(places->items[i].text);
		if (places->items[i].line != number || !find_in_line(line, text, &at))
			continue;
		buffer_append(out, line.p, at);
		buffer_append_str(out, version);
		buffer_append(out, line.p + at + text.n, line.n - at - text.n);
		return;
	}
	buffer_append_str(out, line);
}

static void rewrite(struct str manifest, const struct frontmatter *parts, const struct places *places,
		    struct str version, struct buffer *out)
{
	size_t head = (size_t)(parts->yaml.p - manifest.p), number = parts->first_line;
	struct str rest = parts->yaml;
	buffer_append(out, manifest.p, head);
	if (places->count == 0)
		buffer_appendf(out, "version: \"%.*s\"\n", (int)version.n, version.p);
	while (rest.n > 0) {
		struct str line;
		bool has_end = str_split_once(rest, '\n', &line, &rest);
		append_line(line, number++, places, version, out);
		if (has_end)
			buffer_append_byte(out, '\n');
		else
			break;
	}
	buffer_append(out, manifest.p + head + parts->yaml.n, manifest.n - head - parts->yaml.n);
}

/* What was written is read again: a form that this doesn't know is told, and nothing wrong is pushed. */
static int check(struct str text, struct str version, struct error *err)
{
	struct manifest manifest = {0};
	bool is_right =
	    manifest_parse(text, &manifest, NULL) == 0 && str_eq(str_of(manifest.version), version);
	manifest_free(&manifest);
	if (is_right)
		return 0;
	return error_set(err, ERR_INVALID_SKILL,
			 "the version can't be set in this SKILL.md: write it in a line of its own, as "
			 "'version: \"1.0.0\"' or below 'metadata:'");
}

int dev_version_write(struct str manifest, struct str version, struct buffer *out, struct error *err)
{
	struct frontmatter parts;
	struct places places = {.count = 0};
	cleanup_problems struct problems problems = PROBLEMS;
	if (!frontmatter_split(manifest, &parts, &problems) ||
	    !manifest_yaml_walk(parts.yaml, parts.first_line, find_place, &places, &problems))
		return problems_error(&problems, err);
	rewrite(manifest, &parts, &places, version, out);
	return buffer_check(out, "SKILL.md", err) != 0 ? -1 : check(buffer_str(out), version, err);
}
