#include "lib/kube/measure.h"

#include "lib/kube/informer.h"

#include <stdio.h>

const char *const kube_measure_methods[KUBE_MEASURE_METHODS] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
const double kube_measure_seconds[KUBE_MEASURE_BUCKETS] = {0.002, 0.005, 0.01, 0.025, 0.05,
							   0.1,   0.25,  1,    5,     30};

void kube_measure_resource(const char *path, char ret[KUBE_RESOURCE_SIZE])
{
	struct str rest = {path, strcspn(path, "?")}, segment, name = {0}, subresource = {0};
	snprintf(ret, KUBE_RESOURCE_SIZE, "other");
	/* /api/VERSION/… or /apis/GROUP/VERSION/…, then namespaces/NAMESPACE/ where there is more behind it,
	 * then RESOURCE/NAME/SUBRESOURCE. */
	bool core = str_starts_with(rest, STR("/api/")), group = str_starts_with(rest, STR("/apis/"));
	if (!core && !group)
		return;
	for (int skip = core ? 3 : 4; skip > 0; skip--)
		str_split_once(rest, '/', &segment, &rest);
	str_split_once(rest, '/', &segment, &rest);
	struct str resource = segment;
	str_split_once(rest, '/', &name, &rest);
	str_split_once(rest, '/', &subresource, &rest);
	if (str_eq(resource, STR("namespaces")) && subresource.n) {
		resource = subresource;
		str_split_once(rest, '/', &name, &rest);
		str_split_once(rest, '/', &subresource, &rest);
	}
	if (resource.n)
		snprintf(ret, KUBE_RESOURCE_SIZE, "%.*s%s%.*s", (int)resource.n, resource.p,
			 subresource.n ? "/" : "", (int)subresource.n, subresource.n ? subresource.p : "");
}

void kube_measure_request(const struct kube_measure *measure, const char *method, const char *path,
			  int status, uint64_t nanoseconds)
{
	char resource[KUBE_RESOURCE_SIZE], code[16];
	size_t at = 0;
	if (!measure->metrics)
		return;
	while (at < KUBE_MEASURE_METHODS && strcmp(kube_measure_methods[at], method) != 0)
		at++;
	kube_measure_resource(path, resource);
	snprintf(code, sizeof(code), "%d", status);
	metrics_add(measure->metrics, measure->requests,
		    METRIC_AT(at, metrics_label(measure->metrics, measure->requests, 1, str_of(resource)),
			      metrics_label(measure->metrics, measure->requests, 2, str_of(code))),
		    1);
	metrics_observe(measure->metrics, measure->seconds, METRIC_AT(at), (double)nanoseconds / 1e9);
}

void kube_measure_informer(struct metrics *metrics, size_t up, const char *resource,
			   const struct informer *informer)
{
	const double values[] = {
	    informer_has_synced(informer) && informer_is_live(informer),
	    (double)informer_count(informer),
	    (double)informer_unreadable_count(informer),
	    informer_has_synced(informer) ? (double)informer_age_ms(informer) / 1000 : 0,
	};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		metrics_set(metrics, up + i, METRIC_AT(metrics_label(metrics, up + i, 0, str_of(resource))),
			    values[i]);
}
