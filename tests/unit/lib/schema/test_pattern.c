#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/schema/pattern.h"

#include "lib/schema/schema.h"

#define LONG 300000

static bool matches(const char *pattern, struct str subject, struct budget *budget)
{
	struct pattern *compiled;
	struct pattern_workspace *workspace = NULL;
	struct error err;
	if (pattern_compile(str_of(pattern), &compiled, &err) != 0)
		fail_msg("%s: %s", pattern, err.message);
	bool found = pattern_matches(compiled, subject, &workspace, budget);
	pattern_workspace_free(workspace);
	pattern_free(compiled);
	return found;
}

static void matches_as_ecma_262_does(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *subject;
		bool found;
	} rows[] = {
	    {"^a", "ba", false},
	    {"a", "xax", true},
	    {"", "", true},
	    {"^\\d+$", "12\n", false},
	    {"^\\d$", "\xd9\xa3", false},
	    {"^\\u00e9$", "\xc3\xa9", true},
	    {"^\\u{1F600}$", "\xf0\x9f\x98\x80", true},
	    {"^.$", "\xf0\x9f\x98\x80", true},
	    {"[^]", "\n", true},
	    {"[]", "a", false},
	    {"(?<n>a)\\k<n>", "aa", true},
	    {"^\\p{L}+$", "\xc3\xa4z", true},
	    {"(?i:A)b", "ab", true},
	    {"(a)|\\1b", "b", true},
	    {"^[^b](?=c)", "ac", true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct budget budget = {.steps = SCHEMA_STEPS_MAX};
		if (matches(rows[i].pattern, str_of(rows[i].subject), &budget) != rows[i].found || budget.why)
			fail_msg("%s, %s", rows[i].pattern, rows[i].subject);
	}
}

static void what_others_would_not_take_is_refused(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
	    {"(*ACCEPT)a", "\"(*A\" is no group"},
	    {"(?R)", "\"(?R\" is no group"},
	    {"(?P<n>a)", "\"(?P\" is no group"},
	    {"(?i)a", "\"(?i\" is no group"},
	    {"(?C1)a", "\"(?C\" is no group"},
	    {"(?>a)", "\"(?>\" is no group"},
	    {"\\Qa\\E", "\"\\Qa\" is no escape"},
	    {"a(", "missing closing parenthesis, at byte 3"},
	    {"[", "missing terminating ]"},
	    {"\\C", "no regular expression"},
	    {"(((a{900}){900}){900})", "too large"},
	    {"a{2,1}", "numbers out of order"},
	    {"(?<=a*)b", "lookbehind"},
	};
	struct pattern *pattern;
	struct error err;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (pattern_compile(str_of(rows[i][0]), &pattern, &err) == 0)
			fail_msg("%s is taken", rows[i][0]);
		if (err.code != ERR_BAD_REQUEST || !strstr(err.message, rows[i][1]))
			fail_msg("%s: %s", rows[i][0], err.message);
	}
}

static void the_size_of_a_pattern_is_bounded(void **state)
{
	(void)state;
	char text[8194];
	struct pattern *pattern;
	struct error err;
	memset(text, 'a', sizeof(text));
	assert_int_equal(pattern_compile((struct str){text, 8193}, &pattern, &err), -1);
	assert_non_null(strstr(err.message, "8193 bytes; at most 8192"));
}

/* Each of these takes minutes or years to find out that it doesn't match, in PCRE2 without limits or with its
 * own alone. */
static void hostile_patterns_end(void **state)
{
	(void)state;
	static const char *const patterns[] = {
	    "^(a|a)*$",        "(a+)+[^ab!]",          "a*c|b[^!]",
	    "(a*)c|\\1d|!x",   "(?:a{60000}c|bx)",     "(?=(a+))\\1c|ax",
	    "(?<=a{200})c|ax", "(?:a*c|a*d|a*e)*f|!q", "^(([a-z])+.)+[A-Z]([a-z])+$",
	    "(a|b|ab)*(?=c)",  "^(?:a?){50}a{50}$",    "(?:(?:a|aa)+)+[c-e]",
	};
	char *text = malloc(LONG);
	assert_non_null(text);
	memset(text, 'a', LONG);
	memcpy(text + LONG - 2, "b!", 2);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct budget budget = {.steps = SCHEMA_STEPS_MAX};
		if (matches(patterns[i], (struct str){text, LONG}, &budget) || !budget.why)
			fail_msg("%s ended by itself", patterns[i]);
	}
	free(text);
}

/* … while what people write goes through long texts. */
static void ordinary_patterns_are_not_bounded(void **state)
{
	(void)state;
	static const char *const patterns[] = {"^[a-z]*b!$", "b!",     "^(?:a{4})*",
					       "[^a]b?!",    "^\\S+$", "(?=b)b|x"};
	char *text = malloc(LONG);
	assert_non_null(text);
	memset(text, 'a', LONG);
	memcpy(text + LONG - 2, "b!", 2);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct budget budget = {.steps = SCHEMA_STEPS_MAX};
		if (!matches(patterns[i], (struct str){text, LONG}, &budget))
			fail_msg("%s: %s", patterns[i], budget.why ? budget.why : "no match");
		assert_true(budget.steps > SCHEMA_STEPS_MAX / 2);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(matches_as_ecma_262_does),
	    cmocka_unit_test(what_others_would_not_take_is_refused),
	    cmocka_unit_test(the_size_of_a_pattern_is_bounded),
	    cmocka_unit_test(hostile_patterns_end),
	    cmocka_unit_test(ordinary_patterns_are_not_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
