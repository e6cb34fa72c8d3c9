/* Counters, gauges and histograms, and their text for Prometheus (exposition format 0.0.4).
 *
 * A program has one static table of `struct metric`, indexed by an enum of its own, and one `struct metrics`
 * with their values. All memory is taken in metrics_new: how many time series there can be is known by then,
 * whatever peers send. Counting takes no memory and can't fail; what has no place counts as "other". With a
 * NULL registry each call does nothing, so that parts can be tested without one. For one thread.
 *
 *	enum { RUNS_ENDED, RUN_SECONDS, METRIC_COUNT };
 *	static const char *const reasons[] = {"success", "failed"};
 *	static const double seconds[] = {0.1, 1, 10};
 *	static const struct metric table[METRIC_COUNT] = {
 *	    [RUNS_ENDED] = {METRIC_DEFINE(COUNTER, "skillbox_runs_ended_total", "Runs that ended."),
 *			    .labels = {METRIC_LABEL("reason", reasons), METRIC_LABEL_OPEN("tenant", 100)}},
 *	    [RUN_SECONDS] = {METRIC_DEFINE(HISTOGRAM, "skillbox_run_seconds", "Time of runs."),
 *			     METRIC_BUCKETS(seconds)},
 *	};
 *	metrics_add(m, RUNS_ENDED, METRIC_AT(1, metrics_label(m, RUNS_ENDED, 1, STR("acme"))), 1);
 *	metrics_observe(m, RUN_SECONDS, METRIC_PLAIN, 0.25);
 */
#ifndef SKILLBOX_BASE_METRICS_H
#define SKILLBOX_BASE_METRICS_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define METRIC_MAX_LABELS 3
#define METRIC_VALUE_SIZE 64    /* of an open label's value, with its NUL; longer ones are "other" */
#define METRIC_MAX_SERIES 16384 /* of one metric: label values multiplied */
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_label {
	const char *name; /* NULL: no label */
	/* All it may have, an index each; NULL: an open label, whose values come at run time and get their
	 * index from metrics_label. */
	const char *const *values;
	size_t count; /* of values; of an open label the most that are told apart */
};
#define METRIC_LABEL(label, list)                                                                            \
	{                                                                                                    \
		label, list, sizeof(list) / sizeof((list)[0])                                                \
	}
#define METRIC_LABEL_OPEN(label, most)                                                                       \
	{                                                                                                    \
		label, NULL, most                                                                            \
	}

struct metric {
	enum metric_type type;
	const char *name, *help; /* a counter's name ends in _total */
	struct metric_label labels[METRIC_MAX_LABELS];
	const double *buckets; /* of a histogram: upper bounds, growing; +Inf is added */
	size_t bucket_count;
	bool only_seen; /* leave out series that were never touched: for labels with many combinations */
};
#define METRIC_DEFINE(kind, metric_name, text) .type = METRIC_##kind, .name = metric_name, .help = text
#define METRIC_BUCKETS(list) .buckets = list, .bucket_count = sizeof(list) / sizeof((list)[0])

struct metrics;

/* The table must outlive the result. ERR_INTERNAL if the table contradicts itself, ERR_NO_MEMORY. */
struct metrics *metrics_new(const struct metric *table, size_t count, struct error *err);
struct metrics *metrics_free(struct metrics *metrics); /* NULL-safe, returns NULL */

/* The indexes of a series' label values, in the table's order. One that is out of range counts as "other"
 * with an open label; with a list of values it is the caller's mistake, and nothing is counted. */
#define METRIC_AT(...) ((const size_t[METRIC_MAX_LABELS]){__VA_ARGS__})
#define METRIC_PLAIN METRIC_AT(0) /* no labels */

/* The index of a value of an open label; the one of "other" when there are too many, when it is too long,
 * empty or no UTF-8. */
size_t metrics_label(struct metrics *metrics, size_t metric, size_t label, struct str value);

void metrics_add(struct metrics *metrics, size_t metric, const size_t *at, double n); /* counter, gauge */
/* Gauge; a counter kept elsewhere. */
void metrics_set(struct metrics *metrics, size_t metric, const size_t *at, double value);
void metrics_observe(struct metrics *metrics, size_t metric, const size_t *at, double value); /* histogram */
/* Of a counter or gauge its value, of a histogram how many were observed; for tests and for sums. */
double metrics_get(const struct metrics *metrics, size_t metric, const size_t *at);
/* Gauges whose labels come and go (tenants): forget every series of one, values of open labels included. */
void metrics_clear(struct metrics *metrics, size_t metric);

/* Append everything, in the table's order. */
void metrics_append(const struct metrics *metrics, struct buffer *out);
/* Append skillbox_build_info and the process_… metrics that every Prometheus client has: CPU, memory, file
 * descriptors, start. What /proc doesn't tell is left out. */
void metrics_append_process(const char *component, const char *version, struct buffer *out);

#endif
