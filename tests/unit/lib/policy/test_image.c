/* lib/policy/image.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/policy/image.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void entries_without_a_digest(void **state)
{
	(void)state;
	struct str list = STR("python:3.12-slim, node:20-slim ,bash:5");
	static const char *const good[] = {"python:3.12-slim",
					   "node:20-slim",
					   "bash:5",
					   "python:3.12-slim@sha256:" HEX,
					   "docker.io/library/python:3.12-slim",
					   "docker.io/library/bash:5@sha256:" HEX};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(image_is_allowed(str_of(good[i]), list));
	static const char *const bad[] = {
	    "",
	    "python",
	    "python:3.12",
	    "python:3.12-slim ",
	    "python:3.12-slim,node:20-slim",
	    "evil/python:3.12-slim",
	    "registry.example/library/python:3.12-slim",
	    "docker.io/python:3.12-slim",
	    "docker.io/library/docker.io/library/python:3.12-slim",
	    "python:3.12-slim@",
	    "python:3.12-slim@sha256:123",
	    "python:3.12-slim@md5:" HEX,
	    "python:3.12-slim@sha256:" HEX "0",
	    "python:3.12-slim@sha256:" HEX "@sha256:" HEX,
	    "python@sha256:" HEX,
	    "@sha256:" HEX,
	    "PYTHON:3.12-slim",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (image_is_allowed(str_of(bad[i]), list))
			fail_msg("allowed %s", bad[i]);
}

static void entries_with_a_digest(void **state)
{
	(void)state;
	struct str list = STR("docker.io/library/python:3.12-slim@sha256:" HEX);
	assert_true(image_is_allowed(STR("python:3.12-slim@sha256:" HEX), list));
	assert_true(image_is_allowed(STR("docker.io/library/python:3.12-slim@sha256:" HEX), list));
	assert_false(image_is_allowed(STR("python:3.12-slim@sha256:" OTHER), list));
	assert_false(image_is_allowed(STR("python:3.12-slim"), list));
}

static void an_empty_list_allows_nothing(void **state)
{
	(void)state;
	assert_false(image_is_allowed(STR("python:3.12-slim"), STR("")));
	assert_false(image_is_allowed(STR(""), STR(",")));
	assert_false(image_is_allowed(STR(""), STR("")));
	assert_true(image_is_allowed(STR("a:1"), STR(",,a:1,")));
}

static void the_name_is_without_prefix_and_digest(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
	    {"docker.io/library/python:3.12-slim@sha256:" HEX, "python:3.12-slim"},
	    {"python:3.12-slim", "python:3.12-slim"},
	    {"registry.example:5000/a/b", "registry.example:5000/a/b"},
	    {"", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(str_eq(image_name(str_of(cases[i][0])), str_of(cases[i][1])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(entries_without_a_digest),
	    cmocka_unit_test(entries_with_a_digest),
	    cmocka_unit_test(an_empty_list_allows_nothing),
	    cmocka_unit_test(the_name_is_without_prefix_and_digest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
