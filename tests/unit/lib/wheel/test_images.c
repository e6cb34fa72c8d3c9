/* lib/wheel/images.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/wheel/images.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LIST                                                                                                 \
	"python:3.12-slim=cp312-manylinux_2_36_x86_64, "                                                     \
	"docker.io/library/python:3.11-slim@sha256:" HEX "=cp311-musllinux_1_2_x86_64 ,,"                    \
	"registry.example:5000/data/python:1=cp313-manylinux_2_41_aarch64,"

static void expect(const char *image, const char *target)
{
	struct wheel_target found;
	char text[WHEEL_TARGET_SIZE];
	assert_true(wheel_images_find(STR(LIST), str_of(image), &found));
	wheel_target_format(&found, text);
	assert_string_equal(text, target);
}

static void images_are_found_by_name_and_tag(void **state)
{
	(void)state;
	struct wheel_target none;
	struct error err;
	assert_int_equal(wheel_images_check(STR(LIST), &err), 0);
	assert_int_equal(wheel_images_check(STR(""), &err), 0);
	expect("python:3.12-slim", "cp312-manylinux_2_36_x86_64");
	expect("docker.io/library/python:3.12-slim", "cp312-manylinux_2_36_x86_64");
	expect("python:3.12-slim@sha256:" HEX, "cp312-manylinux_2_36_x86_64");
	expect("python:3.11-slim", "cp311-musllinux_1_2_x86_64");
	expect("registry.example:5000/data/python:1", "cp313-manylinux_2_41_aarch64");
	static const char *const absent[] = {"", "python", "python:3.13-slim", "node:20-slim",
					     "data/python:1"};
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_false(wheel_images_find(STR(LIST), str_of(absent[i]), &none));
	assert_false(wheel_images_find(STR(""), STR("python:3.12-slim"), &none));
}

static void wrong_lists_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *list, *message;
	} bad[] = {
	    {"python:3.12-slim", "\"python:3.12-slim\" must be IMAGE=TARGET, such as "
				 "python:3.12-slim=cp312-manylinux_2_36_x86_64"},
	    {"a=cp312-manylinux_2_36_x86_64,=cp312-manylinux_2_36_x86_64",
	     "\"=cp312-manylinux_2_36_x86_64\" must be IMAGE=TARGET, such as "
	     "python:3.12-slim=cp312-manylinux_2_36_x86_64"},
	    {"python:3.12-slim=3.12",
	     "image python:3.12-slim: \"3.12\" is no target, such as "
	     "cp312-manylinux_2_36_x86_64: it must begin with cp3 and the minor version of "
	     "CPython, from 3.8 on, such as cp312 for 3.12"},
	    {"a:1=cp312-manylinux_2_36_x86_64,b=cp312-manylinux_2_36_x86_64,"
	     "docker.io/library/a:1=cp311-manylinux_2_36_x86_64",
	     "the image a:1 is there twice"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = {0};
		assert_int_equal(wheel_images_check(str_of(bad[i].list), &err), -1);
		assert_string_equal(err.message, bad[i].message);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(images_are_found_by_name_and_tag),
	    cmocka_unit_test(wrong_lists_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
