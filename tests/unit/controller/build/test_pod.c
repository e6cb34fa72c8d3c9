/* The Pod that fetches packages: every line of the lock-down is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/build/pod.h"
#include "lib/base/jsontext.h"

static struct skill skill = {
    .meta = {.namespace = (char *)"acme", .name = (char *)"s-1", .uid = (char *)"0c2d6a4e-uid"},
    .status.build.attempt = 3};

static struct controller_config config = {.runtime_class = (char *)"",
					  .start_timeout_ms = 300000,
					  .build = {.image = (char *)"pip:1",
						    .namespace = (char *)"builds",
						    .program = (char *)"program",
						    .secret = (char *)"",
						    .timeout_ms = 60000,
						    .memory = 512 << 20,
						    .disk = 1 << 30,
						    .cpu = 1000}};

static void build(struct buffer *out)
{
	struct error err;
	struct jsontext_rules rules = {.refuse_duplicates = true};
	if (build_pod_spec(&skill, &config, out, &err) != 0 ||
	    jsontext_check(buffer_str(out), &rules, &err) != 0)
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
	    "\"name\":\"skb-0c2d6a4e-uid-3\"",
	    "\"skillbox.dev/skill-uid\":\"0c2d6a4e-uid\"",
	    "\"skillbox.dev/skill\":\"acme/s-1\"",
	    "\"app.kubernetes.io/component\":\"build\"",
	    "\"restartPolicy\":\"Never\"",
	    "\"automountServiceAccountToken\":false",
	    "\"enableServiceLinks\":false",
	    "\"terminationGracePeriodSeconds\":0",
	    "\"hostNetwork\":false,\"hostPID\":false,\"hostIPC\":false",
	    "\"runAsNonRoot\":true,\"runAsUser\":65534,\"runAsGroup\":65534,\"privileged\":false,"
	    "\"allowPrivilegeEscalation\":false,\"readOnlyRootFilesystem\":true,\"capabilities\":{\"drop\":["
	    "\"ALL\"]},"
	    "\"seccompProfile\":{\"type\":\"RuntimeDefault\"}",
	    "\"activeDeadlineSeconds\":420",
	    "\"command\":[\"python3\",\"-IB\",\"/builder/build.py\",\"wait\"]",
	    "\"limits\":{\"cpu\":\"1\",\"memory\":\"512Mi\",\"ephemeral-storage\":\"1Gi\"}",
	    "\"emptyDir\":{\"sizeLimit\":\"1Gi\"}",
	    "\"configMap\":{\"name\":\"program\"}",
	};
	cleanup_buffer struct buffer out = BUFFER(65536);
	(void)state;
	build(&out);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		has(&out, lines[i]);
	assert_null(strstr(out.data, "credentials"));
	assert_null(strstr(out.data, "hostUsers"));
}

static void test_options(void **state)
{
	struct controller_config before = config;
	cleanup_buffer struct buffer out = BUFFER(65536);
	(void)state;
	config.runtime_class = (char *)"gvisor";
	config.user_namespaces = true;
	config.build.secret = (char *)"netrc";
	build(&out);
	has(&out, "\"runtimeClassName\":\"gvisor\"");
	has(&out, "\"hostUsers\":false");
	has(&out, "\"secret\":{\"secretName\":\"netrc\"}");
	has(&out, "\"mountPath\":\"/etc/skillbox-build\",\"readOnly\":true");
	config = before;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lock_down), cmocka_unit_test(test_options)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
