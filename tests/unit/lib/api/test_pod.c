#include "lib/api/pod.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct pod *read_pod(const char *json)
{
	struct error err = {0};
	struct pod *pod = pod_from_json(str_of(json), &err);
	if (!pod)
		fail_msg("%s", err.message);
	return pod;
}

static void reads_a_running_pod(void **state)
{
	(void)state;
	struct pod *pod = read_pod(
	    "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"skx-1\",\"namespace\":\"t\",\"uid\":\"u-1\","
	    "\"resourceVersion\":\"42\","
	    "\"creationTimestamp\":\"2026-11-24T10:58:24Z\",\"deletionTimestamp\":\"2026-11-24T10:58:25Z\","
	    "\"annotations\":{\"" POD_SHAPE_ANNOTATION
	    "\":\"shape\"},\"labels\":{\"skillbox.dev/execution-uid\":\"e-1\",\"other\":\"x\"},"
	    "\"ownerReferences\":[{\"uid\":\"no\"},{\"uid\":\"e-1\",\"controller\":true},{\"uid\":\"late\","
	    "\"controller\":true}]},"
	    "\"spec\":{\"initContainers\":[{\"name\":\"sandbox\",\"env\":[{\"name\":\"SKILLBOX_TOKEN\","
	    "\"value\":\"wrong\"}]}],"
	    "\"containers\":[{\"name\":\"side\",\"env\":[{\"name\":\"SKILLBOX_TOKEN\",\"value\":\"wrong\"}]},"
	    "{\"name\":\"sandbox\",\"env\":[{\"name\":\"A\",\"valueFrom\":{\"fieldRef\":{}}},"
	    "{\"name\":\"SKILLBOX_TOKEN\",\"value\":\"secret\"}]}]},"
	    "\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},"
	    "{\"type\":\"PodScheduled\",\"status\":\"True\",\"lastTransitionTime\":null,\"lastProbeTime\":"
	    "null}],"
	    "\"containerStatuses\":[{\"name\":\"sandbox\",\"imageID\":\"img@sha256:1\",\"state\":{"
	    "\"running\":{\"startedAt\":"
	    "\"2026-11-24T10:58:24Z\"}}}]}}");
	assert_string_equal(pod->meta.name, "skx-1");
	assert_string_equal(pod->meta.namespace, "t");
	assert_string_equal(pod->meta.uid, "u-1");
	assert_string_equal(pod->meta.resource_version, "42");
	assert_string_equal(pod->meta.owner_uid, "e-1");
	assert_int_equal(pod->meta.created_ms, 1795517904000);
	assert_int_equal(pod->meta.deleted_ms, 1795517905000);
	assert_string_equal(pod->execution_uid, "e-1");
	assert_string_equal(pod->run_shape, "shape");
	assert_string_equal(pod->token, "secret");
	assert_string_equal(pod->phase, "Running");
	assert_true(pod->scheduled);
	assert_null(pod->unschedulable);
	assert_true(pod->ready);
	assert_false(pod->terminated);
	assert_string_equal(pod->image_id, "img@sha256:1");
	pod_free(pod);
}

static void reads_what_keeps_a_pod_waiting(void **state)
{
	(void)state;
	struct pod *pod =
	    read_pod("{\"metadata\":{\"name\":\"a\"},\"status\":{\"phase\":\"Pending\",\"conditions\":[{"
		     "\"type\":\"PodScheduled\","
		     "\"status\":\"False\",\"reason\":\"Unschedulable\",\"message\":\"0/1 nodes\"}]}}");
	assert_false(pod->scheduled);
	assert_string_equal(pod->unschedulable, "0/1 nodes");
	assert_null(pod->token);
	pod_free(pod);

	/* the init container's reason comes through, whatever the order of the lists */
	pod = read_pod("{\"metadata\":{\"name\":\"a\"},\"status\":{\"containerStatuses\":[{\"name\":"
		       "\"sandbox\",\"state\":"
		       "{\"waiting\":{\"reason\":\"PodInitializing\"}}}],\"initContainerStatuses\":[{"
		       "\"name\":\"runner\",\"state\":"
		       "{\"waiting\":{\"reason\":\"ErrImagePull\",\"message\":\"no such image\"}}}]}}");
	assert_string_equal(pod->waiting_reason, "ErrImagePull");
	assert_string_equal(pod->waiting_message, "no such image");
	assert_false(pod->ready);
	pod_free(pod);
}

/* Whoever owns it tells people what it waits for, so it must hear when that is something else. */
static void changes_of_what_it_waits_for_matter(void **state)
{
	(void)state;
	static const struct {
		const char *old, *fresh;
		bool image, vain, matters;
	} rows[] = {{NULL, "ContainerCreating", false, false, false},
		    {"ContainerCreating", "ErrImagePull", true, true, true},
		    {"ErrImagePull", "ImagePullBackOff", true, true, false},
		    {"ImagePullBackOff", "CreateContainerError", false, true, true},
		    {"CreateContainerError", "ContainerCreating", false, false, true}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pod old = {.waiting_reason = (char *)(uintptr_t)rows[i].old};
		struct pod fresh = {.waiting_reason = (char *)(uintptr_t)rows[i].fresh};
		assert_int_equal(pod_waits_for_image(&fresh), rows[i].image);
		assert_int_equal(pod_waits_in_vain(&fresh), rows[i].vain);
		assert_int_equal(pod_change_matters(&old, &fresh), rows[i].matters);
	}
}

static void reads_the_end(void **state)
{
	(void)state;
	struct pod *pod = read_pod(
	    "{\"metadata\":{\"name\":\"a\"},\"status\":{\"phase\":\"Failed\",\"reason\":\"Evicted\","
	    "\"message\":\"disk\","
	    "\"initContainerStatuses\":[{\"name\":\"runner\",\"state\":{\"terminated\":{\"exitCode\":0}}}],"
	    "\"containerStatuses\":[{\"name\":\"sandbox\",\"state\":{\"terminated\":{\"exitCode\":137,"
	    "\"reason\":\"OOMKilled\"}}}]}}");
	assert_string_equal(pod->reason, "Evicted");
	assert_string_equal(pod->message, "disk");
	assert_true(pod->terminated);
	assert_false(pod->ready);
	assert_int_equal(pod->exit_code, 137);
	assert_string_equal(pod->terminated_reason, "OOMKilled");
	pod_free(pod);
}

static void refuses_what_is_no_pod(void **state)
{
	(void)state;
	static const struct {
		const char *json, *message;
	} rows[] = {
	    {"{}", "metadata: is missing"},
	    {"{\"metadata\":{}}", "metadata.name: is missing"},
	    {"{\"metadata\":[]}", "metadata: must be an object, not a list"},
	    {"{\"metadata\":{\"name\":\"a\",\"labels\":{\"skillbox.dev/execution-uid\":1}}}",
	     "metadata.labels.skillbox.dev/execution-uid: must be a string, not a number"},
	    {"{\"metadata\":{\"name\":\"a\",\"ownerReferences\":{}}}",
	     "metadata.ownerReferences: must be a list"},
	    {"{\"metadata\":{\"name\":\"a\"},\"status\":{\"containerStatuses\":[{\"name\":\"sandbox\","
	     "\"state\":"
	     "{\"terminated\":{\"exitCode\":\"1\"}}}]}}",
	     "status.containerStatuses[0].state.terminated.exitCode: must be a number, not a string"},
	    {"{\"metadata\":{\"name\":\"a\"},\"spec\":{\"containers\":7}}",
	     "spec.containers: must be a list"},
	    {"{\"metadata\":{\"name\":\"a\"},\"status\":{\"conditions\":[7]}}",
	     "status.conditions[0]: must be an object, not a number"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		assert_null(pod_from_json(str_of(rows[i].json), &err));
		assert_string_equal(err.message, rows[i].message);
	}
	assert_null(pod_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_a_running_pod),
	    cmocka_unit_test(reads_what_keeps_a_pod_waiting),
	    cmocka_unit_test(changes_of_what_it_waits_for_matter),
	    cmocka_unit_test(reads_the_end),
	    cmocka_unit_test(refuses_what_is_no_pod),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
