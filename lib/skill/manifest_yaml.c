#include "lib/skill/manifest_yaml.h"

#include "lib/skill/manifest.h"
#include "lib/skill/yaml_mistake.h"

#include <stdlib.h>
#include <yaml.h>

#define MAX_DEPTH 32
#define MAX_KEYS 1000 /* of one mapping; so that looking for duplicates stays cheap */
#define MAX_PATH 512
#define MAX_LINES (MANIFEST_MAX_FRONTMATTER + 1)

struct walk {
	yaml_parser_t parser;
	struct str text;
	size_t first_line;
	manifest_yaml_cb found;
	void *context;
	struct problems *problems;
	struct buffer path;
	/* Lines that go on with a block or a quoted text, where blanks are no indentation. */
	unsigned char is_text[MAX_LINES / 8 + 1];
};

static size_t line_of(const struct walk *w, const yaml_mark_t *mark)
{
	return w->first_line + mark->line;
}

static void mark_text(struct walk *w, const yaml_event_t *event)
{
	if (event->type != YAML_SCALAR_EVENT || event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return;
	for (size_t i = event->start_mark.line + 1; i <= event->end_mark.line && i < MAX_LINES; i++)
		if (i < event->end_mark.line || event->end_mark.column > 0)
			w->is_text[i / 8] |= (unsigned char)(1u << i % 8);
}

static bool next_event(struct walk *w, yaml_event_t *ret)
{
	if (yaml_parser_parse(&w->parser, ret)) {
		mark_text(w, ret);
		return true;
	}
	if (w->parser.error == YAML_MEMORY_ERROR)
		w->problems->no_memory = true;
	else
		yaml_mistake_tell(&w->parser, w->text, w->first_line, w->problems);
	return false;
}

/* libyaml takes some tabs that other parsers refuse. */
static void find_tabs(struct walk *w)
{
	struct str rest = w->text;
	for (size_t number = 0; rest.n > 0; number++) {
		struct str line = yaml_next_line(&rest);
		if (number < MAX_LINES && !(w->is_text[number / 8] & 1u << number % 8) &&
		    yaml_line_is_indented_by_tab(line)) {
			problems_add(w->problems,
				     "SKILL.md line %zu: tabs can't be used for indentation, use spaces",
				     w->first_line + number);
			return;
		}
	}
}

static bool has_anchor(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor != NULL;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor != NULL;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor != NULL;
	default:
		return event->type == YAML_ALIAS_EVENT;
	}
}

static struct str scalar(const yaml_event_t *event)
{
	return (struct str){(const char *)event->data.scalar.value, event->data.scalar.length};
}

/* "!important" in front of a text is a tag to YAML, and would be lost. */
static bool has_own_tag(const yaml_event_t *event)
{
	const yaml_char_t *tag = event->type == YAML_SCALAR_EVENT           ? event->data.scalar.tag
				 : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.tag
				 : event->type == YAML_MAPPING_START_EVENT  ? event->data.mapping_start.tag
									    : NULL;
	return tag && strcmp((const char *)tag, "!") != 0 &&
	       !str_starts_with(str_of((const char *)tag), STR("tag:yaml.org,2002:"));
}

/* As all YAML parsers have it: only where it isn't quoted. */
static bool is_null(const yaml_event_t *event)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
	struct str text = scalar(event);
	const char *tag = (const char *)event->data.scalar.tag;
	if (tag && strcmp(tag, YAML_NULL_TAG) == 0)
		return true;
	if (tag || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		if (str_eq(text, str_of(nulls[i])))
			return true;
	return false;
}

static bool walk_node(struct walk *w, const yaml_event_t *start, unsigned depth);

/* The keys of one mapping, to find duplicates. */
struct keys {
	char *key[MAX_KEYS];
	size_t count;
};

/* A key that is there twice is told and its value left out, by a path that is too long to be any. */
static bool add_key(struct walk *w, struct keys *keys, struct str key, size_t line)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	for (size_t i = 0; i < keys->count; i++) {
		if (str_eq(key, str_of(keys->key[i]))) {
			problems_add(w->problems, "SKILL.md line %zu: the key \"%s\" is there twice", line,
				     problems_show(key, shown));
			w->path.failed = true;
			return true;
		}
	}
	if (keys->count == MAX_KEYS) {
		problems_add(w->problems, "SKILL.md line %zu: more than %d keys in one mapping", line,
			     MAX_KEYS);
		return false;
	}
	keys->key[keys->count] = str_dup(key);
	if (!keys->key[keys->count]) {
		w->problems->no_memory = true;
		return false;
	}
	keys->count++;
	return true;
}

/* One key and its value; *ret_end: the mapping ended instead. */
static bool walk_pair(struct walk *w, struct keys *keys, unsigned depth, bool *ret_end)
{
	yaml_event_t event;
	if (!next_event(w, &event))
		return false;
	*ret_end = event.type == YAML_MAPPING_END_EVENT;
	size_t line = line_of(w, &event.start_mark), before = w->path.len;
	bool good = true, failed = w->path.failed;
	if (!*ret_end) {
		if (has_anchor(&event)) {
			problems_add(w->problems,
				     "SKILL.md line %zu: YAML anchors and aliases are not allowed: quote a "
				     "value that begins "
				     "with '&' or '*'",
				     line);
			good = false;
		} else if (event.type != YAML_SCALAR_EVENT) {
			problems_add(w->problems, "SKILL.md line %zu: a key must be text", line);
			good = false;
		} else {
			good = add_key(w, keys, scalar(&event), line);
			if (before)
				buffer_append_c(&w->path, ".");
			buffer_append_str(&w->path, scalar(&event));
		}
	}
	yaml_event_delete(&event);
	if (*ret_end || !good)
		return good;
	if (!next_event(w, &event))
		return false;
	good = walk_node(w, &event, depth);
	yaml_event_delete(&event);
	w->path.len = before;
	w->path.failed = failed;
	return good;
}

static bool walk_mapping(struct walk *w, unsigned depth)
{
	struct keys *keys = calloc(1, sizeof(*keys));
	if (!keys) {
		w->problems->no_memory = true;
		return false;
	}
	bool end = false, good = true;
	while (good && !end)
		good = walk_pair(w, keys, depth + 1, &end);
	for (size_t i = 0; i < keys->count; i++)
		free(keys->key[i]);
	free(keys);
	return good;
}

static bool walk_sequence(struct walk *w, unsigned depth)
{
	size_t before = w->path.len;
	bool failed = w->path.failed;
	buffer_append_c(&w->path, "[]"); /* so that nothing inside a list is taken for a key of ours */
	for (;;) {
		yaml_event_t event;
		if (!next_event(w, &event))
			return false;
		bool end = event.type == YAML_SEQUENCE_END_EVENT;
		bool good = end || walk_node(w, &event, depth + 1);
		yaml_event_delete(&event);
		if (end || !good) {
			w->path.len = before;
			w->path.failed = failed;
			return good;
		}
	}
}

/* The node that `start` begins, to its end. False: stop, the problem is added. */
static bool walk_node(struct walk *w, const yaml_event_t *start, unsigned depth)
{
	size_t line = line_of(w, &start->start_mark);
	struct str path = w->path.failed ? (struct str){"", 0} : buffer_str(&w->path);
	struct manifest_value value = {MANIFEST_COLLECTION, {NULL, 0}, line};
	if (has_anchor(start)) {
		problems_add(
		    w->problems,
		    "SKILL.md line %zu: YAML anchors and aliases are not allowed: quote a value that begins "
		    "with '&' or '*'",
		    line);
		return false;
	}
	if (has_own_tag(start)) {
		problems_add(
		    w->problems,
		    "SKILL.md line %zu: YAML tags are not allowed: quote a value that begins with '!'", line);
		return false;
	}
	if (depth >= MAX_DEPTH && start->type != YAML_SCALAR_EVENT) {
		problems_add(w->problems, "SKILL.md line %zu: nested more than %d levels", line, MAX_DEPTH);
		return false;
	}
	switch (start->type) {
	case YAML_SCALAR_EVENT:
		value = (struct manifest_value){is_null(start) ? MANIFEST_NULL : MANIFEST_TEXT, scalar(start),
						line};
		w->found(w->context, path, &value);
		return true;
	case YAML_SEQUENCE_START_EVENT:
		w->found(w->context, path, &value);
		return walk_sequence(w, depth);
	case YAML_MAPPING_START_EVENT:
		w->found(w->context, path, &value);
		return walk_mapping(w, depth);
	default:
		problems_add(w->problems, "SKILL.md line %zu: the frontmatter is not valid YAML", line);
		return false;
	}
}

/* Stream start, document start, one mapping, document end, stream end; or nothing between start and end. */
static bool walk_document(struct walk *w)
{
	for (bool good = true, end = false; good && !end;) {
		yaml_event_t event;
		if (!next_event(w, &event))
			return false;
		size_t line = line_of(w, &event.start_mark);
		switch (event.type) {
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		case YAML_STREAM_END_EVENT:
			end = true;
			break;
		case YAML_DOCUMENT_START_EVENT:
			good = event.data.document_start.implicit;
			if (!good)
				problems_add(w->problems,
					     "SKILL.md line %zu: a second YAML document is not allowed",
					     line);
			break;
		case YAML_MAPPING_START_EVENT:
			good = walk_node(w, &event, 0);
			break;
		default:
			good = false;
			problems_add(w->problems,
				     "SKILL.md line %zu: the frontmatter must be keys and values, such as "
				     "\"name: my-skill\"",
				     line);
			break;
		}
		yaml_event_delete(&event);
		if (!good)
			return false;
	}
	return true;
}

bool manifest_yaml_walk(struct str text, size_t first_line, manifest_yaml_cb found, void *context,
			struct problems *problems)
{
	struct walk w = {.text = text,
			 .first_line = first_line,
			 .found = found,
			 .context = context,
			 .problems = problems,
			 .path = BUFFER(MAX_PATH)};
	if (!yaml_parser_initialize(&w.parser)) {
		problems->no_memory = true;
		return false;
	}
	yaml_parser_set_encoding(&w.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&w.parser, (const unsigned char *)(text.n ? text.p : ""), text.n);
	bool complete = walk_document(&w);
	if (complete)
		find_tabs(&w);
	yaml_parser_delete(&w.parser);
	buffer_free(&w.path);
	return complete;
}
