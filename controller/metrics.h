/* What the controller counts. docs/metrics.md lists the same table; what is only looked up when somebody asks
 * is in gauges.h. */
#ifndef SKILLBOX_CONTROLLER_METRICS_H
#define SKILLBOX_CONTROLLER_METRICS_H

#include "lib/api/execution.h"
#include "lib/base/metrics.h"

enum controller_metric {
	CONTROLLER_ENDED, /* counted where things happen */
	CONTROLLER_TENANT_ENDED,
	CONTROLLER_TENANT_RUN_SECONDS,
	CONTROLLER_EXECUTION_SECONDS,
	CONTROLLER_PHASE_SECONDS,
	CONTROLLER_STREAMS_LOST,
	CONTROLLER_SANDBOXES_LOST,
	CONTROLLER_STORE_RETRIES,
	CONTROLLER_KUBE_REQUESTS,
	CONTROLLER_KUBE_SECONDS,
	CONTROLLER_WORKS, /* from here on: gauges.h */
	CONTROLLER_GENERATION,
	CONTROLLER_AMBIGUOUS,
	CONTROLLER_TENANT_UNFINISHED,
	CONTROLLER_SANDBOXES,
	CONTROLLER_POOL_SANDBOXES,
	CONTROLLER_RECONCILES,
	CONTROLLER_RECONCILE_ERRORS,
	CONTROLLER_QUEUE_KEYS,
	CONTROLLER_INFORMER_UP,
	CONTROLLER_INFORMER_OBJECTS,
	CONTROLLER_INFORMER_UNREADABLE,
	CONTROLLER_INFORMER_AGE,
	CONTROLLER_DATABASE_UP,
	CONTROLLER_DATABASE_STATEMENTS,
	CONTROLLER_DATABASE_ERRORS,
	CONTROLLER_DATABASE_WAITING,
	CONTROLLER_ARCHIVE_BACKLOG,
	CONTROLLER_METRIC_COUNT
};
extern const struct metric controller_metric_table[CONTROLLER_METRIC_COUNT];

#define CONTROLLER_MAX_TENANTS 100 /* that are told apart by a label */

/* Values of the labels, in the order of their numbers. */
enum controller_stage { CONTROLLER_STAGE_WAITING, CONTROLLER_STAGE_STARTING, CONTROLLER_STAGE_READY };
enum controller_queue { CONTROLLER_QUEUE_EXECUTIONS, CONTROLLER_QUEUE_SKILLS, CONTROLLER_QUEUE_POOLS };

/* Its end is recorded: count it by reason and tenant (NULL: none), with its times. */
void metrics_count_ended(struct metrics *metrics, const struct execution *ended, const char *tenant);

#endif
