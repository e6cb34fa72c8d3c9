/* lib/policy/policy.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/policy/policy.h"

#include "lib/base/options.h"

#include <stdlib.h>

struct program {
	int64_t before;
	struct policy policy;
};

static const struct option table[] = {POLICY_OPTIONS(struct program, policy)};
#define COUNT (sizeof(table) / sizeof(table[0]))

static const struct policy usual = {
    .image_allowlist = (char *)"python:3.12-slim,bash:5",
    .default_timeout_ms = 120000,
    .max_timeout_ms = 600000,
    .default_memory = 256 << 20,
    .max_memory = 1 << 30,
    .default_cpu = 500,
    .max_cpu = 4000,
};

static int clear(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		unsetenv(table[i].name);
	return 0;
}

/* The defaults of the contract. */
static void defaults(void **state)
{
	(void)state;
	struct program program = {.before = 7};
	struct error err;
	assert_int_equal(options_load(table, COUNT, &program, &err), 0);
	const struct policy *policy = &program.policy;
	assert_int_equal(program.before, 7);
	assert_string_equal(policy->image_allowlist,
			    "python:3.12-slim,python:3.11-slim,node:20-slim,node:22-slim,bash:5");
	assert_int_equal(policy->default_timeout_ms, 120000);
	assert_int_equal(policy->max_timeout_ms, 600000);
	assert_int_equal(policy->default_memory, 256 << 20);
	assert_int_equal(policy->max_memory, 1 << 30);
	assert_int_equal(policy->default_cpu, 500);
	assert_int_equal(policy->max_cpu, 4000);
	assert_int_equal(policy->max_output_size, 1 << 20);
	assert_int_equal(policy->max_files_size, 256 << 20);
	assert_int_equal(policy->max_concurrent, 100);
	cleanup_buffer struct buffer problems = BUFFER(1024);
	policy_find_problems(policy, &problems);
	assert_int_equal(problems.len, 0);
	options_free(table, COUNT, &program);
}

static bool takes(const char *name, const char *value)
{
	struct program program = {0};
	struct error err;
	setenv(name, value, 1);
	int status = options_load(table, COUNT, &program, &err);
	unsetenv(name);
	if (status != 0)
		assert_non_null(strstr(err.message, name));
	options_free(table, COUNT, &program);
	return status == 0;
}

static void bounds(void **state)
{
	(void)state;
	static const struct {
		const char *name, *least, *below, *most, *above;
	} rows[] = {
	    {"SKILLBOX_DEFAULT_MEMORY", "16Mi", "16777215", "1Ti", "1099511627777"},
	    {"SKILLBOX_MAX_MEMORY", "16Mi", "16777215", "1Ti", "1099511627777"},
	    {"SKILLBOX_MAX_OUTPUT_SIZE", "1Ki", "1023", "64Mi", "67108865"},
	    {"SKILLBOX_MAX_FILES_SIZE", "1Ki", "1023", "4Gi", "4294967297"},
	    {"SKILLBOX_MAX_CONCURRENT_EXECS", "1", "0", "100000", "100001"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(takes(rows[i].name, rows[i].least));
		assert_false(takes(rows[i].name, rows[i].below));
		assert_true(takes(rows[i].name, rows[i].most));
		assert_false(takes(rows[i].name, rows[i].above));
	}
}

static void contradictions_are_all_told(void **state)
{
	(void)state;
	struct policy policy = usual;
	policy.default_timeout_ms = policy.max_timeout_ms + 1;
	policy.default_memory = policy.max_memory + 1;
	policy.default_cpu = policy.max_cpu + 1;
	cleanup_buffer struct buffer problems = BUFFER(1024);
	policy_find_problems(&policy, &problems);
	assert_string_equal(
	    problems.data,
	    "; SKILLBOX_DEFAULT_TIMEOUT is longer than SKILLBOX_MAX_TIMEOUT: lower the first or "
	    "raise the second"
	    "; SKILLBOX_DEFAULT_MEMORY is more than SKILLBOX_MAX_MEMORY: lower the first or raise "
	    "the second"
	    "; SKILLBOX_DEFAULT_CPU is more than SKILLBOX_MAX_CPU: lower the first or raise the "
	    "second");
}

static void timeouts(void **state)
{
	(void)state;
	static const struct {
		int64_t skill_ms, wished_ms, expected_ms;
	} rows[] = {
	    {0, 0, 120000},           {5000, 0, 5000},    {600001, 0, 600000}, {5000, 4999, 4999},
	    {5000, 5000, 5000},       {5000, 5001, 5000}, {0, 1, 1},           {0, 120001, 120000},
	    {700000, 650000, 600000}, {-1, -1, 120000},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(policy_timeout(&usual, rows[i].skill_ms, rows[i].wished_ms),
				 rows[i].expected_ms);
}

static void resources(void **state)
{
	(void)state;
	struct error err;
	int64_t value = 0;
	assert_int_equal(policy_memory(&usual, NULL, &value, &err), 0);
	assert_int_equal(value, 256 << 20);
	assert_int_equal(policy_memory(&usual, "", &value, &err), 0);
	assert_int_equal(value, 256 << 20);
	assert_int_equal(policy_memory(&usual, "512Mi", &value, &err), 0);
	assert_int_equal(value, 512 << 20);
	assert_int_equal(policy_memory(&usual, "8Gi", &value, &err), 0);
	assert_int_equal(value, 1 << 30);
	assert_int_equal(policy_cpu(&usual, NULL, &value, &err), 0);
	assert_int_equal(value, 500);
	assert_int_equal(policy_cpu(&usual, "100m", &value, &err), 0);
	assert_int_equal(value, 100);
	assert_int_equal(policy_cpu(&usual, "64", &value, &err), 0);
	assert_int_equal(value, 4000);
	assert_int_equal(policy_memory(&usual, "much", &value, &err), -1);
	assert_int_equal(policy_cpu(&usual, "0", &value, &err), -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_int_equal(value, 4000); /* untouched */
}

static void images(void **state)
{
	(void)state;
	struct error err;
	assert_int_equal(policy_check_image(&usual, "bash:5", &err), 0);
	assert_int_equal(policy_check_image(&usual, "evil:1", &err), -1);
	assert_int_equal(err.code, ERR_IMAGE_NOT_ALLOWED);
	assert_string_equal(err.message, "image 'evil:1' is not on the allowlist (python:3.12-slim,bash:5)");
	assert_int_equal(policy_check_image(&usual, "", &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(defaults, clear),
	    cmocka_unit_test_setup(bounds, clear),
	    cmocka_unit_test(contradictions_are_all_told),
	    cmocka_unit_test(timeouts),
	    cmocka_unit_test(resources),
	    cmocka_unit_test(images),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
