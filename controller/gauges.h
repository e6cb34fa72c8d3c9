/* GET /metrics: what was counted, and what is looked up when somebody asks. */
#ifndef SKILLBOX_CONTROLLER_GAUGES_H
#define SKILLBOX_CONTROLLER_GAUGES_H

#include "controller/cache.h"
#include "controller/execution/state.h"
#include "controller/history.h"
#include "controller/metrics.h"
#include "controller/pool/pools.h"
#include "lib/db/db.h"

struct gauge_sources {
	struct metrics *metrics;
	/* Does this controller work? The last generation that it knows of. */
	bool works;
	int64_t generation;
	/* NULL, from here on: this controller does not work */
	const struct cache *cache;
	const struct executions *executions;
	const struct pools *pools;
	/* by enum controller_queue */
	const struct workqueue *queues[CONTROLLER_QUEUE_POOLS + 1];
	/* NULL, both: no database is configured */
	struct db *db;
	const struct history *history;
};

/* Set the gauges and append the text that Prometheus reads. */
void gauges_append(const struct gauge_sources *sources, struct buffer *out);

#endif
