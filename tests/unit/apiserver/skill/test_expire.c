/* Versions that somebody tries out go a day after their last upload; nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/skill/expire.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>

#define PATH "/apis/skillbox.dev/v1alpha1/namespaces/ns/skills/"

static void uploaded(struct stage *stage, const char *object, const char *version, int64_t age_ms)
{
	char json[1024], at[CLOCK_RFC3339_SIZE];
	clock_format_rfc3339(STAGE_NOW_MS - age_ms, true, at);
	snprintf(
	    json, sizeof(json),
	    "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"u-%s\",\"resourceVersion\":\"7\","
	    "\"annotations\":{\"" API_UPLOADED_AT_ANNOTATION
	    "\":\"%s\"}},\"spec\":{\"name\":\"report\",\"version\":\"%s\",\"lang\":\"python\"}}",
	    object, object, at, version);
	stage_object(stage, CLUSTER_SKILLS, json);
}

static void test_what_goes(void **state)
{
	struct stage *stage = *state;
	uploaded(stage, "old", "1.0.0-dev.3f2c1a", SKILL_DEV_LIFE_MS + 1);
	uploaded(stage, "young", "1.1.0-dev.3f2c1a", SKILL_DEV_LIFE_MS);
	uploaded(stage, "release", "1.0.0", 100 * SKILL_DEV_LIFE_MS);
	uploaded(stage, "candidate", "1.0.0-rc.1", 100 * SKILL_DEV_LIFE_MS);
	skill_expire(&stage->server);
	assert_int_equal(stage_waiting(), 1);
	const struct stage_call *call = stage_kube("DELETE", PATH "old");
	assert_string_equal(call->body, "{\"preconditions\":{\"uid\":\"u-old\",\"resourceVersion\":\"7\"}}");
	stage_answer(200, "{}");
	stage_later(stage, 1);
	skill_expire(&stage->server); /* it is still in the cache: asked for again */
	assert_int_equal(stage_waiting(), 2);
	while (stage_waiting() > 0)
		stage_answer(409, "it is another by now");
}

static void test_it_is_tried_again(void **state)
{
	struct stage *stage = *state;
	uploaded(stage, "old", "1.0.0-dev.3f2c1a", SKILL_DEV_LIFE_MS + 1);
	stage_refuse(STAGE_KUBE, 1);
	skill_expire(&stage->server);
	assert_int_equal(stage_waiting(), 0);
	skill_expire(&stage->server);
	stage_kube("DELETE", PATH "old");
	stage_answer(500, "no");
	skill_expire(&stage->server);
	stage_kube("DELETE", PATH "old");
	stage_answer(404, "somebody else was faster");
}

static void test_begin_and_end(void **state)
{
	struct stage *stage = *state;
	struct skill_expiry *expiry = skill_expiry_new(&stage->server, NULL);
	assert_non_null(expiry);
	assert_null(skill_expiry_free(expiry));
	assert_null(skill_expiry_free(NULL));
	uv_run(stage->server.loop, UV_RUN_DEFAULT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_what_goes), TEST(test_it_is_tried_again),
					   TEST(test_begin_and_end)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
