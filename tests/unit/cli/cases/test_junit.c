/* JUnit XML is XML, whatever a script wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/cases/junit.h"

static void escapes(const char *text, bool is_attribute, const char *wanted)
{
	struct buffer out = BUFFER(4096);
	junit_escape(&out, str_of(text), is_attribute);
	assert_string_equal(out.data ? out.data : "", wanted);
	buffer_free(&out);
}

static void test_escape(void **state)
{
	(void)state;
	escapes("a<b>&\"c'", true, "a&lt;b&gt;&amp;&quot;c'");
	escapes("]]>", false, "]]&gt;");
	escapes("a\n\tb\r", true, "a&#10;&#9;b&#13;");
	escapes("a\n\tb\r", false, "a\n\tb&#13;");
	escapes("\x01\x1b[31m\x7f", false, "\xef\xbf\xbd\xef\xbf\xbd[31m\x7f");
	escapes("\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd", false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	escapes("\xc3\xa9 \xff \xc3", false, "\xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd");
}

static void test_suite(void **state)
{
	(void)state;
	static const struct junit_case cases[] = {
	    {.name = "good", .verdict = JUNIT_PASSED, .duration_ms = 1005, .log = STR("said")},
	    {.name = "bad", .verdict = JUNIT_FAILED, .duration_ms = 2, .why = "a<b", .detail = STR("more")},
	    {.name = "none", .verdict = JUNIT_ERROR, .why = "no server"},
	};
	const struct junit_suite suite = {"greet", INT64_C(1764000000000), cases, 3};
	struct buffer out = BUFFER(65536);
	junit_write(&suite, &out);
	assert_string_equal(
	    out.data,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
	    "  <testsuite name=\"greet\" tests=\"3\" failures=\"1\" errors=\"1\" skipped=\"0\" time=\"1.007\""
	    " timestamp=\"2025-11-24T16:00:00Z\">\n"
	    "    <testcase classname=\"greet\" name=\"good\" time=\"1.005\">\n"
	    "      <system-out>said</system-out>\n    </testcase>\n"
	    "    <testcase classname=\"greet\" name=\"bad\" time=\"0.002\">\n"
	    "      <failure message=\"a&lt;b\">more</failure>\n    </testcase>\n"
	    "    <testcase classname=\"greet\" name=\"none\" time=\"0.000\">\n"
	    "      <error message=\"no server\"></error>\n    </testcase>\n"
	    "  </testsuite>\n</testsuites>\n");
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_escape), cmocka_unit_test(test_suite)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
