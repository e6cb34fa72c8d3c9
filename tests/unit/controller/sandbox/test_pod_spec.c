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
				 .script = "scripts/run.py"};

static const struct token_key key = {"key"};

static void build(struct controller_config *config, struct buffer *out)
{
	struct error err;
	config->runner_image = (char *)"skillbox/runner:1";
	config->start_timeout_ms = 300000;
	if (!config->runtime_class)
		config->runtime_class = (char *)"";
	if (!config->seccomp_profile)
		config->seccomp_profile = (char *)"";
	assert_int_equal(pod_spec_of_execution(&execution, &shape, &key, config, out, &err), 0);
	struct jsontext_rules rules = {.refuse_duplicates = true};
	if (jsontext_check(buffer_str(out), &rules, &err) != 0)
		fail_msg("%s", err.message);
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
					   .seccomp_profile = (char *)"",
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
	/* Parts of the sandbox's memory */
	has(&out, "{\"name\":\"sandbox\",\"emptyDir\":{\"medium\":\"Memory\",\"sizeLimit\":\"192Mi\"}}");
	has(&out, "{\"name\":\"tmp\",\"emptyDir\":{\"medium\":\"Memory\",\"sizeLimit\":\"128Mi\"}}");
	has(&out, "{\"name\":\"SKILLBOX_PARK\",\"value\":\"python\"}");
	has(&out, "{\"name\":\"SKILLBOX_PARK_SCRIPT\",\"value\":\"scripts/run.py\"}");
	assert_null(strstr(out.data, "SKILLBOX_PRELOAD"));
	buffer_free(&out);
}

static void test_profile_of_the_node(void **state)
{
	(void)state;
	struct controller_config config = {.runner_delivery = RUNNER_INIT_CONTAINER,
					   .seccomp_profile = (char *)"skillbox/sandbox.json"};
	cleanup_buffer struct buffer out = BUFFER(65536);
	build(&config, &out);
	assert_null(strstr(out.data, "RuntimeDefault"));
	const char *at = out.data;
	int count = 0;
	static const char words[] =
	    "\"seccompProfile\":{\"type\":\"Localhost\",\"localhostProfile\":\"skillbox/sandbox.json\"}";
	while ((at = strstr(at, words)) != NULL) {
		at++;
		count++;
	}
	assert_int_equal(count, 3); /* the Pod, the sandbox, what copies the runner */
}

/* The name comes from the UID and the attempt, so that making it twice is one Pod; a DELETE names the UID, so
 * that it takes no other Pod of that name. */
static void test_names(void **state)
{
	(void)state;
	static const struct {
		int64_t attempt;
		const char *name;
	} cases[] = {{0, "skx-0c2d6a4e-uid-0"}, {1, "skx-0c2d6a4e-uid-1"}, {12, "skx-0c2d6a4e-uid-12"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct execution again = execution;
		char name[POD_NAME_SIZE];
		again.status.attempt = cases[i].attempt;
		pod_name(&again, name);
		assert_string_equal(name, cases[i].name);
	}
	char body[POD_DELETE_SIZE];
	struct str member;
	pod_delete_options("0c2d6a4e-1b2c-4d5e-8f90-123456789abc", body);
	assert_int_equal(jsontext_check(str_of(body), NULL, NULL), 0);
	assert_true(jsontext_member(str_of(body), STR("preconditions"), &member));
	assert_true(str_eq(member, STR("{\"uid\":\"0c2d6a4e-1b2c-4d5e-8f90-123456789abc\"}")));
	assert_true(jsontext_member(str_of(body), STR("gracePeriodSeconds"), &member));
	assert_true(str_eq(member, STR("0")));
}

/* Memory is never promised twice; of the CPU, a run requests little, and no more than its limit. */
static void test_resources(void **state)
{
	(void)state;
	static const struct {
		int64_t memory, cpu;
		const char *words;
	} cases[] = {
	    {64 << 20, 1,
	     "\"requests\":{\"cpu\":\"1m\",\"memory\":\"64Mi\"},\"limits\":{\"cpu\":\"1m\",\"memory\":"
	     "\"64Mi\"}"},
	    {64 << 20, 10, "\"requests\":{\"cpu\":\"10m\",\"memory\":\"64Mi\"},\"limits\":{\"cpu\":\"10m\""},
	    {1 << 30, 2000, "\"requests\":{\"cpu\":\"10m\",\"memory\":\"1Gi\"},\"limits\":{\"cpu\":\"2\""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct controller_config config = {.runner_delivery = RUNNER_IN_IMAGE};
		struct run_shape before = shape;
		cleanup_buffer struct buffer out = BUFFER(65536);
		shape.memory = cases[i].memory;
		shape.cpu = cases[i].cpu;
		build(&config, &out);
		shape = before;
		has(&out, cases[i].words);
	}
}

/* What a tenant or an image says is a text of the JSON and nothing more. */
static void test_hostile_words(void **state)
{
	(void)state;
	static const char hostile[] = "a\",\"hostNetwork\":true,\"x\":\"\\\n\x01";
	struct controller_config config = {.runner_delivery = RUNNER_IN_IMAGE};
	struct run_shape before = shape;
	struct execution owner = execution;
	for (int i = 0; i < 3; i++) {
		cleanup_buffer struct buffer out = BUFFER(65536);
		if (i == 0)
			memcpy(shape.image, hostile, sizeof(hostile));
		else if (i == 1)
			execution.meta.name = (char *)hostile;
		else
			memcpy(shape.script, hostile, sizeof(hostile));
		build(&config, &out); /* strict JSON, no member twice */
		assert_null(strstr(out.data, "\"hostNetwork\":true"));
		shape = before;
		execution = owner;
	}
}

static void test_no_room(void **state)
{
	(void)state;
	struct controller_config config = {
	    .runner_image = (char *)"r", .runtime_class = (char *)"", .seccomp_profile = (char *)""};
	cleanup_buffer struct buffer out = BUFFER(1000);
	struct error err = {0};
	assert_int_equal(pod_spec_of_execution(&execution, &shape, &key, &config, &out, &err), -1);
	assert_int_not_equal(err.code, ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lock_down),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_profile_of_the_node),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_resources),
	    cmocka_unit_test(test_hostile_words),
	    cmocka_unit_test(test_no_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
