/* An input against its skill's schema: read once, then known; small at once, the rest in the thread pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/check_input.h"
#include "apiserver/skill/input_schemas.h"
#include "lib/base/temporary.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>
#include <unistd.h>

#define PATH "/apis/skillbox.dev/v1alpha1/namespaces/ns/skills/report-1.0.0"
#define OBJECT(schema)                                                                                       \
	"{\"metadata\":{\"name\":\"report-1.0.0\",\"namespace\":\"ns\",\"uid\":\"u\"},"                      \
	"\"spec\":{\"name\":\"report\",\"version\":\"1.0.0\",\"inputSchema\":" schema "}}"

struct told {
	unsigned calls;
	struct error failure;
};

static void on_checked(void *context, const struct error *failure)
{
	struct told *told = context;
	told->calls++;
	told->failure = failure ? *failure : (struct error){ERR_NONE, ""};
}

static void ask(struct stage *stage, const struct checked_input *input, struct told *ret)
{
	const struct skill *skill = cluster_skill(stage->server.cluster, "ns", STR("report"), STR("1.0.0"));
	assert_true(skill->has_input_schema);
	*ret = (struct told){0};
	check_input(&stage->server, stage->caller, skill, input, on_checked, ret);
}

static void ask_text(struct stage *stage, const char *text, struct told *ret)
{
	ask(stage, &(struct checked_input){str_of(text), -1, 0}, ret);
}

static void await(struct stage *stage, const struct told *told)
{
	while (!told->calls)
		uv_run(&stage->loop, UV_RUN_ONCE);
	assert_int_equal(told->calls, 1);
}

static void learn(struct stage *stage, const char *object)
{
	struct told told;
	stage_skill(stage, "report", "1.0.0", ",\"inputSchema\":{}");
	ask_text(stage, "{}", &told);
	stage_kube("GET", PATH);
	stage_answer(200, object);
	await(stage, &told);
}

static void test_the_schema_is_read_once(void **state)
{
	struct stage *stage = *state;
	struct told told;
	learn(stage, OBJECT("{\"required\":[\"name\"]}"));
	assert_true(input_schemas_bytes(stage->server.input_schemas) > 0);
	ask_text(stage, "{\"name\":1}", &told);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.failure.code, ERR_NONE);
	ask_text(stage, "{}", &told);
	assert_int_equal(told.failure.code, ERR_INPUT_SCHEMA_MISMATCH);
	assert_string_equal(told.failure.message,
			    "the input doesn't match the skill's input_schema: /name: is missing");
	assert_int_equal(stage_waiting(), 0);
}

/* What takes more than a moment doesn't hold the loop up, and comes to the same. */
static void test_the_rest_is_done_in_the_pool(void **state)
{
	struct stage *stage = *state;
	struct told told;
	struct error err;
	learn(stage, OBJECT("{\"items\":{\"type\":\"integer\",\"maximum\":8}}"));
	cleanup_buffer struct buffer many = BUFFER(1 << 16), large = BUFFER(1 << 20);
	buffer_append_c(&many, "[1");
	for (int i = 0; i < 6000; i++)
		buffer_append_c(&many, ",1");
	buffer_append_c(&many, ",9]");
	ask_text(stage, many.data, &told);
	assert_int_equal(told.calls, 0);
	await(stage, &told);
	assert_non_null(strstr(told.failure.message, ": /6001: must be at most 8, but is 9"));

	buffer_append_c(&large, "[1");
	for (int i = 0; i < 100000; i++)
		buffer_append_c(&large, ",1");
	buffer_append_c(&large, "]");
	cleanup_close int fd = temporary_file(&err);
	assert_int_equal(temporary_write(fd, buffer_str(&large), &err), 0);
	ask(stage, &(struct checked_input){{0}, fd, (int64_t)large.len}, &told);
	assert_int_equal(told.calls, 0);
	await(stage, &told);
	assert_int_equal(told.failure.code, ERR_NONE);
	assert_true(lseek(fd, 0, SEEK_CUR) >= 0); /* it is the caller's still */
}

static void test_a_schema_that_is_none(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_skill(stage, "report", "1.0.0", ",\"inputSchema\":{}");
	ask_text(stage, "{}", &told);
	stage_answer(200, OBJECT("{\"type\":\"x\"}"));
	await(stage, &told);
	assert_int_equal(told.failure.code, ERR_INVALID_SKILL);
	assert_non_null(strstr(told.failure.message, "its input_schema is no JSON Schema: at /type: \"x\""));
	assert_int_equal(input_schemas_bytes(stage->server.input_schemas), 0);
}

static void test_failures(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_skill(stage, "report", "1.0.0", ",\"inputSchema\":{}");
	ask_text(stage, "{}", &told);
	stage_answer(404, "gone");
	assert_int_equal(told.failure.code, ERR_NOT_FOUND);
	ask_text(stage, "{}", &told);
	stage_answer(503, "busy");
	assert_int_equal(told.failure.code, ERR_UNAVAILABLE);
	ask_text(stage, "{}", &told);
	stage_forget(stage);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.failure.code, ERR_UNAVAILABLE);
}

/* Not more than its bytes, and the oldest goes first. */
static void test_what_is_kept_is_bounded(void **state)
{
	struct stage *stage = *state;
	struct input_schemas *schemas = stage->server.input_schemas;
	struct skill skill = {.meta = {.uid = (char *)"u"}};
	cleanup_buffer struct buffer text = BUFFER(1 << 20);
	buffer_append_c(&text, "{\"enum\":[1");
	while (text.len < SCHEMA_TEXT_MAX - 16)
		buffer_append_c(&text, ",1");
	buffer_append_c(&text, "]}");
	for (skill.meta.generation = 1; skill.meta.generation <= 20; skill.meta.generation++) {
		struct schema *compiled;
		assert_int_equal(schema_compile(buffer_str(&text), NULL, &compiled, NULL), 0);
		input_schema_unref(input_schemas_add(schemas, &skill.meta, compiled, NULL));
		assert_true(input_schemas_bytes(schemas) <= INPUT_SCHEMAS_MAX_BYTES);
	}
	skill.meta.generation = 1;
	assert_null(input_schemas_find(schemas, &skill));
	skill.meta.generation = 20;
	struct input_schema *last = input_schemas_find(schemas, &skill);
	assert_non_null(last);
	input_schema_unref(last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_the_schema_is_read_once, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_the_rest_is_done_in_the_pool, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_a_schema_that_is_none, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_failures, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_what_is_kept_is_bounded, stage_setup, stage_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
