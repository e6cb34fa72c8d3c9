#include "lib/api/skill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define META                                                                                                 \
	"\"metadata\":{\"name\":\"hello-1\",\"namespace\":\"t\",\"creationTimestamp\":\"2026-11-24T10:58:"   \
	"24Z\"}"
#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct skill *read_skill(const char *json)
{
	struct error err = {0};
	struct skill *skill = skill_from_json(str_of(json), &err);
	if (!skill)
		fail_msg("%s", err.message);
	return skill;
}

static void keeps_everything_through_a_round_trip(void **state)
{
	(void)state;
	cleanup_skill struct skill *skill = read_skill(
	    "{\"metadata\":{\"name\":\"hello-1\",\"namespace\":\"t\",\"creationTimestamp\":\"2026-11-24T10:"
	    "58:24Z\","
	    "\"annotations\":{\"skillbox.dev/uploaded-at\":\"2026-11-24T10:59:00.123Z\"}},"
	    "\"spec\":{\"name\":\"Hello\",\"version\":\"1.10.0\",\"description\":\"d "
	    "\\u00e9\",\"instructions\":\"# T\\n\\\"q\\\"\","
	    "\"lang\":\"python\",\"image\":\"python:3.12-slim\",\"timeoutSeconds\":90,\"resources\":{\"cpu\":"
	    "\"500m\",\"memory\":\"64Mi\"},"
	    "\"inputSchema\":{\"maximum\":123456789012345678901234567890},\"outputSchema\":true,"
	    "\"entrypoint\":\"main.py\","
	    "\"source\":{\"bundle\":{\"digest\":\"" DIGEST "\",\"size\":1234}}},"
	    "\"status\":{\"digest\":\"" DIGEST
	    "\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Usable\","
	    "\"message\":\"\",\"lastTransitionTime\":\"2026-11-24T10:59:01Z\",\"observedGeneration\":1}]}}");
	assert_null(skill->invalid);
	assert_int_equal(skill->uploaded_ms, 1795517940123);
	assert_string_equal(skill->spec.description, "d \xc3\xa9");
	assert_int_equal(skill->spec.timeout_ms, 90000);
	assert_string_equal(skill->status.ready.status, "True");
	assert_string_equal(skill->status.ready.reason, "Usable");

	cleanup_buffer struct buffer out = BUFFER(8192);
	struct error err = {0};
	assert_int_equal(skill_to_json(skill, &out, &err), 0);
	assert_string_equal(
	    out.data, "{\"apiVersion\":\"skillbox.dev/"
		      "v1alpha1\",\"kind\":\"Skill\",\"metadata\":{\"name\":\"hello-1\",\"namespace\":\"t\","
		      "\"annotations\":{\"skillbox.dev/uploaded-at\":\"2026-11-24T10:59:00.123Z\"}},"
		      "\"spec\":{\"name\":\"Hello\",\"version\":\"1.10.0\",\"description\":\"d "
		      "\xc3\xa9\",\"instructions\":\"# T\\n\\\"q\\\"\","
		      "\"lang\":\"python\",\"image\":\"python:3.12-slim\",\"timeoutSeconds\":90,"
		      "\"resources\":{\"cpu\":\"500m\",\"memory\":\"64Mi\"},"
		      "\"entrypoint\":\"main.py\",\"inputSchema\":{\"maximum\":"
		      "123456789012345678901234567890},\"outputSchema\":true,"
		      "\"source\":{\"bundle\":{\"digest\":\"" DIGEST "\",\"size\":1234}}}}");

	buffer_reset(&out);
	assert_int_equal(skill_status_patch(skill, &out, &err), 0);
	assert_string_equal(
	    out.data,
	    "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"observedGeneration\":1,"
	    "\"lastTransitionTime\":\"2026-11-24T10:59:01Z\",\"reason\":\"Usable\",\"message\":\"\"}],"
	    "\"digest\":\"" DIGEST "\"}}");
}

static void reads_inline_files(void **state)
{
	(void)state;
	cleanup_skill struct skill *skill =
	    read_skill("{" META ",\"spec\":{\"name\":\"a\",\"version\":\"1.0.0\",\"timeoutMilliseconds\":"
		       "1500,\"timeoutSeconds\":7,"
		       "\"source\":{\"files\":{\"main.py\":\"print(1)\\n\",\"a\\u002fb.txt\":\"\"}}}}");
	assert_int_equal(skill->spec.file_count, 2);
	assert_string_equal(skill->spec.files[0].path, "main.py");
	assert_string_equal(skill->spec.files[0].text, "print(1)\n");
	assert_string_equal(skill->spec.files[1].path, "a/b.txt");
	assert_string_equal(skill->spec.files[1].text, "");
	assert_int_equal(skill->spec.timeout_ms, 1500);
	assert_int_equal(skill->uploaded_ms, 1795517904000); /* no annotation: the creation */
	assert_string_equal(skill->spec.lang, "");           /* absent strings are empty */
	assert_null(skill->spec.input_schema);

	cleanup_buffer struct buffer out = BUFFER(8192);
	assert_int_equal(skill_to_json(skill, &out, NULL), 0);
	assert_non_null(strstr(out.data, "\"timeoutMilliseconds\":1500"));
	assert_non_null(strstr(out.data, "\"files\":{\"main.py\":\"print(1)\\n\",\"a/b.txt\":\"\"}"));
}

static void tells_why_a_spec_is_invalid(void **state)
{
	(void)state;
	static const struct {
		const char *spec, *message;
	} rows[] = {
	    {"\"status\":{}", "spec: is missing"},
	    {"\"spec\":[]", "spec: must be an object, not a list"},
	    {"\"spec\":{\"version\":\"1.0.0\"}", "spec.name: is missing"},
	    {"\"spec\":{\"name\":\"a\"}", "spec.version: is missing"},
	    {"\"spec\":{\"name\":\"a\",\"version\":1}", "spec.version: must be a string, not a number"},
	    {"\"spec\":{\"name\":\"a\",\"version\":\"1\",\"timeoutSeconds\":86401}",
	     "spec.timeoutSeconds: must be a whole number from 0 to 86400, not 86401"},
	    {"\"spec\":{\"name\":\"a\",\"version\":\"1\",\"instructions\":\"x\\u0000\"}",
	     "spec.instructions: contains a NUL character"},
	    {"\"spec\":{\"name\":\"a\",\"version\":\"1\",\"source\":{\"files\":{\"m.py\":\"x\\u0000\"}}}",
	     "spec.source.files.m.py: contains a NUL character"},
	    {"\"spec\":{\"name\":\"a\",\"version\":\"1\",\"source\":{\"files\":{\"m.py\":null}}}",
	     "spec.source.files.m.py: must be a string, not null"},
	    {"\"spec\":{\"name\":\"a\",\"version\":\"1\",\"source\":{\"files\":[]}}",
	     "spec.source.files: must be an object of path and text"},
	    {"\"spec\":{\"name\":\"a\",\"version\":\"1\",\"source\":{\"bundle\":{\"digest\":\"sha256:../../"
	     "etc\"}}}",
	     "spec.source.bundle.digest: must be \"sha256:\" and 64 lower-case hex digits"},
	    {"\"spec\":{\"name\":\"a\",\"version\":\"1\",\"source\":{\"bundle\":{\"digest\":\"" DIGEST
	     "\"},\"files\":{\"a\":\"\"}}}",
	     "spec.source: must have either bundle or files, not both"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_buffer struct buffer json = BUFFER(4096);
		buffer_appendf(&json, "{" META ",%s}", rows[i].spec);
		cleanup_skill struct skill *skill = read_skill(json.data);
		assert_non_null(skill->invalid);
		assert_string_equal(skill->invalid, rows[i].message);
		assert_string_equal(skill->spec.name, "");
		assert_string_equal(skill->spec.version, "");
		assert_int_equal(skill->spec.file_count, 0);
		assert_null(skill->spec.bundle.digest);
		assert_string_equal(skill->meta.name, "hello-1");
	}
}

static void a_schema_may_nest_to_128(void **state)
{
	static const char *const names[] = {"inputSchema", "outputSchema"};
	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (int depth = 128; depth < 10000; depth += depth == 128 ? 1 : 4000) {
			cleanup_buffer struct buffer json = BUFFER(1 << 20);
			cleanup_buffer struct buffer words = BUFFER(256);
			buffer_appendf(
			    &json,
			    "{" META ",\"spec\":{\"name\":\"a\",\"version\":\"1.0.0\",\"%s\":", names[i]);
			for (int k = 0; k < depth; k++)
				buffer_append_byte(&json, '[');
			for (int k = 0; k < depth; k++)
				buffer_append_byte(&json, ']');
			buffer_append_c(&json, "}}");
			buffer_appendf(&words, "spec.%s: is nested %d deep, more than 128", names[i], depth);
			cleanup_skill struct skill *skill = read_skill(json.data);
			if (depth == 128) {
				assert_null(skill->invalid);
				continue;
			}
			assert_memory_equal(skill->invalid, words.data, words.len);
			assert_string_equal(skill->meta.name, "hello-1");
			assert_string_equal(skill->spec.name, "");
		}
}

static void a_bad_annotation_hides_nothing(void **state)
{
	(void)state;
	static const char *const annotations[] = {"{\"skillbox.dev/uploaded-at\":\"soon\"}",
						  "{\"skillbox.dev/uploaded-at\":7}",
						  "{\"skillbox.dev/uploaded-at\":null}", "{}"};
	for (size_t i = 0; i < 4; i++) {
		cleanup_buffer struct buffer json = BUFFER(4096);
		buffer_appendf(&json,
			       "{\"metadata\":{\"name\":\"a\",\"creationTimestamp\":\"2026-11-24T10:58:24Z\","
			       "\"annotations\":%s},"
			       "\"spec\":{\"name\":\"a\",\"version\":\"1\"}}",
			       annotations[i]);
		cleanup_skill struct skill *skill = read_skill(json.data);
		assert_int_equal(skill->uploaded_ms, 1795517904000);
	}
}

static void writes_only_good_text(void **state)
{
	(void)state;
	cleanup_buffer struct buffer out = BUFFER(8192);
	struct error err = {0};
	struct skill skill = {.meta = {.name = "a"},
			      .spec = {.name = "a", .version = "1", .input_schema = "{\"a\":"}};
	assert_int_equal(skill_to_json(&skill, &out, &err), -1);
	assert_non_null(strstr(err.message, "inputSchema: invalid JSON"));

	skill.spec.input_schema = NULL;
	skill.spec.instructions = "a\xff";
	buffer_reset(&out);
	assert_int_equal(skill_to_json(&skill, &out, &err), -1);
	assert_string_equal(err.message, "instructions: not UTF-8 at byte 1");

	cleanup_buffer struct buffer small = BUFFER(32);
	skill.spec.instructions = NULL;
	assert_int_equal(skill_to_json(&skill, &small, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void object_names_are_safe_and_distinct(void **state)
{
	(void)state;
	static const char *const names[] = {
	    "hello",
	    "Hello",
	    "a.b",
	    "a_b",
	    "a-b",
	    "___",
	    "0",
	    ("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQ"
	     "R"
	     "STUVWXYZABCDEFGHIJKLMNOPQRSTUVWX"),
	};
	enum { COUNT = sizeof(names) / sizeof(names[0]) };
	char seen[COUNT][64];
	for (size_t i = 0; i < COUNT; i++) {
		cleanup_buffer struct buffer out = BUFFER(256);
		assert_int_equal(skill_object_name(str_of(names[i]), STR("1.0.0"), STR(DIGEST), &out, NULL),
				 0);
		assert_in_range(out.len, 10, 63);
		assert_true(strspn(out.data, "abcdefghijklmnopqrstuvwxyz0123456789-") == out.len);
		assert_true(out.data[0] != '-' && out.data[out.len - 1] != '-');
		memcpy(seen[i], out.data, out.len + 1);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(seen[k], seen[i]);
	}
	cleanup_buffer struct buffer other = BUFFER(256);
	assert_int_equal(skill_object_name(STR("hello"), STR("1.0.1"), STR(DIGEST), &other, NULL), 0);
	assert_string_not_equal(other.data, seen[0]);
	assert_memory_equal(other.data, "hello-", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_everything_through_a_round_trip),
	    cmocka_unit_test(reads_inline_files),
	    cmocka_unit_test(tells_why_a_spec_is_invalid),
	    cmocka_unit_test(a_schema_may_nest_to_128),
	    cmocka_unit_test(a_bad_annotation_hides_nothing),
	    cmocka_unit_test(writes_only_good_text),
	    cmocka_unit_test(object_names_are_safe_and_distinct),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
