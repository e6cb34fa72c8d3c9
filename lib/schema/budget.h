/* How much a validation may still do. Whoever is about to do something takes it from here first; once
 * something was refused, everything is, and the value counts as one that the schema doesn't want. */
#ifndef SKILLBOX_SCHEMA_BUDGET_H
#define SKILLBOX_SCHEMA_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#define BUDGET_DEPTH_MAX 1000        /* subschemas that wait for one another: frames of the C stack */
#define BUDGET_MEMORY_MAX (8u << 20) /* bytes of notes on which properties and items were looked at */
#define BUDGET_BYTES_A_STEP 64       /* of text that is compared, decoded or matched */

struct budget {
	size_t steps, memory; /* what is left */
	unsigned depth;       /* what is taken */
	const char *why;      /* something was refused: for people */
	bool no_memory;       /* … by the machine */
};

static inline bool budget_refuse(struct budget *budget, const char *why)
{
	if (!budget->why)
		budget->why = why;
	return false;
}

static inline bool budget_spend(struct budget *budget, size_t steps)
{
	if (budget->why)
		return false;
	if (steps > budget->steps)
		return budget_refuse(budget, "checking it takes more than 1,000,000 steps");
	budget->steps -= steps;
	return true;
}

static inline bool budget_spend_bytes(struct budget *budget, size_t bytes)
{
	return budget_spend(budget, 1 + bytes / BUDGET_BYTES_A_STEP);
}

/* Each true one is followed by a budget_leave. */
static inline bool budget_enter(struct budget *budget)
{
	if (budget->depth == BUDGET_DEPTH_MAX)
		return budget_refuse(budget, "checking it goes more than 1,000 levels deep");
	budget->depth++;
	return true;
}

static inline void budget_leave(struct budget *budget)
{
	budget->depth--;
}

#endif
