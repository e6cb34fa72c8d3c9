#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/frame/frame.h"

static void test_table(void **state)
{
	(void)state;
	static const struct {
		struct str name;
		bool allowed;
	} rows[] = {
	    {STR("API_URL"), true},
	    {STR("x"), true},
	    {STR("_"), true},
	    {STR("a1_B2"), true},
	    {STR("PATHS"), true},
	    {STR("MY_PATH"), true},
	    {STR("HOMEPAGE"), true},
	    {STR("LD"), true},
	    {STR("OLD_NAME"), true},
	    {STR("PROXY"), true},
	    {STR("HTTP_PROXY_NAME"), true},
	    {STR("ENVIRONMENT"), true},
	    {STR("SKILL"), true},
	    {STR("SKILLBOX_X"), true},
	    {STR("NODE"), true},
	    {STR("PERL"), true},
	    {STR("PIPELINE"), true},
	    {STR("GCONV_PATHS"), true},

	    {STR("PATH"), false},
	    {STR("path"), false},
	    {STR("Path"), false},
	    {STR("HOME"), false},
	    {STR("LD_PRELOAD"), false},
	    {STR("ld_library_path"), false},
	    {STR("LD_"), false},
	    {STR("PYTHONPATH"), false},
	    {STR("PYTHON"), false},
	    {STR("pythonstartup"), false},
	    {STR("NODE_OPTIONS"), false},
	    {STR("BASH_ENV"), false},
	    {STR("ENV"), false},
	    {STR("env"), false},
	    {STR("IFS"), false},
	    {STR("PERL5LIB"), false},
	    {STR("PERL5OPT"), false},
	    {STR("RUBYOPT"), false},
	    {STR("PIP_INDEX_URL"), false},
	    {STR("HTTP_PROXY"), false},
	    {STR("https_proxy"), false},
	    {STR("_PROXY"), false},
	    {STR("GCONV_PATH"), false},
	    {STR("MALLOC_CHECK_"), false},
	    {STR("GLIBC_TUNABLES"), false},
	    {STR("SANDBOX_INPUT"), false},
	    {STR("sandbox_output"), false},
	    {STR("SKILL_INSTRUCTIONS"), false},
	    {STR("Skill_x"), false},

	    {STR(""), false},
	    {STR("1A"), false},
	    {STR("A=B"), false},
	    {STR("A B"), false},
	    {STR("A-B"), false},
	    {STR("A.B"), false},
	    {STR("A\0B"), false},
	    {STR("\xc3\x84"), false},
	    {STR("BASH_FUNC_x%%"), false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (frame_env_name_is_allowed(rows[i].name) != rows[i].allowed)
			fail_msg("row %zu: \"%.*s\"", i, (int)rows[i].name.n, rows[i].name.p);
	assert_false(frame_env_name_is_allowed((struct str){NULL, 0}));
}

static void test_length(void **state)
{
	(void)state;
	char name[FRAME_MAX_ENV_NAME + 1];
	memset(name, 'A', sizeof(name));
	assert_true(frame_env_name_is_allowed((struct str){name, FRAME_MAX_ENV_NAME}));
	assert_false(frame_env_name_is_allowed((struct str){name, FRAME_MAX_ENV_NAME + 1}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
