/* Checks of arrays that apply schemas to items. */
#include "lib/schema/checks.h"

bool check_contains(struct run *run, const struct here *here, const struct rule *rule)
{
	const struct rule *most = node_rule(run->schema, here->node, KEYWORD_MAX_CONTAINS);
	const struct rule *least = node_rule(run->schema, here->node, KEYWORD_MIN_CONTAINS);
	bool noted = run->schema->resources.items[here->node->resource].dialect == DIALECT_2020;
	uint64_t found = 0, wanted = least ? least->limit : 1;
	uint32_t index = 0;
	if (here->kind != JSONTEXT_ARRAY)
		return true;
	const struct document *d = run->document;
	for (uint32_t at = here->value + 1; at < document_next(d, here->value);
	     at = document_next(d, at), index++) {
		if (run->budget.why)
			return false;
		if (!run_apply(run, run->schema->links.items[rule->first], at, NULL, NULL))
			continue;
		found++;
		if (noted)
			notes_add(here->notes, index);
	}
	if (found < wanted)
		return run_problem(run, here->report, here->value,
				   "must have at least %llu items that match \"contains\", but has %llu",
				   (unsigned long long)wanted, (unsigned long long)found);
	if (most && found > most->limit)
		return run_problem(run, here->report, here->value,
				   "must have at most %llu items that match \"contains\", but has %llu",
				   (unsigned long long)most->limit, (unsigned long long)found);
	return true;
}

/* One schema after the other to the items from the first on; `last` to all others, NODE_NONE: to none. */
static bool apply_items(struct run *run, const struct here *here, const uint32_t *first, uint32_t count,
			uint32_t skipped, uint32_t last)
{
	const struct document *d = run->document;
	uint32_t index = 0;
	bool good = true;
	if (here->kind != JSONTEXT_ARRAY)
		return true;
	for (uint32_t at = here->value + 1; at < document_next(d, here->value);
	     at = document_next(d, at), index++) {
		uint32_t node = index < count ? first[index] : index < skipped ? NODE_NONE : last;
		if (index >= count && last == NODE_NONE)
			break;
		if (node == NODE_NONE)
			continue;
		good = run_apply(run, node, at, NULL, here->report) && good;
		if (run->budget.why || (!good && !here->report))
			return false;
		notes_add(here->notes, index);
	}
	return good;
}

bool check_first_items(struct run *run, const struct here *here, const struct rule *rule)
{
	return apply_items(run, here, run->schema->links.items + rule->first, rule->count, 0, NODE_NONE);
}

/* "items" in 2020-12, "additionalItems" before: what is behind those that have schemas of their own. */
bool check_other_items(struct run *run, const struct here *here, const struct rule *rule)
{
	bool old = keyword_id(rule->keyword) == KEYWORD_ADDITIONAL_ITEMS;
	const struct rule *first =
	    node_rule(run->schema, here->node, old ? KEYWORD_ITEMS_OR_LIST : KEYWORD_PREFIX_ITEMS);
	if (old && !(first && first->limit))
		return true;
	return apply_items(run, here, NULL, 0, first ? first->count : 0,
			   run->schema->links.items[rule->first]);
}

bool check_items_or_list(struct run *run, const struct here *here, const struct rule *rule)
{
	const uint32_t *links = run->schema->links.items + rule->first;
	return rule->limit ? apply_items(run, here, links, rule->count, 0, NODE_NONE)
			   : apply_items(run, here, NULL, 0, 0, links[0]);
}
