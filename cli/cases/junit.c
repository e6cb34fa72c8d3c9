#include "cli/cases/junit.h"

#include "lib/base/clock.h"
#include "lib/base/utf8.h"

#include <stdbool.h>

static const char *const entities[128] = {
    ['&'] = "&amp;", ['<'] = "&lt;",   ['>'] = "&gt;",   ['"'] = "&quot;",
    ['\t'] = "&#9;", ['\n'] = "&#10;", ['\r'] = "&#13;",
};

/* U+FFFE and U+FFFF are the last ones that are no characters to XML; surrogates aren't UTF-8. */
static bool is_no_character(struct str sequence)
{
	unsigned char first = (unsigned char)sequence.p[0];
	if (sequence.n == 1)
		return first < ' ' && !entities[first];
	return sequence.n == 3 && first == 0xEF && (unsigned char)sequence.p[1] == 0xBF &&
	       (unsigned char)sequence.p[2] >= 0xBE;
}

/* A reader makes blanks of line ends and tabs in an attribute, and a line end of a CR. */
static bool is_kept(unsigned char c, bool is_attribute)
{
	return !is_attribute && (c == '\n' || c == '\t');
}

void junit_escape(struct buffer *out, struct str s, bool is_attribute)
{
	while (s.n > 0) {
		size_t n = utf8_length(s);
		struct str sequence = {s.p, n > 0 ? n : 1};
		unsigned char first = (unsigned char)s.p[0];
		if (n == 0 || is_no_character(sequence))
			buffer_append_c(out, UTF8_REPLACEMENT);
		else if (n == 1 && entities[first] && !is_kept(first, is_attribute))
			buffer_append_c(out, entities[first]);
		else
			buffer_append_str(out, sequence);
		s = (struct str){s.p + sequence.n, s.n - sequence.n};
	}
}

static void attribute(struct buffer *out, const char *name, struct str value)
{
	buffer_appendf(out, " %s=\"", name);
	junit_escape(out, value, true);
	buffer_append_c(out, "\"");
}

static void seconds(struct buffer *out, int64_t ms)
{
	buffer_appendf(out, " time=\"%lld.%03lld\"", (long long)(ms / 1000), (long long)(ms % 1000));
}

static void write_case(const struct junit_suite *suite, const struct junit_case *one, struct buffer *out)
{
	static const char *const elements[] = {"", "failure", "error"};
	const char *element = elements[one->verdict];
	buffer_append_c(out, "    <testcase");
	attribute(out, "classname", str_of(suite->name));
	attribute(out, "name", str_of(one->name));
	seconds(out, one->duration_ms);
	buffer_append_c(out, ">\n");
	if (one->verdict != JUNIT_PASSED) {
		buffer_appendf(out, "      <%s", element);
		attribute(out, "message", str_of(one->why));
		buffer_append_c(out, ">");
		junit_escape(out, one->detail, false);
		buffer_appendf(out, "</%s>\n", element);
	}
	if (one->log.n > 0) {
		buffer_append_c(out, "      <system-out>");
		junit_escape(out, one->log, false);
		buffer_append_c(out, "</system-out>\n");
	}
	buffer_append_c(out, "    </testcase>\n");
}

void junit_write(const struct junit_suite *suite, struct buffer *out)
{
	char started[CLOCK_RFC3339_SIZE];
	size_t counts[3] = {0};
	int64_t total = 0;
	for (size_t i = 0; i < suite->count; i++) {
		counts[suite->cases[i].verdict]++;
		total += suite->cases[i].duration_ms;
	}
	clock_format_rfc3339(suite->started_ms, false, started);
	buffer_append_c(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite");
	attribute(out, "name", str_of(suite->name));
	buffer_appendf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\"", suite->count,
		       counts[JUNIT_FAILED], counts[JUNIT_ERROR]);
	seconds(out, total);
	attribute(out, "timestamp", str_of(started));
	buffer_append_c(out, ">\n");
	for (size_t i = 0; i < suite->count; i++)
		write_case(suite, &suite->cases[i], out);
	buffer_append_c(out, "  </testsuite>\n</testsuites>\n");
}
