#include "controller/metrics.h"

#include "lib/db/measure.h"
#include "lib/kube/measure.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* "success" or the error code. */
static const char *const reasons[] = {"success",          "exit_nonzero", "timeout",
				      "oom_killed",       "cancelled",    "output_invalid",
				      "output_too_large", "no_capacity",  "image_not_allowed",
				      "no_entrypoint",    "sandbox_lost", "sandbox_start_failed"};
static const char *const statuses[] = {"success", "failed", "timeout", "cancelled"};
static const char *const starts[] = {"cold", "warm"};
static const char *const phases[] = {"queue", "sandbox", "start", "run", "collect"};
static const char *const stages[] = {"waiting", "starting", "ready"};
static const char *const queues[] = {"executions", "skills", "sandboxpools"};
static const char *const pool_states[] = {"starting", "ready", "claimed"};
static const char *const queue_states[] = {"waiting", "running", "later"};
static const double execution_seconds[] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,  2.5,
					   5,    10,    30,   60,  120,  300, 600};
static const double phase_seconds[] = {0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600};

const struct metric controller_metric_table[CONTROLLER_METRIC_COUNT] = {
    [CONTROLLER_ENDED] = {METRIC_DEFINE(COUNTER, "skillbox_executions_ended_total",
					"Executions that ended, by success or error code."),
			  .labels = {METRIC_LABEL("reason", reasons)}},
    [CONTROLLER_TENANT_ENDED] = {METRIC_DEFINE(COUNTER, "skillbox_tenant_executions_ended_total",
					       "Executions that ended, by tenant and status."),
				 .labels = {METRIC_LABEL_OPEN("tenant", CONTROLLER_MAX_TENANTS),
					    METRIC_LABEL("status", statuses)}},
    [CONTROLLER_TENANT_RUN_SECONDS] = {METRIC_DEFINE(COUNTER, "skillbox_tenant_run_seconds_total",
						     "Time that scripts ran, by tenant."),
				       .labels = {METRIC_LABEL_OPEN("tenant", CONTROLLER_MAX_TENANTS)}},
    [CONTROLLER_EXECUTION_SECONDS] = {METRIC_DEFINE(
					  HISTOGRAM, "skillbox_execution_seconds",
					  "From the creation of an Execution to its recorded end, by "
					  "whether its sandbox was waiting for it (warm)."),
				      .labels = {METRIC_LABEL("start", starts)},
				      METRIC_BUCKETS(execution_seconds)},
    [CONTROLLER_PHASE_SECONDS] = {METRIC_DEFINE(HISTOGRAM, "skillbox_execution_phase_seconds",
						"The same time in its parts."),
				  .labels = {METRIC_LABEL("phase", phases)}, METRIC_BUCKETS(phase_seconds)},
    [CONTROLLER_STREAMS_LOST] = {METRIC_DEFINE(COUNTER, "skillbox_sandbox_streams_lost_total",
					       "Streams into sandboxes that broke; most are opened again.")},
    [CONTROLLER_SANDBOXES_LOST] = {METRIC_DEFINE(COUNTER, "skillbox_sandboxes_replaced_total",
						 "Sandboxes that were lost and replaced by another.")},
    [CONTROLLER_STORE_RETRIES] = {METRIC_DEFINE(
	COUNTER, "skillbox_result_store_retries_total",
	"Tries to store a result again that the blob store had not taken.")},
    [CONTROLLER_KUBE_REQUESTS] = KUBE_METRIC_REQUESTS,
    [CONTROLLER_KUBE_SECONDS] = KUBE_METRIC_SECONDS,
    [CONTROLLER_WORKS] = {METRIC_DEFINE(GAUGE, "skillbox_controller_works",
					"1: this controller works. 0: it has no generation yet, or a "
					"controller that was started later works, and it stands by.")},
    [CONTROLLER_GENERATION] = {METRIC_DEFINE(GAUGE, "skillbox_controller_generation",
					     "Count of starts of controllers: of this one while it works, "
					     "else of the one that does.")},
    [CONTROLLER_AMBIGUOUS] = {METRIC_DEFINE(GAUGE, "skillbox_namespaces_ambiguous",
					    "Namespaces that are not served, since another has the same "
					    "tenant's label.")},
    [CONTROLLER_TENANT_UNFINISHED] = {METRIC_DEFINE(GAUGE, "skillbox_tenant_executions_unfinished",
						    "Executions that have not ended, by tenant."),
				      .labels = {METRIC_LABEL_OPEN("tenant", CONTROLLER_MAX_TENANTS)}},
    [CONTROLLER_SANDBOXES] = {METRIC_DEFINE(GAUGE, "skillbox_sandboxes",
					    "Unfinished Executions that wait for a place, and sandboxes "
					    "that start or are ready."),
			      .labels = {METRIC_LABEL("stage", stages)}},
    [CONTROLLER_POOL_SANDBOXES] = {METRIC_DEFINE(GAUGE, "skillbox_pool_sandboxes",
						 "Sandboxes of SandboxPools: that start, wait for an "
						 "Execution, or have one."),
				   .labels = {METRIC_LABEL("state", pool_states)}},
    [CONTROLLER_RECONCILES] = {METRIC_DEFINE(COUNTER, "skillbox_reconciles_total",
					     "Looks at one object, errors included."),
			       .labels = {METRIC_LABEL("queue", queues)}},
    [CONTROLLER_RECONCILE_ERRORS] = {METRIC_DEFINE(COUNTER, "skillbox_reconcile_errors_total",
						   "Looks at one object that failed and are repeated."),
				     .labels = {METRIC_LABEL("queue", queues)}},
    [CONTROLLER_QUEUE_KEYS] = {METRIC_DEFINE(GAUGE, "skillbox_queue_keys",
					     "Objects in a work queue: waiting, worked on, or to be looked "
					     "at later."),
			       .labels = {METRIC_LABEL("queue", queues),
					  METRIC_LABEL("state", queue_states)}},
    [CONTROLLER_INFORMER_UP] = KUBE_METRIC_INFORMER_UP,
    [CONTROLLER_INFORMER_OBJECTS] = KUBE_METRIC_INFORMER_OBJECTS,
    [CONTROLLER_INFORMER_UNREADABLE] = KUBE_METRIC_INFORMER_UNREADABLE,
    [CONTROLLER_INFORMER_AGE] = KUBE_METRIC_INFORMER_AGE,
    [CONTROLLER_DATABASE_UP] = DB_METRIC_UP,
    [CONTROLLER_DATABASE_STATEMENTS] = DB_METRIC_STATEMENTS,
    [CONTROLLER_DATABASE_ERRORS] = DB_METRIC_ERRORS,
    [CONTROLLER_DATABASE_WAITING] = DB_METRIC_WAITING,
    [CONTROLLER_ARCHIVE_BACKLOG] = {METRIC_DEFINE(GAUGE, "skillbox_archive_backlog",
						  "Executions that ended and are not in PostgreSQL yet. "
						  "Only where one is configured."),
				    .only_seen = true},
};

static size_t index_in(const char *const *list, size_t count, const char *value)
{
	size_t at = 0;
	while (at < count && strcmp(list[at], value) != 0)
		at++;
	return at;
}

static void count_times(struct metrics *metrics, const struct execution *ended)
{
	const struct execution_timings *t = &ended->status.timings;
	const double parts[] = {t->queue, t->sandbox, t->start, t->run, t->collect};
	if (t->total >= 0)
		metrics_observe(metrics, CONTROLLER_EXECUTION_SECONDS, METRIC_AT(ended->status.warm),
				t->total / 1000);
	for (size_t i = 0; i < COUNT(parts); i++)
		if (parts[i] > 0) /* 0: it never came so far */
			metrics_observe(metrics, CONTROLLER_PHASE_SECONDS, METRIC_AT(i), parts[i] / 1000);
}

void metrics_count_ended(struct metrics *metrics, const struct execution *ended, const char *tenant)
{
	const char *code = ended->status.error_code;
	size_t by_status = metrics_label(metrics, CONTROLLER_TENANT_ENDED, 0, str_of(tenant));
	size_t by_time = metrics_label(metrics, CONTROLLER_TENANT_RUN_SECONDS, 0, str_of(tenant));
	size_t status = index_in(statuses, COUNT(statuses), execution_rest_status(ended));
	metrics_add(metrics, CONTROLLER_ENDED,
		    METRIC_AT(index_in(reasons, COUNT(reasons), code ? code : "success")), 1);
	metrics_add(metrics, CONTROLLER_TENANT_ENDED, METRIC_AT(by_status, status), 1);
	if (ended->status.timings.run > 0)
		metrics_add(metrics, CONTROLLER_TENANT_RUN_SECONDS, METRIC_AT(by_time),
			    ended->status.timings.run / 1000);
	count_times(metrics, ended);
}
