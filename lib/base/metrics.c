#include "lib/base/metrics.h"

#include "lib/base/utf8.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define OTHER "other" /* the value for all that an open label has no place for */

struct open_label { /* values of one, in the order they came */
	char (*values)[METRIC_VALUE_SIZE];
	size_t count;
};

struct series_set {    /* of one metric */
	double *cells; /* `width` a series: the value; of a histogram a count for each bucket, then the sum */
	bool *seen;    /* one a series */
	size_t width, count;
	struct open_label open[METRIC_MAX_LABELS];
};

struct metrics {
	const struct metric *table;
	size_t count;
	struct series_set sets[];
};

/* The table */

static bool is_name(const char *name)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	return name && *name && strchr(first, *name) && strspn(name, rest) == strlen(name);
}

/* How many indexes a label has: "other" is one more than the values of an open one. */
static size_t label_size(const struct metric_label *label)
{
	return label->name ? label->count + (label->values ? 0 : 1) : 1;
}

static size_t cell_width(const struct metric *metric)
{
	return metric->type == METRIC_HISTOGRAM ? metric->bucket_count + 2 : 1;
}

static int check_labels(const struct metric *metric, size_t *ret_series, struct error *err)
{
	size_t series = 1;
	for (size_t i = 0; i < METRIC_MAX_LABELS; i++) {
		const struct metric_label *label = &metric->labels[i];
		if (!label->name)
			continue;
		if (!is_name(label->name) || strncmp(label->name, "__", 2) == 0 ||
		    strcmp(label->name, "le") == 0 || (i > 0 && !metric->labels[i - 1].name))
			return error_set(err, ERR_INTERNAL, "metric %s: bad label", metric->name);
		if (label->count == 0 || label->count >= METRIC_MAX_SERIES ||
		    label_size(label) > METRIC_MAX_SERIES / series)
			return error_set(err, ERR_INTERNAL, "metric %s: no or too many label values",
					 metric->name);
		series *= label_size(label);
	}
	*ret_series = series;
	return 0;
}

static int check(const struct metric *metric, size_t *ret_series, struct error *err)
{
	bool is_counter = metric->type == METRIC_COUNTER;
	if (!is_name(metric->name) || !metric->help)
		return error_set(err, ERR_INTERNAL, "a metric without a good name and help");
	if (str_ends_with(str_of(metric->name), STR("_total")) != is_counter)
		return error_set(err, ERR_INTERNAL, "metric %s: counters, and only they, end in _total",
				 metric->name);
	if ((metric->type == METRIC_HISTOGRAM) != (metric->bucket_count > 0))
		return error_set(err, ERR_INTERNAL, "metric %s: histograms, and only they, have buckets",
				 metric->name);
	for (size_t i = 1; i < metric->bucket_count; i++)
		if (metric->buckets[i] <= metric->buckets[i - 1])
			return error_set(err, ERR_INTERNAL, "metric %s: buckets don't grow", metric->name);
	return check_labels(metric, ret_series, err);
}

static int series_set_init(struct series_set *set, const struct metric *metric, struct error *err)
{
	if (check(metric, &set->count, err) != 0)
		return -1;
	set->width = cell_width(metric);
	set->cells = calloc(set->count, set->width * sizeof(double));
	set->seen = calloc(set->count, sizeof(bool));
	if (!set->cells || !set->seen)
		return error_no_memory(err);
	for (size_t i = 0; i < METRIC_MAX_LABELS; i++) {
		const struct metric_label *label = &metric->labels[i];
		if (!label->name || label->values)
			continue;
		set->open[i].values = calloc(label->count, METRIC_VALUE_SIZE);
		if (!set->open[i].values)
			return error_no_memory(err);
	}
	return 0;
}

struct metrics *metrics_new(const struct metric *table, size_t count, struct error *err)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics) + count * sizeof(metrics->sets[0]));
	if (!metrics) {
		error_no_memory(err);
		return NULL;
	}
	metrics->table = table;
	metrics->count = count;
	for (size_t i = 0; i < count; i++) {
		if (series_set_init(&metrics->sets[i], &table[i], err) != 0)
			return metrics_free(metrics);
		for (size_t j = 0; j < i; j++)
			if (strcmp(table[i].name, table[j].name) == 0) {
				error_set(err, ERR_INTERNAL, "metric %s is there twice", table[i].name);
				return metrics_free(metrics);
			}
	}
	return metrics;
}

struct metrics *metrics_free(struct metrics *metrics)
{
	for (size_t i = 0; metrics && i < metrics->count; i++) {
		struct series_set *set = &metrics->sets[i];
		free(set->cells);
		free(set->seen);
		for (size_t j = 0; j < METRIC_MAX_LABELS; j++)
			free(set->open[j].values);
	}
	free(metrics);
	return NULL;
}

/* Counting */

size_t metrics_label(struct metrics *metrics, size_t metric, size_t label, struct str value)
{
	if (!metrics)
		return 0;
	const struct metric_label *definition = &metrics->table[metric].labels[label];
	struct open_label *open = &metrics->sets[metric].open[label];
	if (str_eq(value, STR(OTHER))) /* somebody's real name: it may not make the same series again */
		return definition->count;
	for (size_t i = 0; i < open->count; i++)
		if (str_eq(str_of(open->values[i]), value))
			return i;
	if (open->count == definition->count || value.n == 0 || value.n >= METRIC_VALUE_SIZE ||
	    memchr(value.p, '\0', value.n) || !utf8_is_valid(value, NULL))
		return definition->count;
	memcpy(open->values[open->count], value.p, value.n);
	open->values[open->count][value.n] = '\0';
	return open->count++;
}

/* False if an index of a list of values is out of range. */
static bool series_index(const struct metric *metric, const size_t *at, size_t *ret)
{
	size_t index = 0;
	for (size_t i = 0; i < METRIC_MAX_LABELS && metric->labels[i].name; i++) {
		size_t size = label_size(&metric->labels[i]), value = at[i];
		if (value >= size && metric->labels[i].values)
			return false;
		index = index * size + (value < size ? value : size - 1);
	}
	*ret = index;
	return true;
}

/* The cells of a series that is to be changed; NULL if there are none. */
static double *touch(struct metrics *metrics, size_t metric, const size_t *at)
{
	size_t index;
	if (!metrics || metric >= metrics->count || !series_index(&metrics->table[metric], at, &index))
		return NULL;
	struct series_set *set = &metrics->sets[metric];
	set->seen[index] = true;
	return set->cells + index * set->width;
}

void metrics_add(struct metrics *metrics, size_t metric, const size_t *at, double n)
{
	double *cell = touch(metrics, metric, at);
	if (cell)
		*cell += n;
}

void metrics_set(struct metrics *metrics, size_t metric, const size_t *at, double value)
{
	double *cell = touch(metrics, metric, at);
	if (cell)
		*cell = value;
}

void metrics_observe(struct metrics *metrics, size_t metric, const size_t *at, double value)
{
	double *cells = touch(metrics, metric, at);
	if (!cells)
		return;
	const struct metric *definition = &metrics->table[metric];
	size_t bucket = 0;
	while (bucket < definition->bucket_count && value > definition->buckets[bucket])
		bucket++;
	cells[bucket] += 1;
	cells[definition->bucket_count + 1] += value;
}

double metrics_get(const struct metrics *metrics, size_t metric, const size_t *at)
{
	size_t index;
	if (!metrics || metric >= metrics->count || !series_index(&metrics->table[metric], at, &index))
		return 0;
	const struct series_set *set = &metrics->sets[metric];
	const double *cells = set->cells + index * set->width;
	if (metrics->table[metric].type != METRIC_HISTOGRAM)
		return *cells;
	double observed = 0;
	for (size_t i = 0; i <= metrics->table[metric].bucket_count; i++)
		observed += cells[i];
	return observed;
}

void metrics_clear(struct metrics *metrics, size_t metric)
{
	if (!metrics)
		return;
	struct series_set *set = &metrics->sets[metric];
	memset(set->cells, 0, set->count * set->width * sizeof(double));
	memset(set->seen, 0, set->count * sizeof(bool));
	for (size_t i = 0; i < METRIC_MAX_LABELS; i++)
		set->open[i].count = 0;
}

/* The text */

static void append_escaped(struct buffer *out, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\n')
			buffer_append_c(out, "\\n");
		else if (*text == '\\' || (*text == '"' && quotes))
			buffer_appendf(out, "\\%c", *text);
		else
			buffer_append_byte(out, *text);
	}
}

static void append_number(struct buffer *out, double value)
{
	char text[40];
	if (isnan(value)) {
		buffer_append_c(out, "NaN");
		return;
	}
	if (isinf(value)) {
		buffer_append_c(out, value > 0 ? "+Inf" : "-Inf");
		return;
	}
	/* The fewest digits that give the number back: 17 always do, but 0.1 should not look odd. */
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (!(strtod(text, NULL) < value) && !(strtod(text, NULL) > value))
			break;
	}
	buffer_append_c(out, text);
}

static void append_head(struct buffer *out, const char *name, const char *help, enum metric_type type)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};
	buffer_appendf(out, "# HELP %s ", name);
	append_escaped(out, help, false);
	buffer_appendf(out, "\n# TYPE %s %s\n", name, types[type]);
}

static const char *label_value(const struct metrics *metrics, size_t metric, size_t label, size_t index)
{
	const struct metric_label *definition = &metrics->table[metric].labels[label];
	if (definition->values)
		return definition->values[index];
	return index < metrics->sets[metric].open[label].count
		   ? metrics->sets[metric].open[label].values[index]
		   : OTHER;
}

struct series { /* one, while it is printed */
	const struct metrics *metrics;
	size_t metric;
	size_t at[METRIC_MAX_LABELS];
};

/* NAME SUFFIX {labels} VALUE; le: NULL but for buckets. */
static void append_sample(struct buffer *out, const struct series *series, const char *suffix,
			  const double *le, double value)
{
	const struct metric *metric = &series->metrics->table[series->metric];
	const char *before = "{";
	buffer_appendf(out, "%s%s", metric->name, suffix);
	for (size_t i = 0; i < METRIC_MAX_LABELS && metric->labels[i].name; i++, before = ",") {
		buffer_appendf(out, "%s%s=\"", before, metric->labels[i].name);
		append_escaped(out, label_value(series->metrics, series->metric, i, series->at[i]), true);
		buffer_append_byte(out, '"');
	}
	if (le) {
		buffer_appendf(out, "%sle=\"", before);
		append_number(out, *le);
		buffer_append_byte(out, '"');
		before = ",";
	}
	buffer_append_c(out, *before == ',' ? "} " : " ");
	append_number(out, value);
	buffer_append_byte(out, '\n');
}

static void append_series(struct buffer *out, const struct series *series, const double *cells)
{
	const struct metric *metric = &series->metrics->table[series->metric];
	const double infinity = INFINITY;
	double observed = 0;
	if (metric->type != METRIC_HISTOGRAM) {
		append_sample(out, series, "", NULL, *cells);
		return;
	}
	for (size_t i = 0; i <= metric->bucket_count; i++) {
		observed += cells[i];
		append_sample(out, series, "_bucket",
			      i < metric->bucket_count ? &metric->buckets[i] : &infinity, observed);
	}
	append_sample(out, series, "_sum", NULL, cells[metric->bucket_count + 1]);
	append_sample(out, series, "_count", NULL, observed);
}

/* Series of an open label are shown once they were counted: a value without a count is no news. */
static bool has_open_label(const struct metric *metric)
{
	for (size_t i = 0; i < METRIC_MAX_LABELS; i++)
		if (metric->labels[i].name && !metric->labels[i].values)
			return true;
	return false;
}

void metrics_append(const struct metrics *metrics, struct buffer *out)
{
	for (size_t i = 0; i < metrics->count; i++) {
		const struct metric *metric = &metrics->table[i];
		const struct series_set *set = &metrics->sets[i];
		bool only_seen = metric->only_seen || has_open_label(metric);
		append_head(out, metric->name, metric->help, metric->type);
		for (size_t index = 0; index < set->count; index++) {
			if (only_seen && !set->seen[index])
				continue;
			struct series series = {.metrics = metrics, .metric = i};
			size_t rest = index;
			for (size_t label = METRIC_MAX_LABELS; label-- > 0;) {
				size_t size = label_size(&metric->labels[label]);
				series.at[label] = rest % size;
				rest /= size;
			}
			append_series(out, &series, set->cells + index * set->width);
		}
	}
}
