/* What the controller counts, and its answer to GET /metrics. docs/metrics.md lists the same table. */
#ifndef SKILLBOX_CONTROLLER_METRICS_H
#define SKILLBOX_CONTROLLER_METRICS_H

#include "lib/api/execution.h"
#include "lib/base/metrics.h"

struct controller;

enum controller_metric {
	CONTROLLER_ENDED, /* counted where things happen, with metrics_add(controller->metrics, …) */
	CONTROLLER_TENANT_ENDED,
	CONTROLLER_TENANT_RUN_SECONDS,
	CONTROLLER_EXECUTION_SECONDS,
	CONTROLLER_PHASE_SECONDS,
	CONTROLLER_STREAMS_LOST,
	CONTROLLER_SANDBOXES_LOST,
	CONTROLLER_STORE_RETRIES,
	CONTROLLER_KUBE_REQUESTS,
	CONTROLLER_KUBE_SECONDS,
	CONTROLLER_TENANT_UNFINISHED, /* set when somebody asks */
	CONTROLLER_SANDBOXES,
	CONTROLLER_POOL_SANDBOXES,
	CONTROLLER_RECONCILES,
	CONTROLLER_RECONCILE_ERRORS,
	CONTROLLER_QUEUE_KEYS,
	CONTROLLER_INFORMER_UP,
	CONTROLLER_INFORMER_OBJECTS,
	CONTROLLER_DATABASE_UP,
	CONTROLLER_DATABASE_STATEMENTS,
	CONTROLLER_DATABASE_ERRORS,
	CONTROLLER_DATABASE_WAITING,
	CONTROLLER_ARCHIVE_BACKLOG,
	CONTROLLER_METRIC_COUNT
};
extern const struct metric controller_metric_table[CONTROLLER_METRIC_COUNT];

#define CONTROLLER_MAX_TENANTS 100 /* that are told apart by a label */

/* Its end is recorded: count it by reason and tenant, with its times. */
void controller_count_ended(struct controller *controller, const struct execution *ended);

void controller_metrics_append(struct controller *controller, struct buffer *out);

#endif
