#include "lib/db/measure.h"

void db_measure(struct metrics *metrics, const struct db_measure *at, const struct db *db)
{
	struct db_stats stats;
	if (!db)
		return;
	db_stats(db, &stats);
	metrics_set(metrics, at->up, METRIC_PLAIN, db_check(db, NULL) == 0);
	metrics_set(metrics, at->statements, METRIC_PLAIN, (double)stats.done);
	metrics_set(metrics, at->errors, METRIC_PLAIN, (double)stats.failed);
	metrics_set(metrics, at->waiting, METRIC_PLAIN, stats.waiting);
}
