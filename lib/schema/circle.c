#include "lib/schema/compiler.h"

#include <stdlib.h>

/* Where the walk is in a node: at which subschema of which rule. */
struct visit {
	uint32_t node, rule, index;
};

/* The next node that is checked on the same value; NODE_NONE at the end. */
static uint32_t next_in_place(const struct schema *schema, struct visit *visit)
{
	const struct node *node = &schema->nodes.items[visit->node];
	while (visit->rule < node->rule_count) {
		const struct rule *rule = &schema->rules.items[node->first_rule + visit->rule];
		enum keyword_form form = rule->keyword->form;
		if (!rule->keyword->in_place || visit->index == rule->count) {
			visit->rule++;
			visit->index = 0;
			continue;
		}
		uint32_t at = rule->first + visit->index++;
		bool named = form == FORM_SCHEMA_MAP || form == FORM_DEPENDENCIES;
		uint32_t next = named ? schema->names.items[at].node : schema->links.items[at];
		if (next != NODE_NONE)
			return next;
	}
	return NODE_NONE;
}

enum state { NEW, OPEN, DONE };

static int walk(const struct compiler *c, uint32_t start, unsigned char *states, struct visit *stack,
		struct error *err)
{
	size_t depth = 0;
	stack[depth++] = (struct visit){.node = start};
	states[start] = OPEN;
	while (depth > 0) {
		uint32_t next = next_in_place(c->schema, &stack[depth - 1]);
		if (next == NODE_NONE) {
			states[stack[--depth].node] = DONE;
		} else if (states[next] == OPEN) {
			const struct node *node = &c->schema->nodes.items[next];
			return compiler_refuse(
			    c, node->text, node->value, err,
			    "leads to itself by \"$ref\" for the same value, which would never end");
		} else if (states[next] == NEW) {
			states[next] = OPEN;
			stack[depth++] = (struct visit){.node = next};
		}
	}
	return 0;
}

int circle_check(const struct compiler *c, struct error *err)
{
	uint32_t count = c->schema->nodes.count;
	cleanup_free unsigned char *states = calloc(count, 1);
	cleanup_free struct visit *stack = malloc(count * sizeof(*stack));
	if (!states || !stack)
		return error_no_memory(err);
	for (uint32_t i = 0; i < count; i++)
		if (states[i] == NEW && walk(c, i, states, stack, err) != 0)
			return -1;
	return 0;
}
