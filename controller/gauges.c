#include "controller/gauges.h"

#include "lib/db/measure.h"
#include "lib/kube/measure.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void set_sandboxes(const struct gauge_sources *sources)
{
	const struct capacity_counts counts = executions_count(sources->executions);
	const struct {
		enum controller_stage stage;
		int64_t count;
	} stages[] = {{CONTROLLER_STAGE_WAITING, counts.waiting},
		      {CONTROLLER_STAGE_STARTING, counts.starting},
		      {CONTROLLER_STAGE_READY, counts.ready}};
	for (size_t i = 0; i < COUNT(stages); i++)
		metrics_set(sources->metrics, CONTROLLER_SANDBOXES, METRIC_AT((size_t)stages[i].stage),
			    (double)stages[i].count);
}

static void set_pools(const struct gauge_sources *sources)
{
	const struct pool_counts counts = pools_count(sources->pools);
	const int64_t by_state[] = {counts.starting, counts.ready, counts.claimed};
	for (size_t i = 0; i < COUNT(by_state); i++)
		metrics_set(sources->metrics, CONTROLLER_POOL_SANDBOXES, METRIC_AT(i), (double)by_state[i]);
}

static bool count_unfinished(void *context, const void *object)
{
	const struct gauge_sources *sources = context;
	const struct execution *execution = object;
	if (execution_is_finished(execution))
		return true;
	struct str tenant = str_of(cache_tenant(sources->cache, execution->meta.namespace));
	size_t at = metrics_label(sources->metrics, CONTROLLER_TENANT_UNFINISHED, 0, tenant);
	metrics_add(sources->metrics, CONTROLLER_TENANT_UNFINISHED, METRIC_AT(at), 1);
	return true;
}

static void set_unfinished(const struct gauge_sources *sources)
{
	struct gauge_sources copy = *sources;
	metrics_clear(sources->metrics, CONTROLLER_TENANT_UNFINISHED); /* who has none is not shown */
	cache_each(sources->cache, CACHE_EXECUTIONS, count_unfinished, &copy);
}

static void set_queue(struct metrics *metrics, size_t which, const struct workqueue *queue)
{
	struct workqueue_stats stats;
	workqueue_stats(queue, &stats);
	const size_t keys[] = {stats.waiting, stats.running, stats.later};
	metrics_set(metrics, CONTROLLER_RECONCILES, METRIC_AT(which), (double)stats.done);
	metrics_set(metrics, CONTROLLER_RECONCILE_ERRORS, METRIC_AT(which), (double)stats.failed);
	for (size_t i = 0; i < COUNT(keys); i++)
		metrics_set(metrics, CONTROLLER_QUEUE_KEYS, METRIC_AT(which, i), (double)keys[i]);
}

static void set_informers(const struct gauge_sources *sources)
{
	for (size_t i = 0; i < CACHE_RESOURCE_COUNT; i++) {
		enum cache_resource resource = (enum cache_resource)i;
		kube_measure_informer(sources->metrics, CONTROLLER_INFORMER_UP, cache_resource_name(resource),
				      cache_informer(sources->cache, resource));
	}
}

static void set_generation(const struct gauge_sources *sources)
{
	metrics_set(sources->metrics, CONTROLLER_WORKS, METRIC_PLAIN, sources->works);
	metrics_set(sources->metrics, CONTROLLER_GENERATION, METRIC_PLAIN, (double)sources->generation);
}

static bool count_ambiguous(void *context, const void *object)
{
	const struct gauge_sources *sources = context;
	const char *namespace = ((const struct tenant *)object)->meta.name;
	if (cache_tenant_rival(sources->cache, namespace))
		metrics_add(sources->metrics, CONTROLLER_AMBIGUOUS, METRIC_PLAIN, 1);
	return true;
}

static void set_ambiguous(const struct gauge_sources *sources)
{
	struct gauge_sources copy = *sources;
	metrics_set(sources->metrics, CONTROLLER_AMBIGUOUS, METRIC_PLAIN, 0);
	cache_each(sources->cache, CACHE_TENANTS, count_ambiguous, &copy);
}

static void set_work(const struct gauge_sources *sources)
{
	set_unfinished(sources);
	set_ambiguous(sources);
	set_sandboxes(sources);
	set_pools(sources);
	for (size_t i = 0; i < COUNT(sources->queues); i++)
		set_queue(sources->metrics, i, sources->queues[i]);
}

void gauges_append(const struct gauge_sources *sources, struct buffer *out)
{
	static const struct db_measure database = {CONTROLLER_DATABASE_UP, CONTROLLER_DATABASE_STATEMENTS,
						   CONTROLLER_DATABASE_ERRORS, CONTROLLER_DATABASE_WAITING};
	struct metrics *metrics = sources->metrics;
	set_generation(sources);
	if (sources->executions)
		set_work(sources);
	if (sources->cache)
		set_informers(sources);
	db_measure(metrics, &database, sources->db);
	if (sources->db)
		metrics_set(metrics, CONTROLLER_ARCHIVE_BACKLOG, METRIC_PLAIN,
			    (double)history_backlog(sources->history));
	metrics_append_process("controller", SKILLBOX_VERSION, out);
	metrics_append(metrics, out);
}
