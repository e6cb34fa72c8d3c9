/* lib/base/options.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/options.h"

#include <stdlib.h>

struct config {
	char *name, *secret;
	bool flag;
	int64_t port, size, cpu, timeout;
};

static const struct option table[] = {
    {"TEST_NAME", OPTION_STRING, offsetof(struct config, name), "default name", 0, 0, false, "a name"},
    {"TEST_SECRET", OPTION_STRING, offsetof(struct config, secret), "", 0, 0, true, "a secret"},
    {"TEST_FLAG", OPTION_BOOL, offsetof(struct config, flag), "false", 0, 0, false, "a flag"},
    {"TEST_PORT", OPTION_INT, offsetof(struct config, port), "8080", 1, 65535, false, "a port"},
    {"TEST_SIZE", OPTION_SIZE, offsetof(struct config, size), "50Mi", 1, 1 << 30, false, "a size"},
    {"TEST_CPU", OPTION_CPU, offsetof(struct config, cpu), "0.5", 0, 0, false, "cores"},
    {"TEST_TIMEOUT", OPTION_DURATION, offsetof(struct config, timeout), "", 0, 0, false, "a time"},
};
#define COUNT (sizeof(table) / sizeof(table[0]))

static int clear(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		unsetenv(table[i].name);
	return 0;
}

static void defaults(void **state)
{
	(void)state;
	struct config c = {0};
	setenv("TEST_NAME", "", 1); /* empty counts as not set */
	setenv("TEST_PORT", "", 1);
	assert_int_equal(options_load(table, COUNT, &c, NULL), 0);
	assert_string_equal(c.name, "default name");
	assert_string_equal(c.secret, "");
	assert_false(c.flag);
	assert_int_equal(c.port, 8080);
	assert_int_equal(c.size, 50 << 20);
	assert_int_equal(c.cpu, 500);
	assert_int_equal(c.timeout, 0);
	options_free(table, COUNT, &c);
	options_free(table, COUNT, &c);
	assert_null(c.name);
}

static void from_the_environment(void **state)
{
	(void)state;
	struct config c = {0};
	setenv("TEST_NAME", "x y", 1);
	setenv("TEST_SECRET", "s", 1);
	setenv("TEST_FLAG", "True", 1);
	setenv("TEST_PORT", "65535", 1);
	setenv("TEST_SIZE", "1024", 1);
	setenv("TEST_CPU", "250m", 1);
	setenv("TEST_TIMEOUT", "1m30s", 1);
	assert_int_equal(options_load(table, COUNT, &c, NULL), 0);
	assert_string_equal(c.name, "x y");
	assert_string_equal(c.secret, "s");
	assert_true(c.flag);
	assert_int_equal(c.port, 65535);
	assert_int_equal(c.size, 1024);
	assert_int_equal(c.cpu, 250);
	assert_int_equal(c.timeout, 90000);
	options_free(table, COUNT, &c);
}

static void every_problem_is_named(void **state)
{
	(void)state;
	struct config c = {0};
	struct error err;
	setenv("TEST_FLAG", "maybe", 1);
	setenv("TEST_PORT", "65536", 1);
	setenv("TEST_SIZE", "2Gi", 1);
	setenv("TEST_CPU", "-1", 1);
	setenv("TEST_TIMEOUT", "5", 1);
	assert_int_equal(options_load(table, COUNT, &c, &err), -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_string_equal(
	    err.message,
	    "TEST_FLAG=\"maybe\" must be true, false, 1 or 0; "
	    "TEST_PORT=\"65536\" must be a whole number from 1 to 65535; "
	    "TEST_SIZE=\"2Gi\" must be bytes, a plain number or one such as \"50Mi\", from 1 to 1073741824; "
	    "TEST_CPU=\"-1\" must be CPU cores, such as \"500m\", \"0.5\" or \"2\"; "
	    "TEST_TIMEOUT=\"5\" must be a duration from 1ms to 24h, such as \"90s\", \"1m30s\" or \"500ms\"");
	assert_null(c.name); /* nothing is left to free */
	assert_int_equal(options_load(table, COUNT, &c, NULL), -1);
}

static void secrets_are_not_printed(void **state)
{
	(void)state;
	static const struct option number[] = {
	    {"TEST_SECRET", OPTION_INT, 0, "424242", 1, 9, true, "a secret number"}};
	int64_t value = 0;
	struct error err;
	setenv("TEST_SECRET", "hunter2", 1);
	assert_int_equal(options_load(number, 1, &value, &err), -1);
	assert_string_equal(err.message, "TEST_SECRET must be a whole number from 1 to 9");
	cleanup_buffer struct buffer out = BUFFER(1000);
	options_help(number, 1, &out);
	assert_string_equal(out.data, "  TEST_SECRET  a secret number\n");
}

static void secrets_leave_the_environment(void **state)
{
	(void)state;
	struct config c = {0};
	setenv("TEST_NAME", "stays", 1);
	setenv("TEST_SECRET", "hunter2", 1);
	const char *place = getenv("TEST_SECRET");
	assert_int_equal(options_load(table, COUNT, &c, NULL), 0);
	assert_string_equal(c.secret, "hunter2");
	assert_null(getenv("TEST_SECRET"));
	assert_string_equal(place, ""); /* where /proc/self/environ would show it */
	assert_string_equal(getenv("TEST_NAME"), "stays");
	options_free(table, COUNT, &c);
}

static void long_values_do_not_break_the_message(void **state)
{
	(void)state;
	struct config c = {0};
	struct error err;
	char big[5001];
	memset(big, 'x', 5000);
	big[5000] = '\0';
	setenv("TEST_PORT", big, 1);
	setenv("TEST_SIZE", big, 1);
	assert_int_equal(options_load(table, COUNT, &c, &err), -1);
	assert_true(strlen(err.message) < 600);
	assert_non_null(strstr(err.message, "TEST_SIZE"));
}

static void help_lists_the_table(void **state)
{
	(void)state;
	cleanup_buffer struct buffer out = BUFFER(4000);
	options_help(table, COUNT, &out);
	assert_non_null(strstr(out.data, "  TEST_PORT     a port (default 8080, from 1 to 65535)\n"));
	assert_non_null(strstr(out.data, "  TEST_SIZE     a size (default 50Mi, from 1 to 1Gi)\n"));
	assert_non_null(strstr(out.data, "  TEST_SECRET   a secret\n"));
	assert_non_null(strstr(out.data, "  TEST_TIMEOUT  a time\n"));
	assert_false(out.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(defaults, clear),
	    cmocka_unit_test_setup(from_the_environment, clear),
	    cmocka_unit_test_setup(every_problem_is_named, clear),
	    cmocka_unit_test_setup(secrets_are_not_printed, clear),
	    cmocka_unit_test_setup(secrets_leave_the_environment, clear),
	    cmocka_unit_test_setup(long_values_do_not_break_the_message, clear),
	    cmocka_unit_test_setup(help_lists_the_table, clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
