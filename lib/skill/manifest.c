/* The frontmatter is cut out by frontmatter.c, walked by manifest_yaml.c, and each value goes to its field by
 * one table. */
#include "lib/skill/manifest.h"

#include "lib/base/clock.h"
#include "lib/base/quantity.h"
#include "lib/policy/image.h"
#include "lib/policy/names.h"
#include "lib/skill/frontmatter.h"
#include "lib/skill/manifest_yaml.h"
#include "lib/skill/skill_package.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_WARNINGS 100
#define MAX_WARNING 400 /* bytes of one */
#define MAX_PATH 1024
#define MAX_QUANTITY 32               /* as in the Skill resource */
#define MAX_INSTRUCTIONS (256 * 1024) /* as in the Skill resource */
#define MAX_DESCRIPTION (64 * 1024)   /* as in the Skill resource */

/* Whose a value is. Below `metadata` the Agent Skills form has the keys of all tools side by side: one of our
 * words without our prefix is ours if it makes sense here, and else another tool's. */
enum owner { NOBODY, PERHAPS_OURS, OURS };

#define MAX_FIELDS 16

struct reading {
	struct manifest manifest;
	char *timeout;                 /* as text */
	enum owner owners[MAX_FIELDS]; /* of the value of fields[i] */
	bool told[MAX_FIELDS];         /* a problem of fields[i] is told already */
	struct problems *problems;
};

/* The keys of the manifest, and where their text goes. */
struct field {
	const char *key;
	bool top_level_only; /* the same word under `metadata` is another tool's */
	bool used;           /* else it is known, and of no use here */
	size_t offset;       /* in struct reading */
	/* Does a value that may be another tool's make sense here? NULL: it is taken for ours, and refused if
	 * it doesn't. */
	bool (*fits)(struct str value);
};

static bool is_lang(struct str value)
{
	return language_find(value) != NULL;
}

/* "logo.png" is an image reference, too, but with a tag or digest it is hardly anything else. */
static bool is_tagged_image(struct str value)
{
	return image_is_reference(value) && (memchr(value.p, ':', value.n) || memchr(value.p, '@', value.n));
}

static bool is_duration(struct str value)
{
	int64_t ms;
	return duration_parse(value, &ms, NULL) == 0;
}

static bool is_cpu(struct str value)
{
	int64_t millicores;
	return value.n <= MAX_QUANTITY && quantity_parse_cpu(value, &millicores, NULL) == 0;
}

static bool is_memory(struct str value)
{
	int64_t bytes;
	return value.n <= MAX_QUANTITY && quantity_parse_memory(value, &bytes, NULL) == 0;
}

static struct str without_dot(struct str path)
{
	while (str_starts_with(path, STR("./")))
		path = (struct str){path.p + 2, path.n - 2};
	return path;
}

static bool is_path(struct str path)
{
	struct str rest = path, component;
	if (path.n > MAX_PATH || (path.n && memchr(path.p, '\\', path.n)))
		return false;
	for (bool more = true; more;) {
		more = str_split_once(rest, '/', &component, &rest);
		if (component.n == 0 || str_eq(component, STR(".")) || str_eq(component, STR("..")))
			return false;
	}
	return true;
}

static bool is_script(struct str value)
{
	return is_path(without_dot(value)) && language_of_path(value);
}

static bool is_schema(struct str value)
{
	return is_path(without_dot(value)) && str_ends_with(value, STR(".json"));
}

#define TEXT(key, member, fits)                                                                              \
	{                                                                                                    \
		key, false, true, offsetof(struct reading, member), fits                                     \
	}
#define TOP(key, member)                                                                                     \
	{                                                                                                    \
		key, true, true, offsetof(struct reading, member), NULL                                      \
	}
#define IGNORED(key)                                                                                         \
	{                                                                                                    \
		key, true, false, 0, NULL                                                                    \
	}

static const struct field fields[] = {
    TOP("name", manifest.name),
    TOP("description", manifest.description),
    /* The form's own example has its version there. If one that can't be used were passed over, each upload
     * would overwrite 1.0.0. */
    TEXT("version", manifest.version, NULL),
    TEXT("lang", manifest.lang, is_lang),
    TEXT("entrypoint", manifest.entrypoint, is_script),
    TEXT("image", manifest.image, is_tagged_image),
    TEXT("timeout", timeout, is_duration),
    TEXT("resources.cpu", manifest.cpu, is_cpu),
    TEXT("resources.memory", manifest.memory, is_memory),
    TEXT("input_schema", manifest.input_schema, is_schema),
    TEXT("output_schema", manifest.output_schema, is_schema),
    IGNORED("license"),
    IGNORED("compatibility"),
    IGNORED("allowed-tools"),
};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))
_Static_assert(FIELD_COUNT <= MAX_FIELDS, "struct reading has room for all");

static const struct field *find_field(struct str key)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (str_eq(key, str_of(fields[i].key)))
			return &fields[i];
	return NULL;
}

static char **text_of(struct reading *r, const struct field *field)
{
	return (char **)(void *)((char *)r + field->offset);
}

static bool take_prefix(struct str *s, struct str prefix)
{
	if (!str_starts_with(*s, prefix))
		return false;
	*s = (struct str){s->p + prefix.n, s->n - prefix.n};
	return true;
}

void manifest_warn(struct manifest *m, const char *text, struct str subject, struct problems *problems)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	if (m->warning_count == MAX_WARNINGS)
		return;
	cleanup_buffer struct buffer all = BUFFER(MAX_WARNING);
	char **warnings = reallocarray(m->warnings, m->warning_count + 1, sizeof(*warnings));
	if (warnings)
		m->warnings = warnings;
	buffer_appendf(&all, "%s \"%s\"", text, problems_show(subject, shown));
	char *copy = buffer_steal(&all);
	if (!warnings || !copy) {
		free(copy);
		problems->no_memory = true;
		return;
	}
	m->warnings[m->warning_count++] = copy;
}

static void warn(struct reading *r, size_t line, const char *text, struct str key)
{
	char whole[MAX_WARNING];
	snprintf(whole, sizeof(whole), "SKILL.md line %zu: %s", line, text);
	manifest_warn(&r->manifest, whole, key, r->problems);
}

/* NULL if the value can be used as text. */
static const char *value_problem(const struct manifest_value *value)
{
	if (value->kind == MANIFEST_COLLECTION)
		return "must be text, not a list or a mapping: quote it if it is text";
	if (value->kind == MANIFEST_NULL)
		return "has no value: give it one, or leave the key out";
	struct str text = value->text; /* "\0" in double quotes */
	return text.n && memchr(text.p, '\0', text.n) ? "has a NUL character" : NULL;
}

static void set_text(struct reading *r, const struct field *field, struct str value, enum owner owner,
		     size_t line)
{
	size_t index = (size_t)(field - fields);
	enum owner *before = &r->owners[index];
	char **at = text_of(r, field);
	bool same = *at && str_eq(value, str_of(*at));
	if (*at && !same && *before == owner) {
		problems_add(r->problems, "SKILL.md line %zu: %s is given twice with different values", line,
			     field->key);
		return;
	}
	if (*at && !same)
		warn(r, line,
		     "given under metadata without the prefix skillbox., too, which is left to another tool:",
		     str_of(field->key));
	if (same || *before > owner) {
		*before = *before > owner ? *before : owner;
		return;
	}
	free(*at);
	*at = str_dup(value);
	*before = owner;
	if (!*at)
		r->problems->no_memory = true;
}

static void found_field(struct reading *r, const struct field *field, struct str path,
			const struct manifest_value *value, enum owner owner)
{
	const char *problem = value_problem(value);
	struct str text = str_trim(value->text);
	if (owner == PERHAPS_OURS && (problem || (field->fits && !field->fits(text)))) {
		warn(r, value->line, "left to another tool, since it is of no use here:", path);
		return;
	}
	if (problem) {
		problems_add(r->problems, "SKILL.md line %zu: %s %s", value->line, field->key, problem);
		r->told[field - fields] = true;
		return;
	}
	set_text(r, field, text, owner, value->line);
}

/* A mapping that leads to keys of ours isn't a value. */
static bool is_container(struct str key)
{
	return key.n == 0 || str_eq(key, STR("metadata")) || str_eq(key, STR("resources")) ||
	       str_eq(key, STR("skillbox"));
}

static void found_value(void *context, struct str path, const struct manifest_value *value)
{
	struct reading *r = context;
	struct str key = path;
	bool in_metadata = take_prefix(&key, STR("metadata."));
	bool ours = take_prefix(&key, STR("skillbox."));
	bool leads = is_container(key);
	if (leads && value->kind != MANIFEST_TEXT)
		return;
	char shown[PROBLEMS_SHOWN_SIZE];
	const struct field *field = find_field(key);
	if (field && field->top_level_only && (in_metadata || ours)) {
		if (ours)
			warn(r, value->line, "unknown key", path);
		return;
	}
	if (field) {
		if (field->used)
			found_field(r, field, path, value, in_metadata && !ours ? PERHAPS_OURS : OURS);
		return;
	}
	if (leads && key.n && !in_metadata && str_trim(value->text).n)
		problems_add(r->problems, "SKILL.md line %zu: %s must be a mapping", value->line,
			     problems_show(key, shown));
	/* Under metadata, what has no prefix of ours belongs to somebody else; inside lists and below other
	 * keys nothing is. */
	bool below = key.n && (memchr(key.p, '.', key.n) || memchr(key.p, '[', key.n)) && !ours &&
		     !str_starts_with(key, STR("resources."));
	if (!leads && !below && (ours || !in_metadata))
		warn(r, value->line, "unknown key", path);
}

/* Is there a text to judge? Not if its problem is told already. */
static bool is_open(const struct reading *r, const char *key)
{
	return !r->told[find_field(str_of(key)) - fields];
}

static void check_required(struct reading *r)
{
	struct manifest *m = &r->manifest;
	char shown[PROBLEMS_SHOWN_SIZE];
	if (!*m->name && is_open(r, "name"))
		problems_add(r->problems, "SKILL.md: name is missing");
	else if (*m->name && !skill_name_is_valid(str_of(m->name)))
		problems_add(r->problems,
			     "SKILL.md: name \"%s\" must start with a letter or digit and have at most 128 "
			     "letters, digits, '.', '_' or '-'",
			     problems_show(str_of(m->name), shown));
	if (!*m->description && is_open(r, "description"))
		problems_add(r->problems,
			     "SKILL.md: description is missing: say what the skill does and when to use it");
	if (strlen(m->description) > MAX_DESCRIPTION)
		problems_add(r->problems, "SKILL.md: description has %zu bytes, at most %d are allowed",
			     strlen(m->description), MAX_DESCRIPTION);
	if (!skill_version_is_valid(str_of(m->version)))
		problems_add(r->problems,
			     "SKILL.md: version \"%s\" must be one to three numbers, such as 1.0 or 1.2.3, "
			     "perhaps with -rc.1 or +build.7 behind",
			     problems_show(str_of(m->version), shown));
	if (*m->lang && !language_find(str_of(m->lang)))
		problems_add(r->problems, "SKILL.md: lang \"%s\" must be python, node or bash",
			     problems_show(str_of(m->lang), shown));
	if (*m->image && !image_is_reference(str_of(m->image)))
		problems_add(r->problems,
			     "SKILL.md: image \"%s\" is not an image reference, such as python:3.12-slim",
			     problems_show(str_of(m->image), shown));
}

static void check_quantity(struct reading *r, const char *key, const char *text,
			   int (*parse)(struct str, int64_t *, struct error *))
{
	struct error why;
	int64_t value;
	if (strlen(text) > MAX_QUANTITY)
		problems_add(r->problems, "SKILL.md: %s has more than %d characters", key, MAX_QUANTITY);
	else if (*text && parse(str_of(text), &value, &why) != 0)
		problems_add(r->problems, "SKILL.md: %s: %s", key, why.message);
}

/* The path is kept without "./" in front. */
static void check_path(struct reading *r, const char *key, char *path)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	struct str plain = without_dot(str_of(path));
	memmove(path, plain.p, plain.n + 1);
	if (*path && !is_path(str_of(path)))
		problems_add(r->problems, "SKILL.md: %s \"%s\" must be the path of a file in the skill", key,
			     problems_show(str_of(path), shown));
}

static void check_limits(struct reading *r)
{
	struct manifest *m = &r->manifest;
	struct error why;
	if (*r->timeout && duration_parse(str_of(r->timeout), &m->timeout_ms, &why) != 0)
		problems_add(r->problems, "SKILL.md: timeout: %s", why.message);
	check_quantity(r, "resources.cpu", m->cpu, quantity_parse_cpu);
	check_quantity(r, "resources.memory", m->memory, quantity_parse_memory);
	if (strlen(m->instructions) > MAX_INSTRUCTIONS)
		problems_add(r->problems,
			     "SKILL.md: the text below the frontmatter has %zu bytes, at most %d are allowed",
			     strlen(m->instructions), MAX_INSTRUCTIONS);
	check_path(r, "entrypoint", m->entrypoint);
	check_path(r, "input_schema", m->input_schema);
	check_path(r, "output_schema", m->output_schema);
}

/* What wasn't given becomes "", so that readers of a manifest meet no NULL. */
static void fill_defaults(struct reading *r)
{
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		char **at = text_of(r, &fields[i]);
		bool version = str_eq(str_of(fields[i].key), STR("version"));
		if (!fields[i].used || (*at && (**at || !version)))
			continue;
		free(*at);
		*at = str_dup(version ? STR("1.0.0") : STR(""));
		if (!*at)
			r->problems->no_memory = true;
	}
}

int manifest_examine(struct str text, struct manifest *ret, struct problems *problems)
{
	struct reading r = {.problems = problems};
	struct frontmatter parts;
	size_t before = problems->count;
	if (frontmatter_split(text, &parts, problems)) {
		/* If the walk was cut short, what is missing may just not have been reached. */
		bool readable = manifest_yaml_walk(parts.yaml, parts.first_line, found_value, &r, problems);
		fill_defaults(&r);
		r.manifest.instructions = str_dup(str_trim(parts.body));
		if (!r.manifest.instructions)
			problems->no_memory = true;
		if (readable && !problems->no_memory)
			check_required(&r);
		if (readable && !problems->no_memory)
			check_limits(&r);
	}
	free(r.timeout);
	if (problems->count > before || problems->no_memory) {
		manifest_free(&r.manifest);
		return -1;
	}
	*ret = r.manifest;
	return 0;
}

int manifest_parse(struct str text, struct manifest *ret, struct error *err)
{
	cleanup_problems struct problems problems = PROBLEMS;
	if (manifest_examine(text, ret, &problems) == 0)
		return 0;
	return problems_error(&problems, err);
}

void manifest_free(struct manifest *manifest)
{
	struct manifest *m = manifest;
	char *const texts[] = {m->name,   m->version,      m->description,  m->instructions,
			       m->lang,   m->entrypoint,   m->image,        m->cpu,
			       m->memory, m->input_schema, m->output_schema};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
	for (size_t i = 0; i < m->warning_count; i++)
		free(m->warnings[i]);
	free(m->warnings);
	*m = (struct manifest){0};
}
