/* From the keywords of a subschema to its rules: each value has to have the keyword's form. */
#include "lib/schema/compiler.h"

#include "lib/base/utf8.h"
#include "lib/schema/decimal.h"

#include <stdlib.h>

#define PATTERNS_SIZE_MAX ((size_t)4 << 20) /* compiled, of a schema */

/* One keyword of one node. The lists of a schema may move whenever something is added to them. */
struct task {
	struct compiler *c;
	uint32_t node, text, value;
	enum jsontext_kind kind; /* of the value */
	struct rule rule;
};

static const struct document *document_of(const struct task *t)
{
	return &t->c->schema->texts.items[t->text].document;
}

#define REFUSE(t, err, ...) compiler_refuse((t)->c, (t)->text, (t)->value, err, __VA_ARGS__)

static int need_kind(const struct task *t, enum jsontext_kind kind, const char *what, struct error *err)
{
	return t->kind == kind ? 0 : REFUSE(t, err, "must be %s", what);
}

static uint32_t node_of(const struct task *t, uint32_t value)
{
	return t->c->schema->texts.items[t->text].nodes[value];
}

static int keep_string(struct task *t, uint32_t value, struct str *ret, struct error *err)
{
	bool broken = false;
	struct buffer *scratch = &t->c->scratch;
	const struct document *d = document_of(t);
	struct str text = document_string(d, value, scratch, &broken);
	if (scratch->failed)
		return error_no_memory(err);
	if (broken)
		return compiler_refuse(
		    t->c, t->text, value, err,
		    "has half a surrogate pair (\\ud800 to \\udfff), which is no character");
	*ret = text;
	return document_is_escaped(d, value) ? schema_keep(t->c->schema, text, ret, err) : 0;
}

static int form_any(struct task *t, struct error *err)
{
	(void)t, (void)err;
	return 0;
}

static int form_string(struct task *t, struct error *err)
{
	return need_kind(t, JSONTEXT_STRING, "a string", err);
}

static int form_boolean(struct task *t, struct error *err)
{
	t->rule.limit = t->kind == JSONTEXT_TRUE;
	return t->kind == JSONTEXT_TRUE || t->kind == JSONTEXT_FALSE
		   ? 0
		   : REFUSE(t, err, "must be true or false");
}

static int form_list(struct task *t, struct error *err)
{
	return need_kind(t, JSONTEXT_ARRAY, "an array", err);
}

static int add_link(struct task *t, uint32_t node, struct error *err)
{
	if (t->rule.count == 0)
		t->rule.first = t->c->schema->links.count;
	t->rule.count++;
	return LIST_ADD(&t->c->schema->links, node, err);
}

static int form_schema(struct task *t, struct error *err)
{
	return add_link(t, node_of(t, t->value), err);
}

static int form_schemas(struct task *t, struct error *err)
{
	const struct document *d = document_of(t);
	if (t->kind != JSONTEXT_ARRAY || document_count(d, t->value) == 0)
		return REFUSE(t, err, "must be an array with at least one schema");
	for (uint32_t at = t->value + 1; at < document_next(d, t->value); at = document_next(d, at))
		if (add_link(t, node_of(t, at), err) != 0)
			return -1;
	return 0;
}

static int form_schema_or_list(struct task *t, struct error *err)
{
	t->rule.limit = t->kind == JSONTEXT_ARRAY;
	return t->kind == JSONTEXT_ARRAY ? form_schemas(t, err) : form_schema(t, err);
}

static int by_text(const void *a, const void *b)
{
	struct str left = ((const struct name *)a)->text, right = ((const struct name *)b)->text;
	size_t n = left.n < right.n ? left.n : right.n;
	int order = n ? memcmp(left.p, right.p, n) : 0;
	return order ? order : left.n < right.n ? -1 : left.n > right.n;
}

static void sort_names(struct schema *schema, uint32_t first, uint32_t count)
{
	if (count)
		qsort(schema->names.items + first, count, sizeof(struct name), by_text);
}

/* A list of different strings, as names without anything that they lead to. */
static int add_names(struct task *t, uint32_t value, uint32_t *ret_first, uint32_t *ret_count,
		     struct error *err)
{
	struct schema *schema = t->c->schema;
	const struct document *d = document_of(t);
	uint32_t first = schema->names.count;
	if (document_kind(d, value) != JSONTEXT_ARRAY)
		return compiler_refuse(t->c, t->text, value, err, "must be an array of names");
	for (uint32_t at = value + 1; at < document_next(d, value); at = document_next(d, at)) {
		struct name name = {.node = NODE_NONE};
		if (document_kind(d, at) != JSONTEXT_STRING)
			return compiler_refuse(t->c, t->text, at, err,
					       "must be a string, the name of a property");
		if (keep_string(t, at, &name.text, err) != 0 || LIST_ADD(&schema->names, name, err) != 0)
			return -1;
	}
	*ret_first = first;
	*ret_count = schema->names.count - first;
	sort_names(schema, first, *ret_count);
	for (uint32_t i = first + 1; i < schema->names.count; i++) {
		struct str text = schema->names.items[i].text;
		if (str_eq(text, schema->names.items[i - 1].text))
			return compiler_refuse(t->c, t->text, value, err, "has \"%.*s\" twice",
					       utf8_shown(text), text.p);
	}
	return 0;
}

static int form_names(struct task *t, struct error *err)
{
	return add_names(t, t->value, &t->rule.first, &t->rule.count, err);
}

/* What a property is mapped to: a schema, or names. */
static int fill_name(struct task *t, uint32_t index, uint32_t value, bool lists, struct error *err)
{
	struct name name = t->c->schema->names.items[index];
	if (lists) {
		if (add_names(t, value, &name.first, &name.count, err) != 0)
			return -1;
	} else {
		name.node = node_of(t, value);
	}
	t->c->schema->names.items[index] = name;
	return 0;
}

/* `lists`: of a value that is an array, names are taken; else there has to be a schema. */
static int add_map(struct task *t, bool lists, bool schemas, struct error *err)
{
	struct schema *schema = t->c->schema;
	const struct document *d = document_of(t);
	if (need_kind(t, JSONTEXT_OBJECT, "an object", err) != 0)
		return -1;
	t->rule.first = schema->names.count;
	t->rule.count = document_count(d, t->value);
	for (uint32_t key = t->value + 1; key < document_next(d, t->value); key = document_next(d, key + 1)) {
		struct name name = {.node = NODE_NONE};
		if (keep_string(t, key, &name.text, err) != 0 || LIST_ADD(&schema->names, name, err) != 0)
			return -1;
	}
	uint32_t index = t->rule.first;
	for (uint32_t key = t->value + 1; key < document_next(d, t->value); key = document_next(d, key + 1)) {
		bool list = lists && (!schemas || document_kind(d, key + 1) == JSONTEXT_ARRAY);
		if (fill_name(t, index++, key + 1, list, err) != 0)
			return -1;
	}
	sort_names(schema, t->rule.first, t->rule.count);
	return 0;
}

static int form_schema_map(struct task *t, struct error *err)
{
	return add_map(t, false, true, err);
}

static int form_names_map(struct task *t, struct error *err)
{
	return add_map(t, true, false, err);
}

static int form_dependencies(struct task *t, struct error *err)
{
	return add_map(t, true, true, err);
}

static int form_store(struct task *t, struct error *err)
{
	return need_kind(t, JSONTEXT_OBJECT, "an object", err);
}

static int add_pattern(struct task *t, uint32_t value, uint32_t node, struct error *err)
{
	struct schema *schema = t->c->schema;
	struct named_pattern pattern = {.node = node};
	struct str text;
	struct error why = {0};
	if (keep_string(t, value, &text, err) != 0)
		return -1;
	if (pattern_compile(text, &pattern.pattern, &why) != 0)
		return why.code == ERR_NO_MEMORY ? error_no_memory(err)
						 : compiler_refuse(t->c, t->text, value, err, "\"%.*s\": %s",
								   utf8_shown(text), text.p, why.message);
	schema->pattern_size += pattern_size(pattern.pattern);
	if (t->rule.count++ == 0)
		t->rule.first = schema->patterns.count;
	if (LIST_ADD(&schema->patterns, pattern, err) != 0) {
		pattern_free(pattern.pattern);
		return -1;
	}
	return schema->pattern_size <= PATTERNS_SIZE_MAX
		   ? 0
		   : compiler_refuse(
			 t->c, t->text, value, err,
			 "the patterns of this schema are too large: compiled, they take more than %zu "
			 "bytes up to here",
			 PATTERNS_SIZE_MAX);
}

static int form_pattern(struct task *t, struct error *err)
{
	if (need_kind(t, JSONTEXT_STRING, "a string, a regular expression", err) != 0)
		return -1;
	return add_pattern(t, t->value, NODE_NONE, err);
}

static int form_pattern_map(struct task *t, struct error *err)
{
	const struct document *d = document_of(t);
	if (need_kind(t, JSONTEXT_OBJECT, "an object", err) != 0)
		return -1;
	for (uint32_t key = t->value + 1; key < document_next(d, t->value); key = document_next(d, key + 1))
		if (add_pattern(t, key, node_of(t, key + 1), err) != 0)
			return -1;
	return 0;
}

static int read_number(const struct task *t, struct decimal *ret, struct error *err)
{
	if (need_kind(t, JSONTEXT_NUMBER, "a number", err) != 0)
		return -1;
	return decimal_read(document_text(document_of(t), t->value), ret)
		   ? 0
		   : REFUSE(t, err, "has an exponent of more than 15 digits");
}

static int form_number(struct task *t, struct error *err)
{
	struct decimal number;
	return read_number(t, &number, err);
}

static int form_divisor(struct task *t, struct error *err)
{
	struct decimal number;
	if (read_number(t, &number, err) != 0)
		return -1;
	if (number.negative || number.count == 0)
		return REFUSE(t, err, "must be above 0");
	return number.count <= DECIMAL_DIVISOR_DIGITS
		   ? 0
		   : REFUSE(t, err, "has more than %d digits", DECIMAL_DIVISOR_DIGITS);
}

static int form_count(struct task *t, struct error *err)
{
	struct decimal number;
	if (read_number(t, &number, err) != 0)
		return -1;
	return decimal_to_count(&number, &t->rule.limit)
		   ? 0
		   : REFUSE(t, err, "must be a whole number, at least 0");
}

static const struct {
	const char *name;
	unsigned kinds;
} types[] = {
    {"array", 1u << JSONTEXT_ARRAY},
    {"boolean", 1u << JSONTEXT_TRUE | 1u << JSONTEXT_FALSE},
    {"integer", 1u << KIND_INTEGER},
    {"null", 1u << JSONTEXT_NULL},
    {"number", 1u << JSONTEXT_NUMBER | 1u << KIND_INTEGER},
    {"object", 1u << JSONTEXT_OBJECT},
    {"string", 1u << JSONTEXT_STRING},
};

static int add_type(struct task *t, uint32_t value, struct error *err)
{
	const struct document *d = document_of(t);
	struct str text = document_text(d, value), name = {0};
	if (document_kind(d, value) == JSONTEXT_STRING)
		name = document_string(d, value, &t->c->scratch, NULL);
	for (uint32_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!name.p || !str_eq(name, str_of(types[i].name)))
			continue;
		/* Names are remembered above the kinds, for those that come twice. */
		uint64_t bit = UINT64_C(1) << (32 + i);
		if (t->rule.limit & bit)
			return compiler_refuse(t->c, t->text, t->value, err, "has \"%s\" twice",
					       types[i].name);
		t->rule.limit |= bit | types[i].kinds;
		return 0;
	}
	return compiler_refuse(t->c, t->text, value, err,
			       "%.*s is no type: there are \"array\", \"boolean\", \"integer\", \"null\", "
			       "\"number\", \"object\" and \"string\"",
			       utf8_shown(text), text.p);
}

static int form_type(struct task *t, struct error *err)
{
	const struct document *d = document_of(t);
	if (t->kind != JSONTEXT_ARRAY)
		return add_type(t, t->value, err);
	if (document_count(d, t->value) == 0)
		return REFUSE(t, err, "must have at least one type");
	for (uint32_t at = t->value + 1; at < document_next(d, t->value); at = document_next(d, at))
		if (add_type(t, at, err) != 0)
			return -1;
	return 0;
}

static int form_reference(struct task *t, struct error *err)
{
	uint32_t target;
	struct str anchor;
	if (need_kind(t, JSONTEXT_STRING, "a string", err) != 0 ||
	    identify_target(t->c, t->node, t->value, &target, &anchor, err) != 0)
		return -1;
	return add_link(t, target, err);
}

static int form_dynamic_reference(struct task *t, struct error *err)
{
	struct name name = {0};
	if (need_kind(t, JSONTEXT_STRING, "a string", err) != 0 ||
	    identify_target(t->c, t->node, t->value, &name.node, &name.text, err) != 0)
		return -1;
	t->rule.first = t->c->schema->names.count;
	t->rule.count = 1;
	return LIST_ADD(&t->c->schema->names, name, err);
}

static int form_recursive_reference(struct task *t, struct error *err)
{
	struct str text = document_text(document_of(t), t->value);
	if (!str_eq(text, STR("\"#\"")))
		return REFUSE(t, err, "must be \"#\"");
	return form_reference(t, err);
}

static int (*const forms[])(struct task *t, struct error *err) = {
    [FORM_ANY] = form_any,
    [FORM_SCHEMA] = form_schema,
    [FORM_SCHEMAS] = form_schemas,
    [FORM_SCHEMA_OR_LIST] = form_schema_or_list,
    [FORM_SCHEMA_MAP] = form_schema_map,
    [FORM_SCHEMA_STORE] = form_store,
    [FORM_PATTERN_MAP] = form_pattern_map,
    [FORM_DEPENDENCIES] = form_dependencies,
    [FORM_NAMES] = form_names,
    [FORM_NAMES_MAP] = form_names_map,
    [FORM_STRING] = form_string,
    [FORM_BOOLEAN] = form_boolean,
    [FORM_COUNT] = form_count,
    [FORM_NUMBER] = form_number,
    [FORM_DIVISOR] = form_divisor,
    [FORM_TYPE] = form_type,
    [FORM_LIST] = form_list,
    [FORM_PATTERN] = form_pattern,
    [FORM_REFERENCE] = form_reference,
    [FORM_DYNAMIC_REFERENCE] = form_dynamic_reference,
    [FORM_RECURSIVE_REFERENCE] = form_recursive_reference,
    [FORM_ELSEWHERE] = form_any,
};

static int add_rule(struct compiler *c, uint32_t node, enum keyword_id id, uint32_t value, struct error *err)
{
	uint32_t text = c->schema->nodes.items[node].text;
	struct task task = {c,
			    node,
			    text,
			    value,
			    document_kind(&c->schema->texts.items[text].document, value),
			    {.keyword = &keywords[id], .value = value}};
	if (forms[keywords[id].form](&task, err) != 0 || LIST_ADD(&c->schema->rules, task.rule, err) != 0)
		return -1;
	c->schema->nodes.items[node].rule_count++;
	return 0;
}

int compile_rules(struct compiler *c, uint32_t node, struct error *err)
{
	struct node *n = &c->schema->nodes.items[node];
	const struct document *d = node_document(c->schema, n);
	unsigned dialect = c->schema->resources.items[n->resource].dialect;
	uint32_t found[KEYWORD_COUNT] = {0};
	for (uint32_t key = n->value + 1; key < document_next(d, n->value); key = document_next(d, key + 1)) {
		enum keyword_id id = keyword_find(document_string(d, key, &c->scratch, NULL), dialect);
		if (id != KEYWORD_COUNT)
			found[id] = key + 1;
	}
	if (!found[KEYWORD_IF])
		found[KEYWORD_THEN] = found[KEYWORD_ELSE] = 0;
	n->unevaluated = found[KEYWORD_UNEVALUATED_ITEMS] || found[KEYWORD_UNEVALUATED_PROPERTIES];
	n->first_rule = c->schema->rules.count;
	bool only_reference = dialect == DIALECT_7 && found[KEYWORD_REF];
	for (enum keyword_id id = 0; id < KEYWORD_COUNT; id++)
		if (found[id] && (!only_reference || id == KEYWORD_REF) &&
		    add_rule(c, node, id, found[id], err) != 0)
			return -1;
	return 0;
}
