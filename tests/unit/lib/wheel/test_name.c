/* lib/wheel/name.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/wheel/name.h"

#include <stdio.h>

static struct wheel_name parse(const char *file)
{
	struct wheel_name name;
	struct error err;
	if (wheel_name_parse(str_of(file), &name, &err) != 0)
		fail_msg("%s: %s", file, err.message);
	return name;
}

static void expect_str(struct str got, const char *wanted)
{
	if (!str_eq(got, str_of(wanted)))
		fail_msg("%.*s, not %s", (int)got.n, got.p, wanted);
}

static void names_have_five_or_six_parts(void **state)
{
	(void)state;
	struct wheel_name name = parse("python_dateutil-2.9.0.post0-1b-py2.py3-none-any.whl");
	expect_str(name.name, "python_dateutil");
	expect_str(name.version, "2.9.0.post0");
	expect_str(name.build, "1b");
	expect_str(name.python, "py2.py3");
	expect_str(name.abi, "none");
	expect_str(name.platform, "any");
	name = parse("torch-2.1+cpu-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl");
	expect_str(name.file, "torch-2.1+cpu-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl");
	expect_str(name.version, "2.1+cpu");
	expect_str(name.build, "");
	expect_str(name.platform, "manylinux_2_17_x86_64.manylinux2014_x86_64");
	parse("zope.interface-1!2.0-py3-none-any.whl");
}

static void other_names_are_refused(void **state)
{
	(void)state;
	char long_name[300];
	snprintf(long_name, sizeof(long_name), "a%0250d-1-py3-none-any.whl", 1);
	const char *bad[] = {
	    "",
	    ".whl",
	    "demo.whl",
	    "demo-1-py3-none-any.zip",
	    "demo-1-none-any.whl",
	    "demo-1-py3-none-any.WHL",
	    "demo-1-1-x-py3-none-any.whl",
	    "demo-1--py3-none-any.whl",
	    "demo-1-x1-py3-none-any.whl",
	    "-1-py3-none-any.whl",
	    "demo--py3-none-any.whl",
	    "demo-1-py3--any.whl",
	    "demo-1-py3..py2-none-any.whl",
	    "demo-1-py3-none-any..whl",
	    "de/mo-1-py3-none-any.whl",
	    "_demo-1-py3-none-any.whl",
	    "demo-1 2-py3-none-any.whl",
	    "d\xc3\xa9mo-1-py3-none-any.whl",
	    "demo-1-py3-none-any.whl\n",
	    long_name,
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = {0};
		struct wheel_name untouched = {.name = {"x", 1}};
		if (wheel_name_parse(str_of(bad[i]), &untouched, &err) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.code, ERR_INVALID_SKILL);
		assert_int_equal(untouched.name.n, 1);
	}
	struct error err;
	struct wheel_name name;
	wheel_name_parse(STR("demo.whl"), &name, &err);
	assert_string_equal(
	    err.message,
	    "a wheel's name is NAME-VERSION-PYTHON-ABI-PLATFORM.whl, such as "
	    "numpy-2.1.0-cp312-cp312-manylinux_2_17_x86_64.whl: keep the name that it has at the package "
	    "index");
	wheel_name_parse(STR("demo-1-x1-py3-none-any.whl"), &name, &err);
	assert_string_equal(err.message, "it is no wheel's name: its build tag must begin with a digit");
}

/* What pip takes for each; packaging.tags has the table. */
static void tags_fit_as_pip_judges(void **state)
{
	(void)state;
	static const struct {
		const char *tags;
		bool glibc, musl; /* cp312-manylinux_2_36_x86_64, cp312-musllinux_1_2_x86_64 */
	} cases[] = {
	    {"py3-none-any", true, true},
	    {"py2.py3-none-any", true, true},
	    {"py2-none-any", false, false},
	    {"py312-none-any", true, true},
	    {"py38-none-any", true, true},
	    {"py313-none-any", false, false},
	    {"py3-none-manylinux_2_17_x86_64", true, false},
	    {"py3-none-manylinux_2_37_x86_64", false, false},
	    {"py3-none-musllinux_1_1_x86_64", false, true},
	    {"py3-none-musllinux_1_3_x86_64", false, false},
	    {"py3-none-manylinux1_x86_64.musllinux_1_1_x86_64", true, true},
	    {"cp312-cp312-manylinux_2_36_x86_64", true, false},
	    {"cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64", true, false},
	    {"cp312-cp312-manylinux2014_x86_64", true, false},
	    {"cp312-cp312-manylinux2010_x86_64", true, false},
	    {"cp312-cp312-manylinux_2_17_aarch64", false, false},
	    {"cp312-cp312-manylinux_2_17_i686", false, false},
	    {"cp312-cp312-linux_x86_64", true, true},
	    {"cp312-cp312-win_amd64", false, false},
	    {"cp312-cp312-macosx_11_0_arm64", false, false},
	    {"cp312-cp312t-manylinux_2_17_x86_64", false, false},
	    {"cp312-cp312-any", false, false},
	    {"cp311-cp311-manylinux_2_17_x86_64", false, false},
	    {"cp313-cp313-manylinux_2_17_x86_64", false, false},
	    {"cp311.cp312-cp311.cp312-manylinux_2_17_x86_64", true, false},
	    {"cp38-abi3-manylinux_2_17_x86_64", true, false},
	    {"cp312-abi3-manylinux_2_17_x86_64", true, false},
	    {"cp32-abi3-manylinux_2_17_x86_64", true, false},
	    {"cp31-abi3-manylinux_2_17_x86_64", false, false},
	    {"cp313-abi3-manylinux_2_17_x86_64", false, false},
	    {"cp38-abi3-any", false, false},
	    {"cp312-none-any", true, true},
	    {"cp311-none-any", false, false},
	    {"cp312-none-manylinux_2_17_x86_64", true, false},
	    {"cp3-none-any", false, false},
	    {"pp310-pypy310_pp73-manylinux_2_17_x86_64", false, false},
	    {"py3-abi3-any", false, false},
	};
	struct wheel_target glibc, musl;
	wheel_target_parse(STR("cp312-manylinux_2_36_x86_64"), &glibc, NULL);
	wheel_target_parse(STR("cp312-musllinux_1_2_x86_64"), &musl, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char file[128];
		snprintf(file, sizeof(file), "demo-1-%s.whl", cases[i].tags);
		struct wheel_name name = parse(file);
		if (wheel_name_fits(&name, &glibc) != cases[i].glibc ||
		    wheel_name_fits(&name, &musl) != cases[i].musl)
			fail_msg("%s", cases[i].tags);
	}
}

static void expect_words(const char *tags, const char *words)
{
	char file[128], wanted[512];
	struct wheel_target target;
	cleanup_buffer struct buffer out = BUFFER(1024);
	snprintf(file, sizeof(file), "numpy-2.1-%s.whl", tags);
	struct wheel_name name = parse(file);
	wheel_target_parse(STR("cp313-manylinux_2_41_x86_64"), &target, NULL);
	wheel_name_explain(&name, &target, STR("python:3.12-slim"), &out);
	snprintf(
	    wanted, sizeof(wanted),
	    "%s is for %s, but python:3.12-slim has CPython 3.13 on manylinux_2_41_x86_64: take the wheel "
	    "with "
	    "cp313-cp313 (or cp3…-abi3, or py3-none) and manylinux_2_41_x86_64 or an older manylinux, or any",
	    file, words);
	assert_string_equal(out.data, wanted);
}

static void says_what_a_wheel_is_for(void **state)
{
	(void)state;
	expect_words("cp311-cp311-win_amd64", "CPython 3.11 on win_amd64");
	expect_words("cp313-cp313t-manylinux_2_17_x86_64.manylinux2014_x86_64",
		     "the free-threaded CPython 3.13 on manylinux_2_17_x86_64, manylinux2014_x86_64");
	expect_words("cp314-abi3-manylinux_2_17_x86_64", "CPython 3.14 or newer on manylinux_2_17_x86_64");
	expect_words("py314-none-any", "Python 3.14 or newer");
	expect_words("py2-none-any", "Python 2");
	expect_words("pp310-pypy310_pp73-win_amd64", "PyPy (pp310) on win_amd64");
	expect_words("cp27.jy27-none-any", "cp27, jy27");
}

static void projects_are_compared_as_indexes_do(void **state)
{
	(void)state;
	char text[64];
	wheel_project_normalise(STR("Zope.-_Interface"), text);
	assert_string_equal(text, "zope-interface");
	wheel_project_normalise(STR(""), text);
	assert_string_equal(text, "");
	assert_int_equal(wheel_project_compare(STR("Foo_Bar"), STR("foo-bar")), 0);
	assert_int_equal(wheel_project_compare(STR("foo..bar"), STR("FOO-BAR")), 0);
	assert_true(wheel_project_compare(STR("foo"), STR("foobar")) < 0);
	assert_true(wheel_project_compare(STR("foobar"), STR("foo")) > 0);
	assert_true(wheel_project_compare(STR("foo"), STR("Fop")) < 0);
	assert_true(wheel_project_is_name(STR("a")));
	assert_true(wheel_project_is_name(STR("zope.interface-2_x")));
	static const char *const bad[] = {"", "-a", "a-", "a b", "a/b", "\xc3\xa9"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(wheel_project_is_name(str_of(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_have_five_or_six_parts),
	    cmocka_unit_test(other_names_are_refused),
	    cmocka_unit_test(tags_fit_as_pip_judges),
	    cmocka_unit_test(says_what_a_wheel_is_for),
	    cmocka_unit_test(projects_are_compared_as_indexes_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
