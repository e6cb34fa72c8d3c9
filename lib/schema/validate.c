#include "lib/schema/run.h"

#include "lib/base/utf8.h"

#define KEYS_A_STEP 8
#define CUT "…"
#define REFUSAL_SIZE 1900 /* of the 2,048 bytes of an error */

struct str run_string(struct run *run, uint32_t value, bool *ret_broken)
{
	struct buffer *scratch = &run->comparison.scratch[0];
	bool broken = false;
	budget_spend_bytes(&run->budget, document_text(run->document, value).n);
	struct str text = document_string(run->document, value, scratch, &broken);
	if (!broken || !ret_broken)
		return text;
	/* For patterns, which want UTF-8: a character instead of the half of one, as long as that. */
	for (size_t i = 0; i + 2 < scratch->len; i++)
		if ((unsigned char)scratch->data[i] == 0xed && (unsigned char)scratch->data[i + 1] >= 0xa0)
			memcpy(scratch->data + i, UTF8_REPLACEMENT, 3);
	return buffer_str(scratch);
}

uint32_t run_find_key(struct run *run, uint32_t object, struct str name)
{
	const struct document *d = run->document;
	uint32_t seen = 0;
	for (uint32_t key = object + 1; key < document_next(d, object); key = document_next(d, key + 1)) {
		bool escaped = document_is_escaped(d, key);
		if (!escaped && seen++ % KEYS_A_STEP == 0 && !budget_spend(&run->budget, 1))
			break;
		struct str text = escaped ? run_string(run, key, NULL)
					  : document_string(d, key, &run->comparison.scratch[0], NULL);
		if (run->budget.why)
			break;
		if (str_eq(text, name))
			return key;
	}
	return DOCUMENT_NONE;
}

static void put_cut(char *out, size_t size, struct str text)
{
	struct str whole = utf8_cut(text, size - 1);
	if (whole.n < text.n)
		whole = utf8_cut(text, size - sizeof(CUT));
	if (whole.n)
		memcpy(out, whole.p, whole.n);
	memcpy(out + whole.n, whole.n < text.n ? CUT : "", whole.n < text.n ? sizeof(CUT) : 1);
}

static void put_path(struct run *run, struct schema_problem *problem, uint32_t value,
		     const struct str *member)
{
	cleanup_buffer struct buffer path = BUFFER(DOCUMENT_TEXT_MAX),
				     clean = BUFFER(2 * sizeof(problem->path) * UTF8_CLEAN_GROWTH);
	size_t passed = document_pointer(run->document, value, &path);
	budget_spend(&run->budget, passed / KEYS_A_STEP + path.len / BUDGET_BYTES_A_STEP);
	if (member)
		document_pointer_step(*member, &path);
	if (path.failed)
		run->budget.no_memory = true;
	struct str shown = buffer_str(&path);
	/* More than is shown, so that a character which is split here is cut off below. */
	shown.n = shown.n < 2 * sizeof(problem->path) ? shown.n : 2 * sizeof(problem->path);
	utf8_append_clean(&clean, shown); /* half a surrogate pair is no UTF-8 */
	put_cut(problem->path, sizeof(problem->path), buffer_str(&clean));
}

static void put_problem(struct run *run, struct report *report, uint32_t value, const struct str *member,
			const char *format, va_list arguments)
{
	char message[2 * sizeof(report->items->message)];
	if (!report || report->count == report->max || run->budget.why)
		return;
	struct schema_problem *problem = &report->items[report->count++];
	put_path(run, problem, value, member);
	vsnprintf(message, sizeof(message), format, arguments);
	cleanup_buffer struct buffer clean = BUFFER(sizeof(message) * UTF8_CLEAN_GROWTH);
	utf8_append_clean(&clean, str_of(message)); /* what a value shows may be cut, or half a pair */
	put_cut(problem->message, sizeof(problem->message), buffer_str(&clean));
}

bool run_problem(struct run *run, struct report *report, uint32_t value, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	put_problem(run, report, value, NULL, format, arguments);
	va_end(arguments);
	return false;
}

bool run_problem_member(struct run *run, struct report *report, uint32_t value, struct str name,
			const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	put_problem(run, report, value, &name, format, arguments);
	va_end(arguments);
	return false;
}

static bool apply_rules(struct run *run, const struct here *here)
{
	const struct rule *rules = run->schema->rules.items + here->node->first_rule;
	bool good = true;
	for (uint32_t i = 0; i < here->node->rule_count; i++) {
		if (!rules[i].keyword->check)
			continue;
		good = rules[i].keyword->check(run, here, &rules[i]) && good;
		if (run->budget.why)
			return false;
		if (!good && (!here->report || here->report->count == here->report->max))
			return false;
	}
	return good;
}

/* Its own keywords and what is in them is all that unevaluated… looks at; what is around sees the result. */
static bool apply_with_notes(struct run *run, struct here *here)
{
	struct notes *around = here->notes, own;
	bool container = here->kind == JSONTEXT_ARRAY || here->kind == JSONTEXT_OBJECT;
	if (!container || !here->node->unevaluated)
		return apply_rules(run, here);
	here->notes = &own;
	bool good = notes_open(&own, document_count(run->document, here->value), &run->budget) &&
		    apply_rules(run, here);
	notes_add_all(around, &own, &run->budget);
	notes_close(&own, &run->budget);
	return good;
}

bool run_apply(struct run *run, uint32_t node, uint32_t value, struct notes *notes, struct report *report)
{
	const struct node *n = &run->schema->nodes.items[node];
	struct here here = {n, value, document_kind(run->document, value), notes, report};
	const struct scope *above = run->scope;
	struct scope scope = {above, n->resource};
	if (n->kind == NODE_TRUE)
		return budget_spend(&run->budget, 1);
	if (n->kind == NODE_FALSE)
		return run_problem(run, report, value, "is not allowed");
	if (!budget_spend(&run->budget, 1) || !budget_enter(&run->budget)) {
		run->refused = run->refused == DOCUMENT_NONE ? value : run->refused;
		return false;
	}
	if (!above || above->resource != n->resource)
		run->scope = &scope;
	bool good = apply_with_notes(run, &here);
	if (run->budget.why && run->refused == DOCUMENT_NONE)
		run->refused = value;
	run->scope = above;
	budget_leave(&run->budget);
	return good;
}

/* Strings with escapes are decoded into room that is there from the start, so that none can fail later. */
static int make_room(struct run *run, struct error *err)
{
	size_t longest = run->document->longest_escaped;
	for (uint32_t i = 0; i < run->schema->texts.count; i++) {
		size_t other = run->schema->texts.items[i].document.longest_escaped;
		longest = other > longest ? other : longest;
	}
	for (size_t i = 0; i < 2; i++) {
		run->comparison.scratch[i] = BUFFER(longest);
		if (longest && !buffer_reserve(&run->comparison.scratch[i], longest))
			return error_no_memory(err);
	}
	return 0;
}

static int validate(struct run *run, struct schema_problems *ret, struct error *err)
{
	struct report report = {ret->items, SCHEMA_PROBLEMS_MAX, 0};
	if (make_room(run, err) != 0)
		return -1;
	bool good = run_apply(run, 0, 0, NULL, &report);
	if (run->budget.no_memory)
		return error_no_memory(err);
	if (run->budget.why) {
		const char *why = run->budget.why;
		run->refused = run->refused == DOCUMENT_NONE ? 0 : run->refused;
		run->budget.why = NULL; /* for the path, which is short work */
		report.count -= report.count == report.max;
		run_problem(run, &report, run->refused, "%s, so it is refused", why);
	} else if (!good && report.count == 0) {
		return error_set(err, ERR_INTERNAL, "a schema doesn't say why it refuses a value");
	}
	ret->count = report.count;
	return 0;
}

int schema_validate_briefly(const struct schema *schema, struct str text, size_t steps,
			    struct schema_problems *ret, bool *ret_is_done, struct error *err)
{
	const struct jsontext_rules rules = {.max_depth = JSONTEXT_ANY_DEPTH};
	struct document document;
	if (jsontext_check(text, &rules, err) != 0 || document_read(text, &document, err) != 0)
		return -1;
	struct run run = {.schema = schema,
			  .document = &document,
			  .budget = {.steps = steps, .memory = BUDGET_MEMORY_MAX},
			  .refused = DOCUMENT_NONE};
	run.comparison.budget = &run.budget;
	struct schema_problems problems;
	problems.count = 0;
	int status = validate(&run, &problems, err);
	if (status == 0) {
		*ret = problems;
		*ret_is_done = run.refused == DOCUMENT_NONE;
	}
	pattern_workspace_free(run.workspace);
	for (size_t i = 0; i < 2; i++)
		buffer_free(&run.comparison.scratch[i]);
	document_free(&document);
	return status;
}

int schema_validate(const struct schema *schema, struct str text, struct schema_problems *ret,
		    struct error *err)
{
	return schema_validate_briefly(schema, text, SCHEMA_STEPS_MAX, ret, &(bool){false}, err);
}

void schema_problems_join(const struct schema_problems *problems, char *ret, size_t size)
{
	cleanup_buffer struct buffer all = BUFFER(sizeof(*problems) * 2);
	for (size_t i = 0; i < problems->count; i++) {
		const struct schema_problem *problem = &problems->items[i];
		buffer_appendf(&all, "%s%s%s%s", i ? "; " : "", problem->path, *problem->path ? ": " : "",
			       problem->message);
	}
	put_cut(ret, size, buffer_str(&all));
}

int schema_refuse_input(const struct schema_problems *problems, struct error *err)
{
	char text[REFUSAL_SIZE];
	schema_problems_join(problems, text, sizeof(text));
	return error_set(err, ERR_INPUT_SCHEMA_MISMATCH,
			 "the input doesn't match the skill's input_schema: %s", text);
}
