/* The memory of a sandbox on this machine, as the kernel's texts tell it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/local/memory.h"

#include <stdio.h>

static void test_statm(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool good;
		int64_t bytes;
	} cases[] = {
	    {"2500 1200 200 1 0 300 0\n", true, 1200 * 4096},
	    {"2500 0 0 1 0 300 0\n", true, 0},
	    {"1 2", true, 2 * 4096},
	    {"", false, 0},
	    {"2500", false, 0},
	    {"2500 x 200", false, 0},
	    {"1 99999999999999999999 0 0", false, 0},
	    {"1 9223372036854775807 0 0", false, 0}, /* as many bytes can't be counted */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t bytes = -1;
		assert_int_equal(memory_parse_statm(str_of(cases[i].text), 4096, &bytes), cases[i].good);
		assert_int_equal(bytes, cases[i].good ? cases[i].bytes : -1);
	}
}

/* A process may call itself what it likes, so as not to be killed. */
static void test_parent(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool good;
		int64_t parent;
	} cases[] = {
	    {"7 (python) S 1 7 7 0\n", true, 1},
	    {"7 (a) S 0 (b) R 5 7\n", true, 5},
	    {"7 () R 0 0) S 12 1\n", true, 12},
	    {"7 (relay) S 0 2 2\n", true, 0},
	    {"7 (python", false, 0},
	    {"7 (python)", false, 0},
	    {"7 (python) S", false, 0},
	    {"7 (python) S x", false, 0},
	    {"", false, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t parent = -1;
		assert_int_equal(memory_parse_parent(str_of(cases[i].text), &parent), cases[i].good);
		assert_int_equal(parent, cases[i].good ? cases[i].parent : -1);
	}
}

static void test_fields(void **state)
{
	(void)state;
	static const struct str text =
	    STR("Name:\tPss_Anon: 7 kB\nRss:  5 kB\nPss_Anon:       12 kB\nPss_Shmem: x kB\n"
		"Pss_File:  99999999999999999999 kB\nLast:   3 kB");
	assert_int_equal(memory_parse_field(text, STR("Rss")), 5 << 10);
	assert_int_equal(memory_parse_field(text, STR("Pss_Anon")), 12 << 10);
	assert_int_equal(memory_parse_field(text, STR("Pss_Shmem")), 0);
	assert_int_equal(memory_parse_field(text, STR("Pss_File")), 0);
	assert_int_equal(memory_parse_field(text, STR("Last")), 3 << 10);
	assert_int_equal(memory_parse_field(text, STR("Pss")), 0);
	assert_int_equal(memory_parse_field((struct str){NULL, 0}, STR("Pss")), 0);
}

static void test_segments(void **state)
{
	(void)state;
	static const char head[] =
	    "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
	    "      atime      dtime      ctime                   rss                  swap\n";
	static const char line[] =
	    "         0          1   600              10485760     7     7      0 65534 65534 65534 65534"
	    " 1764000000 1764000000 1764000000              10485760                     0\n";
	char text[1024];
	snprintf(text, sizeof(text), "%s%s%s", head, line, line);
	assert_int_equal(memory_parse_column(str_of(text), 14), 2 * 10485760);
	assert_int_equal(memory_parse_column(str_of(head), 14), 0);
	assert_int_equal(memory_parse_column((struct str){NULL, 0}, 14), 0);
}

static void test_this_machine(void **state)
{
	(void)state;
	static const char *const folders[] = {"/", "/nonexistent"};
	struct memory_use rough, exact;
	DIR *proc = opendir("/proc");
	assert_non_null(proc);
	memory_look(proc, NULL, 0, INT64_MAX, &rough);
	assert_true(rough.processes > 0 && rough.bytes > 0 && rough.largest_bytes <= rough.bytes);
	memory_look(proc, folders, 2, 0, &exact);
	assert_true(exact.processes > 0 && exact.bytes > 0 && exact.largest_bytes > 0);
	assert_false(memory_kill(proc, INT32_MAX));
	closedir(proc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_statm), cmocka_unit_test(test_parent),
					   cmocka_unit_test(test_fields), cmocka_unit_test(test_segments),
					   cmocka_unit_test(test_this_machine)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
