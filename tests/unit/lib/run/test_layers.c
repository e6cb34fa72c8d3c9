/* Required layers of isolation: which names there are, and what a sandbox that lacks one is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/run/layers.h"

#include <stdio.h>

static void test_names(void **state)
{
	(void)state;
	struct error err = {0};
	struct layer_set set;
	assert_int_equal(layers_parse(STR(""), &set, &err), 0);
	for (unsigned i = 0; i < FRAME_LAYER_COUNT; i++)
		assert_false(set.has[i]);
	assert_int_equal(layers_parse(STR(" landlock ,seccomp_filter\n"), &set, &err), 0);
	for (unsigned i = 0; i < FRAME_LAYER_COUNT; i++)
		assert_int_equal(set.has[i], i == FRAME_LAYER_LANDLOCK || i == FRAME_LAYER_SECCOMP_FILTER);
	for (unsigned i = 0; i < FRAME_LAYER_COUNT; i++) {
		assert_int_equal(layers_parse(str_of(frame_layer_name((enum frame_layer_kind)i)), &set, &err),
				 0);
		assert_true(set.has[i]);
	}
}

static void test_names_that_are_none(void **state)
{
	(void)state;
	static const char *const bad[] = {"landlocked", "LANDLOCK",         "landlock,,seccomp",
					  ",",          "landlock seccomp", "landlock,;"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = {0};
		struct layer_set set = {.has = {true}};
		assert_int_equal(layers_parse(str_of(bad[i]), &set, &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_non_null(strstr(err.message, "is no layer"));
		assert_non_null(strstr(err.message, "seccomp_filter"));
		assert_true(set.has[0]); /* untouched */
	}
	struct error err = {0};
	struct layer_set set;
	assert_int_equal(layers_parse(STR("landlock,nonesuch"), &set, &err), -1);
	assert_non_null(strstr(err.message, "'nonesuch'"));
}

static void test_check(void **state)
{
	(void)state;
	struct error err = {0};
	struct layer_set set;
	static struct frame_hello hello = {.layer_count = 3};
	hello.layers[0] = (struct frame_layer){STR("landlock"), false, STR("the kernel has none")};
	hello.layers[1] = (struct frame_layer){STR("seccomp_filter"), true, STR("42 instructions")};
	hello.layers[2] = (struct frame_layer){STR("noexec"), false, {NULL, 0}};

	assert_int_equal(layers_parse(STR(""), &set, &err), 0);
	assert_int_equal(layers_check(&set, &hello, &err), 0);
	assert_int_equal(layers_parse(STR("seccomp_filter"), &set, &err), 0);
	assert_int_equal(layers_check(&set, &hello, &err), 0);

	assert_int_equal(layers_parse(STR("seccomp_filter,landlock"), &set, &err), 0);
	assert_int_equal(layers_check(&set, &hello, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_string_equal(err.message,
			    "the sandbox lacks required layers of isolation: landlock (the kernel has none)");

	assert_int_equal(layers_parse(STR("own_kernel,noexec,landlock"), &set, &err), 0);
	assert_int_equal(layers_check(&set, &hello, &err), -1);
	assert_string_equal(err.message,
			    "the sandbox lacks required layers of isolation: own_kernel (its runner doesn't "
			    "know it), landlock (the kernel has none), noexec ()");
}

static void test_long_details_do_not_hide_others(void **state)
{
	(void)state;
	static char words[FRAME_MAX_TEXT];
	memset(words, 'w', sizeof(words));
	static struct frame_hello hello = {.layer_count = 2};
	hello.layers[0] = (struct frame_layer){STR("non_root"), false, {words, sizeof(words)}};
	hello.layers[1] = (struct frame_layer){STR("session"), false, STR("no")};
	struct error err = {0};
	struct layer_set set;
	assert_int_equal(layers_parse(STR("non_root,session"), &set, &err), 0);
	assert_int_equal(layers_check(&set, &hello, &err), -1);
	assert_non_null(strstr(err.message, "session (no)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_names_that_are_none),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_long_details_do_not_hide_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
