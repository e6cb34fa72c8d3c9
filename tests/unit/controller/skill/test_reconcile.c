/* Status of Skills: are they ready to run? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/skill/reconcile.h"
#include "tests/unit/controller/stage.h"

#include <stdio.h>

#define KEY STR("ns/adder-1.0.0")
#define STATUS API_BASE_PATH "/namespaces/ns/skills/adder-1.0.0/status"
#define FILES(files) ",\"source\":{\"files\":{" files "}}"

static const struct policy policy = {.image_allowlist = (char *)"python:3.12-slim,bash:5",
				     .default_timeout_ms = 60000,
				     .max_timeout_ms = 300000,
				     .default_memory = 256 << 20,
				     .max_memory = 512 << 20,
				     .default_cpu = 500,
				     .max_cpu = 1000};

static struct skills *start(struct stage *stage)
{
	struct skill_services services = {&policy,
					  &stage->clock,
					  stage->cache,
					  stage->client,
					  event_recorder_new(stage->client, "", "", NULL),
					  stage->skill_queue,
					  NULL};
	struct skills *skills = skills_new(&services, NULL);
	assert_non_null(skills);
	return skills;
}

static void check_done(struct stage *stage, unsigned well, unsigned failed)
{
	struct stage_done done = stage_done(stage->skill_queue);
	assert_int_equal(done.well, well);
	assert_int_equal(done.failed, failed);
}

/* What a Skill is → what its status says. */
static const struct {
	const char *name, *spec_more;
	const char *says[3]; /* in the patch */
} rows[] = {
    {"a bundle was checked when it was uploaded",
     "",
     {"\"status\":\"True\"", "\"reason\":\"Ready\"",
      "\"digest\":\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""}},
    {"texts",
     FILES("\"main.py\":\"print(1)\""),
     {"\"status\":\"True\"", "\"digest\":\"sha256:", "ready to run"}},
    {"texts without an entrypoint",
     FILES("\"other.py\":\"\""),
     {"\"status\":\"False\"", "\"reason\":\"Invalid\"", "no entrypoint for lang python"}},
    {"a path that leads out",
     FILES("\"main.py\":\"\",\"../x\":\"\""),
     {"\"status\":\"False\"", "\"reason\":\"Invalid\"", "\\\"../x\\\": the name has a"}},
    {"a script given by name",
     ",\"entrypoint\":\"jobs/a.py\"" FILES("\"jobs/a.py\":\"\""),
     {"\"status\":\"True\"", "\"digest\":\"sha256:", "ready to run"}},
    {"a script given by name that isn't there",
     ",\"entrypoint\":\"jobs/b.py\"" FILES("\"main.py\":\"\""),
     {"\"status\":\"False\"", "\"reason\":\"Invalid\"",
      "entrypoint \\\"jobs/b.py\\\" is not among the files"}},
    {"an image that is not allowed",
     ",\"image\":\"evil:1\"" FILES("\"main.py\":\"\""),
     {"\"status\":\"False\"", "\"reason\":\"Invalid\"", "image 'evil:1' is not on the allowlist"}},
    {"a bundle whose image is not allowed",
     ",\"image\":\"evil:1\",\"source\":{\"bundle\":{\"digest\":\"sha256:"
     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"size\":100}}",
     {"\"status\":\"False\"", "\"reason\":\"Invalid\"", "image 'evil:1' is not on the allowlist"}},
    {"more than one problem",
     ",\"image\":\"evil:1\",\"resources\":{\"memory\":\"1Mi\"}" FILES("\"main.py\":\"\""),
     {"\"status\":\"False\"", "is not on the allowlist", "; resources.memory \\\"1Mi\\\" is too little"}},
    {"a spec that the schema let through",
     ",\"timeoutSeconds\":\"x\"",
     {"\"status\":\"False\"", "\"reason\":\"Invalid\"", "timeoutSeconds"}},
};

static void test_rows(void **state)
{
	struct stage *stage = *state;
	struct skills *skills = start(stage);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		stage_show(CACHE_SKILLS, stage_skill("1.0.0", rows[i].spec_more, ""));
		skills_reconcile(skills, KEY);
		const struct stage_call *call = stage_call("PATCH", STATUS);
		assert_string_equal(call->content_type, KUBE_MERGE_PATCH);
		for (size_t k = 0; k < 3; k++)
			if (!strstr(call->body, rows[i].says[k]))
				fail_msg("%s: %s lacks %s", rows[i].name, call->body, rows[i].says[k]);
		bool invalid = strstr(call->body, "\"reason\":\"Invalid\"") != NULL;
		assert_int_equal(str_starts_with(str_of(stage_event()), STR("Warning Invalid: ")), invalid);
		stage_forget_event();
		check_done(stage, 0, 0); /* not before the answer */
		stage_answer(200, "{}");
		check_done(stage, 1, 0);
	}
	skills_free(skills);
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BUILT_HERE ",\"source\":{\"bundle\":{\"digest\":\"sha256:" HEX "\",\"size\":100},\"build\":true}"

/* Its packages were to be built, and nothing builds any more; those that are there do. */
static void test_nothing_is_built(void **state)
{
	struct stage *stage = *state;
	struct skills *skills = start(stage);
	stage_show(CACHE_TENANTS,
		   "{\"metadata\":{\"name\":\"ns\",\"labels\":{\"" API_TENANT_LABEL "\":\"t\"}}}");
	stage_show(CACHE_SKILLS, stage_skill("1.0.0", BUILT_HERE, ""));
	skills_reconcile(skills, KEY);
	assert_non_null(strstr(stage_call("PATCH", STATUS)->body, "\"reason\":\"BuildDisabled\""));
	stage_answer(200, "{}");
	stage_show(CACHE_SKILLS,
		   stage_skill("1.0.0", BUILT_HERE,
			       "\"packages\":{\"digest\":\"sha256:" HEX "\",\"size\":1,\"lock\":\"sha256:" HEX
			       "\",\"files\":1,\"bytes\":1}"));
	skills_reconcile(skills, KEY);
	assert_non_null(strstr(stage_call("PATCH", STATUS)->body, "\"reason\":\"Ready\""));
	stage_answer(200, "{}");
	/* what failed stays so */
	stage_show(CACHE_SKILLS, stage_skill("1.0.0", BUILT_HERE,
					     "\"build\":{\"attempt\":1,\"uploadTime\":\"" STAGE_NOW
					     "\",\"completionTime\":\"" STAGE_NOW "\"}"));
	stage_done(stage->skill_queue);
	skills_reconcile(skills, KEY);
	check_done(stage, 1, 0);
	assert_int_equal(stage_calls(), 0);
	skills_free(skills);
}

static void digest_of(struct skills *skills, const char *files, char ret[80])
{
	stage_show(CACHE_SKILLS, stage_skill("1.0.0", files, ""));
	skills_reconcile(skills, KEY);
	const char *at = strstr(stage_call("PATCH", STATUS)->body, "\"digest\":\"");
	assert_non_null(at);
	snprintf(ret, 80, "%.71s", at + strlen("\"digest\":\""));
	stage_answer(200, "{}");
}

/* The digest is the content's: the order of the files doesn't matter, each byte of a path or text does, and
 * so does where one ends. */
static void test_digests(void **state)
{
	static const char *const others[] = {
	    FILES("\"main.py\":\"az\",\"x\":\"d\""), FILES("\"main.py\":\"az\",\"y\":\"c\""),
	    FILES("\"main.py\":\"azc\",\"x\":\"\""), FILES("\"main.py\":\"az\""),
	    FILES("\"main.py\":\"a\",\"zx\":\"c\"")};
	struct stage *stage = *state;
	struct skills *skills = start(stage);
	char first[80], other[80];
	digest_of(skills, FILES("\"main.py\":\"az\",\"x\":\"c\""), first);
	digest_of(skills, FILES("\"x\":\"c\",\"main.py\":\"az\""), other);
	assert_string_equal(other, first);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		digest_of(skills, others[i], other);
		assert_string_not_equal(other, first);
	}
	skills_free(skills);
}

#define CONDITION(status, message)                                                                           \
	"\"conditions\":[{\"type\":\"Ready\",\"status\":\"" status "\",\"message\":\"" message               \
	"\",\"reason\":\"r\",\"observedGeneration\":1,\"lastTransitionTime\":\"2020-01-01T00:00:00Z\"}]"
#define DIGEST "\"digest\":\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""

/* Nothing is written that is recorded already; a change of the message alone leaves the condition's time. */
static void test_what_is_recorded(void **state)
{
	static const struct {
		const char *status;
		bool is_written;
		const char *time;
	} statuses[] = {
	    {CONDITION("True", "ready to run") "," DIGEST, false, NULL},
	    {CONDITION("True", "other") "," DIGEST, true, "2020-01-01T00:00:00Z"},
	    {CONDITION("False", "ready to run") "," DIGEST, true, STAGE_NOW},
	    {CONDITION("True", "ready to run"), true, "2020-01-01T00:00:00Z"},
	    {"", true, STAGE_NOW},
	};
	struct stage *stage = *state;
	struct skills *skills = start(stage);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		stage_show(CACHE_SKILLS, stage_skill("1.0.0", "", statuses[i].status));
		skills_reconcile(skills, KEY);
		assert_int_equal(stage_calls(), statuses[i].is_written);
		if (statuses[i].is_written) {
			const char *body = stage_call("PATCH", STATUS)->body;
			if (!strstr(body, statuses[i].time))
				fail_msg("%s lacks %s", body, statuses[i].time);
			stage_answer(200, "{}");
		}
		check_done(stage, 1, 0);
	}
	skills_free(skills);
}

static void test_answers(void **state)
{
	static const struct {
		int status;
		bool well;
	} answers[] = {{200, true}, {404, true}, {409, false}, {500, false}, {0, false}};
	struct stage *stage = *state;
	struct skills *skills = start(stage);
	stage_show(CACHE_SKILLS, stage_skill("1.0.0", "", ""));
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		skills_reconcile(skills, KEY);
		stage_answer(answers[i].status, "m");
		check_done(stage, answers[i].well, !answers[i].well);
	}
	stage_refuse_call();
	skills_reconcile(skills, KEY);
	check_done(stage, 0, 1);
	skills_reconcile(skills, STR("ns/nobody"));
	check_done(stage, 1, 0);
	skills_reconcile(skills, KEY); /* the end comes in the middle */
	assert_int_equal(stage_calls(), 1);
	assert_null(skills_free(skills));
	assert_null(skills_free(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_rows), TEST(test_nothing_is_built), TEST(test_digests),
					   TEST(test_what_is_recorded), TEST(test_answers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
