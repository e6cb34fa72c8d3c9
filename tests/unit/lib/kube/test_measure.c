/* lib/kube/measure.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/kube/informer.h"
#include "lib/kube/measure.h"

#include <stdlib.h>

enum { REQUESTS, SECONDS, UP, OBJECTS, UNREADABLE, AGE, COUNT };

static const struct metric table[COUNT] = {KUBE_METRIC_REQUESTS,
					   KUBE_METRIC_SECONDS,
					   KUBE_METRIC_INFORMER_UP,
					   KUBE_METRIC_INFORMER_OBJECTS,
					   KUBE_METRIC_INFORMER_UNREADABLE,
					   KUBE_METRIC_INFORMER_AGE};

static void a_path_names_its_resource(void **state)
{
	(void)state;
	static const struct {
		const char *path, *resource;
	} cases[] = {
	    {"/api/v1/namespaces", "namespaces"},
	    {"/api/v1/namespaces/x", "namespaces"},
	    {"/api/v1/pods?limit=500", "pods"},
	    {"/api/v1/namespaces/x/pods", "pods"},
	    {"/api/v1/namespaces/x/pods/secret-name", "pods"},
	    {"/api/v1/namespaces/x/pods/secret-name/exec?command=a/b", "pods/exec"},
	    {"/apis/skillbox.dev/v1alpha1/executions", "executions"},
	    {"/apis/skillbox.dev/v1alpha1/namespaces/x/executions/y/status", "executions/status"},
	    {"/apis/events.k8s.io/v1/namespaces/x/events", "events"},
	    {"/api/v1", "other"},
	    {"/api/v1/", "other"},
	    {"/apis", "other"},
	    {"/healthz", "other"},
	    {"", "other"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char resource[KUBE_RESOURCE_SIZE];
		kube_measure_resource(cases[i].path, resource);
		assert_string_equal(resource, cases[i].resource);
	}
}

static void requests_are_counted_without_names(void **state)
{
	(void)state;
	struct error err;
	struct kube_measure measure = {metrics_new(table, COUNT, &err), REQUESTS, SECONDS};
	cleanup_buffer struct buffer out = BUFFER(1 << 20);
	assert_non_null(measure.metrics);
	for (int i = 0; i < 3; i++)
		kube_measure_request(&measure, "POST", "/api/v1/namespaces/acme/pods", i ? 201 : 409,
				     30000000);
	kube_measure_request(&measure, "GET", "/api/v1/namespaces/acme/pods/one", 0, 1000);
	kube_measure_request(&measure, "OPTIONS", "/api/v1/pods", 200, 1000); /* not one of ours */
	metrics_append(measure.metrics, &out);
	assert_non_null(strstr(
	    out.data,
	    "\nskillbox_kubernetes_requests_total{method=\"POST\",resource=\"pods\",code=\"201\"} 2\n"));
	assert_non_null(strstr(
	    out.data,
	    "\nskillbox_kubernetes_requests_total{method=\"POST\",resource=\"pods\",code=\"409\"} 1\n"));
	assert_non_null(
	    strstr(out.data,
		   "\nskillbox_kubernetes_requests_total{method=\"GET\",resource=\"pods\",code=\"0\"} 1\n"));
	assert_non_null(strstr(
	    out.data, "\nskillbox_kubernetes_request_seconds_bucket{method=\"POST\",le=\"0.025\"} 0\n"));
	assert_non_null(strstr(
	    out.data, "\nskillbox_kubernetes_request_seconds_bucket{method=\"POST\",le=\"0.05\"} 3\n"));
	assert_null(strstr(out.data, "acme"));
	assert_null(strstr(out.data, "OPTIONS"));
	metrics_free(measure.metrics);
}

static void *parse(struct str json, struct error *err)
{
	return str_starts_with(json, STR("{\"metadata\"")) && !memchr(json.p, '!', json.n)
		   ? str_dup(json)
		   : (error_set(err, ERR_BAD_REQUEST, "bad"), NULL);
}

static void key_of(const void *object, struct buffer *out)
{
	buffer_append_c(out, object);
}

static void an_informer_is_counted(void **state)
{
	(void)state;
	struct error err;
	struct informer_options options = {.parse = parse, .free_object = free, .key = key_of};
	struct informer *informer = informer_new(&options, &err);
	struct metrics *metrics = metrics_new(table, COUNT, &err);
	cleanup_buffer struct buffer out = BUFFER(1 << 20);
	assert_non_null(informer);
	assert_non_null(metrics);
	informer_handle(informer, WATCH_ADDED, STR("{\"metadata\":{\"name\":\"a\"}}"));
	informer_handle(informer, WATCH_ADDED, STR("{\"metadata\":{\"name\":\"b\"}}"));
	informer_handle(informer, WATCH_ADDED, STR("{\"metadata\":{\"name\":\"c\"},\"x\":\"!\"}"));
	kube_measure_informer(metrics, UP, "things", informer);
	metrics_append(metrics, &out);
	assert_non_null(strstr(out.data, "\nskillbox_informer_up{resource=\"things\"} 0\n"));
	assert_non_null(strstr(out.data, "\nskillbox_informer_objects{resource=\"things\"} 2\n"));
	assert_non_null(strstr(out.data, "\nskillbox_informer_unreadable{resource=\"things\"} 1\n"));
	assert_non_null(strstr(out.data, "\nskillbox_informer_age_seconds{resource=\"things\"} 0\n"));
	informer_stop(informer);
	metrics_free(metrics);
}

static void without_metrics_nothing_is_counted(void **state)
{
	(void)state;
	struct kube_measure none = {0};
	kube_measure_request(&none, "GET", "/api/v1/pods", 200, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_path_names_its_resource),
	    cmocka_unit_test(requests_are_counted_without_names),
	    cmocka_unit_test(an_informer_is_counted),
	    cmocka_unit_test(without_metrics_nothing_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
