/* Schemas that are somewhere else. */
#include "lib/schema/checks.h"

bool check_reference(struct run *run, const struct here *here, const struct rule *rule)
{
	return run_apply(run, run->schema->links.items[rule->first], here->value, here->notes, here->report);
}

static uint32_t find_dynamic(const struct schema *schema, uint32_t resource, struct str name)
{
	uint32_t low = 0, high = schema->dynamics.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct dynamic_anchor *anchor = &schema->dynamics.items[middle];
		size_t n = name.n < anchor->name.n ? name.n : anchor->name.n;
		int order = resource != anchor->resource ? (resource < anchor->resource ? -1 : 1)
							 : memcmp(name.p, anchor->name.p, n);
		if (order == 0)
			order = name.n < anchor->name.n ? -1 : name.n > anchor->name.n;
		if (order == 0)
			return anchor->node;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NODE_NONE;
}

/* The outermost resource that has a $dynamicAnchor of that name. */
bool check_dynamic_reference(struct run *run, const struct here *here, const struct rule *rule)
{
	const struct name *name = &run->schema->names.items[rule->first];
	uint32_t node = name->node;
	for (const struct scope *scope = run->scope; name->text.n && scope; scope = scope->above) {
		uint32_t other = find_dynamic(run->schema, scope->resource, name->text);
		if (!budget_spend(&run->budget, 1))
			return false;
		if (other != NODE_NONE)
			node = other;
	}
	return run_apply(run, node, here->value, here->notes, here->report);
}

bool check_recursive_reference(struct run *run, const struct here *here, const struct rule *rule)
{
	const struct schema *schema = run->schema;
	uint32_t node = schema->links.items[rule->first];
	bool recursive = schema->resources.items[schema->nodes.items[node].resource].recursive;
	for (const struct scope *scope = run->scope; recursive && scope; scope = scope->above) {
		const struct resource *resource = &schema->resources.items[scope->resource];
		if (!budget_spend(&run->budget, 1))
			return false;
		if (resource->recursive)
			node = resource->node;
	}
	return run_apply(run, node, here->value, here->notes, here->report);
}
