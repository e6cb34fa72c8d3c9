/* lib/base/metrics.c, metrics_process.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ENDED, OPEN_STREAMS, SECONDS, REQUESTS, BY_TENANT, COUNT };

static const char *const reasons[] = {"success", "failed"};
static const char *const methods[] = {"GET", "POST"};
static const char *const codes[] = {"200", "404"};
static const double bounds[] = {0.1, 1, 10};

static const struct metric table[COUNT] = {
    [ENDED] = {METRIC_DEFINE(COUNTER, "ended_total", "Runs."), .labels = {METRIC_LABEL("reason", reasons)}},
    [OPEN_STREAMS] = {METRIC_DEFINE(GAUGE, "streams", "With \\ and\na second line, \"quoted\".")},
    [SECONDS] = {METRIC_DEFINE(HISTOGRAM, "seconds", "Time."), .labels = {METRIC_LABEL("reason", reasons)},
		 METRIC_BUCKETS(bounds), .only_seen = true},
    [REQUESTS] = {METRIC_DEFINE(COUNTER, "requests_total", "Requests."),
		  .labels = {METRIC_LABEL("method", methods), METRIC_LABEL("code", codes)},
		  .only_seen = true},
    [BY_TENANT] = {METRIC_DEFINE(GAUGE, "by_tenant", "Tenants."), .labels = {METRIC_LABEL_OPEN("tenant", 2)}},
};

static struct metrics *make(void)
{
	struct error err;
	struct metrics *metrics = metrics_new(table, COUNT, &err);
	assert_non_null(metrics);
	return metrics;
}

static void the_text_is_exactly_this(void **state)
{
	(void)state;
	struct metrics *m = make();
	cleanup_buffer struct buffer out = BUFFER(65536);
	metrics_add(m, ENDED, METRIC_AT(1), 1);
	metrics_add(m, ENDED, METRIC_AT(1), 2);
	metrics_add(m, OPEN_STREAMS, METRIC_PLAIN, 5);
	metrics_add(m, OPEN_STREAMS, METRIC_PLAIN, -1);
	metrics_observe(m, SECONDS, METRIC_AT(0), 0.1); /* a bound belongs to its bucket */
	metrics_observe(m, SECONDS, METRIC_AT(0), 0.25);
	metrics_observe(m, SECONDS, METRIC_AT(0), 99);
	metrics_add(m, REQUESTS, METRIC_AT(1, 0), 7);
	metrics_set(m, BY_TENANT, METRIC_AT(metrics_label(m, BY_TENANT, 0, STR("a\"b\\c\nd"))), 3);
	metrics_append(m, &out);
	assert_string_equal(out.data, "# HELP ended_total Runs.\n"
				      "# TYPE ended_total counter\n"
				      "ended_total{reason=\"success\"} 0\n"
				      "ended_total{reason=\"failed\"} 3\n"
				      "# HELP streams With \\\\ and\\na second line, \"quoted\".\n"
				      "# TYPE streams gauge\n"
				      "streams 4\n"
				      "# HELP seconds Time.\n"
				      "# TYPE seconds histogram\n"
				      "seconds_bucket{reason=\"success\",le=\"0.1\"} 1\n"
				      "seconds_bucket{reason=\"success\",le=\"1\"} 2\n"
				      "seconds_bucket{reason=\"success\",le=\"10\"} 2\n"
				      "seconds_bucket{reason=\"success\",le=\"+Inf\"} 3\n"
				      "seconds_sum{reason=\"success\"} 99.35\n"
				      "seconds_count{reason=\"success\"} 3\n"
				      "# HELP requests_total Requests.\n"
				      "# TYPE requests_total counter\n"
				      "requests_total{method=\"POST\",code=\"200\"} 7\n"
				      "# HELP by_tenant Tenants.\n"
				      "# TYPE by_tenant gauge\n"
				      "by_tenant{tenant=\"a\\\"b\\\\c\\nd\"} 3\n");
	assert_true(metrics_get(m, SECONDS, METRIC_AT(0)) == 3);
	assert_true(metrics_get(m, ENDED, METRIC_AT(1)) == 3);
	assert_null(metrics_free(m));
}

static void numbers_come_back_as_they_were(void **state)
{
	(void)state;
	static const struct {
		double value;
		const char *text;
	} cases[] = {{0.1, "0.1"},
		     {1e15 + 0.5, "1000000000000000.5"},
		     {9007199254740991, "9007199254740991"},
		     {1.0 / 3, "0.3333333333333333"},
		     {-2, "-2"},
		     {NAN, "NaN"},
		     {INFINITY, "+Inf"},
		     {-INFINITY, "-Inf"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct metrics *m = make();
		cleanup_buffer struct buffer out = BUFFER(65536);
		char want[64];
		metrics_set(m, OPEN_STREAMS, METRIC_PLAIN, cases[i].value);
		metrics_append(m, &out);
		snprintf(want, sizeof(want), "\nstreams %s\n", cases[i].text);
		if (!strstr(out.data, want))
			fail_msg("%s is missing in\n%s", want, out.data);
		metrics_free(m);
	}
}

static void open_labels_end_in_other(void **state)
{
	(void)state;
	struct metrics *m = make();
	cleanup_buffer struct buffer out = BUFFER(65536);
	char longest[METRIC_VALUE_SIZE], too_long[METRIC_VALUE_SIZE + 1];
	memset(longest, 'x', sizeof(longest));
	memset(too_long, 'x', sizeof(too_long));
	/* None of these takes a place; a tenant that is really called so does not make the series twice. */
	assert_int_equal(metrics_label(m, BY_TENANT, 0, STR("other")), 2);
	assert_int_equal(metrics_label(m, BY_TENANT, 0, STR("")), 2);
	assert_int_equal(metrics_label(m, BY_TENANT, 0, STR("\xff")), 2);
	assert_int_equal(metrics_label(m, BY_TENANT, 0, STR("a\0b")), 2);
	assert_int_equal(metrics_label(m, BY_TENANT, 0, (struct str){too_long, sizeof(too_long) - 1}), 2);
	assert_int_equal(metrics_label(m, BY_TENANT, 0, (struct str){longest, sizeof(longest) - 1}), 0);
	assert_int_equal(metrics_label(m, BY_TENANT, 0, STR("b")), 1);
	assert_int_equal(metrics_label(m, BY_TENANT, 0, STR("b")), 1);
	for (size_t i = 0; i < 1000; i++) {
		char name[16];
		snprintf(name, sizeof(name), "tenant-%zu", i);
		size_t at = metrics_label(m, BY_TENANT, 0, str_of(name));
		assert_int_equal(at, 2);
		metrics_add(m, BY_TENANT, METRIC_AT(at), 1);
	}
	metrics_add(m, BY_TENANT, METRIC_AT(77), 1); /* out of range: "other", too */
	metrics_append(m, &out);
	assert_non_null(strstr(out.data, "\nby_tenant{tenant=\"other\"} 1001\n"));
	assert_null(strstr(out.data, "tenant-"));
	assert_null(strstr(out.data, "tenant=\"b\"")); /* named, never counted */
	metrics_free(m);
}

static void a_gauge_forgets_its_series(void **state)
{
	(void)state;
	struct metrics *m = make();
	cleanup_buffer struct buffer out = BUFFER(65536);
	metrics_set(m, BY_TENANT, METRIC_AT(metrics_label(m, BY_TENANT, 0, STR("gone"))), 1);
	metrics_clear(m, BY_TENANT);
	metrics_set(m, BY_TENANT, METRIC_AT(metrics_label(m, BY_TENANT, 0, STR("here"))), 2);
	metrics_append(m, &out);
	assert_null(strstr(out.data, "gone"));
	assert_non_null(strstr(out.data, "\nby_tenant{tenant=\"here\"} 2\n"));
	metrics_free(m);
}

static void indexes_out_of_range_change_nothing(void **state)
{
	(void)state;
	struct metrics *m = make();
	metrics_add(m, ENDED, METRIC_AT(2), 1);
	metrics_add(m, REQUESTS, METRIC_AT(0, 2), 1);
	metrics_observe(m, SECONDS, METRIC_AT(9), 1);
	metrics_add(m, COUNT, METRIC_PLAIN, 1);
	for (size_t i = 0; i < 2; i++) {
		assert_true(metrics_get(m, ENDED, METRIC_AT(i)) == 0);
		assert_true(metrics_get(m, REQUESTS, METRIC_AT(i, 0)) == 0);
		assert_true(metrics_get(m, REQUESTS, METRIC_AT(i, 1)) == 0);
	}
	assert_true(metrics_get(m, COUNT, METRIC_PLAIN) == 0);
	metrics_free(m);
}

static void without_a_registry_nothing_happens(void **state)
{
	(void)state;
	assert_int_equal(metrics_label(NULL, BY_TENANT, 0, STR("a")), 0);
	metrics_add(NULL, ENDED, METRIC_AT(0), 1);
	metrics_set(NULL, OPEN_STREAMS, METRIC_PLAIN, 1);
	metrics_observe(NULL, SECONDS, METRIC_AT(0), 1);
	metrics_clear(NULL, BY_TENANT);
	assert_true(metrics_get(NULL, ENDED, METRIC_AT(0)) == 0);
	assert_null(metrics_free(NULL));
}

static void tables_that_contradict_themselves_are_refused(void **state)
{
	(void)state;
	static const double shrinking[] = {1, 1};
	static const struct metric bad[][2] = {
	    {{METRIC_DEFINE(GAUGE, "with-dash", "")}},
	    {{METRIC_DEFINE(GAUGE, "9th", "")}},
	    {{METRIC_DEFINE(GAUGE, "no_help", NULL)}},
	    {{METRIC_DEFINE(COUNTER, "counter", "")}},
	    {{METRIC_DEFINE(GAUGE, "gauge_total", "")}},
	    {{METRIC_DEFINE(HISTOGRAM, "no_buckets", "")}},
	    {{METRIC_DEFINE(GAUGE, "gauge", ""), METRIC_BUCKETS(bounds)}},
	    {{METRIC_DEFINE(HISTOGRAM, "shrinking", ""), METRIC_BUCKETS(shrinking)}},
	    {{METRIC_DEFINE(GAUGE, "bad_label", ""), .labels = {METRIC_LABEL("a b", reasons)}}},
	    {{METRIC_DEFINE(GAUGE, "reserved", ""), .labels = {METRIC_LABEL("__name", reasons)}}},
	    {{METRIC_DEFINE(HISTOGRAM, "le", ""), .labels = {METRIC_LABEL("le", reasons)},
	      METRIC_BUCKETS(bounds)}},
	    {{METRIC_DEFINE(GAUGE, "hole", ""), .labels = {{0}, METRIC_LABEL("a", reasons)}}},
	    {{METRIC_DEFINE(GAUGE, "nobody", ""), .labels = {METRIC_LABEL_OPEN("a", 0)}}},
	    {{METRIC_DEFINE(GAUGE, "too_many", ""),
	      .labels = {METRIC_LABEL_OPEN("a", 1000), METRIC_LABEL_OPEN("b", 1000)}}},
	    {{METRIC_DEFINE(GAUGE, "huge", ""), .labels = {METRIC_LABEL_OPEN("a", SIZE_MAX)}}},
	    {{METRIC_DEFINE(GAUGE, "twice", "")}, {METRIC_DEFINE(GAUGE, "twice", "")}},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = {0};
		size_t count = bad[i][1].name ? 2 : 1;
		if (metrics_new(bad[i], count, &err))
			fail_msg("%s was taken", bad[i][0].name);
		assert_int_equal(err.code, ERR_INTERNAL);
	}
}

static void a_full_buffer_says_so(void **state)
{
	(void)state;
	struct metrics *m = make();
	cleanup_buffer struct buffer out = BUFFER(100);
	metrics_append(m, &out);
	assert_true(out.failed);
	metrics_free(m);
}

/* The value of `name` in the text; -1 if it isn't there. */
static double value_of(const struct buffer *text, const char *name)
{
	char start[80];
	snprintf(start, sizeof(start), "\n%s ", name);
	const char *at = strstr(text->data, start);
	return at ? strtod(at + strlen(start), NULL) : -1;
}

static void the_process_tells_about_itself(void **state)
{
	(void)state;
	cleanup_buffer struct buffer before = BUFFER(65536), after = BUFFER(65536);
	metrics_append_process("tests", "1.2.3", &before);
	assert_non_null(
	    strstr(before.data, "\nskillbox_build_info{component=\"tests\",version=\"1.2.3\"} 1\n"));
	assert_in_range((uintmax_t)value_of(&before, "process_resident_memory_bytes"), 100000, 1ull << 36);
	assert_true(value_of(&before, "process_virtual_memory_bytes") >
		    value_of(&before, "process_resident_memory_bytes"));
	double start = value_of(&before, "process_start_time_seconds");
	assert_true(start <= (double)time(NULL) + 1 && start > (double)time(NULL) - 60);
	FILE *file = fopen("/dev/null", "r");
	assert_non_null(file);
	volatile unsigned work = 0;
	for (double cpu = value_of(&before, "process_cpu_seconds_total"), now = cpu; now <= cpu;) {
		for (unsigned i = 0; i < 1000000; i++)
			work = work + i;
		buffer_reset(&after);
		metrics_append_process("tests", "1.2.3", &after);
		now = value_of(&after, "process_cpu_seconds_total");
	}
	assert_true(value_of(&after, "process_open_fds") == value_of(&before, "process_open_fds") + 1);
	assert_true(value_of(&after, "process_max_fds") >= value_of(&after, "process_open_fds"));
	assert_true(value_of(&after, "process_start_time_seconds") == start);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_text_is_exactly_this),
	    cmocka_unit_test(numbers_come_back_as_they_were),
	    cmocka_unit_test(open_labels_end_in_other),
	    cmocka_unit_test(a_gauge_forgets_its_series),
	    cmocka_unit_test(indexes_out_of_range_change_nothing),
	    cmocka_unit_test(without_a_registry_nothing_happens),
	    cmocka_unit_test(tables_that_contradict_themselves_are_refused),
	    cmocka_unit_test(a_full_buffer_says_so),
	    cmocka_unit_test(the_process_tells_about_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
