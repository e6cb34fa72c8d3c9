/* Packages of a Skill from its push to its status, with a Pod and an answer in the test's hands: what is
 * asked of the cluster, in which order, and what is left when something fails on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/build/builds.h"
#include "controller/build/plan.h"
#include "tests/unit/controller/stage.h"

#include <stdio.h>

#define KEY STR("ns/adder-1.0.0")
#define STATUS API_BASE_PATH "/namespaces/ns/skills/adder-1.0.0/status"
#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SOURCE ",\"source\":{\"bundle\":{\"digest\":\"" DIGEST "\",\"size\":100},\"build\":true}"
#define PACKAGES                                                                                             \
	"\"packages\":{\"digest\":\"" DIGEST "\",\"size\":9,\"lock\":\"" DIGEST "\",\"files\":1,\"bytes\":"  \
	"1}"
#define BUILD(attempt, tries, more)                                                                          \
	"\"build\":{\"attempt\":" attempt ",\"tries\":" tries ",\"uploadTime\":\"" STAGE_NOW                 \
	"\",\"startTime\":\"" STAGE_NOW "\"" more "}"
#define POD(attempt) "skb-skill-1.0.0-" attempt

static struct builds *start(struct stage *stage)
{
	stage->config.policy =
	    (struct policy){.image_allowlist = (char *)"python:3.12-slim",
			    .python_images = (char *)"python:3.12-slim=cp312-manylinux_2_36_x86_64",
			    .build_enabled = true,
			    .default_timeout_ms = 60000,
			    .max_timeout_ms = 60000,
			    .default_memory = 256 << 20,
			    .max_memory = 256 << 20,
			    .default_cpu = 500,
			    .max_cpu = 500};
	stage->config.build.namespace = (char *)"builds";
	stage->config.build.image = (char *)"pip:1";
	stage->config.build.program = (char *)"program";
	stage->config.build.secret = (char *)"";
	stage->config.build.timeout_ms = 60000;
	stage->config.build.memory = stage->config.build.disk = 64 << 20;
	stage->config.build.cpu = 1000;
	struct build_services services = {.job = {.config = &stage->config},
					  .clock = &stage->clock,
					  .cache = stage->cache,
					  .client = stage->client,
					  .queue = stage->skill_queue};
	struct builds *builds = builds_new(&services, NULL);
	assert_non_null(builds);
	return builds;
}

static void stop(struct stage *stage, struct builds *builds)
{
	assert_null(builds_free(builds));
	memset(&stage->config.build, 0, sizeof(stage->config.build));
	memset(&stage->config.policy, 0, sizeof(stage->config.policy));
}

static void look(struct stage *stage, struct builds *builds, const char *status)
{
	if (status)
		stage_show(CACHE_SKILLS, stage_skill("1.0.0", SOURCE, status));
	stage_forget(stage->skill_queue);
	builds_reconcile(builds, KEY, cache_skill(stage->cache, KEY), "team");
}

static void show_pod(const char *attempt, const char *uid, const char *state)
{
	char json[1024];
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"skb-skill-1.0.0-%s\",\"namespace\":\"builds\",\"uid\":\"u%s\","
		 "\"creationTimestamp\":\"" STAGE_NOW "\",\"labels\":{\"" POD_SKILL_LABEL "\":\"%s\"},"
		 "\"annotations\":{\"" POD_SKILL_ANNOTATION "\":\"ns/adder-1.0.0\"}},"
		 "\"status\":{\"phase\":\"%s\",\"containerStatuses\":[{\"name\":\"build\",\"state\":%s}]}}",
		 attempt, attempt, uid, strstr(state, "terminated") ? "Failed" : "Running", state);
	stage_show(CACHE_PODS, json);
}

static void expect_patch(const char *a, const char *b)
{
	const struct stage_call *call = stage_call("PATCH", STATUS);
	assert_non_null(call);
	if (!strstr(call->body, a) || !strstr(call->body, b))
		fail_msg("%s lacks %s or %s", call->body, a, b);
	stage_answer(200, "{}");
}

/* Up to the Pod that has its input. */
static struct builds *start_working(struct stage *stage)
{
	struct builds *builds = start(stage);
	look(stage, builds, "");
	expect_patch("\"reason\":\"Building\"", "\"attempt\":1,\"tries\":1");
	look(stage, builds, BUILD("1", "1", ""));
	assert_string_equal(stage_job()->tenant, "team");
	assert_string_equal(stage_job()->image, "python:3.12-slim");
	stage_job()->key = "k1";
	stage_move_job(BUILD_KNOWN);
	assert_int_equal(stage_asked(stage->skill_queue, KEY), 0);
	look(stage, builds, NULL);
	const struct stage_call *call = stage_call("POST", "/namespaces/builds/pods");
	assert_non_null(strstr(call->body, "\"name\":\"" POD("1") "\""));
	assert_non_null(strstr(call->body, "\"" POD_SKILL_LABEL "\":\"skill-1.0.0\""));
	stage_answer(201, "{}");
	show_pod("1", "skill-1.0.0", "{\"waiting\":{}}");
	look(stage, builds, NULL);
	assert_string_equal(stage_job()->pod, "");
	show_pod("1", "skill-1.0.0", STAGE_RUNS);
	look(stage, builds, NULL);
	assert_string_equal(stage_job()->pod, POD("1"));
	assert_int_equal(stage_calls(), 0);
	return builds;
}

static void test_built(void **state)
{
	struct stage *stage = *state;
	struct builds *builds = start_working(stage);
	stage_job()->packages = (struct skill_packages){{(char *)DIGEST, 9}, (char *)DIGEST, 1, 1};
	stage_job()->log = "six==1.0\n";
	stage_move_job(BUILD_DONE);
	look(stage, builds, NULL);
	assert_non_null(strstr(stage_call("DELETE", "/pods/" POD("1"))->body, "\"uid\":\"u1\""));
	stage_answer(200, "{}");
	expect_patch("\"status\":\"True\",\"observedGeneration\":1,", PACKAGES);
	builds_forget(builds, KEY);
	assert_null(stage_job());
	stage_answer(404, "");
	stop(stage, builds);
}

static void test_refused(void **state)
{
	struct stage *stage = *state;
	struct builds *builds = start_working(stage);
	stage_job()->problem = "the index has no package nope";
	stage_job()->log = "the index has no package nope\nERROR\n";
	stage_move_job(BUILD_STAGE_REFUSED);
	look(stage, builds, NULL);
	stage_answer(200, "{}"); /* the Pod's */
	expect_patch(
	    "\"reason\":\"BuildFailed\",\"message\":\"the packages of requirements.txt could not be fetched: "
	    "the index has no package nope\"",
	    "\"completionTime\":\"");
	/* and it is left at that */
	look(stage, builds, BUILD("1", "1", ",\"completionTime\":\"" STAGE_NOW "\""));
	assert_null(stage_job());
	stage_answer(404, "");
	assert_int_equal(stage_calls(), 0);
	stop(stage, builds);
}

/* What is no fault of the skill's is tried three times in all, with pauses. */
static void test_tried_again(void **state)
{
	struct stage *stage = *state;
	struct builds *builds = start_working(stage);
	stage_job()->problem = "no answer";
	stage_move_job(BUILD_STAGE_FAILED);
	look(stage, builds, NULL);
	stage_answer(200, "{}");
	expect_patch("\"reason\":\"Building\"", "\"attempt\":2,\"tries\":2");
	look(stage, builds, BUILD("2", "2", ""));
	stage_move_job(BUILD_KNOWN);
	look(stage, builds, NULL);
	assert_int_equal(stage_asked(stage->skill_queue, KEY), BUILD_PAUSE_MS);
	assert_int_equal(stage_calls(), 0);
	stage_later(stage, BUILD_PAUSE_MS);
	look(stage, builds, NULL);
	assert_non_null(strstr(stage_call("POST", "/pods")->body, POD("2")));
	stage_answer(409, "{\"reason\":\"AlreadyExists\"}");
	show_pod("2", "skill-1.0.0", STAGE_ENDED);
	look(stage, builds, BUILD("2", "3", ""));
	stage_answer(200, "{}");
	expect_patch("\"reason\":\"BuildFailed\"", "(tried 3 times)");
	stop(stage, builds);
}

/* Whatever was remembered is gone: the Pod that has had its input says so, and another is made. */
static void test_controller_restarts(void **state)
{
	struct stage *stage = *state;
	struct builds *builds = start_working(stage);
	stop(stage, builds);
	builds = start(stage);
	look(stage, builds, NULL);
	stage_move_job(BUILD_KNOWN);
	look(stage, builds, NULL);
	assert_string_equal(stage_job()->pod, POD("1"));
	stage_job()->problem = "this Pod was given a build before";
	stage_move_job(BUILD_STAGE_FAILED);
	look(stage, builds, NULL);
	stage_answer(200, "{}");
	expect_patch("\"reason\":\"Building\"", "\"attempt\":2");
	stop(stage, builds);
}

static void test_same_packages(void **state)
{
	struct stage *stage = *state;
	struct builds *builds = start(stage);
	stage_show(CACHE_SKILLS,
		   stage_skill("0.9.0", SOURCE,
			       PACKAGES ",\"build\":{\"key\":\"k1\",\"uploadTime\":\"" STAGE_NOW "\"}"));
	look(stage, builds, BUILD("1", "1", ""));
	stage_job()->key = "k1";
	stage_move_job(BUILD_KNOWN);
	look(stage, builds, NULL);
	expect_patch("\"reason\":\"Ready\"", PACKAGES);
	stop(stage, builds);
}

/* A Pod with that name which isn't ours is left alone. */
static void test_stranger(void **state)
{
	struct stage *stage = *state;
	struct builds *builds = start(stage);
	show_pod("1", "somebody else's", STAGE_RUNS);
	look(stage, builds, BUILD("1", "1", ""));
	stage_move_job(BUILD_KNOWN);
	look(stage, builds, NULL);
	assert_string_equal(stage_job()->pod, "");
	expect_patch("\"attempt\":2", "is not ours");
	assert_int_equal(stage_calls(), 0);
	stop(stage, builds);
}

static void test_another_upload(void **state)
{
	struct stage *stage = *state;
	struct builds *builds = start(stage);
	look(stage, builds,
	     "\"build\":{\"attempt\":7,\"tries\":3,\"uploadTime\":\"2020-01-01T00:00:00Z\","
	     "\"completionTime\":\"" STAGE_NOW "\"}");
	expect_patch("\"attempt\":8,\"tries\":1", "\"completionTime\":null");
	stop(stage, builds);
}

static void test_too_large(void **state)
{
	struct stage *stage = *state;
	struct builds *builds = start_working(stage);
	stage_job()->packages = (struct skill_packages){{(char *)DIGEST, 9}, (char *)DIGEST, 1, 300 << 20};
	stage_move_job(BUILD_DONE);
	look(stage, builds, NULL);
	stage_answer(200, "{}");
	expect_patch("\"reason\":\"BuildFailed\"", "its packages 301 of them");
	stop(stage, builds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_built, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_refused, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_tried_again, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_controller_restarts, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_same_packages, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_stranger, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_another_upload, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_too_large, stage_setup, stage_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
