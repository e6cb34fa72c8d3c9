/* What both servers count of their dealings with the Kubernetes API: rows for a program's table of metrics,
 * and the counting. */
#ifndef SKILLBOX_KUBE_MEASURE_H
#define SKILLBOX_KUBE_MEASURE_H

#include "lib/base/metrics.h"

#include <stdint.h>

struct informer;

#define KUBE_MEASURE_METHODS 5
#define KUBE_MEASURE_BUCKETS 10
#define KUBE_MEASURE_RESOURCES 24 /* "executions/status" … that are told apart */
#define KUBE_MEASURE_CODES 24

extern const char *const kube_measure_methods[KUBE_MEASURE_METHODS];
extern const double kube_measure_seconds[KUBE_MEASURE_BUCKETS];

/* Rows of the table. The first two are counted by the client (kube_client_measure), the others by
 * kube_measure_informer. */
#define KUBE_METRIC_REQUESTS                                                                                 \
	{                                                                                                    \
		METRIC_DEFINE(COUNTER, "skillbox_kubernetes_requests_total",                                 \
			      "Requests to the Kubernetes API by their last answer; code 0: none came."),    \
		    .labels = {                                                                              \
			    METRIC_LABEL("method", kube_measure_methods),                                    \
			    METRIC_LABEL_OPEN("resource", KUBE_MEASURE_RESOURCES),                           \
			    METRIC_LABEL_OPEN("code", KUBE_MEASURE_CODES)                                    \
		    }                                                                                        \
	}
#define KUBE_METRIC_SECONDS                                                                                  \
	{                                                                                                    \
		METRIC_DEFINE(HISTOGRAM, "skillbox_kubernetes_request_seconds",                              \
			      "Time of requests to the Kubernetes API, their repeats included."),            \
		    .labels = {METRIC_LABEL("method", kube_measure_methods)},                                \
		    .buckets = kube_measure_seconds, .bucket_count = KUBE_MEASURE_BUCKETS                    \
	}
#define KUBE_METRIC_INFORMER_UP                                                                              \
	{                                                                                                    \
		METRIC_DEFINE(GAUGE, "skillbox_informer_up",                                                 \
			      "1 while the cache of a resource is complete and its watch is up, else 0."),   \
		    .labels = {                                                                              \
			    METRIC_LABEL_OPEN("resource", KUBE_MEASURE_RESOURCES)                            \
		    }                                                                                        \
	}
#define KUBE_METRIC_INFORMER_OBJECTS                                                                         \
	{                                                                                                    \
		METRIC_DEFINE(GAUGE, "skillbox_informer_objects", "Objects in the cache of a resource."),    \
		    .labels = {                                                                              \
			    METRIC_LABEL_OPEN("resource", KUBE_MEASURE_RESOURCES)                            \
		    }                                                                                        \
	}
#define KUBE_METRIC_INFORMER_UNREADABLE                                                                      \
	{                                                                                                    \
		METRIC_DEFINE(GAUGE, "skillbox_informer_unreadable",                                         \
			      "Objects of a resource that are left out because they can't be read."),        \
		    .labels = {                                                                              \
			    METRIC_LABEL_OPEN("resource", KUBE_MEASURE_RESOURCES)                            \
		    }                                                                                        \
	}

#define KUBE_METRIC_INFORMER_AGE                                                                             \
	{                                                                                                    \
		METRIC_DEFINE(GAUGE, "skillbox_informer_age_seconds",                                        \
			      "How long ago the cache of a resource was known to lack nothing."),            \
		    .labels = {                                                                              \
			    METRIC_LABEL_OPEN("resource", KUBE_MEASURE_RESOURCES)                            \
		    }                                                                                        \
	}

struct kube_measure {            /* where they stand in the program's table */
	struct metrics *metrics; /* NULL: nothing is counted */
	size_t requests, seconds;
};
void kube_measure_request(const struct kube_measure *measure, const char *method, const char *path,
			  int status, uint64_t nanoseconds);

#define KUBE_RESOURCE_SIZE 64
/* "pods", "executions/status": what a path of the API is about, without names and namespaces; "other" if it
 * is no path of a resource. */
void kube_measure_resource(const char *path, char ret[KUBE_RESOURCE_SIZE]);

/* Set the gauges of one informer. They stand in the table one behind the other, as above: up is the first. */
void kube_measure_informer(struct metrics *metrics, size_t up, const char *resource,
			   const struct informer *informer);

#endif
