/* One skill: found by its outline, read as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/skill/read.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>

#define PATH "/apis/skillbox.dev/v1alpha1/namespaces/ns/skills/report-1.0.0"
#define WHOLE                                                                                                \
	"{\"metadata\":{\"name\":\"report-1.0.0\",\"namespace\":\"ns\",\"uid\":\"u\"},\"spec\":{\"name\":"   \
	"\"report\",\"version\":\"1.0.0\",\"instructions\":\"Say it.\",\"inputSchema\":{\"type\":"           \
	"\"object\"}}}"

struct told {
	unsigned calls;
	enum error_code code;
	char message[256], instructions[64], schema[64];
};

static void on_read(void *context, const struct skill *skill, const struct error *failure)
{
	struct told *told = context;
	told->calls++;
	told->code = failure ? failure->code : ERR_NONE;
	snprintf(told->message, sizeof(told->message), "%s", failure ? failure->message : "");
	if (!skill)
		return;
	snprintf(told->instructions, sizeof(told->instructions), "%s", skill->spec.instructions);
	snprintf(told->schema, sizeof(told->schema), "%s", skill->spec.input_schema);
}

static void read_skill(struct stage *stage, const char *version, struct told *ret)
{
	*ret = (struct told){0};
	skill_read(&stage->server, stage->caller, STR("report"), str_of(version), on_read, ret);
}

static void test_the_texts_are_read(void **state)
{
	struct stage *stage = *state;
	static const char *const versions[] = {"1.0.0", "1", "latest", ""};
	struct told told;
	stage_skill(stage, "report", "1.0.0", ",\"instructions\":\"Say it.\",\"inputSchema\":{}");
	const struct skill *cached = cluster_skill(stage->server.cluster, "ns", STR("report"), STR(""));
	assert_true(cached->is_outline);
	assert_null(cached->spec.instructions);
	assert_null(cached->spec.input_schema);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		read_skill(stage, versions[i], &told);
		assert_int_equal(told.calls, 0);
		stage_kube("GET", PATH);
		stage_answer(200, WHOLE);
		assert_int_equal(told.calls, 1);
		assert_int_equal(told.code, ERR_NONE);
		assert_string_equal(told.instructions, "Say it.");
		assert_string_equal(told.schema, "{\"type\":\"object\"}");
	}
}

static void test_failures(void **state)
{
	struct stage *stage = *state;
	static const struct {
		int status;
		const char *body;
		enum error_code code;
		const char *words;
	} rows[] = {
	    {404, "gone", ERR_NOT_FOUND, "skill not found: report@1.0.0"}, /* deleted just now */
	    {503, "busy", ERR_UNAVAILABLE, "the skill could not be read; try again"},
	    {200, "{}", ERR_INTERNAL, "the skill could not be read"},
	};
	struct told told;
	read_skill(stage, "1.0.0", &told);
	assert_int_equal(told.code, ERR_NOT_FOUND);
	assert_string_equal(told.message, "skill not found: report@1.0.0");
	stage_skill(stage, "report", "1.0.0", "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		read_skill(stage, "1.0.0", &told);
		stage_answer(rows[i].status, rows[i].body);
		assert_int_equal(told.calls, 1);
		assert_int_equal(told.code, rows[i].code);
		if (!strstr(told.message, rows[i].words))
			fail_msg("%s", told.message);
	}
	stage_refuse(STAGE_KUBE, 1);
	read_skill(stage, "1.0.0", &told);
	assert_int_equal(told.code, ERR_UNAVAILABLE);
}

static void test_the_server_ends(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_skill(stage, "report", "1.0.0", "");
	read_skill(stage, "1.0.0", &told);
	stage_forget(stage);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.code, ERR_UNAVAILABLE);
}

/* Large ones: no more than a few are in memory. */
static void test_a_few_at_a_time(void **state)
{
	struct stage *stage = *state;
	struct told told[20];
	stage_skill(stage, "report", "1.0.0", "");
	for (int i = 0; i < 20; i++)
		read_skill(stage, "1.0.0", &told[i]);
	assert_int_equal(stage_waiting(), 4);
	for (int i = 0; i < 20; i++) {
		stage_answer(200, WHOLE);
		assert_int_equal(told[i].calls, 1);
	}
	assert_int_equal(stage_waiting(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_the_texts_are_read), TEST(test_failures),
					   TEST(test_the_server_ends), TEST(test_a_few_at_a_time)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
