/* The frontmatter is cut out here, walked by manifest_yaml.c, and each value goes to its field by one table.
 */
#include "lib/skill/manifest.h"

#include "lib/base/clock.h"
#include "lib/base/quantity.h"
#include "lib/base/utf8.h"
#include "lib/policy/names.h"
#include "lib/skill/manifest_yaml.h"
#include "lib/skill/problems.h"
#include "lib/skill/skill_package.h"

#include <stddef.h>
#include <stdlib.h>

#define MAX_WARNINGS 100
#define MAX_WARNING 512 /* bytes of one */
#define MAX_SCHEMA_PATH 1024
#define MAX_QUANTITY 32               /* as in the Skill resource */
#define MAX_INSTRUCTIONS (256 * 1024) /* as in the Skill resource */

struct reading {
	struct manifest manifest;
	char *timeout; /* as text */
	struct problems problems;
};

/* The keys of the manifest, and where their text goes (NULL-able: known, and of no use here). */
struct field {
	const char *key;
	bool top_level_only; /* the same word under `metadata` is another tool's */
	bool used;
	size_t offset; /* in struct reading */
};

#define TEXT(key, member)                                                                                    \
	{                                                                                                    \
		key, false, true, offsetof(struct reading, member)                                           \
	}
#define TOP(key, member)                                                                                     \
	{                                                                                                    \
		key, true, true, offsetof(struct reading, member)                                            \
	}
#define IGNORED(key)                                                                                         \
	{                                                                                                    \
		key, true, false, 0                                                                          \
	}

static const struct field fields[] = {
    TOP("name", manifest.name),
    TOP("description", manifest.description),
    TEXT("version", manifest.version),
    TEXT("lang", manifest.lang),
    TEXT("image", manifest.image),
    TEXT("timeout", timeout),
    TEXT("resources.cpu", manifest.cpu),
    TEXT("resources.memory", manifest.memory),
    TEXT("input_schema", manifest.input_schema),
    TEXT("output_schema", manifest.output_schema),
    IGNORED("license"),
    IGNORED("compatibility"),
    IGNORED("allowed-tools"),
};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static const struct field *find_field(struct str key)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (str_eq(key, str_of(fields[i].key)))
			return &fields[i];
	return NULL;
}

static bool take_prefix(struct str *s, struct str prefix)
{
	if (!str_starts_with(*s, prefix))
		return false;
	*s = (struct str){s->p + prefix.n, s->n - prefix.n};
	return true;
}

static void warn(struct reading *r, const char *format, const char *shown, size_t line)
{
	struct manifest *m = &r->manifest;
	if (m->warning_count == MAX_WARNINGS)
		return;
	cleanup_buffer struct buffer text = BUFFER(MAX_WARNING);
	char **warnings = reallocarray(m->warnings, m->warning_count + 1, sizeof(*warnings));
	if (warnings)
		m->warnings = warnings;
	buffer_appendf(&text, "SKILL.md line %zu: ", line);
	buffer_appendf(&text, "%s \"%s\"", format, shown);
	char *copy = buffer_steal(&text);
	if (!warnings || !copy) {
		free(copy);
		r->problems.no_memory = true;
		return;
	}
	m->warnings[m->warning_count++] = copy;
}

static void set_text(struct reading *r, const struct field *field, struct str value, size_t line)
{
	char **at = (char **)(void *)((char *)r + field->offset);
	if (!value.p) {
		problems_add(&r->problems, "SKILL.md line %zu: %s must be text, not a list or a mapping",
			     line, field->key);
		return;
	}
	value = str_trim(value);
	if (value.n && memchr(value.p, '\0', value.n)) { /* "\0" in double quotes */
		problems_add(&r->problems, "SKILL.md line %zu: %s has a NUL character", line, field->key);
		return;
	}
	if (*at && !str_eq(value, str_of(*at)))
		problems_add(&r->problems, "SKILL.md line %zu: %s is given twice with different values", line,
			     field->key);
	if (*at)
		return;
	*at = str_dup(value);
	if (!*at)
		r->problems.no_memory = true;
}

/* A mapping that leads to keys of ours isn't a value. */
static bool is_container(struct str key)
{
	return key.n == 0 || str_eq(key, STR("metadata")) || str_eq(key, STR("resources"));
}

static void found_value(void *context, struct str path, struct str value, size_t line)
{
	struct reading *r = context;
	struct str key = path;
	bool in_metadata = take_prefix(&key, STR("metadata."));
	bool ours = take_prefix(&key, STR("skillbox."));
	bool leads = is_container(key) || str_eq(key, STR("skillbox"));
	if (leads && !value.p)
		return;
	char shown[PROBLEMS_SHOWN_SIZE];
	const struct field *field = find_field(key);
	if (field && field->top_level_only && (in_metadata || ours)) {
		if (ours)
			warn(r, "unknown key", problems_show(path, shown), line);
		return;
	}
	if (field) {
		if (field->used)
			set_text(r, field, value, line);
		return;
	}
	if (leads && key.n && !in_metadata && str_trim(value).n)
		problems_add(&r->problems, "SKILL.md line %zu: %s must be a mapping", line,
			     problems_show(key, shown));
	/* Under metadata, what has no prefix of ours belongs to somebody else; inside lists and below other
	 * keys nothing is. */
	bool below = key.n && (memchr(key.p, '.', key.n) || memchr(key.p, '[', key.n)) && !ours &&
		     !str_starts_with(key, STR("resources."));
	if (!leads && !below && (ours || !in_metadata))
		warn(r, "unknown key", problems_show(path, shown), line);
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_schema_path(struct str path)
{
	struct str rest = path, component;
	if (path.n > MAX_SCHEMA_PATH || memchr(path.p, '\\', path.n))
		return false;
	for (bool more = true; more;) {
		more = str_split_once(rest, '/', &component, &rest);
		if (component.n == 0 || str_eq(component, STR(".")) || str_eq(component, STR("..")))
			return false;
	}
	return true;
}

static bool is_image(struct str image)
{
	if (image.n > 512)
		return false;
	for (size_t i = 0; i < image.n; i++)
		if (!is_alnum(image.p[i]) && !strchr("._-/:@", image.p[i]))
			return false;
	return true;
}

static void check_required(struct reading *r)
{
	struct manifest *m = &r->manifest;
	char shown[PROBLEMS_SHOWN_SIZE];
	if (!*m->name)
		problems_add(&r->problems, "SKILL.md: name is missing");
	else if (!skill_name_is_valid(str_of(m->name)))
		problems_add(&r->problems,
			     "SKILL.md: name \"%s\" must start with a letter or digit and have at most 128 "
			     "letters, digits, "
			     "'.', '_' or '-'",
			     problems_show(str_of(m->name), shown));
	if (!*m->description)
		problems_add(&r->problems,
			     "SKILL.md: description is missing; say what the skill does and when to use it");
	if (!skill_version_is_valid(str_of(m->version)))
		problems_add(&r->problems, "SKILL.md: version \"%s\" must be like 1.0.0 or 1.0.0-beta.1",
			     problems_show(str_of(m->version), shown));
	if (*m->lang && !language_find(str_of(m->lang)))
		problems_add(&r->problems, "SKILL.md: lang \"%s\" must be python, node or bash",
			     problems_show(str_of(m->lang), shown));
	if (!is_image(str_of(m->image)))
		problems_add(&r->problems,
			     "SKILL.md: image \"%s\" is not an image reference, such as python:3.12-slim",
			     problems_show(str_of(m->image), shown));
}

static void check_quantity(struct reading *r, const char *key, const char *text,
			   int (*parse)(struct str, int64_t *, struct error *))
{
	struct error why;
	int64_t value;
	if (strlen(text) > MAX_QUANTITY)
		problems_add(&r->problems, "SKILL.md: %s has more than %d characters", key, MAX_QUANTITY);
	else if (*text && parse(str_of(text), &value, &why) != 0)
		problems_add(&r->problems, "SKILL.md: %s: %s", key, why.message);
}

static void check_limits(struct reading *r)
{
	struct manifest *m = &r->manifest;
	struct error why;
	if (*r->timeout && duration_parse(str_of(r->timeout), &m->timeout_ms, &why) != 0)
		problems_add(&r->problems, "SKILL.md: timeout: %s", why.message);
	check_quantity(r, "resources.cpu", m->cpu, quantity_parse_cpu);
	check_quantity(r, "resources.memory", m->memory, quantity_parse_memory);
	if (strlen(m->instructions) > MAX_INSTRUCTIONS)
		problems_add(&r->problems,
			     "SKILL.md: the text below the frontmatter has %zu bytes; at most %d are allowed",
			     strlen(m->instructions), MAX_INSTRUCTIONS);
	const char *const schemas[][2] = {{"input_schema", m->input_schema},
					  {"output_schema", m->output_schema}};
	for (size_t i = 0; i < 2; i++) {
		char shown[PROBLEMS_SHOWN_SIZE];
		if (*schemas[i][1] && !is_schema_path(str_of(schemas[i][1])))
			problems_add(&r->problems,
				     "SKILL.md: %s \"%s\" must be the path of a file in the skill",
				     schemas[i][0], problems_show(str_of(schemas[i][1]), shown));
	}
}

/* What wasn't given becomes "", so that readers of a manifest meet no NULL. */
static void fill_defaults(struct reading *r)
{
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		char **at = (char **)(void *)((char *)r + fields[i].offset);
		bool version = str_eq(str_of(fields[i].key), STR("version"));
		if (!fields[i].used || (*at && (**at || !version)))
			continue;
		free(*at);
		*at = str_dup(version ? STR("1.0.0") : STR(""));
		if (!*at)
			r->problems.no_memory = true;
	}
}

/* One line without its end ("\n" or "\r\n"); moves *rest behind it. */
static bool next_line(struct str *rest, struct str *ret)
{
	if (rest->n == 0)
		return false;
	str_split_once(*rest, '\n', ret, rest);
	if (ret->n && ret->p[ret->n - 1] == '\r')
		ret->n--;
	return true;
}

static bool is_fence(struct str line)
{
	return str_starts_with(line, STR("---")) && str_trim(line).n == 3;
}

/* Cut text into frontmatter and body; the problems that the bytes alone show are told here. */
static bool split(struct str text, struct str *ret_front, struct str *ret_body, struct problems *problems)
{
	size_t bad, number = 1;
	struct str rest = text, line;
	if (str_starts_with(text, STR("\xef\xbb\xbf"))) {
		problems_add(problems,
			     "SKILL.md starts with a byte order mark; save it as UTF-8 without one");
		return false;
	}
	if (!utf8_is_valid(text, &bad)) {
		problems_add(problems, "SKILL.md is not UTF-8 (byte %zu)", bad + 1);
		return false;
	}
	if (text.n && memchr(text.p, '\0', text.n)) {
		problems_add(problems, "SKILL.md has a NUL character");
		return false;
	}
	if (!next_line(&rest, &line) || !is_fence(line)) {
		problems_add(problems, "SKILL.md must start with YAML frontmatter between two lines of ---");
		return false;
	}
	const char *start = rest.p;
	bool good = true;
	while (number++, next_line(&rest, &line)) {
		if (is_fence(line)) {
			*ret_front = (struct str){start, (size_t)(line.p - start)};
			*ret_body = rest;
			if (ret_front->n <= MANIFEST_MAX_FRONTMATTER)
				return good;
			problems_add(problems,
				     "the frontmatter of SKILL.md has %zu bytes; at most %d are allowed",
				     ret_front->n, MANIFEST_MAX_FRONTMATTER);
			return false;
		}
		size_t blanks = 0;
		while (blanks < line.n && line.p[blanks] == ' ')
			blanks++;
		if (good && blanks < line.n && line.p[blanks] == '\t' && str_trim(line).n) {
			problems_add(problems,
				     "SKILL.md line %zu: tabs can't be used for indentation; use spaces",
				     number);
			good = false;
		}
	}
	problems_add(problems, "the frontmatter of SKILL.md has no closing line of ---");
	return false;
}

int manifest_parse(struct str text, struct manifest *ret, struct error *err)
{
	struct reading r = {.problems = PROBLEMS};
	struct str front, body;
	if (split(text, &front, &body, &r.problems)) {
		/* If the walk was cut short, what is missing may just not have been reached. */
		bool readable = manifest_yaml_walk(front, 2, found_value, &r, &r.problems);
		fill_defaults(&r);
		r.manifest.instructions = str_dup(str_trim(body));
		if (!r.manifest.instructions)
			r.problems.no_memory = true;
		if (readable && !r.problems.no_memory)
			check_required(&r);
		if (readable && !r.problems.no_memory)
			check_limits(&r);
	}
	int status = problems_error(&r.problems, err);
	problems_free(&r.problems);
	free(r.timeout);
	if (status != 0)
		manifest_free(&r.manifest);
	else
		*ret = r.manifest;
	return status;
}

void manifest_free(struct manifest *manifest)
{
	struct manifest *m = manifest;
	char *const texts[] = {m->name,  m->version, m->description, m->instructions, m->lang,
			       m->image, m->cpu,     m->memory,      m->input_schema, m->output_schema};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
	for (size_t i = 0; i < m->warning_count; i++)
		free(m->warnings[i]);
	free(m->warnings);
	*m = (struct manifest){0};
}
