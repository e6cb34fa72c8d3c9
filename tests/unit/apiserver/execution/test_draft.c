/* What a wish becomes, and what is refused before anything is stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/draft.h"
#include "lib/base/id.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct execution_wish wish_for(const char *version)
{
	return (struct execution_wish){
	    .request = {.skill = (char *)"report", .version = (char *)version, .input = STR("[1]")},
	    .body = STR("body")};
}

static struct draft make(struct stage *stage, struct execution_wish *wish)
{
	struct draft draft;
	struct error err;
	if (draft_make(&stage->server, stage->caller, wish, &draft, &err) != 0)
		fail_msg("%s", err.message);
	return draft;
}

static void refused(struct stage *stage, struct execution_wish *wish, enum error_code code, const char *words)
{
	struct draft draft = {.input_fd = -2};
	struct error err;
	assert_int_equal(draft_make(&stage->server, stage->caller, wish, &draft, &err), -1);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, words))
		fail_msg("\"%s\" lacks \"%s\"", err.message, words);
	assert_int_equal(draft.input_fd, -2); /* untouched */
}

static void test_fills_the_execution(void **state)
{
	struct stage *stage = *state;
	stage_skill(stage, "report", "1.0.0", "");
	struct execution_wish wish = wish_for("latest");
	struct env_var *env = calloc(1, sizeof(*env));
	env[0] = (struct env_var){str_dup(STR("A")), str_dup(STR("b"))};
	wish.request.env = env;
	wish.request.env_count = 1;
	struct draft draft = make(stage, &wish);
	const struct execution *execution = draft.execution;
	assert_true(id_is_uuid(str_of(execution->meta.name)));
	assert_string_equal(execution->meta.namespace, "ns");
	assert_string_equal(execution->spec.skill_name, "report");
	assert_string_equal(execution->spec.skill_version, "1.0.0"); /* which one was the latest */
	assert_string_equal(execution->spec.input, "[1]");
	assert_int_equal(execution->spec.ttl_seconds, -1);
	assert_int_equal(draft.input_fd, -1);
	assert_string_equal(draft.digest, "");
	assert_string_equal(draft.key_hash, "");
	assert_int_equal(execution->spec.env_count, 1);
	assert_string_equal(execution->spec.env[0].value, "b");
	assert_null(wish.request.env); /* taken */
	draft_clear(&draft);
}

static void test_inputs(void **state)
{
	struct stage *stage = *state;
	stage_skill(stage, "report", "1.0.0", "");
	static char text[EXECUTION_INLINE_INPUT + 1];
	memset(text, '7', sizeof(text));
	for (size_t more = 0; more < 2; more++) {
		struct execution_wish wish = wish_for("1.0.0");
		wish.request.input = (struct str){text, EXECUTION_INLINE_INPUT + more};
		struct draft draft = make(stage, &wish);
		char digest[DIGEST_TEXT_SIZE], piece[8];
		assert_int_equal(digest_text(wish.request.input, digest, NULL), 0);
		if (more) {
			assert_null(draft.execution->spec.input);
			assert_string_equal(draft.execution->spec.input_ref.digest, digest);
			assert_int_equal(draft.execution->spec.input_ref.size, sizeof(text));
			assert_int_equal(pread(draft.input_fd, piece, 8, sizeof(text) - 8), 8);
			assert_memory_equal(piece, text, 8);
			draft_close_input(&draft);
		} else {
			assert_int_equal(strlen(draft.execution->spec.input), EXECUTION_INLINE_INPUT);
		}
		assert_int_equal(draft.input_fd, -1);
		draft_clear(&draft);
	}
}

/* 0: the skill's own, which the controller knows. */
static void test_timeouts(void **state)
{
	struct stage *stage = *state;
	static const struct {
		const char *skill;
		int64_t wished_ms, ms;
	} rows[] = {
	    {"", 0, 0},
	    {"", 1000, 1000},
	    {"", 119999, 119999},
	    {"", 120000, 0},
	    {",\"timeoutSeconds\":30", 40000, 0},
	    {",\"timeoutSeconds\":30", 29000, 29000},
	    {",\"timeoutSeconds\":3600", 599999, 599999}, /* the server's maximum is 10 minutes */
	    {",\"timeoutSeconds\":3600", 600000, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		stage_skill(stage, "report", "1.0.0", rows[i].skill);
		struct execution_wish wish = wish_for("1.0.0");
		wish.request.timeout_ms = rows[i].wished_ms;
		struct draft draft = make(stage, &wish);
		assert_int_equal(draft.execution->spec.timeout_ms, rows[i].ms);
		draft_clear(&draft);
	}
}

static void test_unknown_skills(void **state)
{
	struct stage *stage = *state;
	struct execution_wish wish = wish_for("2.0.0");
	refused(stage, &wish, ERR_NOT_FOUND, "skill not found: report@2.0.0");
	stage_skill(stage, "report", "1.0.0", "");
	refused(stage, &wish, ERR_NOT_FOUND, "skill not found: report@2.0.0");
	free(stage->caller->namespace);
	stage->caller->namespace = str_dup(STR("another"));
	wish = wish_for("1.0.0");
	refused(stage, &wish, ERR_NOT_FOUND, "skill not found: report@1.0.0");
}

static void test_images(void **state)
{
	struct stage *stage = *state;
	struct execution_wish wish = wish_for("1.0.0");
	stage_skill(stage, "report", "1.0.0", ",\"image\":\"evil:1\"");
	refused(stage, &wish, ERR_IMAGE_NOT_ALLOWED,
		"skill report@1.0.0: image 'evil:1' is not on the allowlist (python:3.12-slim)");
	stage_skill(stage, "report", "1.0.0", ",\"image\":\"python:3.12-slim\"");
	struct draft draft = make(stage, &wish);
	draft_clear(&draft);
}

static void test_capacity(void **state)
{
	struct stage *stage = *state;
	static const char *const ids[] = {"a", "b", "c"};
	struct execution_wish wish = wish_for("1.0.0");
	stage_skill(stage, "report", "1.0.0", "");
	for (size_t i = 0; i < 3; i++)
		stage_execution(stage, stage_execution_json(ids[i], "running", ""));
	refused(stage, &wish, ERR_NO_CAPACITY, "tenant \"acme\" has 3 executions that have not ended");
	assert_true(metrics_get(stage->server.metrics, APISERVER_REFUSED, METRIC_AT(REFUSED_CONCURRENCY)) ==
		    1);
	stage_execution(stage, stage_execution_json("b", "failed", ""));
	struct draft draft = make(stage, &wish);
	draft_clear(&draft);
}

static void test_keys(void **state)
{
	struct stage *stage = *state;
	char key[130];
	struct execution_wish wish = wish_for("1.0.0");
	stage_skill(stage, "report", "1.0.0", "");
	memset(key, 'k', sizeof(key));
	wish.idempotency_key = (struct str){key, 129};
	refused(stage, &wish, ERR_BAD_REQUEST, "Idempotency-Key has 129 characters, more than 128");
	wish.idempotency_key.n = 128;
	struct draft draft = make(stage, &wish);
	assert_true(str_starts_with(str_of(draft.digest), STR("sha256:")));
	if (stage->server.db) { /* keeps the key: the name is anybody's guess */
		assert_int_equal(strlen(draft.key_hash), DIGEST_HEX_SIZE - 1);
		assert_int_equal(draft.execution->spec.ttl_seconds, -1);
	} else { /* the object does, for a day */
		assert_string_equal(draft.key_hash, "");
		assert_int_equal(draft.execution->spec.ttl_seconds, 24 * 3600);
	}
	draft_clear(&draft);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_fills_the_execution),
	    TEST(test_inputs),
	    TEST(test_timeouts),
	    TEST(test_unknown_skills),
	    TEST(test_images),
	    TEST(test_capacity),
	    TEST(test_keys),
	    cmocka_unit_test_setup_teardown(test_keys, stage_setup_with_db, stage_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
