/* Checks of objects. */
#include "lib/schema/checks.h"

#include "lib/base/nearest.h"
#include "lib/base/utf8.h"

#define NEAREST_MAX 32 /* so many names are looked at for a likely one */

/* The name of a rule, among those that are sorted; NULL: none. */
static const struct name *find_name(const struct schema *schema, const struct rule *rule, struct str key)
{
	uint32_t low = 0, high = rule ? rule->count : 0;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct name *name = &schema->names.items[rule->first + middle];
		size_t n = key.n < name->text.n ? key.n : name->text.n;
		int order = n ? memcmp(key.p, name->text.p, n) : 0;
		if (order == 0)
			order = key.n < name->text.n ? -1 : key.n > name->text.n;
		if (order == 0)
			return name;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

bool check_required(struct run *run, const struct here *here, const struct rule *rule)
{
	bool good = true;
	if (here->kind != JSONTEXT_OBJECT)
		return true;
	for (uint32_t i = 0; i < rule->count; i++) {
		struct str name = run->schema->names.items[rule->first + i].text;
		if (run_find_key(run, here->value, name) != DOCUMENT_NONE)
			continue;
		good = run_problem_member(run, here->report, here->value, name, "is missing");
		if (!here->report || run->budget.why)
			break;
	}
	return good;
}

static bool check_names(struct run *run, const struct here *here, const struct name *because)
{
	bool good = true;
	for (uint32_t i = 0; i < because->count; i++) {
		struct str name = run->schema->names.items[because->first + i].text;
		if (run_find_key(run, here->value, name) != DOCUMENT_NONE)
			continue;
		good =
		    run_problem_member(run, here->report, here->value, name,
				       "is missing, and must be there beside \"%.*s\"", SHOWN(because->text));
		if (!here->report || run->budget.why)
			break;
	}
	return good;
}

bool check_dependencies(struct run *run, const struct here *here, const struct rule *rule)
{
	bool good = true;
	if (here->kind != JSONTEXT_OBJECT)
		return true;
	for (uint32_t i = 0; i < rule->count && (good || here->report); i++) {
		const struct name *name = &run->schema->names.items[rule->first + i];
		bool there = run_find_key(run, here->value, name->text) != DOCUMENT_NONE;
		if (run->budget.why)
			return false;
		if (!there)
			continue;
		bool met = name->node == NODE_NONE
			       ? check_names(run, here, name)
			       : run_apply(run, name->node, here->value, here->notes, here->report);
		good = good && met;
	}
	return good;
}

bool check_property_names(struct run *run, const struct here *here, const struct rule *rule)
{
	const struct document *d = run->document;
	bool good = true;
	if (here->kind != JSONTEXT_OBJECT)
		return true;
	for (uint32_t key = here->value + 1; key < document_next(d, here->value) && (good || here->report);
	     key = document_next(d, key + 1)) {
		struct schema_problem problem;
		struct report why = {&problem, 1, 0};
		if (run_apply(run, run->schema->links.items[rule->first], key, NULL,
			      here->report ? &why : NULL))
			continue;
		good = run_problem(run, here->report, key, "its name is not allowed: %s",
				   why.count ? problem.message : "");
		if (run->budget.why)
			return false;
	}
	return good;
}

bool check_properties(struct run *run, const struct here *here, const struct rule *rule)
{
	const struct document *d = run->document;
	bool good = true;
	uint32_t index = 0;
	if (here->kind != JSONTEXT_OBJECT)
		return true;
	for (uint32_t key = here->value + 1; key < document_next(d, here->value);
	     key = document_next(d, key + 1), index++) {
		const struct name *name = find_name(run->schema, rule, run_string(run, key, NULL));
		if (run->budget.why)
			return false;
		if (!name)
			continue;
		good = run_apply(run, name->node, key + 1, NULL, here->report) && good;
		if (!good && !here->report)
			return false;
		notes_add(here->notes, index);
	}
	return good;
}

/* Does a key match the pattern at that index? */
static bool matches(struct run *run, uint32_t pattern, uint32_t key)
{
	struct str text = run_string(run, key, &(bool){false});
	return pattern_matches(run->schema->patterns.items[pattern].pattern, text, &run->workspace,
			       &run->budget);
}

bool check_pattern_properties(struct run *run, const struct here *here, const struct rule *rule)
{
	const struct document *d = run->document;
	bool good = true;
	uint32_t index = 0;
	if (here->kind != JSONTEXT_OBJECT)
		return true;
	for (uint32_t key = here->value + 1; key < document_next(d, here->value);
	     key = document_next(d, key + 1), index++) {
		for (uint32_t i = rule->first; i < rule->first + rule->count; i++) {
			if (matches(run, i, key)) {
				uint32_t node = run->schema->patterns.items[i].node;
				good = run_apply(run, node, key + 1, NULL, here->report) && good;
				notes_add(here->notes, index);
			}
			if (run->budget.why || (!good && !here->report))
				return false;
		}
	}
	return good;
}

/* A member that must not be there at all. */
static bool refuse_member(struct run *run, const struct here *here, uint32_t key,
			  const struct rule *properties)
{
	const char *names[NEAREST_MAX];
	size_t count = 0;
	if (!here->report || here->report->count == here->report->max)
		return false;
	for (uint32_t i = 0; properties && i < properties->count && count < NEAREST_MAX; i++) {
		struct str text = run->schema->names.items[properties->first + i].text;
		char *copy = text.n < UTF8_SHOWN_MAX ? str_dup(text) : NULL;
		if (copy)
			names[count++] = copy;
	}
	struct str given = run_string(run, key, NULL);
	const char *near = given.n < UTF8_SHOWN_MAX ? nearest_name(given, names, count) : NULL;
	if (near)
		run_problem(run, here->report, key, "is not allowed; did you mean \"%s\"?", near);
	else
		run_problem(run, here->report, key, "is not allowed");
	for (size_t i = 0; i < count; i++)
		free((void *)names[i]);
	return false;
}

bool check_additional_properties(struct run *run, const struct here *here, const struct rule *rule)
{
	const struct document *d = run->document;
	const struct rule *properties = node_rule(run->schema, here->node, KEYWORD_PROPERTIES);
	const struct rule *patterns = node_rule(run->schema, here->node, KEYWORD_PATTERN_PROPERTIES);
	uint32_t node = run->schema->links.items[rule->first], index = 0;
	bool never = run->schema->nodes.items[node].kind == NODE_FALSE, good = true;
	if (here->kind != JSONTEXT_OBJECT)
		return true;
	for (uint32_t key = here->value + 1; key < document_next(d, here->value);
	     key = document_next(d, key + 1), index++) {
		bool known = find_name(run->schema, properties, run_string(run, key, NULL));
		for (uint32_t i = 0; patterns && !known && i < patterns->count; i++)
			known = matches(run, patterns->first + i, key);
		if (run->budget.why)
			return false;
		if (known)
			continue;
		bool met = never ? refuse_member(run, here, key, properties)
				 : run_apply(run, node, key + 1, NULL, here->report);
		good = good && met;
		if (!good && !here->report)
			return false;
		notes_add(here->notes, index);
	}
	return good;
}
