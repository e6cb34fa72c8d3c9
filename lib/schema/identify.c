/* Which subschemas there are, and what they are called: $id, $anchor and their like; and what a reference
 * means. */
#include "lib/schema/compiler.h"

#include "lib/base/utf8.h"
#include "lib/schema/uri.h"

#include <stdlib.h>

#define URI_MAX 8192
#define SHOWN_MAX 1024
#define PASSED_MAX 10000000 /* values that pointers go past, of a schema */

struct identifier {
	struct map_node node;
	struct identifier *next;
	uint32_t index; /* a resource, or the node of an anchor */
	bool dynamic;
};

static const struct {
	const char *uri;
	unsigned dialect;
} dialects[] = {
    {"https://json-schema.org/draft/2020-12/schema", DIALECT_2020},
    {"https://json-schema.org/draft/2019-09/schema", DIALECT_2019},
    {"http://json-schema.org/draft-07/schema", DIALECT_7},
    {"https://json-schema.org/draft-07/schema", DIALECT_7},
};

static unsigned dialect_of(struct str uri)
{
	if (uri.n && uri.p[uri.n - 1] == '#')
		uri.n--;
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++)
		if (str_eq(uri, str_of(dialects[i].uri)))
			return dialects[i].dialect;
	return 0;
}

/* What a schema's keys and strings say may be cut, or half a surrogate pair. */
static struct str clean(struct str text, size_t max, struct buffer *out)
{
	text.n = text.n < max ? text.n : max;
	utf8_append_clean(out, text);
	return buffer_str(out);
}

int compiler_refuse(const struct compiler *c, uint32_t text, uint32_t value, struct error *err,
		    const char *format, ...)
{
	cleanup_buffer struct buffer pointer = BUFFER(SCHEMA_TEXT_MAX * 2);
	cleanup_buffer struct buffer where = BUFFER(SHOWN_MAX * UTF8_CLEAN_GROWTH);
	cleanup_buffer struct buffer because = BUFFER(SHOWN_MAX * UTF8_CLEAN_GROWTH);
	char why[SHOWN_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	document_pointer(&c->schema->texts.items[text].document, value, &pointer);
	struct str path = clean(buffer_str(&pointer), SHOWN_MAX / 2, &where);
	struct str message = clean(str_of(why), sizeof(why), &because);
	return path.n == 0 ? error_set(err, ERR_BAD_REQUEST, "at the root: %.*s", (int)message.n, message.p)
			   : error_set(err, ERR_BAD_REQUEST, "at %.*s%s: %.*s", (int)path.n, path.p,
				       pointer.len > SHOWN_MAX / 2 ? "…" : "", (int)message.n, message.p);
}

static struct identifier *find(const struct compiler *c, struct str uri)
{
	struct map_node *node = map_get(&c->identifiers, uri);
	return node ? MAP_CONTAINER(node, struct identifier, node) : NULL;
}

static int add_identifier(struct compiler *c, struct str key, uint32_t index, bool dynamic, struct error *err)
{
	struct identifier *identifier = calloc(1, sizeof(*identifier));
	if (!identifier || schema_keep(c->schema, key, &identifier->node.key, NULL) != 0) {
		free(identifier);
		return error_no_memory(err);
	}
	identifier->index = index;
	identifier->dynamic = dynamic;
	identifier->next = c->first;
	c->first = identifier;
	map_insert(&c->identifiers, &identifier->node);
	return 0;
}

void identify_free(struct compiler *c)
{
	while (c->first) {
		struct identifier *next = c->first->next;
		free(c->first);
		c->first = next;
	}
	map_free(&c->identifiers);
}

static int refuse_twice(const struct compiler *c, uint32_t text, uint32_t value, struct str what,
			struct error *err)
{
	return compiler_refuse(c, text, value, err, "\"%.*s\" is the name of another subschema already",
			       utf8_shown(what), what.p);
}

/* A name for a node within its resource. */
static int add_anchor(struct compiler *c, uint32_t node, uint32_t value, struct str name, bool dynamic,
		      struct error *err)
{
	struct schema *schema = c->schema;
	const struct node *n = &schema->nodes.items[node];
	cleanup_buffer struct buffer key = BUFFER(URI_MAX);
	buffer_append_str(&key, schema->resources.items[n->resource].uri);
	buffer_append_byte(&key, '#');
	buffer_append_str(&key, name);
	if (key.failed)
		return key.no_memory ? error_no_memory(err)
				     : compiler_refuse(c, n->text, value, err, "is too long a name");
	if (find(c, buffer_str(&key)))
		return refuse_twice(c, n->text, value, name, err);
	if (add_identifier(c, buffer_str(&key), node, dynamic, err) != 0)
		return -1;
	struct dynamic_anchor anchor = {.resource = n->resource, .node = node};
	if (!dynamic)
		return 0;
	return schema_keep(schema, name, &anchor.name, err) == 0 ? LIST_ADD(&schema->dynamics, anchor, err)
								 : -1;
}

/* The text of a member that has to be a string; {0} and 0 if it isn't there. */
static int text_of(struct compiler *c, uint32_t text, uint32_t object, const char *key, uint32_t *ret_value,
		   struct buffer *scratch, struct str *ret, struct error *err)
{
	const struct document *d = &c->schema->texts.items[text].document;
	*ret = (struct str){0};
	*ret_value = document_member(d, object, str_of(key), scratch);
	if (*ret_value == DOCUMENT_NONE)
		return 0;
	bool broken = false;
	if (document_kind(d, *ret_value) == JSONTEXT_STRING)
		*ret = document_string(d, *ret_value, scratch, &broken);
	if (scratch->failed)
		return error_no_memory(err);
	if (!ret->p || broken)
		return compiler_refuse(c, text, *ret_value, err, "must be a string");
	return 0;
}

/* A piece with a URI of its own begins at this node. */
static int open_resource(struct compiler *c, uint32_t node, uint32_t value, struct str uri, unsigned dialect,
			 struct error *err)
{
	struct schema *schema = c->schema;
	struct node *n = &schema->nodes.items[node];
	struct resource resource = {.node = node, .dialect = dialect};
	if (find(c, uri))
		return refuse_twice(c, n->text, value, uri, err);
	if (schema_keep(schema, uri, &resource.uri, err) != 0 ||
	    LIST_ADD(&schema->resources, resource, err) != 0)
		return -1;
	n->resource = schema->resources.count - 1;
	return add_identifier(c, uri, n->resource, false, err);
}

/* What $schema says; without one, or where it says nothing, as it is around. */
static int read_dialect(struct compiler *c, uint32_t node, unsigned around, unsigned *ret, struct error *err)
{
	const struct node *n = &c->schema->nodes.items[node];
	cleanup_buffer struct buffer scratch = BUFFER(SCHEMA_TEXT_MAX);
	struct str uri;
	uint32_t value;
	if (text_of(c, n->text, n->value, "$schema", &value, &scratch, &uri, err) != 0)
		return -1;
	unsigned dialect = uri.p ? dialect_of(uri) : around;
	if (!dialect)
		return compiler_refuse(
		    c, n->text, value, err,
		    "\"%.*s\" is no dialect that is known here: use %s (or leave it out), %s "
		    "or %s#",
		    utf8_shown(uri), uri.p, dialects[0].uri, dialects[1].uri, dialects[2].uri);
	*ret = dialect;
	return 0;
}

static int read_id(struct compiler *c, uint32_t node, bool is_root, unsigned dialect, struct error *err)
{
	struct schema *schema = c->schema;
	const struct node n = schema->nodes.items[node];
	cleanup_buffer struct buffer scratch = BUFFER(SCHEMA_TEXT_MAX), uri = BUFFER(URI_MAX);
	struct str id, fragment = {0};
	struct str base = is_root ? schema->texts.items[n.text].uri : schema->resources.items[n.resource].uri;
	uint32_t value;
	if (text_of(c, n.text, n.value, "$id", &value, &scratch, &id, err) != 0)
		return -1;
	uri_resolve(base, id, &uri, &fragment);
	if (uri.failed)
		return uri.no_memory ? error_no_memory(err)
				     : compiler_refuse(c, n.text, value, err, "is too long a URI");
	if (fragment.n && dialect != DIALECT_7)
		return compiler_refuse(c, n.text, value, err,
				       "\"%.*s\" must have no fragment: give it a name by \"$anchor\"",
				       utf8_shown(id), id.p);
	bool is_anchor = id.n && id.p[0] == '#';
	if ((is_root || (id.n && !is_anchor)) &&
	    open_resource(c, node, is_root && !id.p ? n.value : value, buffer_str(&uri), dialect, err) != 0)
		return -1;
	if (is_root && !find(c, base) &&
	    add_identifier(c, base, schema->nodes.items[node].resource, false, err) != 0)
		return -1;
	return fragment.n ? add_anchor(c, node, value, fragment, false, err) : 0;
}

static int read_anchors(struct compiler *c, uint32_t node, struct error *err)
{
	static const struct {
		const char *key;
		unsigned dialects;
		bool dynamic;
	} kinds[] = {{"$anchor", DIALECT_2019 | DIALECT_2020, false}, {"$dynamicAnchor", DIALECT_2020, true}};
	const struct node n = c->schema->nodes.items[node];
	struct resource *resource = &c->schema->resources.items[n.resource];
	const struct document *d = node_document(c->schema, &n);
	cleanup_buffer struct buffer scratch = BUFFER(SCHEMA_TEXT_MAX);
	struct str name;
	uint32_t value;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!(kinds[i].dialects & resource->dialect))
			continue;
		if (text_of(c, n.text, n.value, kinds[i].key, &value, &scratch, &name, err) != 0 ||
		    (name.p && add_anchor(c, node, value, name, kinds[i].dynamic, err) != 0))
			return -1;
	}
	if (resource->node == node && resource->dialect == DIALECT_2019) {
		value = document_member(d, n.value, STR("$recursiveAnchor"), &scratch);
		resource->recursive = value != DOCUMENT_NONE && document_kind(d, value) == JSONTEXT_TRUE;
	}
	return 0;
}

/* is_root: of a text; it has no resource yet. */
static int name_node(struct compiler *c, uint32_t node, bool is_root, struct error *err)
{
	struct schema *schema = c->schema;
	const struct node n = schema->nodes.items[node];
	const struct document *d = node_document(schema, &n);
	unsigned dialect = is_root ? c->dialect : schema->resources.items[n.resource].dialect;
	if (document_kind(d, n.value) != JSONTEXT_OBJECT)
		return is_root
			   ? open_resource(c, node, n.value, schema->texts.items[n.text].uri, dialect, err)
			   : 0;
	bool has_id = document_member(d, n.value, STR("$id"), &c->scratch) != DOCUMENT_NONE;
	if ((is_root || has_id) && read_dialect(c, node, dialect, &dialect, err) != 0)
		return -1;
	/* In draft-07 what stands beside a $ref is not there. */
	bool is_reference =
	    dialect == DIALECT_7 && document_member(d, n.value, STR("$ref"), &c->scratch) != DOCUMENT_NONE;
	if (is_reference && is_root)
		return open_resource(c, node, n.value, schema->texts.items[n.text].uri, dialect, err);
	if (is_reference)
		return 0;
	if ((is_root || has_id) && read_id(c, node, is_root, dialect, err) != 0)
		return -1;
	return read_anchors(c, node, err);
}

static int discover(struct compiler *c, uint32_t text, uint32_t value, uint32_t resource, struct error *err);

/* What a keyword has for a value, where that has subschemas; a wrong form is refused when rules are made. */
static int discover_in(struct compiler *c, uint32_t text, enum keyword_form form, uint32_t value,
		       uint32_t resource, struct error *err)
{
	const struct document *d = &c->schema->texts.items[text].document;
	enum jsontext_kind kind = document_kind(d, value);
	bool is_list = form == FORM_SCHEMAS || (form == FORM_SCHEMA_OR_LIST && kind == JSONTEXT_ARRAY);
	bool is_map = form == FORM_SCHEMA_MAP || form == FORM_SCHEMA_STORE || form == FORM_PATTERN_MAP ||
		      form == FORM_DEPENDENCIES;
	if (form == FORM_SCHEMA || (form == FORM_SCHEMA_OR_LIST && !is_list))
		return discover(c, text, value, resource, err);
	if (!(is_list && kind == JSONTEXT_ARRAY) && !(is_map && kind == JSONTEXT_OBJECT))
		return 0;
	for (uint32_t at = value + 1; at < document_next(d, value); at = document_next(d, at)) {
		at += is_map;
		if (form == FORM_DEPENDENCIES && document_kind(d, at) == JSONTEXT_ARRAY)
			continue;
		if (discover(c, text, at, resource, err) != 0)
			return -1;
		d = &c->schema->texts.items[text].document;
	}
	return 0;
}

/* A subschema and all that are in it become nodes. As deep as the text is, at most. */
static int discover(struct compiler *c, uint32_t text, uint32_t value, uint32_t resource, struct error *err)
{
	struct schema *schema = c->schema;
	const struct document *d = &schema->texts.items[text].document;
	enum jsontext_kind kind = document_kind(d, value);
	bool is_root = resource == NODE_NONE;
	if (kind != JSONTEXT_OBJECT && kind != JSONTEXT_TRUE && kind != JSONTEXT_FALSE)
		return compiler_refuse(c, text, value, err, "must be a schema: an object, true or false");
	if (schema->texts.items[text].nodes[value] != NODE_NONE)
		return 0;
	if (schema->nodes.count == SCHEMA_SUBSCHEMAS_MAX)
		return compiler_refuse(c, text, value, err,
				       "is one subschema too many: at most %d are allowed",
				       SCHEMA_SUBSCHEMAS_MAX);
	struct node node = {.text = text, .value = value, .resource = resource};
	node.kind = kind == JSONTEXT_OBJECT ? NODE_RULES : kind == JSONTEXT_TRUE ? NODE_TRUE : NODE_FALSE;
	uint32_t index = schema->nodes.count;
	if (LIST_ADD(&schema->nodes, node, err) != 0)
		return -1;
	schema->texts.items[text].nodes[value] = index;
	if (name_node(c, index, is_root, err) != 0)
		return -1;
	if (kind != JSONTEXT_OBJECT)
		return 0;
	resource = schema->nodes.items[index].resource;
	unsigned dialect = schema->resources.items[resource].dialect;
	for (uint32_t key = value + 1; key < document_next(d, value); key = document_next(d, key + 1)) {
		enum keyword_id id = keyword_find(document_string(d, key, &c->scratch, NULL), dialect);
		if (id != KEYWORD_COUNT &&
		    discover_in(c, text, keywords[id].form, key + 1, resource, err) != 0)
			return -1;
		d = &schema->texts.items[text].document;
	}
	return 0;
}

static int check_json(struct str json, bool is_own, struct error *err)
{
	struct jsontext_rules rules = {.max_depth = SCHEMA_DEPTH_MAX, .refuse_duplicates = is_own};
	return jsontext_check(json, &rules, err);
}

int identify_text(struct compiler *c, struct str uri, struct str json, uint32_t *ret_text, struct error *err)
{
	struct schema *schema = c->schema;
	struct schema_text text = {0};
	if (!c->dialect)
		c->dialect = c->options && c->options->dialect ? dialect_of(str_of(c->options->dialect))
							       : DIALECT_2020;
	if (check_json(json, uri.n == 0, err) != 0 || schema_keep(schema, uri, &text.uri, err) != 0 ||
	    schema_keep(schema, json, &json, err) != 0 || document_read(json, &text.document, err) != 0)
		return -1;
	text.nodes = malloc(text.document.count * sizeof(*text.nodes));
	if (!text.nodes || LIST_ADD(&schema->texts, text, NULL) != 0) {
		document_free(&text.document);
		free(text.nodes);
		return error_no_memory(err);
	}
	for (uint32_t i = 0; i < text.document.count; i++)
		text.nodes[i] = NODE_NONE;
	*ret_text = schema->texts.count - 1;
	return discover(c, *ret_text, 0, NODE_NONE, err);
}

/* The resource of that URI; a document that is at hand is read for it. NULL and 0: there is none. */
static int find_resource(struct compiler *c, struct str uri, const struct identifier **ret, struct error *err)
{
	*ret = find(c, uri);
	for (size_t i = 0; !*ret && c->options && i < c->options->document_count; i++) {
		uint32_t text;
		if (!str_eq(c->options->documents[i].uri, uri))
			continue;
		if (identify_text(c, uri, c->options->documents[i].text, &text, err) != 0)
			return -1;
		*ret = find(c, uri);
	}
	return 0;
}

/* One step of a pointer: "a~1b" is the member "a/b". DOCUMENT_NONE: there is none. */
static uint32_t step(const struct document *d, uint32_t at, struct str token, struct buffer *scratch)
{
	cleanup_buffer struct buffer key = BUFFER(token.n);
	int64_t index;
	for (size_t i = 0; i < token.n; i++) {
		bool escaped =
		    token.p[i] == '~' && i + 1 < token.n && (token.p[i + 1] == '0' || token.p[i + 1] == '1');
		i += escaped;
		buffer_append_byte(&key, !escaped ? token.p[i] : token.p[i] == '0' ? '~' : '/');
	}
	if (document_kind(d, at) == JSONTEXT_OBJECT)
		return document_member(d, at, buffer_str(&key), scratch);
	if (document_kind(d, at) != JSONTEXT_ARRAY ||
	    !str_to_i64(token, 0, (int64_t)document_count(d, at) - 1, &index))
		return DOCUMENT_NONE;
	for (at++; index > 0; index--)
		at = document_next(d, at);
	return at;
}

/* NODE_NONE and 0: it leads to nothing. */
static int follow_pointer(struct compiler *c, uint32_t from, struct str pointer, uint32_t *ret,
			  struct error *err)
{
	struct schema *schema = c->schema;
	const struct node start = schema->nodes.items[from];
	const struct document *d = node_document(schema, &start);
	uint32_t at = start.value, resource = start.resource;
	struct str token, rest = {pointer.p + 1, pointer.n - 1};
	for (bool more = true; more;) {
		more = str_split_once(rest, '/', &token, &rest);
		c->passed += document_count(d, at);
		at = c->passed > PASSED_MAX ? DOCUMENT_NONE : step(d, at, token, &c->scratch);
		if (at == DOCUMENT_NONE) {
			*ret = NODE_NONE;
			return 0;
		}
		uint32_t node = schema->texts.items[start.text].nodes[at];
		if (node != NODE_NONE)
			resource = schema->nodes.items[node].resource;
	}
	if (discover(c, start.text, at, resource, err) != 0)
		return -1;
	*ret = schema->texts.items[start.text].nodes[at];
	return 0;
}

static int find_target(struct compiler *c, struct str uri, struct str fragment, uint32_t *ret_target,
		       struct str *ret_anchor, struct error *err)
{
	const struct identifier *found = NULL;
	cleanup_buffer struct buffer key = BUFFER(URI_MAX);
	if (find_resource(c, uri, &found, err) != 0)
		return -1;
	*ret_target = NODE_NONE;
	if (!found)
		return 0;
	uint32_t root = c->schema->resources.items[found->index].node;
	if (fragment.n && fragment.p[0] == '/')
		return follow_pointer(c, root, fragment, ret_target, err);
	if (fragment.n == 0) {
		*ret_target = root;
		return 0;
	}
	buffer_append_str(&key, c->schema->resources.items[found->index].uri);
	buffer_append_byte(&key, '#');
	buffer_append_str(&key, fragment);
	if (key.failed)
		return buffer_check(&key, "a reference", err);
	found = find(c, buffer_str(&key));
	if (!found)
		return 0;
	*ret_target = found->index;
	return found->dynamic ? schema_keep(c->schema, fragment, ret_anchor, err) : 0;
}

int identify_target(struct compiler *c, uint32_t node, uint32_t value, uint32_t *ret_target,
		    struct str *ret_anchor, struct error *err)
{
	struct schema *schema = c->schema;
	const struct node n = schema->nodes.items[node];
	cleanup_buffer struct buffer scratch = BUFFER(SCHEMA_TEXT_MAX), uri = BUFFER(URI_MAX);
	cleanup_buffer struct buffer decoded = BUFFER(SCHEMA_TEXT_MAX);
	struct str fragment = {0}, anchor = {0};
	struct str reference = document_string(node_document(schema, &n), value, &scratch, NULL);
	uint32_t target = NODE_NONE;
	uri_resolve(schema->resources.items[n.resource].uri, reference, &uri, &fragment);
	bool good = uri_decode(fragment, &decoded) && !uri.failed;
	if (scratch.failed || uri.no_memory || decoded.failed)
		return error_no_memory(err);
	if (good && find_target(c, buffer_str(&uri), buffer_str(&decoded), &target, &anchor, err) != 0)
		return -1;
	if (target != NODE_NONE) {
		*ret_target = target;
		*ret_anchor = anchor;
		return 0;
	}
	if (c->passed > PASSED_MAX)
		return compiler_refuse(c, n.text, value, err,
				       "leads too far: up to here references go past more than %d values",
				       PASSED_MAX);
	bool here = reference.n && reference.p[0] == '#';
	return compiler_refuse(c, n.text, value, err, "\"%.*s\" leads to nothing%s", utf8_shown(reference),
			       reference.n ? reference.p : "",
			       here ? " in this schema"
				    : ": nothing is fetched, so what it means must be in this schema, under "
				      "\"$defs\" with that \"$id\"");
}
