/* The standard itself is tested by its own suite (tests/schema); here are messages, paths and bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/schema/schema.h"

#include "lib/base/buffer.h"

static struct schema *compile(const char *text)
{
	struct schema *schema;
	struct error err;
	if (schema_compile(str_of(text), NULL, &schema, &err) != 0)
		fail_msg("%.200s: %s", text, err.message);
	return schema;
}

/* All problems as one text. */
static const char *problems_of(const char *schema_text, const char *value)
{
	static char text[8192];
	cleanup_schema struct schema *schema = compile(schema_text);
	struct schema_problems problems;
	struct error err;
	if (schema_validate(schema, str_of(value), &problems, &err) != 0)
		fail_msg("%.200s: %s", value, err.message);
	schema_problems_join(&problems, text, sizeof(text));
	return text;
}

static void problems_say_where_and_why(void **state)
{
	(void)state;
	static const char *const rows[][3] = {
	    {"{\"required\":[\"name\"]}", "{}", "/name: is missing"},
	    {"{\"type\":\"string\"}", "5", "must be a string, but is 5"},
	    {"{\"type\":[\"integer\",\"null\"]}", "1.5", "must be null or an integer, but is 1.5"},
	    {"{\"type\":\"object\"}", "[1]", "must be an object, but is an array"},
	    {"{\"type\":\"boolean\"}", "\"x\"", "must be a boolean, but is a string"},
	    {"{\"properties\":{\"a/b\":{\"items\":{\"minimum\":3}}}}", "{\"a\\/b\":[3,2.50]}",
	     "/a~1b/1: must be at least 3, but is 2.50"},
	    {"{\"exclusiveMaximum\":1}", "1.0", "must be less than 1, but is 1.0"},
	    {"{\"enum\":[\"a\",1]}", "\"b\"", "must be one of \"a\", 1"},
	    {"{\"const\":{\"a\":1}}", "{}", "must be {\"a\":1}"},
	    {"{\"minLength\":3}", "\"\\u00e9\xc3\xa9\"", "must have at least 3 characters, but has 2"},
	    {"{\"pattern\":\"^a\"}", "\"b\"", "must match the pattern \"^a\""},
	    {"{\"maxItems\":1}", "[1,2]", "must have at most 1 items, but has 2"},
	    {"{\"uniqueItems\":true}", "[1,{\"a\":1,\"b\":2},1.5,{\"b\":2.0,\"a\":1}]",
	     "must have no item twice, but those at 1 and 3 are the same"},
	    {"{\"multipleOf\":0.01}", "1.005", "must be a multiple of 0.01, but is 1.005"},
	    {"{\"properties\":{\"name\":{}},\"additionalProperties\":false}", "{\"nmae\":1}",
	     "/nmae: is not allowed; did you mean \"name\"?"},
	    {"{\"unevaluatedProperties\":false}", "{\"x\":1}", "/x: is not allowed"},
	    {"{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}",
	     "/b: is missing, and must be there beside \"a\""},
	    {"{\"propertyNames\":{\"maxLength\":1}}", "{\"ab\":1}",
	     "/ab: its name is not allowed: must have at most 1 characters, but has 2"},
	    {"{\"contains\":{\"type\":\"string\"}}", "[1]",
	     "must have at least 1 items that match \"contains\", but has 0"},
	    {"{\"anyOf\":[{\"type\":\"string\"},{\"required\":[\"a\"],\"type\":\"object\"}]}", "{}",
	     "matches none of the 2 schemas of \"anyOf\": must be a string, but is an object; or at /a: is "
	     "missing"},
	    {"{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"integer\"}]}", "1",
	     "matches more than one of the 2 schemas of \"oneOf\""},
	    {"{\"not\":{}}", "1", "matches what \"not\" excludes"},
	    {"false", "1", "is not allowed"},
	    {"{\"properties\":{\"a\":{\"type\":\"null\"},\"b\":false}}", "{\"b\":1,\"a\":2}",
	     "/b: is not allowed; /a: must be null, but is 2"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(problems_of(rows[i][0], rows[i][1]), rows[i][2]);
}

static void the_first_ten_are_told(void **state)
{
	(void)state;
	cleanup_schema struct schema *schema = compile("{\"items\":{\"type\":\"null\"}}");
	struct schema_problems problems;
	struct error err;
	assert_int_equal(schema_validate(schema, STR("[1,1,1,1,1,1,1,1,1,1,1,1]"), &problems, &err), 0);
	assert_int_equal(problems.count, 10);
	assert_string_equal(problems.items[9].path, "/9");
}

static void schemas_that_are_none_are_refused(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
	    {"", "invalid JSON at byte 1"},
	    {"{\"a\":1,\"a\":2}", "invalid JSON"},
	    {"3", "at the root: must be a schema: an object, true or false"},
	    {"{\"properties\":{\"a\":{\"type\":\"strin\"}}}",
	     "at /properties/a/type: \"strin\" is no type: there are"},
	    {"{\"type\":[]}", "at /type: must have at least one type"},
	    {"{\"type\":[\"null\",\"null\"]}", "at /type: has \"null\" twice"},
	    {"{\"items\":{\"minLength\":-1}}", "at /items/minLength: must be a whole number, at least 0"},
	    {"{\"minItems\":1.5}", "at /minItems: must be a whole number"},
	    {"{\"minimum\":\"1\"}", "at /minimum: must be a number"},
	    {"{\"multipleOf\":0}", "at /multipleOf: must be above 0"},
	    {"{\"multipleOf\":1234567890123456789}", "at /multipleOf: has more than 18 digits"},
	    {"{\"maximum\":1e9999999999999999}", "at /maximum: has an exponent of more than 15 digits"},
	    {"{\"pattern\":\"(\"}", "at /pattern: \"(\": no regular expression: missing closing parenthesis"},
	    {"{\"patternProperties\":{\"a/(\":{}}}", "at /patternProperties/a~1(: "},
	    {"{\"required\":\"a\"}", "at /required: must be an array of names"},
	    {"{\"required\":[\"a\",3]}", "at /required/1: must be a string"},
	    {"{\"required\":[\"a\",\"b\",\"a\"]}", "at /required: has \"a\" twice"},
	    {"{\"allOf\":[]}", "at /allOf: must be an array with at least one schema"},
	    {"{\"allOf\":[{},4]}", "at /allOf/1: must be a schema"},
	    {"{\"properties\":[]}", "at /properties: must be an object"},
	    {"{\"enum\":1}", "at /enum: must be an array"},
	    {"{\"uniqueItems\":1}", "at /uniqueItems: must be true or false"},
	    {"{\"title\":1}", "at /title: must be a string"},
	    {"{\"$ref\":\"#/$defs/a\"}", "at /$ref: \"#/$defs/a\" leads to nothing in this schema"},
	    {"{\"$ref\":\"https://example.com/a\"}", "leads to nothing: nothing is fetched, so"},
	    {"{\"$ref\":\"file:///etc/passwd\"}", "leads to nothing: nothing is fetched, so"},
	    {"{\"$ref\":\"#/type\",\"type\":\"string\"}", "at /type: must be a schema"},
	    {"{\"$id\":\"a#b\"}", "at /$id: \"a#b\" must have no fragment"},
	    {"{\"$defs\":{\"a\":{\"$anchor\":\"x\"},\"b\":{\"$anchor\":\"x\"}}}",
	     "at /$defs/b/$anchor: \"x\" is the name of another subschema already"},
	    {"{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}",
	     "at /$schema: \"http://json-schema.org/draft-04/schema#\" is no dialect that is known here: "
	     "use "},
	    {"{\"$schema\":7}", "at /$schema: must be a string"},
	    {"{\"$ref\":\"#\"}", "at the root: leads to itself by \"$ref\""},
	    {"{\"properties\":{\"a\":{\"$ref\":\"#/$defs/b\"}},\"$defs\":{\"b\":{\"allOf\":[{\"$ref\":\"#/"
	     "$defs/c\"}]},"
	     "\"c\":{\"if\":{\"$ref\":\"#/$defs/b\"}}}}",
	     "leads to itself by \"$ref\""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct schema *schema;
		struct error err;
		if (schema_compile(str_of(rows[i][0]), NULL, &schema, &err) == 0)
			fail_msg("%s is taken", rows[i][0]);
		if (err.code != ERR_BAD_REQUEST || !strstr(err.message, rows[i][1]))
			fail_msg("%s: %s", rows[i][0], err.message);
	}
}

static void each_dialect_has_its_keywords(void **state)
{
	(void)state;
	const char *seven =
	    "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"items\":[{\"type\":\"null\"}],"
	    "\"prefixItems\":[false]}";
	assert_string_equal(problems_of(seven, "[1]"), "/0: must be null, but is 1");
	assert_string_equal(problems_of("{\"prefixItems\":[{\"type\":\"null\"}]}", "[1]"),
			    "/0: must be null, but is 1");
	/* In draft-07 nothing counts beside a $ref. */
	seven = "{\"$schema\":\"http://json-schema.org/draft-07/schema\",\"properties\":{\"a\":{\"$ref\":\"#/"
		"definitions/b\","
		"\"maximum\":1}},\"definitions\":{\"b\":{}}}";
	assert_string_equal(problems_of(seven, "{\"a\":5}"), "");
	assert_string_equal(
	    problems_of(
		"{\"properties\":{\"a\":{\"$ref\":\"#/$defs/b\",\"maximum\":1}},\"$defs\":{\"b\":{}}}",
		"{\"a\":5}"),
	    "/a: must be at most 1, but is 5");
}

/* A member that comes twice is checked twice: nobody knows which one the script reads. */
static void keys_that_come_twice(void **state)
{
	(void)state;
	const char *schema = "{\"properties\":{\"a\":{\"type\":\"null\"}}}";
	assert_string_equal(problems_of(schema, "{\"a\":1,\"\\u0061\":null}"), "/a: must be null, but is 1");
	assert_string_equal(problems_of(schema, "{\"a\":null,\"\\u0061\":1}"), "/a: must be null, but is 1");
}

static void halves_of_surrogate_pairs_are_texts(void **state)
{
	(void)state;
	assert_string_equal(problems_of("{\"minLength\":2,\"pattern\":\"^.$\"}", "\"\\ud800\""),
			    "must have at least 2 characters, but has 1");
	assert_string_equal(problems_of("{\"additionalProperties\":false}", "{\"\\ud800\":1}"),
			    "/\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd: is not allowed");
	assert_string_equal(problems_of("{\"uniqueItems\":true}", "[\"\\ud800\",\"\\ud801\"]"), "");
}

static void long_paths_and_messages_are_cut(void **state)
{
	(void)state;
	cleanup_buffer struct buffer value = BUFFER(1 << 16);
	buffer_append_c(&value, "{\"");
	for (int i = 0; i < 1000; i++)
		buffer_append_c(&value, "\xc3\xa9");
	buffer_append_c(&value, "\":1}");
	cleanup_schema struct schema *schema = compile("{\"additionalProperties\":{\"type\":\"null\"}}");
	struct schema_problems problems;
	assert_int_equal(schema_validate(schema, buffer_str(&value), &problems, NULL), 0);
	size_t n = strlen(problems.items[0].path);
	assert_in_range(n, 200, sizeof(problems.items[0].path) - 1);
	assert_string_equal(problems.items[0].path + n - 5, "\xc3\xa9\xe2\x80\xa6");
}

static void no_json_is_an_error(void **state)
{
	(void)state;
	cleanup_schema struct schema *schema = compile("{}");
	struct schema_problems problems;
	struct error err;
	assert_int_equal(schema_validate(schema, STR("{"), &problems, &err), -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
}

static void bounds_of_schemas(void **state)
{
	(void)state;
	cleanup_buffer struct buffer text = BUFFER(1 << 20);
	struct schema *schema;
	struct error err;
	buffer_append_c(&text, "{\"title\":\"");
	while (text.len <= SCHEMA_TEXT_MAX)
		buffer_append_byte(&text, 'a');
	buffer_append_c(&text, "\"}");
	assert_int_equal(schema_compile(buffer_str(&text), NULL, &schema, &err), -1);
	assert_non_null(strstr(err.message, "at most 262144 are allowed"));

	buffer_reset(&text);
	buffer_append_c(&text, "{\"allOf\":[{}");
	for (int i = 2; i < 5000; i++)
		buffer_append_c(&text, ",{}");
	size_t most = text.len;
	buffer_append_c(&text, "]}");
	assert_int_equal(schema_compile(buffer_str(&text), NULL, &schema, &err), 0);
	assert_in_range(schema_size(schema), 100000, 2 << 20);
	schema_free(schema);
	text.len = most;
	buffer_append_c(&text, ",{}]}");
	assert_int_equal(schema_compile(buffer_str(&text), NULL, &schema, &err), -1);
	assert_string_equal(err.message,
			    "at /allOf/4999: is one subschema too many: at most 5000 are allowed");

	buffer_reset(&text);
	for (int i = 0; i < 64; i++)
		buffer_append_c(&text, "{\"not\":");
	buffer_append_c(&text, "{}");
	for (int i = 0; i < 64; i++)
		buffer_append_c(&text, "}");
	assert_int_equal(schema_compile(buffer_str(&text), NULL, &schema, &err), -1);
	assert_non_null(strstr(err.message, "invalid JSON"));
}

/* Names that double at each level: 2^60 checks. */
static void nests_that_grow_without_end_are_bounded(void **state)
{
	(void)state;
	static const struct {
		const char *form, *value;
	} rows[] = {
	    {"\"allOf\":[%s,%s]", "9"},
	    {"\"anyOf\":[{\"not\":%s},{\"not\":%s}]", "1"},
	    {"\"oneOf\":[%s,%s]", "1"},
	    {"\"if\":%s,\"else\":%s", "1"},
	    {"\"allOf\":[%s,%s],\"unevaluatedProperties\":false", "{}"},
	};
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		const char *form = rows[row].form;
		cleanup_buffer struct buffer text = BUFFER(1 << 20);
		buffer_append_c(&text, "{\"$ref\":\"#/$defs/60\",\"$defs\":{\"0\":{\"minimum\":9}");
		for (int i = 1; i <= 60; i++) {
			char ref[64];
			snprintf(ref, sizeof(ref), "{\"$ref\":\"#/$defs/%d\"}", i - 1);
			buffer_appendf(&text, ",\"%d\":{", i);
			const char *at = strstr(form, "%s"), *next = strstr(at + 2, "%s");
			buffer_append(&text, form, (size_t)(at - form));
			buffer_append_c(&text, ref);
			buffer_append(&text, at + 2, (size_t)(next - at - 2));
			buffer_append_c(&text, ref);
			buffer_append_c(&text, next + 2);
			buffer_append_c(&text, "}");
		}
		buffer_append_c(&text, "}}");
		const char *problems = problems_of(text.data, rows[row].value);
		if (!strstr(problems, "more than 1,000,000 steps, so it is refused"))
			fail_msg("%s: %s", form, problems);
	}
}

static void depth_of_checks_is_bounded(void **state)
{
	(void)state;
	const char *loop = "{\"$dynamicAnchor\":\"a\",\"$dynamicRef\":\"#a\"}";
	assert_string_equal(problems_of(loop, "1"),
			    "checking it goes more than 1,000 levels deep, so it is refused");
	cleanup_buffer struct buffer value = BUFFER(1 << 20);
	for (int i = 0; i < 100000; i++)
		buffer_append_byte(&value, '[');
	for (int i = 0; i < 100000; i++)
		buffer_append_byte(&value, ']');
	buffer_append_byte(&value, '\0');
	assert_non_null(strstr(problems_of("{\"items\":{\"$ref\":\"#\"}}", value.data), "1,000 levels deep"));
	assert_non_null(strstr(problems_of("{\"const\":[1]}", value.data), "must be [1]"));
	assert_non_null(strstr(problems_of("{\"uniqueItems\":true}", value.data), "1,000 levels deep"));
	assert_string_equal(problems_of("{\"type\":\"array\"}", value.data), "");
}

/* References that lead far into a long array: the text is gone through for each. */
static void far_references_are_bounded(void **state)
{
	(void)state;
	cleanup_buffer struct buffer text = BUFFER(1 << 20);
	struct schema *schema = NULL;
	struct error err;
	buffer_append_c(&text, "{\"x\":[");
	for (int i = 0; i < 60000; i++)
		buffer_append_c(&text, "1,");
	buffer_append_c(&text, "{}],\"allOf\":[{\"$ref\":\"#/x/60000\"}");
	for (int i = 0; i < 4990; i++)
		buffer_append_c(&text, ",{\"$ref\":\"#/x/60000\"}");
	buffer_append_c(&text, "]}");
	assert_int_equal(schema_compile(buffer_str(&text), NULL, &schema, &err), -1);
	assert_non_null(strstr(err.message, "leads too far"));
}

/* 1e308 as a double is no number that others could be compared with. */
static void huge_numbers(void **state)
{
	(void)state;
	assert_string_equal(problems_of("{\"multipleOf\":1e308}", "1e309"), "");
	assert_string_equal(problems_of("{\"multipleOf\":1e308}", "1e307"),
			    "must be a multiple of 1e308, but is 1e307");
	assert_string_equal(problems_of("{\"type\":\"integer\",\"maximum\":1e400}", "1e999999999"),
			    "must be at most 1e400, but is 1e999999999");
	assert_string_equal(problems_of("{\"minimum\":0}", "1e9999999999999999"),
			    "the exponent of a number has more than 15 digits, so it is refused");
	assert_string_equal(problems_of("{\"not\":{\"minimum\":0}}", "1e9999999999999999"),
			    "the exponent of a number has more than 15 digits, so it is refused");
}

static void joined_text_is_cut(void **state)
{
	(void)state;
	struct schema_problems problems = {.count = 2};
	char text[24];
	snprintf(problems.items[0].path, sizeof(problems.items[0].path), "/a");
	snprintf(problems.items[0].message, sizeof(problems.items[0].message), "is missing");
	problems.items[1] = problems.items[0];
	schema_problems_join(&problems, text, sizeof(text));
	assert_string_equal(text, "/a: is missing; /a: …");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(problems_say_where_and_why),
	    cmocka_unit_test(the_first_ten_are_told),
	    cmocka_unit_test(schemas_that_are_none_are_refused),
	    cmocka_unit_test(each_dialect_has_its_keywords),
	    cmocka_unit_test(keys_that_come_twice),
	    cmocka_unit_test(halves_of_surrogate_pairs_are_texts),
	    cmocka_unit_test(long_paths_and_messages_are_cut),
	    cmocka_unit_test(no_json_is_an_error),
	    cmocka_unit_test(bounds_of_schemas),
	    cmocka_unit_test(nests_that_grow_without_end_are_bounded),
	    cmocka_unit_test(depth_of_checks_is_bounded),
	    cmocka_unit_test(far_references_are_bounded),
	    cmocka_unit_test(huge_numbers),
	    cmocka_unit_test(joined_text_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
