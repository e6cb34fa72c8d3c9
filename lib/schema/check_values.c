/* Checks that look at a value alone. */
#include "lib/schema/checks.h"

#include "lib/base/utf8.h"
#include "lib/schema/decimal.h"

#define LIST_SHOWN_MAX 200

static const char *const nouns[] = {
    [JSONTEXT_OBJECT] = "an object", [JSONTEXT_ARRAY] = "an array", [JSONTEXT_STRING] = "a string",
    [JSONTEXT_NUMBER] = "a number",  [JSONTEXT_TRUE] = "a boolean", [JSONTEXT_FALSE] = "a boolean",
    [JSONTEXT_NULL] = "null",        [KIND_INTEGER] = "an integer",
};

/* Of a number of the value; false: it can't be compared, which ends the run. */
static bool number_of(struct run *run, const struct here *here, struct decimal *ret)
{
	struct str text = document_text(run->document, here->value);
	if (!budget_spend_bytes(&run->budget, text.n))
		return false;
	return decimal_read(text, ret) ||
	       budget_refuse(&run->budget, "the exponent of a number has more than 15 digits");
}

/* Of a keyword. Its form was checked. */
static struct str limit_text(const struct run *run, const struct here *here, const struct rule *rule)
{
	return document_text(node_document(run->schema, here->node), rule->value);
}

static void list_types(uint64_t types, struct buffer *out)
{
	if (types >> JSONTEXT_NUMBER & 1)
		types &= ~(UINT64_C(1) << KIND_INTEGER);
	types &= ~(UINT64_C(1) << JSONTEXT_FALSE);
	for (unsigned kind = 0; kind <= KIND_INTEGER; kind++)
		if (types >> kind & 1)
			buffer_appendf(out, "%s%s", out->len ? " or " : "", nouns[kind]);
}

bool check_type(struct run *run, const struct here *here, const struct rule *rule)
{
	unsigned kind = here->kind;
	struct decimal number;
	if (rule->limit >> kind & 1)
		return true;
	if (kind == JSONTEXT_NUMBER && rule->limit >> KIND_INTEGER & 1) {
		if (!number_of(run, here, &number))
			return false;
		if (decimal_is_integer(&number))
			return true;
	}
	if (!here->report)
		return false;
	cleanup_buffer struct buffer wanted = BUFFER(LIST_SHOWN_MAX);
	list_types(rule->limit, &wanted);
	struct str text = document_text(run->document, here->value);
	bool number_shown = kind == JSONTEXT_NUMBER;
	return run_problem(run, here->report, here->value, "must be %s, but is %.*s",
			   wanted.data ? wanted.data : "", number_shown ? utf8_shown(text) : INT32_MAX,
			   number_shown ? text.p : nouns[kind]);
}

bool check_enum(struct run *run, const struct here *here, const struct rule *rule)
{
	const struct document *d = node_document(run->schema, here->node);
	for (uint32_t at = rule->value + 1; at < document_next(d, rule->value); at = document_next(d, at)) {
		if (!budget_spend(&run->budget, 1))
			return false;
		if (equal_values(&run->comparison, run->document, here->value, d, at))
			return true;
	}
	if (!here->report)
		return false;
	cleanup_buffer struct buffer list = BUFFER(2 * LIST_SHOWN_MAX);
	for (uint32_t at = rule->value + 1; at < document_next(d, rule->value); at = document_next(d, at)) {
		struct str text = document_text(d, at);
		if (list.len > LIST_SHOWN_MAX) {
			buffer_append_c(&list, ", …");
			break;
		}
		buffer_appendf(&list, "%s%.*s", list.len ? ", " : "", SHOWN(text));
	}
	return run_problem(run, here->report, here->value, "must be one of %s",
			   list.data ? list.data : "none");
}

bool check_const(struct run *run, const struct here *here, const struct rule *rule)
{
	const struct document *d = node_document(run->schema, here->node);
	if (equal_values(&run->comparison, run->document, here->value, d, rule->value))
		return true;
	struct str text = document_text(d, rule->value);
	return run_problem(run, here->report, here->value, "must be %.*s", SHOWN(text));
}

bool check_multiple_of(struct run *run, const struct here *here, const struct rule *rule)
{
	struct decimal number, divisor;
	struct str limit = limit_text(run, here, rule), text = document_text(run->document, here->value);
	if (here->kind != JSONTEXT_NUMBER)
		return true;
	if (!number_of(run, here, &number) || !decimal_read(limit, &divisor))
		return false;
	return decimal_is_multiple(&number, &divisor) ||
	       run_problem(run, here->report, here->value, "must be a multiple of %.*s, but is %.*s",
			   SHOWN(limit), SHOWN(text));
}

bool check_bound(struct run *run, const struct here *here, const struct rule *rule)
{
	enum keyword_id id = keyword_id(rule->keyword);
	bool above = id == KEYWORD_MINIMUM || id == KEYWORD_EXCLUSIVE_MINIMUM;
	bool exclusive = id == KEYWORD_EXCLUSIVE_MINIMUM || id == KEYWORD_EXCLUSIVE_MAXIMUM;
	struct decimal number, bound;
	struct str limit = limit_text(run, here, rule), text = document_text(run->document, here->value);
	if (here->kind != JSONTEXT_NUMBER)
		return true;
	if (!number_of(run, here, &number) || !decimal_read(limit, &bound))
		return false;
	int order = decimal_compare(&number, &bound);
	if (order == 0 ? !exclusive : (order > 0) == above)
		return true;
	const char *words = exclusive ? (above ? "more than" : "less than") : above ? "at least" : "at most";
	return run_problem(run, here->report, here->value, "must be %s %.*s, but is %.*s", words,
			   SHOWN(limit), SHOWN(text));
}

/* Is a count within a limit? Else it is told, with what is counted. */
static bool within(struct run *run, const struct here *here, const struct rule *rule, uint64_t count,
		   bool least, const char *what)
{
	struct str limit = limit_text(run, here, rule);
	if (least ? count >= rule->limit : count <= rule->limit)
		return true;
	return run_problem(run, here->report, here->value, "must have %s %.*s %s, but has %llu",
			   least ? "at least" : "at most", SHOWN(limit), what, (unsigned long long)count);
}

bool check_length(struct run *run, const struct here *here, const struct rule *rule)
{
	if (here->kind != JSONTEXT_STRING)
		return true;
	uint64_t characters = 0;
	struct str text = run_string(run, here->value, NULL);
	for (size_t i = 0; i < text.n; i++)
		characters += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return within(run, here, rule, characters, keyword_id(rule->keyword) == KEYWORD_MIN_LENGTH,
		      "characters");
}

bool check_pattern(struct run *run, const struct here *here, const struct rule *rule)
{
	if (here->kind != JSONTEXT_STRING)
		return true;
	const struct pattern *pattern = run->schema->patterns.items[rule->first].pattern;
	struct str text = run_string(run, here->value, &(bool){false});
	if (pattern_matches(pattern, text, &run->workspace, &run->budget))
		return true;
	struct str wanted = limit_text(run, here, rule);
	return run_problem(run, here->report, here->value, "must match the pattern %.*s", SHOWN(wanted));
}

bool check_count(struct run *run, const struct here *here, const struct rule *rule)
{
	enum keyword_id id = keyword_id(rule->keyword);
	bool items = id == KEYWORD_MIN_ITEMS || id == KEYWORD_MAX_ITEMS;
	if (here->kind != (items ? JSONTEXT_ARRAY : JSONTEXT_OBJECT))
		return true;
	return within(run, here, rule, document_count(run->document, here->value),
		      id == KEYWORD_MIN_ITEMS || id == KEYWORD_MIN_PROPERTIES,
		      items ? "items" : "properties");
}

bool check_unique_items(struct run *run, const struct here *here, const struct rule *rule)
{
	uint32_t first = 0, second = 0;
	if (here->kind != JSONTEXT_ARRAY || !rule->limit)
		return true;
	if (!equal_elements(&run->comparison, run->document, here->value, &first, &second))
		return true;
	return run_problem(run, here->report, here->value,
			   "must have no item twice, but those at %u and %u are the same", first, second);
}
