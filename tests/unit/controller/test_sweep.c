/* Which Pods are deleted now and then, and which are never touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/sweep.h"
#include "tests/unit/controller/stage.h"

#include <stdio.h>

/* The timer, in the test's hands. */
static uv_timer_t *armed;
static uv_timer_cb on_timer;
static uint64_t interval_ms;

int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
	(void)loop;
	armed = timer;
	return 0;
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb callback, uint64_t first, uint64_t repeat)
{
	assert_ptr_equal(timer, armed);
	assert_int_equal(first, repeat);
	on_timer = callback;
	interval_ms = repeat;
	return 0;
}

void uv_close(uv_handle_t *handle, uv_close_cb callback)
{
	callback(handle);
}

static struct sweep *start(struct stage *stage)
{
	struct sweep_services services = {&stage->loop, &stage->clock, stage->cache, stage->client, "builds"};
	struct sweep *sweep = sweep_new(&services, NULL);
	assert_non_null(sweep);
	assert_int_equal(interval_ms, SWEEP_INTERVAL_MS);
	return sweep;
}

static const char *pod(const char *name, const char *label_uid, const char *owner_uid, const char *more)
{
	static char json[1024];
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"u\",\"creationTimestamp\":"
		 "\"" STAGE_NOW "\",\"labels\":{\"" POD_EXECUTION_LABEL
		 "\":\"%s\"},\"ownerReferences\":[{\"uid\":\"%s\","
		 "\"controller\":true}]%s}}",
		 name, label_uid, owner_uid, more);
	return json;
}

static void test_which(void **state)
{
	static const struct {
		const char *name, *owner, *more;
		const char *status; /* of the Execution; NULL: there is none */
		int64_t age_ms;
		bool is_deleted;
	} rows[] = {
	    {"of this attempt", STAGE_UID, "", "", 60000, false},
	    {"of another attempt", STAGE_UID, "", "\"attempt\":1", 60000, true},
	    {"it ended", STAGE_UID, "", STAGE_SUCCEEDED, 60000, true},
	    {"nobody's", STAGE_UID, "", NULL, 60000, true},
	    {"young: the other watch may be slow", STAGE_UID, "", NULL, 9999, false},
	    {"going already", STAGE_UID, ",\"deletionTimestamp\":\"" STAGE_NOW "\"", NULL, 60000, false},
	    {"label and owner differ: not ours", "other", "", NULL, 60000, false},
	};
	struct stage *stage = *state;
	struct sweep *sweep = start(stage);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		stage->now_us = rows[i].age_ms * 1000;
		const char *json = pod(STAGE_POD, STAGE_UID, rows[i].owner, rows[i].more);
		if (rows[i].status)
			stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", rows[i].status));
		else
			stage_gone(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
		stage_show(CACHE_PODS, json);
		on_timer(armed);
		if (stage_calls() != rows[i].is_deleted)
			fail_msg("%s: %zu requests", rows[i].name, stage_calls());
		if (rows[i].is_deleted) {
			/* only this very Pod */
			assert_non_null(
			    strstr(stage_call("DELETE", "/pods/" STAGE_POD)->body, "\"uid\":\"u\""));
			stage_answer(404, "gone");
		}
		stage_gone(CACHE_PODS, json);
	}
	assert_null(sweep_free(sweep));
}

/* It has no owner reference: its Skill stands elsewhere. */
static void test_builds(void **state)
{
#define BUILD_STATUS(more) "\"build\":{\"attempt\":1,\"uploadTime\":\"" STAGE_NOW "\"" more "}"
	static const struct {
		const char *name, *pod, *uid;
		const char *status; /* of the Skill; NULL: there is none */
		int64_t age_ms;
		bool is_deleted;
	} rows[] = {
	    {"of this attempt", "skb-skill-1.0.0-1", "skill-1.0.0", BUILD_STATUS(""), 60000, false},
	    {"of another attempt", "skb-skill-1.0.0-0", "skill-1.0.0", BUILD_STATUS(""), 60000, true},
	    {"it failed", "skb-skill-1.0.0-1", "skill-1.0.0",
	     BUILD_STATUS(",\"completionTime\":\"" STAGE_NOW "\""), 60000, true},
	    {"nobody's", "skb-skill-1.0.0-1", "skill-1.0.0", NULL, 60000, true},
	    {"young", "skb-skill-1.0.0-1", "skill-1.0.0", NULL, 9999, false},
	    {"of another object of that name", "skb-skill-1.0.0-1", "other", BUILD_STATUS(""), 60000, true},
	};
	static const char source[] = ",\"source\":{\"bundle\":{\"digest\":\"sha256:"
				     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
				     "\"size\":100},\"build\":true}";
	struct stage *stage = *state;
	struct sweep *sweep = start(stage);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char json[1024];
		snprintf(json, sizeof(json),
			 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"builds\",\"uid\":\"u\","
			 "\"creationTimestamp\":\"" STAGE_NOW "\",\"labels\":{\"" POD_SKILL_LABEL
			 "\":\"%s\"},\"annotations\":{\"" POD_SKILL_ANNOTATION "\":\"ns/adder-1.0.0\"}}}",
			 rows[i].pod, rows[i].uid);
		stage->now_us = rows[i].age_ms * 1000;
		if (rows[i].status)
			stage_show(CACHE_SKILLS, stage_skill("1.0.0", source, rows[i].status));
		else
			stage_gone(CACHE_SKILLS, stage_skill("1.0.0", source, ""));
		stage_show(CACHE_PODS, json);
		on_timer(armed);
		if (stage_calls() != rows[i].is_deleted)
			fail_msg("%s: %zu requests", rows[i].name, stage_calls());
		if (rows[i].is_deleted)
			stage_answer(404, "gone");
		stage_gone(CACHE_PODS, json);
	}
	assert_null(sweep_free(sweep));
}

/* Without a controller's owner reference or the label it is not ours, whatever else it carries. */
static void test_strangers(void **state)
{
	struct stage *stage = *state;
	struct sweep *sweep = start(stage);
	stage_later(stage, 60000);
	stage_show(CACHE_PODS, "{\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\",\"uid\":\"u\",\"labels\":{"
			       "\"" POD_EXECUTION_LABEL "\":\"" STAGE_UID "\"}}}");
	stage_show(CACHE_PODS, "{\"metadata\":{\"name\":\"b\",\"namespace\":\"ns\",\"uid\":\"u\","
			       "\"ownerReferences\":[{\"uid\":\"" STAGE_UID "\",\"controller\":true}]}}");
	stage_show(CACHE_PODS, stage_pod("c", POD_POOL_LABEL, "pool-uid", "", STAGE_RUNS)); /* a pool's */
	on_timer(armed);
	assert_int_equal(stage_calls(), 0);
	sweep_free(sweep);
}

/* A cache that may be old must not decide that an owner is gone. */
static void test_caches_that_may_be_old(void **state)
{
	static const enum cache_resource needed[] = {CACHE_EXECUTIONS, CACHE_PODS};
	struct stage *stage = *state;
	struct sweep *sweep = start(stage);
	stage_show(CACHE_PODS, pod(STAGE_POD, STAGE_UID, STAGE_UID, ""));
	stage_later(stage, 60000);
	for (size_t i = 0; i < 2; i++) {
		stage_live(needed[i], false);
		on_timer(armed);
		assert_int_equal(stage_calls(), 0);
		stage_live(needed[i], true);
	}
	stage_refuse_call(); /* at the next turn, then */
	on_timer(armed);
	assert_int_equal(stage_calls(), 0);
	on_timer(armed);
	assert_int_equal(stage_calls(), 1);
	stage_answer(500, "m");
	sweep_free(sweep);
	assert_null(sweep_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_which, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_builds, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_strangers, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_caches_that_may_be_old, stage_setup, stage_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
