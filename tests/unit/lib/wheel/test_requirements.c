/* lib/wheel/requirements.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/wheel/requirements.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void expect_str(struct str got, const char *wanted)
{
	if (!str_eq(got, str_of(wanted)))
		fail_msg("'%.*s', not '%s'", (int)got.n, got.p, wanted);
}

static void requirements_are_read_as_pip_does(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		enum requirement_kind kind;
		const char *name, *version;
	} cases[] = {
	    {"numpy", REQUIREMENT_PLAIN, "numpy", ""},
	    {"  numpy  # fast", REQUIREMENT_PLAIN, "numpy", ""},
	    {"numpy==2.1", REQUIREMENT_PLAIN, "numpy", "2.1"},
	    {"numpy == 2.1", REQUIREMENT_PLAIN, "numpy", "2.1"},
	    {"numpy===2.1", REQUIREMENT_PLAIN, "numpy", "2.1"},
	    {"numpy (==2.1)", REQUIREMENT_PLAIN, "numpy", "2.1"},
	    {"numpy==2.*", REQUIREMENT_PLAIN, "numpy", ""},
	    {"numpy==2.1,!=2.1.1", REQUIREMENT_PLAIN, "numpy", ""},
	    {"numpy>=2,<3", REQUIREMENT_PLAIN, "numpy", ""},
	    {"numpy~=2.1", REQUIREMENT_PLAIN, "numpy", ""},
	    {"Zope.Interface[test,docs]>=5", REQUIREMENT_PLAIN, "Zope.Interface", ""},
	    {"lxml [html] == 5.0", REQUIREMENT_PLAIN, "lxml", "5.0"},
	    {"numpy==2.1 --hash=sha256:" A, REQUIREMENT_PLAIN, "numpy", "2.1"},
	    {"numpy==2.1 \\\r\n  --hash=sha256:" A, REQUIREMENT_PLAIN, "numpy", "2.1"},
	    {"numpy \\\n == \\\n 2.1", REQUIREMENT_PLAIN, "numpy", "2.1"},
	    {"\xef\xbb\xbfnumpy", REQUIREMENT_PLAIN, "numpy", ""},
	    {"numpy; python_version > '3'", REQUIREMENT_OTHER, "", ""},
	    {"numpy>=2 ; sys_platform == 'linux'", REQUIREMENT_OTHER, "", ""},
	    {"numpy @ https://example.test/numpy.whl", REQUIREMENT_OTHER, "", ""},
	    {"https://example.test/numpy-2.1.whl", REQUIREMENT_OTHER, "", ""},
	    {"./wheels/numpy-2.1-py3-none-any.whl", REQUIREMENT_OTHER, "", ""},
	    {"numpy-2.1-py3-none-any.whl", REQUIREMENT_OTHER, "", ""},
	    {"git+https://example.test/x", REQUIREMENT_OTHER, "", ""},
	    {"numpy==${VERSION}", REQUIREMENT_PLAIN, "numpy", ""},
	    {"${PACKAGE}", REQUIREMENT_OTHER, "", ""},
	    {"numpy [test", REQUIREMENT_OTHER, "", ""},
	    {"-r other.txt", REQUIREMENT_OTHER, "", ""},
	    {"-rother.txt", REQUIREMENT_OTHER, "", ""},
	    {"--requirement=other.txt", REQUIREMENT_OTHER, "", ""},
	    {"-e .", REQUIREMENT_OTHER, "", ""},
	    {"--editable .", REQUIREMENT_OTHER, "", ""},
	    {"-c limits.txt", REQUIREMENT_OPTION, "", ""},
	    {"--constraint limits.txt", REQUIREMENT_OPTION, "", ""},
	    {"--require-hashes", REQUIREMENT_OPTION, "", ""},
	    {"--index-url https://example.test", REQUIREMENT_OPTION, "", ""},
	    {"-i https://example.test", REQUIREMENT_OPTION, "", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str text = str_of(cases[i].line);
		struct requirement one;
		assert_true(requirements_next(&text, &one));
		if (one.kind != cases[i].kind)
			fail_msg("'%s' is of kind %d", cases[i].line, one.kind);
		expect_str(one.name, cases[i].name);
		expect_str(one.version, cases[i].version);
		assert_false(requirements_next(&text, &one));
	}
}

static void lines_go_on_behind_a_backslash(void **state)
{
	(void)state;
	struct str text = STR("\n# first\\\n"
			      "numpy==2.1 \\\n"
			      "    --hash=sha256:" A " \\\n"
			      "    --hash=md5:1 --hash sha256:" B "\n"
			      "    # via pandas\n"
			      "\r\n"
			      "pandas \\\n"
			      "# a comment ends it \\\n"
			      "six#not-a-comment\r"
			      "last \\");
	struct requirement one;
	struct str hash;
	assert_true(requirements_next(&text, &one));
	expect_str(one.name, "numpy");
	assert_true(requirements_next_sha256(&one.options, &hash));
	expect_str(hash, A);
	assert_true(requirements_next_sha256(&one.options, &hash));
	expect_str(hash, B);
	assert_false(requirements_next_sha256(&one.options, &hash));
	assert_true(requirements_next(&text, &one));
	expect_str(one.text, "pandas");
	assert_true(requirements_next(&text, &one));
	expect_str(one.text, "six#not-a-comment");
	assert_int_equal(one.kind, REQUIREMENT_OTHER);
	assert_true(requirements_next(&text, &one));
	expect_str(one.name, "last");
	assert_false(requirements_next(&text, &one));
}

static void hashes_that_are_none(void **state)
{
	(void)state;
	static const char *const bad[] = {"",
					  "--hash",
					  "--hash=",
					  "--hash=sha256:",
					  "--hash=sha256:" A "a",
					  "--hash=sha256:AAAA",
					  "--hash=sha512:" A,
					  "--hash-sha256:" A};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct str options = str_of(bad[i]), hash;
		assert_false(requirements_next_sha256(&options, &hash));
	}
}

static void knows_whether_something_is_wanted(void **state)
{
	(void)state;
	static const char *const nothing[] = {"",
					      "\n\n",
					      "# numpy\n",
					      "--index-url https://example.test\n-c x\n",
					      "\xef\xbb\xbf",
					      "\\\n\\\n",
					      "  \t # only\r\n"};
	static const char *const something[] = {"numpy", "# a\n-r other.txt", "-e .",
						"--index-url x\n six ; a == 'b'"};
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		assert_false(requirements_are_wanted(str_of(nothing[i])));
	for (size_t i = 0; i < sizeof(something) / sizeof(something[0]); i++)
		assert_true(requirements_are_wanted(str_of(something[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requirements_are_read_as_pip_does),
	    cmocka_unit_test(lines_go_on_behind_a_backslash),
	    cmocka_unit_test(hashes_that_are_none),
	    cmocka_unit_test(knows_whether_something_is_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
