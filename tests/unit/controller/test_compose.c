/* The controller as a whole: put together, working, and taken apart in the middle of its work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/compose.h"
#include "tests/unit/controller/stage.h"
#include "tests/unit/controller/stand_ins.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char the_ws;

struct kube_ws *kube_ws_new(struct kube_client *client, struct error *err)
{
	(void)err;
	assert_ptr_equal(client, stand_in_client());
	return (struct kube_ws *)(void *)&the_ws;
}

struct kube_ws *kube_ws_free(struct kube_ws *ws)
{
	(void)ws;
	return NULL;
}

struct fixture {
	char folder[64], key[128], kubeconfig[128];
	uv_loop_t loop;
	struct controller *controller;
	struct error err;
};

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/skillbox-compose-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->key, sizeof(fixture->key), "%s/key", fixture->folder);
	snprintf(fixture->kubeconfig, sizeof(fixture->kubeconfig), "%s/config", fixture->folder);
	write_file(fixture->key, "0123456789abcdef0123456789abcdef\n");
	write_file(fixture->kubeconfig, "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
					"clusters: [{name: k, cluster: {server: 'http://127.0.0.1:1'}}]\n"
					"users: [{name: u, user: {token: t}}]\n"
					"contexts: [{name: c, context: {cluster: k, user: u}}]\n");
	setenv("KUBECONFIG", fixture->kubeconfig, 1);
	setenv("SKILLBOX_SIGNING_KEY_FILE", fixture->key, 1);
	setenv("SKILLBOX_HEALTH_PORT", "1234", 1);
	uv_loop_init(&fixture->loop);
	stand_ins_reset();
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	controller_free(fixture->controller);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	stand_ins_check_empty();
	unlink(fixture->key);
	unlink(fixture->kubeconfig);
	rmdir(fixture->folder);
	free(fixture);
	return 0;
}

static void take_generation(struct fixture *fixture);

static void start(struct fixture *fixture)
{
	struct controller_config config;
	assert_int_equal(controller_config_load(&config, &fixture->err), 0);
	fixture->controller = controller_new(&fixture->loop, &config, &fixture->err);
	controller_config_free(&config); /* zeroed if it was taken over */
	if (!fixture->controller)
		return;
	take_generation(fixture);
}

#define LEASE(version, holder, generation)                                                                   \
	"{\"metadata\":{\"name\":\"skillbox-controller\",\"resourceVersion\":\"" version "\"},\"spec\":{"    \
	"\"holderIdentity\":\"" holder "\",\"leaseTransitions\":" generation "}}"

/* Nothing is done before. */
static void take_generation(struct fixture *fixture)
{
	const char *problem = NULL;
	stage_call("PATCH", "/namespaces/skillbox/leases/skillbox-controller");
	assert_false(controller_is_ready(fixture->controller, &problem));
	assert_non_null(strstr(problem, "a generation is being taken"));
	assert_int_equal(stand_in_queues(), 0);
	stage_answer(200, LEASE("1", "other", "4"));
	stage_call("PATCH", "/namespaces/skillbox/leases/skillbox-controller");
	stage_answer(200, LEASE("2", "skillbox-controller", "5"));
	assert_int_equal(stand_in_queues(), 3);
}

static void sync_all(void)
{
	for (int i = 0; i < CACHE_RESOURCE_COUNT; i++)
		stage_sync((enum cache_resource)i);
	stage_show(CACHE_TENANTS,
		   "{\"metadata\":{\"name\":\"ns\",\"labels\":{\"" API_TENANT_LABEL "\":\"acme\"}}}");
}

enum { EXECUTIONS, SKILLS, POOLS }; /* queues, in the order in which they are made */

static void test_ready_when_all_is_known(void **state)
{
	struct fixture *fixture = *state;
	const char *problem = NULL;
	start(fixture);
	assert_non_null(fixture->controller);
	assert_int_equal(controller_health_port(fixture->controller), 1234);
	assert_false(controller_is_ready(fixture->controller, &problem));
	assert_string_equal(problem, "the watch of namespaces is not up");
	sync_all();
	assert_true(controller_is_ready(fixture->controller, &problem));
	cleanup_buffer struct buffer text = BUFFER((size_t)1 << 20);
	controller_append_metrics(fixture->controller, &text);
	assert_non_null(strstr(text.data, "\nskillbox_sandboxes{stage=\"ready\"} 0\n"));
}

/* What the watches show reaches the parts, and they reach each other. */
static void test_its_parts_work_together(void **state)
{
	struct fixture *fixture = *state;
	start(fixture);
	sync_all();
	stage_show(CACHE_SKILLS, stage_skill("1.0.0", "", ""));
	stage_show(CACHE_SANDBOX_POOLS, stage_pool(1, ""));
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
	assert_int_equal(stage_asked(stand_in_queue(EXECUTIONS), STAGE_KEY), 0);
	stage_work(stand_in_queue(SKILLS), STR("ns/adder-1.0.0"));
	stage_call("PATCH", "/skills/adder-1.0.0/status");
	stage_answer(200, "{}");
	stage_work(stand_in_queue(EXECUTIONS), STAGE_KEY); /* no pool is known yet */
	stage_call("POST", "/api/v1/namespaces/ns/pods");
	stage_answer(201, "{}");
	stage_work(stand_in_queue(POOLS), STR("ns/p"));
	assert_non_null(strstr(stage_call("POST", "/api/v1/namespaces/ns/pods")->body, "SandboxPool"));
	stage_answer(201, "{}");
	/* the Execution's sandbox counts where pools ask how many start */
	cleanup_buffer struct buffer text = BUFFER((size_t)1 << 20);
	controller_append_metrics(fixture->controller, &text);
	assert_non_null(strstr(text.data, "\nskillbox_sandboxes{stage=\"starting\"} 1\n"));
	assert_non_null(strstr(text.data, "\nskillbox_pool_sandboxes{state=\"starting\"} 1\n"));
	/* it ends while the pool's status is being written */
	assert_true(stage_calls() > 0);
}

/* What was shown before there was a generation is looked at when there is one. */
static void test_what_came_before_it_works(void **state)
{
	struct fixture *fixture = *state;
	struct controller_config config;
	assert_int_equal(controller_config_load(&config, &fixture->err), 0);
	fixture->controller = controller_new(&fixture->loop, &config, &fixture->err);
	sync_all();
	stage_show(CACHE_SKILLS, stage_skill("1.0.0", "", ""));
	stage_show(CACHE_SANDBOX_POOLS, stage_pool(1, ""));
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
	take_generation(fixture);
	assert_int_equal(stage_asked(stand_in_queue(EXECUTIONS), STAGE_KEY), 0);
	assert_int_equal(stage_asked(stand_in_queue(SKILLS), STR("ns/adder-1.0.0")), 0);
	assert_int_equal(stage_asked(stand_in_queue(POOLS), STR("ns/p")), 0);
}

/* A later controller works: nothing of what was under way is carried on, and nothing new begins. */
static void test_it_gives_way(void **state)
{
	struct fixture *fixture = *state;
	const char *problem = NULL;
	start(fixture);
	sync_all();
	stage_show(CACHE_SKILLS, stage_skill("1.0.0", "", ""));
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
	assert_true(controller_is_ready(fixture->controller, &problem));
	stage_work(stand_in_queue(EXECUTIONS), STAGE_KEY);
	stage_call("POST", "/api/v1/namespaces/ns/pods");
	stage_answer(201, "{\"metadata\":{\"name\":\"" STAGE_POD "\",\"uid\":\"uid-of-" STAGE_POD "\"}}");
	stage_show(CACHE_PODS, stage_pod(STAGE_POD, POD_EXECUTION_LABEL, STAGE_UID, "", STAGE_RUNS));
	stage_work(stand_in_queue(EXECUTIONS), STAGE_KEY);
	const struct session_services *services = stage_session()->services;
	assert_int_equal(services->generation, 5);
	services->superseded(services->context); /* its sandbox says so; the Lease is asked */
	while (stage_calls() == 0)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	stage_call("PATCH", "/namespaces/skillbox/leases/skillbox-controller");
	stage_answer(200, LEASE("9", "pod-2", "6"));
	assert_int_equal(stand_in_queues(), 0);
	assert_int_equal(stage_sessions(), 0);
	assert_false(controller_is_ready(fixture->controller, &problem));
	assert_non_null(strstr(problem, "stands by: the controller pod-2"));
	cleanup_buffer struct buffer text = BUFFER((size_t)1 << 20);
	controller_append_metrics(fixture->controller, &text);
	assert_non_null(strstr(text.data, "\nskillbox_controller_works 0\n"));
	assert_non_null(strstr(text.data, "\nskillbox_controller_generation 6\n"));
	assert_false(controller_has_failed(fixture->controller));
}

static void test_what_is_missing(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		const char *key, *message; /* key NULL: there is no file */
	} rows[] = {{NULL, "SKILLBOX_SIGNING_KEY_FILE: can't open"},
		    {"", "has 0 bytes, it needs 32 to 4096"},
		    {"short", "has 5 bytes, it needs 32 to 4096"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unlink(fixture->key);
		if (rows[i].key)
			write_file(fixture->key, rows[i].key);
		start(fixture);
		assert_null(fixture->controller);
		if (!strstr(fixture->err.message, rows[i].message))
			fail_msg("%s", fixture->err.message);
		stand_ins_check_empty();
	}
	setenv("SKILLBOX_SIGNING_KEY_FILE", "", 1);
	setenv("SKILLBOX_S3_ENDPOINT", "http://127.0.0.1:1",
	       1); /* with S3, too: its Pods are known by the key */
	start(fixture);
	assert_null(fixture->controller);
	assert_non_null(strstr(fixture->err.message, "SKILLBOX_SIGNING_KEY_FILE is not set"));
	unsetenv("SKILLBOX_S3_ENDPOINT");
	unlink(fixture->kubeconfig);
	start(fixture);
	assert_null(fixture->controller);
	assert_null(controller_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_ready_when_all_is_known, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_its_parts_work_together, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_came_before_it_works, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_it_gives_way, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_is_missing, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
