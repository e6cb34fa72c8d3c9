#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/dev/dev_version.h"

static void expect_version(const char *version, const char *wanted)
{
	cleanup_buffer struct buffer out = BUFFER(256);
	assert_int_equal(dev_version_make(str_of(version), 0xabc, &out, NULL), 0);
	assert_string_equal(out.data, wanted);
}

static void test_versions(void **state)
{
	(void)state;
	expect_version("1.0.0", "1.0.0-dev.00000abc");
	expect_version("v2", "v2-dev.00000abc");
	expect_version("2.1.0-rc.1+7", "2.1.0-dev.00000abc");
	expect_version("1.0.0-dev.12345678", "1.0.0-dev.00000abc");
	expect_version("1.0+build-7", "1.0-dev.00000abc");
}

#define DEV "1.0.0-dev.00000abc"

static void expect_text(const char *manifest, const char *wanted)
{
	cleanup_buffer struct buffer out = BUFFER(65536);
	struct error err = {0};
	if (dev_version_write(str_of(manifest), STR(DEV), &out, &err) != 0)
		fail_msg("%s", err.message);
	assert_string_equal(out.data, wanted);
}

static void test_manifests(void **state)
{
	(void)state;
	expect_text("---\nname: a\ndescription: b\n---\nx\n",
		    "---\nversion: \"" DEV "\"\nname: a\ndescription: b\n---\nx\n");
	expect_text("---\nname: a\nversion: 1.0.0 # mine\ndescription: version 1.0.0\n---\n1.0.0\n",
		    "---\nname: a\nversion: " DEV " # mine\ndescription: version 1.0.0\n---\n1.0.0\n");
	expect_text("---\r\nname: a\r\nversion: '1.0'\r\ndescription: b\r\n---\r\n",
		    "---\r\nname: a\r\nversion: '" DEV "'\r\ndescription: b\r\n---\r\n");
	expect_text(
	    "---\nname: a\ndescription: b\nmetadata:\n  version: \"1.0.0\"\n  skillbox.lang: bash\n---\n",
	    "---\nname: a\ndescription: b\nmetadata:\n  version: \"" DEV "\"\n  skillbox.lang: bash\n---\n");
	expect_text("---\nname: a\ndescription: b\nmetadata: {skillbox.version: \"2\", x: \"2\"}\n---\n",
		    "---\nname: a\ndescription: b\nmetadata: {skillbox.version: \"" DEV
		    "\", x: \"2\"}\n---\n");
	expect_text("---\nname: a\ndescription: b\nversion:\n  1.2.3\n---\n",
		    "---\nname: a\ndescription: b\nversion:\n  " DEV "\n---\n");
}

/* A form that can't be changed here is told, and nothing wrong is made of it. */
static void test_what_is_not_known(void **state)
{
	(void)state;
	static const char *const rows[] = {
	    "---\n{name: a, description: b}\n---\n",
	    "---\nname: a\ndescription: b\nversion: \"1\\x2e0\"\n---\n",
	    "no frontmatter",
	    "---\nname: [\n---\n",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_buffer struct buffer out = BUFFER(65536);
		struct error err = {0};
		assert_int_equal(dev_version_write(str_of(rows[i]), STR(DEV), &out, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_SKILL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_versions),
	    cmocka_unit_test(test_manifests),
	    cmocka_unit_test(test_what_is_not_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
