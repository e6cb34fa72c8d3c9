/* Checks that put others together. */
#include "lib/schema/checks.h"

#include "lib/base/utf8.h"

#define REASONS_MAX 3 /* of so many schemas of anyOf it is said why they don't match */

bool check_all_of(struct run *run, const struct here *here, const struct rule *rule)
{
	bool good = true;
	for (uint32_t i = 0; i < rule->count && (good || here->report); i++)
		good = run_apply(run, run->schema->links.items[rule->first + i], here->value, here->notes,
				 here->report) &&
		       good;
	return good;
}

/* What one schema of several looked at counts only if it matches. */
static bool try_apply(struct run *run, const struct here *here, uint32_t node, struct report *report)
{
	struct notes own;
	if (!here->notes)
		return run_apply(run, node, here->value, NULL, report);
	bool good = notes_open(&own, here->notes->count, &run->budget) &&
		    run_apply(run, node, here->value, &own, report);
	if (good)
		notes_add_all(here->notes, &own, &run->budget);
	notes_close(&own, &run->budget);
	return good;
}

/* "A; or at /b: B": what is in front of each path is the value's own, which is told already. */
static void add_reason(struct buffer *reasons, const struct schema_problem *problem, size_t path_length)
{
	struct str path = str_of(problem->path);
	buffer_append_c(reasons, reasons->len ? "; or " : "");
	if (path.n > path_length)
		buffer_appendf(reasons, "at %s: ", problem->path + path_length);
	buffer_append_c(reasons, problem->message);
}

/* How many match; with a report, why the first few don't. `enough` ends it early if nobody takes notes. */
static uint32_t count_matches(struct run *run, const struct here *here, const struct rule *rule,
			      uint32_t enough, struct buffer *reasons)
{
	uint32_t count = 0;
	cleanup_buffer struct buffer path = BUFFER(sizeof(((struct schema_problem *)0)->path));
	/* Within a reason there are no reasons: they would be cut, and cost as much. */
	bool in_words = here->report && here->report->max > 1;
	if (in_words)
		budget_spend(&run->budget, document_pointer(run->document, here->value, &path) / 8);
	for (uint32_t i = 0; i < rule->count && !run->budget.why; i++) {
		struct schema_problem problem;
		struct report why = {&problem, 1, 0};
		bool told = in_words && i < REASONS_MAX;
		if (try_apply(run, here, run->schema->links.items[rule->first + i], told ? &why : NULL))
			count++;
		else if (why.count)
			add_reason(reasons, &problem, path.len);
		if (count >= enough && !here->notes)
			break;
	}
	if (in_words && rule->count > REASONS_MAX)
		buffer_append_c(reasons, "; or …");
	return count;
}

static bool refuse_none(struct run *run, const struct here *here, const struct rule *rule,
			struct buffer *reasons)
{
	return run_problem(run, here->report, here->value, "matches none of the %u schemas of \"%s\"%s%s",
			   rule->count, rule->keyword->name, reasons->len ? ": " : "",
			   reasons->len ? reasons->data : "");
}

bool check_any_of(struct run *run, const struct here *here, const struct rule *rule)
{
	cleanup_buffer struct buffer reasons = BUFFER(4096);
	return count_matches(run, here, rule, 1, &reasons) > 0 || refuse_none(run, here, rule, &reasons);
}

bool check_one_of(struct run *run, const struct here *here, const struct rule *rule)
{
	cleanup_buffer struct buffer reasons = BUFFER(4096);
	uint32_t count = count_matches(run, here, rule, 2, &reasons);
	if (count == 0)
		return refuse_none(run, here, rule, &reasons);
	return count == 1 || run_problem(run, here->report, here->value,
					 "matches more than one of the %u schemas of \"oneOf\"", rule->count);
}

bool check_not(struct run *run, const struct here *here, const struct rule *rule)
{
	if (!run_apply(run, run->schema->links.items[rule->first], here->value, NULL, NULL))
		return true;
	return run_problem(run, here->report, here->value, "matches what \"not\" excludes");
}

bool check_if(struct run *run, const struct here *here, const struct rule *rule)
{
	bool met = try_apply(run, here, run->schema->links.items[rule->first], NULL);
	const struct rule *next = node_rule(run->schema, here->node, met ? KEYWORD_THEN : KEYWORD_ELSE);
	return !next ||
	       run_apply(run, run->schema->links.items[next->first], here->value, here->notes, here->report);
}

bool check_unevaluated(struct run *run, const struct here *here, const struct rule *rule)
{
	const struct document *d = run->document;
	bool items = keyword_id(rule->keyword) == KEYWORD_UNEVALUATED_ITEMS, good = true;
	uint32_t index = 0;
	if (here->kind != (items ? JSONTEXT_ARRAY : JSONTEXT_OBJECT))
		return true;
	for (uint32_t at = here->value + 1; at < document_next(d, here->value);
	     at = document_next(d, at), index++) {
		at += !items; /* the value behind a key */
		if (!budget_spend(&run->budget, 1))
			return false;
		if (notes_has(here->notes, index))
			continue;
		good = run_apply(run, run->schema->links.items[rule->first], at, NULL, here->report) && good;
		if (!good && !here->report)
			return false;
		notes_add(here->notes, index);
	}
	return good;
}
