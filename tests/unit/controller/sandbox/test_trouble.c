/* Refusals of Pods in kube-apiserver's own words, and what people are told of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/sandbox/trouble.h"

#include <stdio.h>
#include <stdlib.h>

#define FORBIDDEN "pods \\\"skx-1-0\\\" is forbidden: "

/* Messages as kube-apiserver 1.36 sends them. */
static const struct row {
	int status;
	const char *kind, *message;
	const char *reason, *who, *advice;
} rows[] = {
    {403, "Forbidden", FORBIDDEN "exceeded quota: few-pods, requested: pods=1, used: pods=2, limited: pods=2",
     "QuotaExceeded", "ResourceQuota", "raise it"},
    {403, "Forbidden", FORBIDDEN "failed quota: all: must specify requests.ephemeral-storage for: sandbox",
     "QuotaNotMet", "ResourceQuota", "LimitRange"},
    {403, "Forbidden",
     FORBIDDEN "[maximum memory usage per Container is 64Mi, but limit is 256Mi, maximum cpu usage per "
	       "Container is 100m, but limit is 500m]",
     "LimitRangeViolated", "LimitRange", "resources of the skill"},
    {403, "Forbidden",
     FORBIDDEN "cpu max limit to request ratio per Container is 2, but provided ratio is 5.000000",
     "LimitRangeViolated", "LimitRange", "ratio"},
    {403, "Forbidden",
     "pods is forbidden: User \\\"system:serviceaccount:skillbox:skillbox-controller\\\" cannot create "
     "resource \\\"pods\\\" in API group \\\"\\\" in the namespace \\\"team\\\"",
     "ControllerForbidden", "rights of the controller", "RoleBinding"},
    {403, "Forbidden", FORBIDDEN "violates PodSecurity \\\"restricted:latest\\\": seccompProfile",
     "PodSecurityViolated", "Pod Security", "level"},
    {422, "Invalid",
     FORBIDDEN "ValidatingAdmissionPolicy 'no-bash' with binding 'all' denied request: no bash here",
     "AdmissionDenied", "admission policy", "policy"},
    {400, "BadRequest", "admission webhook \\\"scan.example.com\\\" denied the request: not scanned",
     "AdmissionDenied", "webhook", "webhook"},
    {500, "InternalError",
     "Internal error occurred: failed calling webhook \\\"scan.example.com\\\": connection refused",
     "AdmissionUnavailable", "does not answer", "webhook"},
    {403, "Forbidden",
     FORBIDDEN "unable to create new content in namespace team because it is being terminated",
     "NamespaceTerminating", "being deleted", "another namespace"},
    {403, "Forbidden",
     FORBIDDEN "error looking up service account team/default: serviceaccount \\\"default\\\" not found",
     "ServiceAccountMissing", "service account", "create it"},
    {403, "Forbidden", FORBIDDEN "pod rejected: RuntimeClass \\\"gvisor\\\" not found", "RuntimeClassMissing",
     "runtime class", "SKILLBOX_RUNTIME_CLASS"},
    {404, "NotFound", "namespaces \\\"team\\\" not found", "NamespaceMissing", "kube-apiserver", "create"},
    {409, "AlreadyExists", "pods \\\"skx-1-0\\\" already exists", TROUBLE_NAME_TAKEN, "kube-apiserver",
     "namespace team"},
    {409, "Conflict",
     "Operation cannot be fulfilled on resourcequotas \\\"few\\\": the object has been modified",
     "ClusterBusy", "asked for much", "tried again"},
    {422, "Invalid",
     "Pod \\\"skx-1-0\\\" is invalid: spec.containers[0].image: Invalid value: \\\" a\\\": must not have "
     "leading or trailing whitespace",
     "PodInvalid", "invalid", "skill"},
    {401, "Unauthorized", "Unauthorized", "ControllerForbidden", "does not know", "token"},
    {429, "TooManyRequests", "too many requests", "ClusterBusy", "too much", "tried again"},
    {503, "ServiceUnavailable", "the server is currently unable", "ClusterUnavailable", "failed",
     "control plane"},
    {418, "Teapot", "no coffee", "PodRefused", "kube-apiserver", "names"},
};

static struct trouble refuse(int status, const char *body, const char *error_message)
{
	struct error error = {.code = ERR_FORBIDDEN};
	snprintf(error.message, sizeof(error.message), "%s", error_message);
	struct kube_response response = {.status = status,
					 .body = str_of(body),
					 .error = &error,
					 .already_exists = strstr(body, "\"AlreadyExists\"")};
	struct trouble trouble;
	trouble_of_refusal(&response, "team", &trouble);
	return trouble;
}

static void has(const char *message, const char *words)
{
	if (!strstr(message, words))
		fail_msg("'%s' lacks '%s'", message, words);
}

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char body[1024];
		snprintf(body, sizeof(body),
			 "{\"kind\":\"Status\",\"message\":\"%s\",\"reason\":\"%s\",\"code\":%d}",
			 rows[i].message, rows[i].kind, rows[i].status);
		struct trouble trouble = refuse(rows[i].status, body, "POST /x: shorter");
		assert_string_equal(trouble.reason, rows[i].reason);
		has(trouble.message, "the sandbox Pod was refused by ");
		has(trouble.message, rows[i].who);
		has(trouble.message, rows[i].advice);
		const char *colon = strstr(rows[i].message, ": ");
		if (colon && !strchr(colon, '\\')) /* its own words, unescaped */
			has(trouble.message, colon);
	}
}

/* No answer at all, and answers that are no Status. */
static void test_without_a_status_object(void **state)
{
	(void)state;
	struct trouble trouble = refuse(0, "", "POST /x: connection refused");
	assert_string_equal(trouble.reason, "ClusterUnavailable");
	has(trouble.message, "kube-apiserver did not answer: POST /x: connection refused; see to");
	static const char *const bodies[] = {"",      "{", "[]", "{\"message\":7}", "{\"message\":\"\"}",
					     "<html>"};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		trouble = refuse(403, bodies[i], "the answer had status 403");
		assert_string_equal(trouble.reason, "PodRefused");
		has(trouble.message, "the answer had status 403");
	}
}

/* Who refuses may quote the Pod, and so the token in it. */
static void test_tokens_are_hidden(void **state)
{
	(void)state;
	struct trouble trouble =
	    refuse(403,
		   "{\"message\":\"env SKILLBOX_TOKEN=0123456789abcdef0123456789abcdef, image a@sha256:"
		   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef and "
		   "x0123456789abcdef0123456789abcdef\"}",
		   "");
	has(trouble.message, "SKILLBOX_TOKEN=********************************,");
	has(trouble.message, "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	has(trouble.message, "x0123456789abcdef0123456789abcdef");
}

static void test_long_words_leave_room_for_the_advice(void **state)
{
	(void)state;
	static char body[20000];
	size_t n = (size_t)snprintf(body, sizeof(body), "{\"message\":\"exceeded quota");
	while (n < sizeof(body) - 8)
		n += (size_t)snprintf(body + n, sizeof(body) - n, "é");
	snprintf(body + n, sizeof(body) - n, "\"}");
	struct trouble trouble = refuse(403, body, "");
	has(trouble.message, "…; it starts by itself");
	assert_true(strlen(trouble.message) < TROUBLE_MESSAGE_SIZE - 1);
}

static void test_pods(void **state)
{
	(void)state;
	struct trouble trouble;
	struct pod pod = {.meta = {.namespace = (char *)"team", .name = (char *)"skx-1-0"}};
	assert_false(trouble_of_pod(&pod, &trouble));
	trouble_of_slow_pod(&pod, &trouble);
	assert_string_equal(trouble.reason, "SandboxStarting");
	has(trouble.message, "skx-1-0 was created, and no scheduler");
	pod.scheduled = true;
	pod.waiting_reason = (char *)"ContainerCreating";
	assert_false(trouble_of_pod(&pod, &trouble));
	trouble_of_slow_pod(&pod, &trouble);
	has(trouble.message, "kubectl -n team describe pod skx-1-0");
	static const struct {
		const char *waiting, *reason, *words;
	} waits[] = {
	    {"ErrImagePull", "ImageUnavailable", "pulled (ErrImagePull): why; check the image's name"},
	    {"ImagePullBackOff", "ImageUnavailable", "pulled (ImagePullBackOff)"},
	    {"InvalidImageName", "ImageUnavailable", "pulled (InvalidImageName)"},
	    {"CreateContainerError", "ContainerNotMade", "container (CreateContainerError): why"},
	    {"CreateContainerConfigError", "ContainerNotMade", "Events"},
	    {"RunContainerError", "ContainerNotMade", "Events"}};
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		pod.waiting_reason = (char *)(uintptr_t)waits[i].waiting;
		pod.waiting_message = i % 2 ? NULL : (char *)"why";
		if (strstr(waits[i].words, "why"))
			pod.waiting_message = (char *)"why";
		assert_true(trouble_of_pod(&pod, &trouble));
		assert_string_equal(trouble.reason, waits[i].reason);
		has(trouble.message, waits[i].words);
	}
	pod.unschedulable = (char *)"0/3 nodes are available: 3 Insufficient memory.";
	assert_true(trouble_of_pod(&pod, &trouble));
	assert_string_equal(trouble.reason, "Unschedulable");
	has(trouble.message,
	    "no node takes a sandbox: 0/3 nodes are available: 3 Insufficient memory.; it starts");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_without_a_status_object),
	    cmocka_unit_test(test_tokens_are_hidden),
	    cmocka_unit_test(test_long_words_leave_room_for_the_advice),
	    cmocka_unit_test(test_pods),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
