/* GET /metrics: what is looked up when somebody asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/gauges.h"
#include "tests/unit/controller/stage.h"

#include <stdio.h>

#define TEXT_MAX ((size_t)1 << 20)

static struct gauge_sources sources_of(struct stage *stage)
{
	return (struct gauge_sources){
	    .metrics = stage->metrics,
	    .works = true,
	    .generation = 7,
	    .cache = stage->cache,
	    .executions = stage->executions,
	    .pools = stage->pools,
	    .queues = {stage->execution_queue, stage->skill_queue, stage->pool_queue}};
}

static void check(struct stage *stage, const char *const *lines, size_t count, bool there)
{
	const struct gauge_sources sources = sources_of(stage);
	cleanup_buffer struct buffer text = BUFFER(TEXT_MAX);
	gauges_append(&sources, &text);
	assert_false(text.failed);
	for (size_t i = 0; i < count; i++)
		if ((strstr(text.data, lines[i]) != NULL) != there)
			fail_msg("%s is %s in:\n%s", lines[i], there ? "not" : "", text.data);
}

static void test_what_there_is(void **state)
{
	static const char *const lines[] = {
	    "skillbox_controller_works 1\n",
	    "skillbox_controller_generation 7\n",
	    "skillbox_namespaces_ambiguous 2\n",
	    "skillbox_sandboxes{stage=\"waiting\"} 1\n",
	    "skillbox_sandboxes{stage=\"starting\"} 2\n",
	    "skillbox_sandboxes{stage=\"ready\"} 3\n",
	    "skillbox_pool_sandboxes{state=\"starting\"} 0\n",
	    "skillbox_pool_sandboxes{state=\"ready\"} 1\n",
	    "skillbox_pool_sandboxes{state=\"claimed\"} 0\n",
	    "skillbox_tenant_executions_unfinished{tenant=\"acme\"} 2\n",
	    "skillbox_queue_keys{queue=\"executions\",state=\"waiting\"} 1\n",
	    "skillbox_queue_keys{queue=\"skills\",state=\"waiting\"} 2\n",
	    "skillbox_queue_keys{queue=\"sandboxpools\",state=\"waiting\"} 3\n",
	    "skillbox_reconciles_total{queue=\"executions\"} 2\n",
	    "skillbox_reconcile_errors_total{queue=\"executions\"} 1\n",
	};
	static const enum tracked_state states[] = {TRACKED_WAITING, TRACKED_STARTING, TRACKED_STARTING,
						    TRACKED_READY,   TRACKED_READY,    TRACKED_READY,
						    TRACKED_IN_LINE, TRACKED_SETTLED};
	struct stage *stage = *state;
	stage_ready_sandbox(stage);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		const char key[] = {'x', '/', (char)('a' + i), '\0'};
		tracked_move(tracked_get(stage->executions, str_of(key), "u", NULL), states[i]);
	}
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
	stage_show(CACHE_EXECUTIONS, stage_execution("f", "uf", "", ""));
	stage_show(CACHE_EXECUTIONS, stage_execution("g", "ug", "", STAGE_SUCCEEDED));
	for (char name[] = "ta"; name[1] <= 'c'; name[1]++) { /* two of one tenant */
		char tenant[256];
		snprintf(tenant, sizeof(tenant),
			 "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"" API_TENANT_LABEL "\":\"%s\"}}}",
			 name, name[1] == 'c' ? "one" : "two");
		stage_show(CACHE_TENANTS, tenant);
	}
	stage_forget(stage->execution_queue);
	stage_forget(stage->pool_queue);
	workqueue_add(stage->execution_queue, STR("1"));
	workqueue_add(stage->skill_queue, STR("1"));
	workqueue_add(stage->skill_queue, STR("2"));
	workqueue_add(stage->pool_queue, STR("1"));
	workqueue_add(stage->pool_queue, STR("2"));
	workqueue_add(stage->pool_queue, STR("3"));
	workqueue_done(stage->execution_queue, STR("1"), true);
	workqueue_done(stage->execution_queue, STR("1"), false);
	check(stage, lines, sizeof(lines) / sizeof(lines[0]), true);
	/* nothing is counted twice, and a tenant that has none any more is not shown */
	static const char *const tenant[] = {"unfinished{tenant=\"acme\"}"};
	check(stage, lines, sizeof(lines) / sizeof(lines[0]), true);
	stage_gone(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
	stage_gone(CACHE_EXECUTIONS, stage_execution("f", "uf", "", ""));
	check(stage, tenant, 1, false);
}

static void test_watches(void **state)
{
	static const char *const lines[] = {"{resource=\"executions\"} 1\n", "{resource=\"namespaces\"} 1\n",
					    "{resource=\"pods\"} 0\n", "{resource=\"sandboxpools\"} 0\n"};
	struct stage *stage = *state;
	stage_live(CACHE_PODS, false);
	check(stage, lines, sizeof(lines) / sizeof(lines[0]), true);
	/* without a database there is nothing to say of one */
	static const char *const backlog[] = {"\nskillbox_archive_backlog"};
	check(stage, backlog, 1, false);
}

/* It stands by: what it knew and did is gone. */
static void test_one_that_does_not_work(void **state)
{
	struct stage *stage = *state;
	const struct gauge_sources sources = {.metrics = stage->metrics, .generation = 8};
	cleanup_buffer struct buffer text = BUFFER(TEXT_MAX);
	gauges_append(&sources, &text);
	assert_non_null(strstr(text.data, "\nskillbox_controller_works 0\n"));
	assert_non_null(strstr(text.data, "\nskillbox_controller_generation 8\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_what_there_is, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_watches, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_one_that_does_not_work, stage_setup, stage_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
