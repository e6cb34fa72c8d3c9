/* The sandbox Pod: every line of the lock-down is there, in each way that the runner is delivered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/sandbox/pod_spec.h"
#include "lib/base/jsontext.h"

static struct execution execution = {
    .meta = {.namespace = (char *)"acme", .name = (char *)"e\"1", .uid = (char *)"0c2d6a4e-uid"}};
static struct run_shape shape = {.image = "python:3.12-slim",
				 .timeout_ms = 30000,
				 .memory = 256 << 20,
				 .cpu = 500,
				 .skill_version = "1.0.0",
				 .skill_digest = "sha256:abc",
				 .lang = "python",
				 .script = "scripts/run.py",
				 .volumes = true};

static void build(struct controller_config *config, struct buffer *out)
{
	struct error problem;
	config->runner_image = (char *)"skillbox/runner:1";
	config->start_timeout_ms = 300000;
	if (!config->runtime_class)
		config->runtime_class = (char *)"";
	assert_int_equal(pod_spec_of_execution(&execution, &shape, "0123456789abcdef", config, out, &problem),
			 0);
	struct jsontext_rules rules = {.refuse_duplicates = true};
	if (jsontext_check(buffer_str(out), &rules, &problem) != 0)
		fail_msg("%s", problem.message);
}

static void has(const struct buffer *out, const char *words)
{
	if (!strstr(out->data, words))
		fail_msg("%s\nlacks %s", out->data, words);
}

static void test_lock_down(void **state)
{
	static const char *const lines[] = {
	    "\"restartPolicy\":\"Never\"",
	    "\"automountServiceAccountToken\":false",
	    "\"enableServiceLinks\":false",
	    "\"terminationGracePeriodSeconds\":0",
	    "\"dnsPolicy\":\"None\"",
	    "\"hostNetwork\":false",
	    "\"hostPID\":false",
	    "\"hostIPC\":false",
	    "\"runAsNonRoot\":true,\"runAsUser\":65534,\"runAsGroup\":65534",
	    "\"privileged\":false",
	    "\"allowPrivilegeEscalation\":false",
	    "\"readOnlyRootFilesystem\":true",
	    "\"capabilities\":{\"drop\":[\"ALL\"]}",
	    "\"seccompProfile\":{\"type\":\"RuntimeDefault\"}",
	    "\"activeDeadlineSeconds\":1230",
	    "\"limits\":{\"cpu\":\"500m\",\"memory\":\"256Mi\"}",
	    "\"requests\":{\"cpu\":\"10m\",\"memory\":\"256Mi\"}",
	    "\"controller\":true",
	    "\"uid\":\"0c2d6a4e-uid\"",
	    "\"name\":\"skx-0c2d6a4e-uid-0\"",
	    "\"name\":\"e\\\"1\"",
	    "\"skillbox.dev/run-shape\":\"v1 30000 268435456 500 1.0.0 sha256:abc python:3.12-slim\"",
	    "\"command\":[\"/skillbox/runner\"]",
	};
	(void)state;
	struct controller_config config = {.runner_delivery = RUNNER_IMAGE_VOLUME};
	struct buffer out = BUFFER(65536);
	build(&config, &out);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		has(&out, lines[i]);
	has(&out, "\"image\":{\"pullPolicy\":\"IfNotPresent\",\"reference\":\"skillbox/runner:1\"}");
	assert_null(strstr(out.data, "hostPath"));
	assert_null(strstr(out.data, "runtimeClassName"));
	assert_null(strstr(out.data, "hostUsers"));
	buffer_free(&out);
}

static void test_options(void **state)
{
	(void)state;
	struct controller_config config = {.runner_delivery = RUNNER_INIT_CONTAINER,
					   .runtime_class = (char *)"gvisor",
					   .user_namespaces = true};
	struct buffer out = BUFFER(65536);
	build(&config, &out);
	has(&out, "\"initContainers\":[{\"name\":\"runner\",\"image\":\"skillbox/runner:1\"");
	has(&out, "\"runtimeClassName\":\"gvisor\"");
	has(&out, "\"hostUsers\":false");
	buffer_reset(&out);
	config.runner_delivery = RUNNER_IN_IMAGE;
	build(&config, &out);
	assert_null(strstr(out.data, "\"runner\""));
	has(&out, "\"emptyDir\"");
	buffer_reset(&out);
	shape.volumes = false;
	build(&config, &out);
	shape.volumes = true;
	assert_null(strstr(out.data, "olume"));
	has(&out, "{\"name\":\"SKILLBOX_PARK\",\"value\":\"python\"}");
	has(&out, "{\"name\":\"SKILLBOX_PARK_SCRIPT\",\"value\":\"scripts/run.py\"}");
	assert_null(strstr(out.data, "SKILLBOX_PRELOAD"));
	buffer_free(&out);
}

/* A volume costs 0.3 s: only who needs the room, or gets the runner that way, has one. */
static void test_who_needs_volumes(void **state)
{
	(void)state;
	struct controller_config config = {.runner_delivery = RUNNER_IN_IMAGE, .default_memory = 256 << 20};
	assert_false(run_shape_needs_volumes(&config, 256 << 20, 8 << 20));
	assert_true(run_shape_needs_volumes(&config, (256 << 20) + 1, 0));
	assert_true(run_shape_needs_volumes(&config, 256 << 20, (8 << 20) + 1));
	config.runner_delivery = RUNNER_IMAGE_VOLUME;
	assert_true(run_shape_needs_volumes(&config, 1, 0));
}

static void test_shape_round_trip(void **state)
{
	(void)state;
	struct buffer out = BUFFER(1024);
	struct run_shape back;
	assert_int_equal(run_shape_write(&shape, &out), 0);
	assert_true(run_shape_read(buffer_str(&out), &back));
	assert_string_equal(back.image, shape.image);
	assert_string_equal(back.skill_digest, shape.skill_digest);
	assert_int_equal(back.timeout_ms, shape.timeout_ms);
	assert_false(run_shape_read(STR("v1 1 2"), &back));
	assert_false(run_shape_read(STR("v2 1 2 3 a b c"), &back));
	assert_false(run_shape_read(STR("v1 -1 2 3 a b c"), &back));
	assert_false(run_shape_read(STR("v1 1 2 3 a b c d"), &back));
	assert_true(run_shape_read(STR("v1 1 2 3 a - c"), &back));
	assert_string_equal(back.skill_digest, "");
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lock_down),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_who_needs_volumes),
	    cmocka_unit_test(test_shape_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
