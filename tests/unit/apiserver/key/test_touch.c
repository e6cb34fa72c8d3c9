/* last_used_at: now and then, and nobody waits for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/key/db_keys.h"
#include "apiserver/key/touch.h"
#include "tests/unit/apiserver/stage.h"

#define PATH "/api/v1/namespaces/skillbox-system/secrets/skillbox-key-1"
#define INTERVAL_MS (10 * 60 * 1000)

static struct api_key key;

static void touch(struct stage *stage)
{
	key_touch(&stage->server, stage->caller, &key);
}

static void test_a_secret(void **state)
{
	struct stage *stage = *state;
	key = (struct api_key){.id = (char *)"1", .secret = (char *)"skillbox-key-1"};
	touch(stage);
	const struct stage_call *patch = stage_kube("PATCH", PATH);
	assert_string_equal(patch->content_type, KUBE_MERGE_PATCH);
	assert_string_equal(patch->body, "{\"metadata\":{\"annotations\":{\"" API_KEY_USED_ANNOTATION
					 "\":\"2025-11-24T16:00:00.000Z\"}}}");
	touch(stage); /* not for each request */
	assert_int_equal(stage_waiting(), 1);
	stage_answer(500, "harmless");
	stage_later(stage, INTERVAL_MS - 1);
	touch(stage);
	assert_int_equal(stage_waiting(), 0);
	stage_later(stage, 1);
	stage_refuse(STAGE_KUBE, 1);
	touch(stage);
	assert_int_equal(key.last_used_ms, STAGE_NOW_MS + INTERVAL_MS); /* and not at once again */
}

/* A key without a Secret is a row, whatever its id looks like. */
static void test_a_row(void **state)
{
	struct stage *stage = *state;
	stage->server.db_keys = db_keys_new(stage->server.db, &stage->clock, NULL);
	static const char *const ids[] = {STAGE_ID, "1"};
	for (size_t i = 0; i < 2; i++) {
		key = (struct api_key){.id = (char *)(uintptr_t)ids[i]};
		touch(stage);
		assert_string_equal(stage_db(DB_KEY_TOUCH)->parameters[0], ids[i]);
		stage_answer_db(ERR_NONE, NULL, 0, 0);
	}
	db_keys_free(stage->server.db_keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_secret, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_a_row, stage_setup_with_db, stage_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
