#include "lib/skill/skill_package.h"

#include "lib/base/jsontext.h"
#include "lib/skill/problems.h"

#include <stdlib.h>

#define MANIFEST_MAX_BYTES ((size_t)512 * 1024)
#define SCHEMA_MAX_BYTES ((size_t)256 * 1024)

/* A file of the archive whose text is wanted; the others are only checked, so that memory stays small. */
struct text {
	const char *path;
	const struct archive_entry *file; /* NULL: not in the archive */
	struct buffer bytes;              /* empty if the file is larger than bytes.max */
	bool open;
};

struct reading {
	struct text *texts;
	size_t count;
	bool only_these; /* the archive was checked before */
};

static int text_file(void *context, const struct archive_entry *entry, struct error *err)
{
	struct reading *reading = context;
	bool wanted = false;
	(void)err;
	for (size_t i = 0; i < reading->count; i++) {
		struct text *text = &reading->texts[i];
		text->open = strcmp(text->path, entry->path) == 0 && entry->size <= text->bytes.max;
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

static const char *after_prefix(const char *message)
{
	struct str prefix = STR("invalid skill: ");
	return str_starts_with(str_of(message), prefix) ? message + prefix.n : message;
}

static void read_manifest(struct skill_package *package, const struct text *text, struct problems *problems)
{
	struct error why;
	if (!text->file)
		problems_add(
		    problems,
		    "SKILL.md is missing; it must be at the root of the archive or in its only folder");
	else if (text->file->size > text->bytes.max)
		problems_add(problems, "SKILL.md has %zu bytes; at most %zu are allowed", text->file->size,
			     text->bytes.max);
	else if (manifest_parse(buffer_str(&text->bytes), &package->manifest, &why) != 0) {
		if (why.code == ERR_INVALID_SKILL)
			problems_add(problems, "%s", after_prefix(why.message));
		else
			problems->no_memory = true;
	}
}

static void copy_text(const char *text, char **ret, struct problems *problems)
{
	free(*ret);
	*ret = str_dup(str_of(text));
	if (!*ret)
		problems->no_memory = true;
}

static void find_entrypoint(struct skill_package *package, struct problems *problems)
{
	struct str lang = str_of(package->manifest.lang);
	const char *path = entrypoint_find(&package->content, lang);
	if (!path && lang.n)
		problems_add(
		    problems,
		    "no entrypoint for lang %s: there must be a main%s or run%s at the root or in scripts/",
		    package->manifest.lang, language_find(lang)->suffix, language_find(lang)->suffix);
	else if (!path)
		problems_add(
		    problems,
		    "no entrypoint: there must be a main or run with .py, .js or .sh at the root or in "
		    "scripts/");
	if (!path)
		return;
	copy_text(path, &package->entrypoint, problems);
	if (package->manifest.lang && !lang.n)
		copy_text(language_of_path(str_of(path))->name, &package->manifest.lang, problems);
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
	struct jsontext_rules rules = {.max_depth = 64, .refuse_duplicates = true};
	struct error why;
	if (schema->file->size > SCHEMA_MAX_BYTES) {
		problems_add(problems, "%s \"%s\" has %zu bytes; at most %zu are allowed", key, shown,
			     schema->file->size, SCHEMA_MAX_BYTES);
	} else if (jsontext_check(text, &rules, &why) != 0) {
		if (why.code == ERR_NO_MEMORY)
			problems->no_memory = true;
		problems_add(problems, "%s \"%s\": %s", key, shown, why.message);
	} else if (jsontext_kind_of(text) != JSONTEXT_OBJECT) {
		problems_add(problems, "%s \"%s\" must be a JSON Schema, that is a JSON object", key, shown);
	} else {
		*ret = str_dup(str_trim(text));
		if (!*ret)
			problems->no_memory = true;
	}
}

/* Where the schemas are, only the manifest tells: a second reading, of nothing but them. */
static int read_schemas(int zip_fd, const struct archive_limits *limits, struct skill_package *package,
			struct problems *problems, struct error *err)
{
	const char *in = package->manifest.input_schema, *out = package->manifest.output_schema;
	bool in_named = in && *in, out_named = out && *out;
	struct text schemas[] = {
	    {.path = in_named ? in : "references/input.schema.json", .bytes = BUFFER(SCHEMA_MAX_BYTES)},
	    {.path = out_named ? out : "references/output.schema.json", .bytes = BUFFER(SCHEMA_MAX_BYTES)},
	};
	struct reading reading = {schemas, 2, true};
	struct archive_visitor visitor = text_visitor(&reading);
	struct archive_content again = {0};
	for (size_t i = 0; i < 2; i++)
		schemas[i].file = archive_find(&package->content, str_of(schemas[i].path));
	int status = 0;
	if (schemas[0].file || schemas[1].file)
		status = archive_read_zip(zip_fd, limits, &visitor, &again, err);
	if (status == 0) {
		read_schema(&schemas[0], "input_schema", in_named, &package->input_schema, problems);
		read_schema(&schemas[1], "output_schema", out_named, &package->output_schema, problems);
	}
	archive_content_free(&again);
	buffer_free(&schemas[0].bytes);
	buffer_free(&schemas[1].bytes);
	return status;
}

static int read_package(int zip_fd, const struct archive_limits *limits, struct skill_package *package,
			struct error *err)
{
	cleanup_problems struct problems problems = PROBLEMS;
	struct text skill_md = {.path = "SKILL.md", .bytes = BUFFER(MANIFEST_MAX_BYTES)};
	struct reading reading = {&skill_md, 1, false};
	struct archive_visitor visitor = text_visitor(&reading);
	int status = archive_read_zip(zip_fd, limits, &visitor, &package->content, err);
	if (status == 0) {
		skill_md.file = archive_find(&package->content, STR("SKILL.md"));
		read_manifest(package, &skill_md, &problems);
		find_entrypoint(package, &problems);
		status = read_schemas(zip_fd, limits, package, &problems, err);
	}
	buffer_free(&skill_md.bytes);
	return status == 0 ? problems_error(&problems, err) : -1;
}

int skill_package_read(int zip_fd, const struct archive_limits *limits, struct skill_package *ret,
		       struct error *err)
{
	struct skill_package package = {0};
	if (read_package(zip_fd, limits, &package, err) != 0) {
		skill_package_free(&package);
		return -1;
	}
	*ret = package;
	return 0;
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
