#include "lib/skill/skill_package.h"

#include "lib/base/jsontext.h"
#include "lib/schema/schema.h"
#include "lib/skill/problems.h"

#include <stdlib.h>

#define MANIFEST_MAX_BYTES ((size_t)512 * 1024)
#define SCRIPT_MAX_BYTES ((size_t)1024 * 1024) /* so much of one is looked at */

/* A file of the archive whose text is wanted; the others are only checked, so that memory stays small. */
struct text {
	const char *path;                 /* NULL: SKILL.md, however its letters are written */
	const struct archive_entry *file; /* NULL: not in the archive */
	struct buffer bytes;              /* empty if the file is larger than bytes.max */
	const char *taken;                /* of which file they are; path NULL only */
	bool open;
};

struct reading {
	struct text *texts;
	size_t count;
	bool only_these; /* the archive was checked before */
};

/* Which of two comes first, as SKILL.md? The one that is written so, or the first in lexical order. */
static bool is_better_manifest(const char *path, const char *other)
{
	bool right = strcmp(path, "SKILL.md") == 0, other_right = strcmp(other, "SKILL.md") == 0;
	return right != other_right ? right : strcmp(path, other) < 0;
}

static bool is_wanted(struct text *text, const struct archive_entry *entry)
{
	if (text->path)
		return strcmp(text->path, entry->path) == 0;
	if (!archive_is_manifest(str_of(entry->path)) ||
	    (text->taken && !is_better_manifest(entry->path, text->taken)))
		return false;
	buffer_reset(&text->bytes);
	text->taken = entry->path;
	return true;
}

static int text_file(void *context, const struct archive_entry *entry, struct error *err)
{
	struct reading *reading = context;
	bool wanted = false;
	(void)err;
	for (size_t i = 0; i < reading->count; i++) {
		struct text *text = &reading->texts[i];
		text->open = is_wanted(text, entry) && entry->size <= text->bytes.max;
		wanted |= text->open;
	}
	return reading->only_these && !wanted;
}

static int text_data(void *context, struct str piece, struct error *err)
{
	struct reading *reading = context;
	for (size_t i = 0; i < reading->count; i++)
		if (reading->texts[i].open && buffer_append_str(&reading->texts[i].bytes, piece) != 0)
			return error_no_memory(err);
	return 0;
}

static struct archive_visitor text_visitor(struct reading *reading)
{
	return (struct archive_visitor){text_file, text_data, reading};
}

static bool is_below(struct str path)
{
	size_t start = path.n;
	while (start > 0 && path.p[start - 1] != '/')
		start--;
	return start > 0 && archive_is_manifest((struct str){path.p + start, path.n - start});
}

static void tell_missing(const struct archive_content *content, struct problems *problems)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	for (size_t i = 0; i < content->count; i++) {
		struct str path = str_of(content->entries[i].path);
		if (!is_below(path))
			continue;
		problems_add(
		    problems,
		    "SKILL.md is missing, it must be at the root of the archive or in its only folder: there "
		    "is \"%s\", so zip the folder that has it",
		    problems_show(path, shown));
		return;
	}
	problems_add(problems,
		     "SKILL.md is missing, it must be at the root of the archive or in its only folder");
}

static void read_manifest(struct skill_package *package, const struct text *text, struct problems *problems)
{
	if (!text->file)
		tell_missing(&package->content, problems);
	else if (text->file->size > text->bytes.max)
		problems_add(problems, "SKILL.md has %zu bytes, at most %zu are allowed", text->file->size,
			     text->bytes.max);
	else
		manifest_examine(buffer_str(&text->bytes), &package->manifest, problems);
}

static void copy_text(const char *text, char **ret, struct problems *problems)
{
	free(*ret);
	*ret = str_dup(str_of(text));
	if (!*ret)
		problems->no_memory = true;
}

/* Of a manifest that can't be used nothing is known that a script could be missing for. */
static const struct language *find_script(struct skill_package *package, struct problems *problems)
{
	struct manifest *manifest = &package->manifest;
	struct skill_script script = {NULL, ""};
	if (manifest->name && skill_script_find(&package->content, manifest->lang, manifest->entrypoint,
						&script, problems) != 0)
		return NULL;
	copy_text(script.path, &package->entrypoint, problems);
	if (manifest->name && script.language)
		copy_text(script.language->name, &manifest->lang, problems);
	return script.language;
}

static void read_schema(const struct text *schema, const char *key, bool named, char **ret,
			struct problems *problems)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	problems_show(str_of(schema->path), shown);
	if (!schema->file) {
		if (named)
			problems_add(problems, "%s \"%s\" is not in the archive", key, shown);
		return;
	}
	struct str text = buffer_str(&schema->bytes);
	struct jsontext_rules rules = {.max_depth = SCHEMA_DEPTH_MAX, .refuse_duplicates = true};
	cleanup_schema struct schema *compiled = NULL;
	struct error why;
	if (schema->file->size > SCHEMA_TEXT_MAX) {
		problems_add(problems, "%s \"%s\" has %zu bytes, at most %zu are allowed", key, shown,
			     schema->file->size, SCHEMA_TEXT_MAX);
	} else if (jsontext_check(text, &rules, &why) != 0) {
		if (why.code == ERR_NO_MEMORY)
			problems->no_memory = true;
		problems_add(problems, "%s \"%s\": %s", key, shown, why.message);
	} else if (jsontext_kind_of(text) != JSONTEXT_OBJECT) {
		problems_add(problems, "%s \"%s\" must be a JSON Schema, that is a JSON object", key, shown);
	} else if (schema_compile(text, NULL, &compiled, &why) != 0) {
		if (why.code == ERR_NO_MEMORY)
			problems->no_memory = true;
		problems_add(problems, "%s \"%s\": %s", key, shown, why.message);
	} else {
		*ret = str_dup(str_trim(text));
		if (!*ret)
			problems->no_memory = true;
	}
}

static void read_script(const struct text *script, struct manifest *manifest, struct problems *problems)
{
	bool some = false;
	if (!script->file || script->file->size > SCRIPT_MAX_BYTES)
		return;
	if (script_has_windows_lines(buffer_str(&script->bytes), &some))
		script_add_windows_lines(script->path, problems);
	else if (some)
		manifest_warn(manifest,
			      "Windows line ends (CRLF), which bash takes for a part of the line, in",
			      str_of(script->path), problems);
}

/* Where these files are, only the manifest tells: a second reading, of nothing but them. */
static int read_named(int zip_fd, const struct archive_limits *limits, struct skill_package *package,
		      const struct language *language, struct problems *problems, struct error *err)
{
	const char *in = package->manifest.input_schema, *out = package->manifest.output_schema;
	bool in_named = in && *in, out_named = out && *out;
	bool is_bash = language && strcmp(language->name, "bash") == 0;
	struct text texts[] = {
	    {.path = in_named ? in : "references/input.schema.json", .bytes = BUFFER(SCHEMA_TEXT_MAX)},
	    {.path = out_named ? out : "references/output.schema.json", .bytes = BUFFER(SCHEMA_TEXT_MAX)},
	    {.path = is_bash ? package->entrypoint : "", .bytes = BUFFER(SCRIPT_MAX_BYTES)},
	};
	const size_t count = sizeof(texts) / sizeof(texts[0]);
	struct reading reading = {texts, count, true};
	struct archive_visitor visitor = text_visitor(&reading);
	struct archive_content again = {0};
	bool wanted = false;
	for (size_t i = 0; i < count; i++) {
		texts[i].file = archive_find(&package->content, str_of(texts[i].path));
		wanted |= texts[i].file != NULL;
	}
	int status = wanted ? archive_examine_zip(zip_fd, limits, &visitor, &again, problems, err) : 0;
	if (status == 0) {
		read_schema(&texts[0], "input_schema", in_named, &package->input_schema, problems);
		read_schema(&texts[1], "output_schema", out_named, &package->output_schema, problems);
		read_script(&texts[2], &package->manifest, problems);
	}
	archive_content_free(&again);
	for (size_t i = 0; i < count; i++)
		buffer_free(&texts[i].bytes);
	return status;
}

static int read_package(int zip_fd, const struct archive_limits *limits, struct skill_package *package,
			struct problems *problems, struct error *err)
{
	struct text skill_md = {.bytes = BUFFER(MANIFEST_MAX_BYTES)};
	struct reading reading = {&skill_md, 1, false};
	struct archive_visitor visitor = text_visitor(&reading);
	int status = archive_examine_zip(zip_fd, limits, &visitor, &package->content, problems, err);
	if (status == 0) {
		skill_md.file =
		    skill_md.taken ? archive_find(&package->content, str_of(skill_md.taken)) : NULL;
		read_manifest(package, &skill_md, problems);
		const struct language *language = find_script(package, problems);
		status = read_named(zip_fd, limits, package, language, problems, err);
	}
	buffer_free(&skill_md.bytes);
	return status == 0 && problems->count == 0 && !problems->no_memory ? 0 : -1;
}

int skill_package_examine(int zip_fd, const struct archive_limits *limits, struct skill_package *ret,
			  struct problems *problems, struct error *err)
{
	struct skill_package package = {0};
	if (read_package(zip_fd, limits, &package, problems, err) != 0) {
		skill_package_free(&package);
		return problems->no_memory ? error_no_memory(err) : -1;
	}
	*ret = package;
	return 0;
}

int skill_package_read(int zip_fd, const struct archive_limits *limits, struct skill_package *ret,
		       struct error *err)
{
	cleanup_problems struct problems problems = PROBLEMS;
	int status = skill_package_examine(zip_fd, limits, ret, &problems, err);
	if (status != 0)
		problems_error(&problems, err); /* none: err is set already */
	return status;
}

void skill_package_free(struct skill_package *package)
{
	manifest_free(&package->manifest);
	archive_content_free(&package->content);
	free(package->entrypoint);
	free(package->input_schema);
	free(package->output_schema);
	*package = (struct skill_package){0};
}
