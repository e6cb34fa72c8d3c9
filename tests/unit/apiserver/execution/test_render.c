#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/render.h"
#include "lib/base/jsontext.h"

#define ID "11111111-2222-4333-8444-555555555555"

static struct shared_execution *record_of(const char *annotations, const char *spec, const char *status)
{
	char json[4096];
	struct error err;
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"" ID
		 "\",\"namespace\":\"ns\",\"uid\":\"u\",\"creationTimestamp\":\"2026-11-24T10:00:00Z\"%s},"
		 "\"spec\":{\"skillRef\":{\"name\":\"s\",\"version\":\"1.0.0\"}%s},\"status\":{%s}}",
		 annotations, spec, status);
	struct shared_execution *shared = shared_execution_from_json(str_of(json), &err);
	if (!shared)
		fail_msg("%s", err.message);
	return shared;
}

#define CONDITION(status, reason)                                                                            \
	"\"conditions\":[{\"type\":\"Succeeded\",\"status\":\"" status "\",\"reason\":\"" reason             \
	"\",\"message\":\"why\",\"lastTransitionTime\":\"2026-11-24T10:00:01Z\"}]"

static void renders(const char *status, enum render_form form, const struct render_texts *texts,
		    const char *expected)
{
	struct shared_execution *shared = record_of("", "", status);
	struct buffer out = BUFFER(65536);
	render_execution(shared, form, "t", NULL, texts, &out);
	assert_false(out.failed);
	assert_int_equal(jsontext_check(buffer_str(&out), NULL, NULL), 0);
	assert_string_equal(out.data, expected);
	buffer_free(&out);
	shared_execution_unref(shared);
}

static void test_before_the_end(void **state)
{
	(void)state;
	struct render_texts none = {0};
	renders("", RENDER_RESULT, &none,
		"{\"execution_id\":\"" ID "\",\"status\":\"pending\",\"error\":null}");
	renders(CONDITION("Unknown", "Running"), RENDER_RECORD, &none,
		"{\"execution_id\":\"" ID
		"\",\"status\":\"running\",\"error\":null,\"skill_name\":\"s\",\"skill_version\":\"1.0.0\","
		"\"tenant_id\":\"t\",\"created_at\":\"2026-11-24T10:00:00.000Z\",\"input\":{}}");
}

/* Why it waits: in the controller's words, unless nobody works on it. Nothing else has them. */
static void test_why_it_waits(void **state)
{
	(void)state;
	const struct render_texts none = {0};
	static const struct {
		const char *status, *stalled, *expected;
	} rows[] = {
	    {CONDITION("Unknown", "QuotaExceeded"), NULL,
	     "\"pending\",\"reason\":\"QuotaExceeded\",\"message\":\"why\",\"error\":null}"},
	    {CONDITION("Unknown", "QuotaExceeded"), "nobody",
	     "\"pending\",\"reason\":\"NoController\",\"message\":\"nobody\",\"error\":null}"},
	    {"", "nobody", "\"pending\",\"reason\":\"NoController\",\"message\":\"nobody\",\"error\":null}"},
	    {CONDITION("Unknown", "Running"), "nobody", "\"running\",\"error\":null}"},
	    {CONDITION("True", "Succeeded"), "nobody",
	     "\"success\",\"duration_ms\":1,\"timings\":{},\"warm\":false,\"error\":null}"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shared_execution *shared = record_of("", "", rows[i].status);
		struct buffer out = BUFFER(4096);
		render_execution(shared, RENDER_RESULT, "t", rows[i].stalled, &none, &out);
		if (!strstr(out.data, rows[i].expected))
			fail_msg("%s", out.data);
		buffer_free(&out);
		shared_execution_unref(shared);
	}
}

static void test_texts(void **state)
{
	(void)state;
	struct render_texts texts = {
	    .output = STR(" {\"a\" : 1.0 } "), .logs = STR("a\nb\xff\0c"), .input = STR("[ 1 ]")};
	renders(CONDITION("True", "Succeeded") ",\"exitCode\":0,\"durationMilliseconds\":0", RENDER_RESULT,
		&texts,
		"{\"execution_id\":\"" ID "\",\"status\":\"success\",\"output\":{\"a\":1.0},"
		"\"logs\":\"a\\nb\xef\xbf\xbd\\u0000c\",\"exit_code\":0,\"duration_ms\":1,\"timings\":{},"
		"\"warm\":false,\"error\":null}");
	/* What claims to be JSON and isn't never gets out as it is. */
	struct render_texts broken = {.output = STR("{"), .input = STR("},\"x\":{")};
	renders(CONDITION("True", "Succeeded"), RENDER_RECORD, &broken,
		"{\"execution_id\":\"" ID
		"\",\"status\":\"success\",\"duration_ms\":1,\"timings\":{},\"warm\":false,\"error\":null,"
		"\"skill_name\":\"s\",\"skill_version\":\"1.0.0\",\"tenant_id\":\"t\",\"created_at\":\"2026-"
		"11-24T10:00:00.000Z\","
		"\"input\":\"},\\\"x\\\":{\"}");
}

static void test_files(void **state)
{
	(void)state;
	const char *status =
	    CONDITION("True", "Succeeded") ",\"files\":[\"a\",\"b/\\\"c\"],\"durationMilliseconds\":5";
	struct render_texts texts = {.files_url = "http://h/f"};
	renders(status, RENDER_RESULT, &texts,
		"{\"execution_id\":\"" ID
		"\",\"status\":\"success\",\"files_url\":\"http://h/f\",\"files_list\":[\"a\",\"b/\\\"c\"],"
		"\"duration_ms\":5,\"timings\":{},\"warm\":false,\"error\":null}");
	struct render_texts none = {0};
	renders(status, RENDER_RESULT, &none,
		"{\"execution_id\":\"" ID
		"\",\"status\":\"success\",\"duration_ms\":5,\"timings\":{},\"warm\":false,\"error\":null}");
}

static void test_failures(void **state)
{
	(void)state;
	struct render_texts none = {0};
	renders(CONDITION("False", "TimedOut") ",\"error\":\"execution timed out after "
					       "5s\",\"errorCode\":\"timeout\",\"exitCode\":137,"
					       "\"durationMilliseconds\":5001,\"timings\":{\"queue\":0.0004,"
					       "\"run\":5000.9996},\"warm\":true,"
					       "\"logsTruncated\":true",
		RENDER_RESULT, &none,
		"{\"execution_id\":\"" ID
		"\",\"status\":\"timeout\",\"logs_truncated\":true,\"exit_code\":137,\"duration_ms\":5001,"
		"\"timings\":{\"queue\":0.000,\"run\":5001.000},\"warm\":true,\"error\":\"execution timed "
		"out after 5s\","
		"\"error_code\":\"timeout\"}");
	/* A failure without words of its own has the condition's. */
	renders(
	    CONDITION("False", "Failed"), RENDER_RESULT, &none,
	    "{\"execution_id\":\"" ID
	    "\",\"status\":\"failed\",\"duration_ms\":1,\"timings\":{},\"warm\":false,\"error\":\"why\"}");
	/* Leftovers of a failure don't show on a success. */
	renders(CONDITION("True", "Succeeded") ",\"error\":\"old\",\"errorCode\":\"old\"", RENDER_RESULT,
		&none,
		"{\"execution_id\":\"" ID
		"\",\"status\":\"success\",\"duration_ms\":1,\"timings\":{},\"warm\":false,\"error\":null}");
}

static void test_summary(void **state)
{
	(void)state;
	struct render_texts texts = {
	    .output = STR("1"), .logs = STR("x"), .input = STR("2"), .files_url = "u"};
	renders(CONDITION("True", "Succeeded") ",\"files\":[\"a\"],\"skillVersion\":\"2.0.0\","
					       "\"skillDigest\":\"d\",\"image\":\"i\","
					       "\"startTime\":\"2026-11-24T10:00:01.5Z\",\"completionTime\":"
					       "\"2026-11-24T10:00:02Z\"",
		RENDER_SUMMARY, &texts,
		"{\"execution_id\":\"" ID
		"\",\"status\":\"success\",\"duration_ms\":1,\"timings\":{},\"warm\":false,\"error\":null,"
		"\"skill_name\":\"s\",\"skill_version\":\"2.0.0\",\"tenant_id\":\"t\",\"created_at\":\"2026-"
		"11-24T10:00:00.000Z\","
		"\"started_at\":\"2026-11-24T10:00:01.500Z\",\"finished_at\":\"2026-11-24T10:00:02.000Z\","
		"\"skill_digest\":\"d\","
		"\"image\":\"i\"}");
}

/* In the record only, and of one that has ended: each layer with all its members. */
static void test_isolation(void **state)
{
	(void)state;
	const struct render_texts none = {0};
	static const struct {
		const char *status;
		enum render_form form;
		const char *isolation;
	} rows[] = {
#define LAYERS                                                                                               \
	",\"isolation\":[{\"name\":\"seccomp\",\"active\":true},{\"name\":\"landlock\",\"active\":false,"    \
	"\"detail\":\"no \\\"such\\\" call\"}]"
	    {CONDITION("True", "Succeeded") LAYERS, RENDER_RECORD,
	     ",\"isolation\":[{\"name\":\"seccomp\",\"active\":true,\"detail\":\"\"},{\"name\":\"landlock\","
	     "\"active\":false,\"detail\":\"no \\\"such\\\" call\"}],\"input\":{}}"},
	    {CONDITION("False", "Failed") LAYERS, RENDER_RECORD, ",\"isolation\":["},
	    {CONDITION("True", "Succeeded") LAYERS, RENDER_RESULT, NULL},
	    {CONDITION("True", "Succeeded") LAYERS, RENDER_SUMMARY, NULL},
	    {CONDITION("Unknown", "Running") LAYERS, RENDER_RECORD, NULL},
	    {CONDITION("True", "Succeeded"), RENDER_RECORD, NULL},
	    {CONDITION("True", "Succeeded") ",\"isolation\":[]", RENDER_RECORD, NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shared_execution *shared = record_of("", "", rows[i].status);
		struct buffer out = BUFFER(4096);
		render_execution(shared, rows[i].form, "t", NULL, &none, &out);
		assert_int_equal(jsontext_check(buffer_str(&out), NULL, NULL), 0);
		const char *found = strstr(out.data, ",\"isolation\"");
		if (!rows[i].isolation != !found || (found && !strstr(found, rows[i].isolation)))
			fail_msg("%zu: %s", i, out.data);
		buffer_free(&out);
		shared_execution_unref(shared);
	}
}

static void test_a_full_buffer_is_noticed(void **state)
{
	(void)state;
	struct shared_execution *shared = record_of("", "", CONDITION("True", "Succeeded"));
	struct render_texts texts = {.output = STR("\"a rather long output\"")};
	for (size_t max = 0; max < 120; max++) {
		struct buffer out = BUFFER(max);
		render_execution(shared, RENDER_RESULT, "t", NULL, &texts, &out);
		assert_true(out.failed);
		buffer_free(&out);
	}
	shared_execution_unref(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_before_the_end), cmocka_unit_test(test_why_it_waits),
	    cmocka_unit_test(test_texts),          cmocka_unit_test(test_files),
	    cmocka_unit_test(test_failures),       cmocka_unit_test(test_summary),
	    cmocka_unit_test(test_isolation),      cmocka_unit_test(test_a_full_buffer_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
