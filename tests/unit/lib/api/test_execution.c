#include "lib/api/execution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#define META                                                                                                 \
	"\"metadata\":{\"name\":\"run-1\",\"namespace\":\"t\",\"uid\":\"u-1\",\"resourceVersion\":\"7\","    \
	"\"generation\":2}"
#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGITS_40 "1234567890123456789012345678901234567890"

static struct execution *read_execution(const char *json)
{
	struct error err = {0};
	struct execution *execution = execution_from_json(str_of(json), &err);
	if (!execution)
		fail_msg("%s", err.message);
	return execution;
}

/* An Execution whose spec has these members beside skillRef. */
static struct execution *with_spec(const char *members)
{
	cleanup_buffer struct buffer json = BUFFER(1 << 20);
	buffer_appendf(&json, "{" META ",\"spec\":{\"skillRef\":{\"name\":\"a\"}%s%s}}",
		       members[0] ? "," : "", members);
	assert_false(json.failed);
	return read_execution(json.data);
}

static void keeps_the_input_byte_for_byte(void **state)
{
	(void)state;
	/* as REST got it: 40 digits, a number beyond any double, keys twice, escapes, a NUL inside a string
	 */
	static const char input[] =
	    "{ \"n\":" DIGITS_40
	    ",\"n\":1e400,\"z\":1.0,\"a\":-0,\"s\":\"\\u00e9\\/\\u0000\\ud83d\\ude00 \xc3\xa9\","
	    "\"html\":\"<&>\"}";
	struct execution made = {
	    .meta = {.name = "run-1", .namespace = "t"},
	    .spec = {.skill_name = "a", .input = (char[sizeof(input)]){0}, .ttl_seconds = -1}};
	memcpy(made.spec.input, input, sizeof(input));
	cleanup_buffer struct buffer out = BUFFER(1 << 20);
	struct error err = {0};
	assert_int_equal(execution_to_json(&made, &out, &err), 0);

	cleanup_execution struct execution *read = read_execution(out.data);
	assert_null(read->invalid);
	assert_string_equal(read->spec.input, input);
	assert_string_equal(read->spec.skill_name, "a");
	assert_string_equal(read->spec.skill_version, "");
	assert_int_equal(read->spec.ttl_seconds, -1);
	assert_int_equal(read->spec.timeout_ms, 0);
}

static void takes_the_raw_text_of_input(void **state)
{
	(void)state;
	static const struct {
		const char *member, *input;
	} rows[] = {
	    {"\"input\": {\"n\":" DIGITS_40 ",\"n\":1e400, \"n\":1}",
	     "{\"n\":" DIGITS_40 ",\"n\":1e400, \"n\":1}"},
	    {"\"input\":\"text\"", "\"text\""},
	    {"\"input\":[]", "[]"},
	    {"\"input\":false", "false"},
	    {"\"input\":null", NULL},
	    {"", NULL},
	    {"\"inputText\":\"  7 \"", "  7 "},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_execution struct execution *execution = with_spec(rows[i].member);
		assert_null(execution->invalid);
		if (rows[i].input)
			assert_string_equal(execution->spec.input, rows[i].input);
		else
			assert_null(execution->spec.input);
	}
}

static void reads_the_rest_of_spec(void **state)
{
	(void)state;
	cleanup_execution struct execution *execution = with_spec(
	    "\"inputRef\":{\"digest\":\"" DIGEST
	    "\",\"size\":300000},\"env\":[{\"name\":\"A\",\"value\":\"x\\n\\u00e9\"},{\"name\":\"B\"}],"
	    "\"timeoutSeconds\":5,\"ttlSecondsAfterFinished\":0,\"cancel\":true");
	assert_null(execution->invalid);
	assert_string_equal(execution->spec.input_ref.digest, DIGEST);
	assert_int_equal(execution->spec.input_ref.size, 300000);
	assert_int_equal(execution->spec.env_count, 2);
	assert_string_equal(execution->spec.env[0].value, "x\n\xc3\xa9");
	assert_string_equal(execution->spec.env[1].value, "");
	assert_int_equal(execution->spec.timeout_ms, 5000);
	assert_int_equal(execution->spec.ttl_seconds, 0);
	assert_true(execution->spec.cancel);

	cleanup_buffer struct buffer out = BUFFER(4096);
	execution->spec.timeout_ms = 1500;
	assert_int_equal(execution_to_json(execution, &out, NULL), 0);
	assert_string_equal(
	    out.data,
	    "{\"apiVersion\":\"skillbox.dev/"
	    "v1alpha1\",\"kind\":\"Execution\",\"metadata\":{\"name\":\"run-1\",\"namespace\":\"t\"},"
	    "\"spec\":{\"skillRef\":{\"name\":\"a\"},\"inputRef\":{\"digest\":\"" DIGEST
	    "\",\"size\":300000},"
	    "\"env\":[{\"name\":\"A\",\"value\":\"x\\n\xc3\xa9\"},{\"name\":\"B\",\"value\":\"\"}],"
	    "\"timeoutMilliseconds\":1500,"
	    "\"ttlSecondsAfterFinished\":0,\"cancel\":true}}");
}

static void tells_why_a_spec_is_invalid(void **state)
{
	(void)state;
	static const struct {
		const char *members, *message;
	} rows[] = {
	    {"\"inputText\":\"{\\\"a\\\":\"", "spec.inputText: invalid JSON at byte 6 (line 1, column 6): "},
	    {"\"inputText\":\"\"", "spec.inputText: invalid JSON at byte 1"},
	    {"\"inputText\":\"1 2\"", "spec.inputText: invalid JSON at byte 3"},
	    {"\"inputText\":\"\\\"a\\u0000\\\"\"", "spec.inputText: contains a NUL character"},
	    {"\"inputText\":{}", "spec.inputText: must be a string, not an object"},
	    {"\"input\":1,\"inputText\":\"1\"",
	     "spec.inputText: only one of input, inputText and inputRef may be given"},
	    {"\"inputRef\":{\"digest\":\"" DIGEST "\"},\"input\":1",
	     "spec.input: only one of input, inputText and inputRef may be given"},
	    {"\"inputRef\":{\"digest\":\"sha256:..\"}",
	     "spec.inputRef.digest: must be \"sha256:\" and 64 lower-case hex digits"},
	    {"\"inputRef\":{\"digest\":\"" DIGEST "\",\"size\":-1}",
	     "spec.inputRef.size: must be a whole number from 0 to "},
	    {"\"env\":[{\"name\":\"A\",\"value\":\"a\\u0000b\"}]",
	     "spec.env[0].value: contains a NUL character"},
	    {"\"env\":[{\"name\":\"A\",\"value\":7}]", "spec.env[0].value: must be a string, not a number"},
	    {"\"env\":[{\"value\":\"7\"}]", "spec.env[0].name: is missing"},
	    {"\"env\":{}", "spec.env: must be a list, not an object"},
	    {"\"timeoutSeconds\":1.5",
	     "spec.timeoutSeconds: must be a whole number from 0 to 86400, not 1.5"},
	    {"\"timeoutSeconds\":9223372036854775807",
	     "spec.timeoutSeconds: must be a whole number from 0 to 86400, not "},
	    {"\"timeoutMilliseconds\":86400001",
	     "spec.timeoutMilliseconds: must be a whole number from 0 to 86400000, not "},
	    {"\"ttlSecondsAfterFinished\":-1",
	     "spec.ttlSecondsAfterFinished: must be a whole number from 0 to "},
	    {"\"cancel\":\"true\"", "spec.cancel: must be true or false, not a string"},
	    {"\"skillRef\":{\"name\":\"b\"}", "spec.skillRef: is given twice"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_execution struct execution *execution = with_spec(rows[i].members);
		assert_non_null(execution->invalid);
		if (strncmp(execution->invalid, rows[i].message, strlen(rows[i].message)) != 0)
			fail_msg("\"%s\" is not \"%s\"", execution->invalid, rows[i].message);
		assert_string_equal(execution->spec.skill_name, "");
		assert_null(execution->spec.input);
		assert_int_equal(execution->spec.env_count, 0);
		assert_int_equal(execution->spec.ttl_seconds, -1);
		assert_string_equal(execution->meta.uid, "u-1"); /* enough to record the failure */
	}
	cleanup_execution struct execution *no_spec = read_execution("{" META "}");
	assert_string_equal(no_spec->invalid, "spec: is missing");
	cleanup_execution struct execution *no_name = read_execution("{" META ",\"spec\":{\"skillRef\":{}}}");
	assert_string_equal(no_name->invalid, "spec.skillRef.name: is missing");
}

static void input_may_nest_to_128(void **state)
{
	(void)state;
	for (int depth = 128; depth <= 129; depth++) {
		cleanup_buffer struct buffer json = BUFFER(4096);
		buffer_append_c(&json, "\"input\":");
		for (int i = 0; i < depth; i++)
			buffer_append_byte(&json, '[');
		for (int i = 0; i < depth; i++)
			buffer_append_byte(&json, ']');
		cleanup_execution struct execution *execution = with_spec(json.data);
		if (depth == 128)
			assert_null(execution->invalid);
		else
			assert_string_equal(
			    execution->invalid,
			    "spec.input: is nested 129 deep, more than 128: make it flatter, or "
			    "hand the inner part over as text in a string");
	}
}

static void append_nested(struct buffer *out, int depth, const char *quote)
{
	for (int i = 0; i < depth; i++)
		buffer_appendf(out, i % 2 ? "[" : "{%sa%s:", quote, quote);
	buffer_append_byte(out, '1');
	for (int i = depth; i-- > 0;)
		buffer_append_byte(out, i % 2 ? ']' : '}');
}

/* kube-apiserver takes nearly 10,000, and repeats them in managedFields: the object is there all the same, to
 * be failed. */
static void a_deep_object_can_be_failed(void **state)
{
	static const struct {
		const char *name, *quote, *before, *after;
	} forms[] = {{"spec.input: is nested", "\"", "\"input\":", ""},
		     {"spec.inputText: is nested", "\\\"", "\"inputText\":\"", "\""},
		     {NULL, "\"", "\"unknown\":", ""}};
	(void)state;
	for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++)
		for (int depth = 129; depth < 12000; depth += 900) {
			cleanup_buffer struct buffer json = BUFFER(1 << 20);
			buffer_append_c(&json, "{\"metadata\":{\"managedFields\":[{\"fieldsV1\":");
			append_nested(&json, depth, "\"");
			buffer_append_c(&json,
					"}],\"name\":\"e\",\"namespace\":\"n\",\"uid\":\"u-9\"},\"spec\":{"
					"\"skillRef\":{\"name\":\"a\"},");
			buffer_append_c(&json, forms[form].before);
			append_nested(&json, depth, forms[form].quote);
			buffer_appendf(&json, "%s}}", forms[form].after);
			cleanup_execution struct execution *execution = read_execution(json.data);
			assert_string_equal(execution->meta.uid, "u-9");
			if (forms[form].name)
				assert_memory_equal(execution->invalid, forms[form].name,
						    strlen(forms[form].name));
			else
				assert_null(execution->invalid);
		}
}

/* Whoever may write an object may give it more owners than anybody means. */
static void many_owners_hide_nothing(void **state)
{
	(void)state;
	cleanup_buffer struct buffer json = BUFFER(1 << 20);
	buffer_append_c(&json, "{\"metadata\":{\"name\":\"e\",\"ownerReferences\":[");
	for (int i = 0; i < 500; i++)
		buffer_appendf(&json, "%s{\"uid\":\"o-%d\",\"controller\":%s}", i ? "," : "", i,
			       i == 300 ? "true" : "false");
	buffer_append_c(&json, "]},\"spec\":{\"skillRef\":{\"name\":\"a\"}}}");
	cleanup_execution struct execution *execution = read_execution(json.data);
	assert_string_equal(execution->meta.owner_uid, "o-300");
	assert_null(execution->invalid);
}

static void too_many_variables_are_refused(void **state)
{
	(void)state;
	cleanup_buffer struct buffer json = BUFFER(1 << 16);
	buffer_append_c(&json, "\"env\":[");
	for (int i = 0; i < 257; i++)
		buffer_appendf(&json, "%s{\"name\":\"A%d\"}", i ? "," : "", i);
	buffer_append_byte(&json, ']');
	cleanup_execution struct execution *execution = with_spec(json.data);
	assert_string_equal(execution->invalid, "spec.env: has 257 elements, more than 256");
}

static const char finished[] =
    "{" META ",\"spec\":{\"skillRef\":{\"name\":\"a\",\"version\":\"latest\"}},"
    "\"status\":{\"conditions\":[{\"type\":\"Other\",\"status\":\"True\"},{\"type\":\"Succeeded\",\"status\":"
    "\"False\",\"observedGeneration\":2,"
    "\"lastTransitionTime\":\"2026-11-24T10:58:24Z\",\"reason\":\"Failed\",\"message\":\"m\"}],"
    "\"startTime\":\"2026-11-24T10:58:23.001Z\",\"completionTime\":\"2026-11-24T10:58:24.123Z\",\"podName\":"
    "\"p\",\"attempt\":1,"
    "\"exitCode\":3,\"output\":\"{\\\"n\\\":" DIGITS_40
    ",\\\"s\\\":\\\"\\\\u0000\\\"}\",\"outputRef\":{\"digest\":\"" DIGEST "\",\"size\":1},"
    "\"error\":\"container exited with code "
    "3\",\"errorCode\":\"exit_nonzero\",\"logs\":\"a\\nb\",\"logsRef\":{\"digest\":\"" DIGEST
    "\",\"size\":2},"
    "\"logsTruncated\":true,\"files\":[\"a.txt\",\"d/\\\"b\\\"\"],\"filesRef\":{\"digest\":\"" DIGEST
    "\",\"size\":3},"
    "\"durationMilliseconds\":12,\"timings\":{\"queue\":0.500,\"run\":12.000,\"total\":13.250},\"warm\":true,"
    "\"skillVersion\":\"1.0.0\","
    "\"skillDigest\":\"" DIGEST "\",\"image\":\"i\",\"imageID\":\"i@1\","
    "\"isolation\":[{\"name\":\"seccomp\",\"active\":true},{\"name\":\"landlock\",\"active\":false,"
    "\"detail\":\"no such call\"}]}}";

static void status_survives_a_round_trip(void **state)
{
	(void)state;
	cleanup_execution struct execution *execution = read_execution(finished);
	assert_string_equal(execution->status.output, "{\"n\":" DIGITS_40 ",\"s\":\"\\u0000\"}");
	assert_int_equal(execution->status.started_ms, 1795517903001);
	assert_true(execution->status.has_exit_code);
	assert_true(execution->status.timings.sandbox < 0);
	assert_string_equal(execution->status.files[1], "d/\"b\"");

	cleanup_buffer struct buffer patch = BUFFER(1 << 20);
	struct error err = {0};
	assert_int_equal(execution_status_patch(execution, true, &patch, &err), 0);
	const char *head =
	    "{\"metadata\":{\"resourceVersion\":\"7\"},\"status\":{\"conditions\":[{\"type\":\"Succeeded\",";
	assert_memory_equal(patch.data, head, strlen(head));
	/* what the patch says is what was read, but for the condition that isn't ours */
	const char *rest = strstr(finished, "\"startTime\"");
	const char *written = strstr(patch.data, "\"startTime\"");
	assert_non_null(written);
	assert_string_equal(written, rest);

	buffer_reset(&patch);
	assert_int_equal(execution_status_patch(execution, false, &patch, &err), 0);
	assert_memory_equal(patch.data, "{\"status\":{", 11);
}

static void equal_layers_are_one_in_memory(void **state)
{
	(void)state;
	const char *open = strstr(finished, ",\"active\":true");
	cleanup_buffer struct buffer other = BUFFER(8192);
	buffer_appendf(&other, "%.*s,\"active\":false%s", (int)(open - finished), finished, open + 14);
	struct execution *first = read_execution(finished);
	cleanup_execution struct execution *second = read_execution(finished);
	cleanup_execution struct execution *third = read_execution(other.data);
	assert_ptr_equal(first->status.isolation, second->status.isolation);
	assert_int_equal(second->status.isolation->references, 2);
	assert_ptr_not_equal(third->status.isolation, second->status.isolation);
	assert_false(third->status.isolation->layers[0].active);
	first = execution_free(first);
	assert_int_equal(second->status.isolation->references, 1);
	assert_string_equal(second->status.isolation->layers[1].detail, "no such call");
}

static void what_has_ended_can_be_kept_small(void **state)
{
	(void)state;
	cleanup_execution struct execution *execution = read_execution(finished);
	execution_keep_outline(execution);
	assert_null(execution->spec.input);
	assert_null(execution->status.output);
	assert_null(execution->status.logs);
	assert_null(execution->status.isolation);
	assert_int_equal(execution->status.file_count, 0);
	assert_true(execution_is_finished(execution));
	assert_int_equal(execution->status.attempt, 1);
	assert_string_equal(execution->status.pod_name, "p");
	assert_true(execution->status.completed_ms > 0);
	assert_non_null(execution->spec.skill_name);
}

static void a_patch_holds_only_what_is_set(void **state)
{
	(void)state;
	struct execution execution = {.meta = {.name = "a", .generation = 1}};
	execution.status.succeeded = (struct condition){.status = "Unknown",
							.reason = REASON_RUNNING,
							.transition_ms = 1795517904000,
							.observed_generation = 1};
	execution.status.started_ms = 1795517904500;
	execution.status.pod_name = "p";
	cleanup_buffer struct buffer patch = BUFFER(4096);
	struct error err = {0};
	assert_int_equal(execution_status_patch(&execution, false, &patch, &err), 0);
	assert_string_equal(
	    patch.data,
	    "{\"status\":{\"conditions\":[{\"type\":\"Succeeded\",\"status\":\"Unknown\","
	    "\"observedGeneration\":1,"
	    "\"lastTransitionTime\":\"2026-11-24T10:58:24Z\",\"reason\":\"Running\",\"message\":\"\"}],"
	    "\"startTime\":\"2026-11-24T10:58:24.500Z\",\"podName\":\"p\"}}");
	buffer_reset(&patch);
	assert_int_equal(execution_status_patch(&execution, true, &patch, &err), -1);
	assert_string_equal(err.message, "a guarded patch needs metadata.resourceVersion");
}

static void long_texts_are_cut_and_long_lists_refused(void **state)
{
	(void)state;
	struct error err = {0};
	cleanup_buffer struct buffer patch = BUFFER(1 << 20);
	char text[EXECUTION_MAX_ERROR + 100];
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	struct execution_layer layer = {.name = "seccomp", .detail = text};
	struct isolation isolation = {1, 1, &layer};
	struct execution execution = {.meta = {.name = "a"}};
	execution.status.error = text;
	execution.status.succeeded = (struct condition){.status = "False", .message = text};
	execution.status.isolation = &isolation;
	assert_int_equal(execution_status_patch(&execution, false, &patch, &err), 0);
	cleanup_buffer struct buffer whole = BUFFER(1 << 20);
	buffer_appendf(&whole, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"skillRef\":{\"name\":\"a\"}},%s",
		       patch.data + 1);
	cleanup_execution struct execution *read = read_execution(whole.data);
	assert_int_equal(strlen(read->status.error), EXECUTION_MAX_ERROR);
	assert_int_equal(strlen(read->status.succeeded.message), EXECUTION_MAX_ERROR);
	assert_int_equal(strlen(read->status.isolation->layers[0].detail), EXECUTION_MAX_LAYER_DETAIL);
	assert_string_equal(read->status.error + EXECUTION_MAX_ERROR - 4, "x\xe2\x80\xa6");

	char *files[EXECUTION_MAX_FILES + 1];
	for (size_t i = 0; i < EXECUTION_MAX_FILES + 1; i++)
		files[i] = "a";
	execution.status.files = files;
	execution.status.file_count = EXECUTION_MAX_FILES + 1;
	buffer_reset(&patch);
	assert_int_equal(execution_status_patch(&execution, false, &patch, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	files[0] = text;
	execution.status.file_count = 1;
	buffer_reset(&patch);
	assert_int_equal(execution_status_patch(&execution, false, &patch, &err), -1);
	assert_non_null(strstr(err.message, "files[0] has "));
}

static void bad_input_is_not_written(void **state)
{
	(void)state;
	struct error err = {0};
	cleanup_buffer struct buffer out = BUFFER(4096);
	struct execution execution = {.meta = {.name = "a"},
				      .spec = {.skill_name = "a", .input = "{\"a\":\"\xff\"}"}};
	assert_int_equal(execution_to_json(&execution, &out, &err), -1);
	assert_string_equal(err.message, "input: invalid JSON at byte 7 (line 1, column 7): invalid UTF-8");
	struct env_var variable = {"A", "\xff"};
	execution.spec.input = NULL;
	execution.spec.env = &variable;
	execution.spec.env_count = 1;
	buffer_reset(&out);
	assert_int_equal(execution_to_json(&execution, &out, &err), -1);
	assert_string_equal(err.message, "env[0]: value: not UTF-8 at byte 0");
}

static void bad_objects_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *json, *message;
	} rows[] = {
	    {"{\"spec\":{}}", "metadata: is missing"},
	    {"{" META ",\"status\":{\"exitCode\":true}}", "status.exitCode: must be a number, not a boolean"},
	    {"{" META ",\"status\":{\"logsRef\":{\"size\":1}}}",
	     "status.logsRef.digest: must be \"sha256:\" and 64 lower-case hex digits"},
	    {"{" META ",\"status\":{\"files\":[\"a\",{}]}}",
	     "status.files[1]: must be a string, not an object"},
	    {"{" META ",\"status\":{\"timings\":{\"run\":1e400}}}",
	     "status.timings.run: must be within 31622400000, not 1e400"},
	    {"{" META ",\"status\":{\"isolation\":[{\"active\":1}]}}",
	     "status.isolation[0].active: must be true or false, not a number"},
	    {"{" META ",\"status\":{\"logs\":\"\\ud800\"}}",
	     "status.logs: a JSON string has half a surrogate pair"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		assert_null(execution_from_json(str_of(rows[i].json), &err));
		if (strncmp(err.message, rows[i].message, strlen(rows[i].message)) != 0)
			fail_msg("\"%s\" is not \"%s\"", err.message, rows[i].message);
	}
	assert_null(execution_free(NULL));
}

/* Cut anywhere, a text is refused or read, never a crash or a leak (the sanitizers watch). */
static void survives_cut_texts(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(finished) - 1; n++) {
		cleanup_free char *cut = malloc(n ? n : 1);
		assert_non_null(cut);
		memcpy(cut, finished, n);
		assert_null(execution_from_json((struct str){cut, n}, NULL));
	}
}

static void gives_the_word_for_rest(void **state)
{
	(void)state;
	static const struct {
		char *status, *reason;
		const char *word;
		bool finished;
	} rows[] = {
	    {NULL, NULL, "pending", false},
	    {"Unknown", REASON_PENDING, "pending", false},
	    {"Unknown", NULL, "pending", false},
	    {"Unknown", REASON_RUNNING, "running", false},
	    {"True", REASON_SUCCEEDED, "success", true},
	    {"False", REASON_FAILED, "failed", true},
	    {"False", NULL, "failed", true},
	    {"False", REASON_TIMED_OUT, "timeout", true},
	    {"False", REASON_CANCELLED, "cancelled", true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct execution execution = {0};
		execution.status.succeeded.status = rows[i].status;
		execution.status.succeeded.reason = rows[i].reason;
		assert_string_equal(execution_rest_status(&execution), rows[i].word);
		assert_int_equal(execution_is_finished(&execution), rows[i].finished);
	}
}

static void the_id_is_a_uuid(void **state)
{
	(void)state;
	struct execution execution = {
	    .meta = {.name = "from-kubectl", .uid = "6f1c2a34-0000-4000-8000-000000000001"}};
	assert_string_equal(execution_id(&execution), "6f1c2a34-0000-4000-8000-000000000001");
	execution.meta.name = "11111111-2222-4333-8444-555555555555";
	assert_string_equal(execution_id(&execution), "11111111-2222-4333-8444-555555555555");
	execution.meta.uid = NULL;
	execution.meta.name = "not-stored-yet";
	assert_string_equal(execution_id(&execution), "not-stored-yet");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_the_input_byte_for_byte),
	    cmocka_unit_test(takes_the_raw_text_of_input),
	    cmocka_unit_test(reads_the_rest_of_spec),
	    cmocka_unit_test(tells_why_a_spec_is_invalid),
	    cmocka_unit_test(input_may_nest_to_128),
	    cmocka_unit_test(a_deep_object_can_be_failed),
	    cmocka_unit_test(many_owners_hide_nothing),
	    cmocka_unit_test(too_many_variables_are_refused),
	    cmocka_unit_test(status_survives_a_round_trip),
	    cmocka_unit_test(equal_layers_are_one_in_memory),
	    cmocka_unit_test(what_has_ended_can_be_kept_small),
	    cmocka_unit_test(a_patch_holds_only_what_is_set),
	    cmocka_unit_test(long_texts_are_cut_and_long_lists_refused),
	    cmocka_unit_test(bad_input_is_not_written),
	    cmocka_unit_test(bad_objects_are_refused),
	    cmocka_unit_test(survives_cut_texts),
	    cmocka_unit_test(gives_the_word_for_rest),
	    cmocka_unit_test(the_id_is_a_uuid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
