#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/cluster.h"

#include <stdio.h>

static char problem[512];

static void on_problem(void *context, const char *resource, const struct error *err)
{
	(void)context;
	snprintf(problem, sizeof(problem), "%s: %s", resource, err->message);
}

static struct cluster *make(void)
{
	const struct cluster_options options = {.namespace = "skillbox-system", .problem = on_problem};
	struct cluster *cluster = cluster_new(NULL, &options, NULL);
	assert_non_null(cluster);
	problem[0] = '\0';
	return cluster;
}

static void put(struct cluster *cluster, enum cluster_resource resource, const char *json)
{
	informer_handle(cluster_informer(cluster, resource), WATCH_ADDED, str_of(json));
}

/* What can't be read is told with its name, and left out. */
static void test_what_can_not_be_read_is_told(void **state)
{
	(void)state;
	static const struct {
		enum cluster_resource resource;
		const char *json, *words;
	} rows[] = {
	    {CLUSTER_KEYS, "{\"metadata\":{\"name\":\"broken\",\"namespace\":\"skillbox-system\"}}",
	     "API keys: object skillbox-system/broken is left out: it can't be read: data.hash"},
	    {CLUSTER_EXECUTIONS, "{\"metadata\":1}",
	     "executions: object without a name is left out: it can't be read: metadata"},
	    {CLUSTER_SKILLS, "[]",
	     "skills: object without a name is left out: it can't be read: must be an object"},
	};
	struct cluster *cluster = make();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		problem[0] = '\0';
		put(cluster, rows[i].resource, rows[i].json);
		if (!strstr(problem, rows[i].words))
			fail_msg("\"%s\" lacks \"%s\"", problem, rows[i].words);
	}
	cluster_free(cluster);
}

#define DIGEST(c) "sha256:" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c

/* A blob that something refers to may not go. */
static void test_blobs_that_are_named(void **state)
{
	(void)state;
	static const char *const named[] = {DIGEST("1a"), DIGEST("2b"), DIGEST("3c"), DIGEST("4d"),
					    DIGEST("5e")};
	struct cluster *cluster = make();
	for (size_t i = 0; i < 5; i++)
		assert_false(cluster_names_blob(cluster, str_of(named[i])));
	put(cluster, CLUSTER_EXECUTIONS,
	    "{\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\"},\"spec\":{\"skillRef\":{\"name\":\"s\"},"
	    "\"inputRef\":{\"digest\":\"" DIGEST(
		"1a") "\",\"size\":1}},\"status\":{\"outputRef\":{"
		      "\"digest\":\"" DIGEST("2b") "\",\"size\":1},\"logsRef\":{\"digest\":"
						   "\"" DIGEST("3c") "\",\"size\":1},"
								     "\"filesRef\":{\"digest\":"
								     "\"" DIGEST("4d") "\",\"size\":1}}"
										       "}");
	put(cluster, CLUSTER_SKILLS,
	    "{\"metadata\":{\"name\":\"s\",\"namespace\":\"ns\"},\"spec\":{\"name\":\"s\",\"version\":\"1.0."
	    "0\","
	    "\"lang\":\"python\",\"source\":{\"bundle\":{\"digest\":\"" DIGEST("5e") "\",\"size\":1}}}}");
	assert_string_equal(problem, "");
	for (size_t i = 0; i < 5; i++)
		assert_true(cluster_names_blob(cluster, str_of(named[i])));
	assert_false(cluster_names_blob(cluster, STR(DIGEST("6f"))));
	cluster_free(cluster);
}

/* Before a first list is complete, and while no watch is up. */
static void test_problems(void **state)
{
	(void)state;
	struct cluster *cluster = make();
	static const char *const words[] = {"the first list of executions is not complete",
					    "the watch of executions is not up"};
	assert_string_equal(cluster_problem(cluster), words[0]);
	for (int i = 0; i < CLUSTER_RESOURCE_COUNT; i++) {
		assert_false(cluster_has_synced(cluster));
		informer_handle(cluster_informer(cluster, (enum cluster_resource)i), WATCH_LIST_BEGIN,
				STR(""));
		informer_handle(cluster_informer(cluster, (enum cluster_resource)i), WATCH_LIST_END, STR(""));
	}
	assert_true(cluster_has_synced(cluster));
	assert_string_equal(cluster_problem(cluster), words[1]);
	cluster_free(cluster);
}

static int64_t now_us;

static int64_t monotonic_us(void *context)
{
	(void)context;
	return now_us;
}

/* Each renewal counts from when it was seen here; what else changes in the Lease does not. */
static void test_the_controllers_lease(void **state)
{
	(void)state;
	const struct clock clock = {NULL, monotonic_us, NULL};
	const struct cluster_options options = {
	    .namespace = "skillbox-system", .problem = on_problem, .clock = &clock};
	struct cluster *cluster = cluster_new(NULL, &options, NULL);
	static const struct {
		const char *name, *renewed;
		int64_t seen_us;
	} rows[] = {{"somebody-else", "2026-11-24T10:00:00Z", 0},
		    {"skillbox-controller", "2026-11-24T10:00:00Z", 2},
		    {"skillbox-controller", "2026-11-24T10:00:00Z", 2},
		    {"skillbox-controller", "2026-11-24T10:00:05Z", 4}};
	assert_non_null(cluster);
	assert_null(cluster_controller_lease(cluster));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char json[256];
		snprintf(json, sizeof(json),
			 "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"holderIdentity\":\"pod\",\"renewTime\":"
			 "\"%s\"}}",
			 rows[i].name, rows[i].renewed);
		now_us = (int64_t)i + 1;
		put(cluster, CLUSTER_LEASES, json);
		assert_int_equal(cluster_lease_seen_us(cluster), rows[i].seen_us);
		assert_int_equal(cluster_controller_lease(cluster) != NULL, i > 0);
	}
	assert_string_equal(cluster_controller_lease(cluster)->holder, "pod");
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_can_not_be_read_is_told),
	    cmocka_unit_test(test_blobs_that_are_named),
	    cmocka_unit_test(test_problems),
	    cmocka_unit_test(test_the_controllers_lease),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
