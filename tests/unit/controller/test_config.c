/* The controller's configuration: what contradicts itself is told, with the name of what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/config.h"

#include <stdlib.h>

static void test_defaults(void **state)
{
	(void)state;
	struct controller_config config;
	struct error err;
	assert_int_equal(controller_config_load(&config, &err), 0);
	assert_string_equal(config.namespace, "skillbox");
	assert_int_equal(config.runner_delivery, RUNNER_IMAGE_VOLUME);
	assert_int_equal(config.max_starting, 8);
	assert_int_equal(config.start_timeout_ms, 300000);
	assert_int_equal(config.ttl_seconds, 86400);
	assert_string_equal(config.db_dsn, "");
	size_t required = 0;
	for (size_t i = 0; i < FRAME_LAYER_COUNT; i++)
		required += config.required_layers.has[i];
	assert_int_equal(required, 8);
	assert_false(config.user_namespaces);
	controller_config_free(&config);
}

static void test_values(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value;
		const char *problem; /* NULL: it is taken */
	} cases[] = {
	    {"SKILLBOX_RUNNER_DELIVERY", "in-image", NULL},
	    {"SKILLBOX_RUNNER_DELIVERY", "init-container", NULL},
	    {"SKILLBOX_RUNNER_DELIVERY", "by-post", "SKILLBOX_RUNNER_DELIVERY is 'by-post'"},
	    {"SKILLBOX_REQUIRED_LAYERS", "landlock,seccomp", NULL},
	    {"SKILLBOX_REQUIRED_LAYERS", "", NULL},
	    {"SKILLBOX_REQUIRED_LAYERS", "landlock,armour", "SKILLBOX_REQUIRED_LAYERS"},
	    {"SKILLBOX_S3_ACCESS_KEY", "key", "SKILLBOX_S3_ENDPOINT is not"},
	    {"SKILLBOX_MAX_STARTING_SANDBOXES", "0", "SKILLBOX_MAX_STARTING_SANDBOXES"},
	    {"SKILLBOX_MAX_STARTING_SANDBOXES", "1", NULL},
	    {"SKILLBOX_MAX_STARTING_SANDBOXES", "many", "SKILLBOX_MAX_STARTING_SANDBOXES"},
	    {"SKILLBOX_EXECUTION_TTL_SECONDS", "31536000", NULL},
	    {"SKILLBOX_EXECUTION_TTL_SECONDS", "31536001", "SKILLBOX_EXECUTION_TTL_SECONDS"},
	    {"SKILLBOX_HEALTH_PORT", "65536", "SKILLBOX_HEALTH_PORT"},
	    {"SKILLBOX_BUILD_ENABLED", "true", "SKILLBOX_BUILD_INDEX_URL is ''"},
	    {"SKILLBOX_BUILD_ENABLED", "false", NULL},
	    {"SKILLBOX_USER_NAMESPACES", "perhaps", "SKILLBOX_USER_NAMESPACES"},
	    {"SKILLBOX_DEFAULT_MEMORY", "2Gi", "SKILLBOX_DEFAULT_MEMORY"}, /* more than the most */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct controller_config config;
		struct error err = {0};
		assert_int_equal(setenv(cases[i].name, cases[i].value, 1), 0);
		int result = controller_config_load(&config, &err);
		unsetenv(cases[i].name);
		if (result == 0)
			controller_config_free(&config);
		if (cases[i].problem ? result == 0 || !strstr(err.message, cases[i].problem) : result != 0)
			fail_msg("%s=%s: %d, \"%s\"", cases[i].name, cases[i].value, result, err.message);
	}
}

/* An index has to be one, and no place for a password. */
static void test_index(void **state)
{
	(void)state;
	static const struct {
		const char *url, *problem;
	} cases[] = {
	    {"https://pypi.example/simple", NULL},
	    {"http://devpi.devpi.svc:3141/root/pypi/+simple/", NULL},
	    {"file:///index", "is 'file:///index'"},
	    {"https://user:secret@pypi.example/simple", "must not have credentials"},
	};
	setenv("SKILLBOX_BUILD_ENABLED", "true", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct controller_config config;
		struct error err = {0};
		setenv("SKILLBOX_BUILD_INDEX_URL", cases[i].url, 1);
		int result = controller_config_load(&config, &err);
		if (result == 0)
			controller_config_free(&config);
		if (cases[i].problem ? result == 0 || !strstr(err.message, cases[i].problem) : result != 0)
			fail_msg("%s: %d, \"%s\"", cases[i].url, result, err.message);
		assert_null(strstr(err.message, "secret@"));
	}
	unsetenv("SKILLBOX_BUILD_ENABLED");
	unsetenv("SKILLBOX_BUILD_INDEX_URL");
}

static void test_help_names_every_option_with_its_default(void **state)
{
	(void)state;
	cleanup_buffer struct buffer help = BUFFER(64 << 10);
	controller_config_help(&help);
	assert_false(help.failed);
	static const char *const words[] = {"SKILLBOX_MAX_STARTING_SANDBOXES", "SKILLBOX_DB_DSN",
					    "image-volume", "SKILLBOX_MAX_MEMORY", "SKILLBOX_S3_ENDPOINT"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_non_null(strstr(help.data, words[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_index),
	    cmocka_unit_test(test_help_names_every_option_with_its_default),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
