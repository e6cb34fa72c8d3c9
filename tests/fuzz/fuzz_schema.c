/* A schema, a line feed, a value. Both end within their bounds; what is told is UTF-8, and the same again; a
 * schema that takes the value takes it within allOf, too. */
#include "lib/schema/schema.h"

#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_json(struct str text)
{
	const struct jsontext_rules rules = {.max_depth = JSONTEXT_ANY_DEPTH};
	return jsontext_check(text, &rules, NULL) == 0;
}

static void check(const struct schema *schema, struct str value, struct schema_problems *ret)
{
	static struct schema_problems problems;
	struct error err = {0};
	bool good = schema_validate(schema, value, &problems, &err) == 0;
	if (good != is_json(value) || (!good && err.code != ERR_BAD_REQUEST))
		abort();
	*ret = (struct schema_problems){.count = 0};
	if (!good)
		return;
	if (problems.count > SCHEMA_PROBLEMS_MAX)
		abort();
	for (size_t i = 0; i < problems.count; i++)
		if (!utf8_is_valid(str_of(problems.items[i].path), NULL) || !*problems.items[i].message ||
		    !utf8_is_valid(str_of(problems.items[i].message), NULL) ||
		    (*problems.items[i].path && *problems.items[i].path != '/'))
			abort();
	*ret = problems;
}

static bool was_refused(const struct schema_problems *problems)
{
	return problems->count && strstr(problems->items[problems->count - 1].message, "so it is refused");
}

static void check_within_all_of(struct str text, struct str value, const struct schema_problems *problems)
{
	static struct schema_problems again;
	cleanup_buffer struct buffer whole = BUFFER(text.n + 64);
	struct schema *schema;
	buffer_append_c(&whole, "{\"not\":{\"allOf\":[");
	buffer_append_str(&whole, text);
	buffer_append_c(&whole, "]}}");
	/* Names and references mean something else there. */
	if (memmem(text.p, text.n, "$", 1) || memmem(text.p, text.n, "\\u", 2) ||
	    schema_compile(buffer_str(&whole), NULL, &schema, NULL) != 0)
		return;
	check(schema, value, &again);
	if (!was_refused(problems) && !was_refused(&again) && is_json(value) &&
	    (problems->count == 0) == (again.count == 0))
		abort();
	schema_free(schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct schema_problems problems, again;
	struct str text, value;
	struct schema *schema;
	struct error err = {0};
	str_split_once((struct str){(const char *)data, size}, '\n', &text, &value);
	if (schema_compile(text, NULL, &schema, &err) != 0) {
		if (err.code != ERR_BAD_REQUEST || !utf8_is_valid(str_of(err.message), NULL))
			abort();
		return 0;
	}
	if (schema_size(schema) > ((size_t)16 << 20))
		abort();
	check(schema, value, &problems);
	check(schema, value, &again);
	if (problems.count != again.count)
		abort();
	for (size_t i = 0; i < problems.count; i++)
		if (strcmp(problems.items[i].path, again.items[i].path) != 0 ||
		    strcmp(problems.items[i].message, again.items[i].message) != 0)
			abort();
	schema_free(schema);
	check_within_all_of(text, value, &problems);
	return 0;
}
