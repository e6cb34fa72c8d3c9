#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/skill/delete.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>

#define PATH "/apis/skillbox.dev/v1alpha1/namespaces/ns/skills/"
#define NOT_DELETED "the skill could not be deleted"

struct told {
	unsigned calls;
	enum error_code code;
	char message[256];
};

static void on_deleted(void *context, const struct error *failure)
{
	struct told *told = context;
	told->calls++;
	told->code = failure ? failure->code : ERR_NONE;
	snprintf(told->message, sizeof(told->message), "%s", failure ? failure->message : "");
}

static void delete (struct stage *stage, const char *version, struct told *ret)
{
	*ret = (struct told){0};
	skill_delete(&stage->server, stage->caller, STR("report"), str_of(version), on_deleted, ret);
}

static void told_is(const struct told *told, enum error_code code, const char *words)
{
	assert_int_equal(told->calls, 1);
	assert_int_equal(told->code, code);
	if (!strstr(told->message, words))
		fail_msg("\"%s\" lacks \"%s\"", told->message, words);
}

/* Answered, and gone from this server's cache: in either order. */
static void test_when_it_is_gone(void **state)
{
	struct stage *stage = *state;
	for (int gone_first = 0; gone_first < 2; gone_first++) {
		struct told told;
		stage_skill(stage, "report", "1.0.0", "");
		stage_skill(stage, "report", "2.0.0", "");
		delete (stage, "1.0.0", &told);
		stage_kube("DELETE", PATH "report-1.0.0");
		assert_int_equal(stage_waiting(), 1); /* and no other version */
		if (gone_first)
			stage_skill_gone(stage, "report", "1.0.0");
		else
			stage_answer(200, "{}");
		assert_int_equal(told.calls, 0);
		if (gone_first)
			stage_answer(404, "somebody else was faster");
		else
			stage_skill_gone(stage, "report", "1.0.0");
		told_is(&told, ERR_NONE, "");
		assert_non_null(cluster_skill(stage->server.cluster, "ns", STR("report"), STR("2.0.0")));
	}
}

/* Two uploads of one version: both go. */
static void test_every_upload(void **state)
{
	struct stage *stage = *state;
	struct told told;
	static const char other[] = "{\"metadata\":{\"name\":\"zz\",\"namespace\":\"ns\",\"uid\":\"v\"},"
				    "\"spec\":{\"name\":\"report\","
				    "\"version\":\"1.0.0\",\"lang\":\"python\"}}";
	stage_skill(stage, "report", "1.0.0", "");
	stage_object(stage, CLUSTER_SKILLS, other);
	delete (stage, "1.0.0", &told);
	assert_int_equal(stage_waiting(), 2);
	stage_answer(200, "{}");
	stage_skill_gone(stage, "report", "1.0.0");
	stage_answer(200, "{}");
	assert_int_equal(told.calls, 0);
	stage_object_gone(stage, CLUSTER_SKILLS, other);
	told_is(&told, ERR_NONE, "");
}

/* The watch is late: it is deleted all the same. */
static void test_not_seen_in_time(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_skill(stage, "report", "1.0.0", "");
	delete (stage, "1.0.0", &told);
	stage_answer(200, "{}");
	stage_later(stage, 10000);
	told_is(&told, ERR_NONE, "");
}

static void test_failures(void **state)
{
	struct stage *stage = *state;
	struct told told;
	delete (stage, "1.0.0", &told);
	told_is(&told, ERR_NOT_FOUND, "skill not found: report@1.0.0");
	stage_skill(stage, "report", "1.0.0", "");
	delete (stage, "latest", &told); /* names no version */
	told_is(&told, ERR_NOT_FOUND, "skill not found: report@latest");
	stage_refuse(STAGE_KUBE, 1);
	delete (stage, "1.0.0", &told);
	told_is(&told, ERR_UNAVAILABLE, NOT_DELETED "; try again in a moment");
	delete (stage, "1.0.0", &told);
	stage_answer(500, "etcd");
	told_is(&told, ERR_INTERNAL, NOT_DELETED "; the server's log");
	delete (stage, "1.0.0", &told);
	stage_forget(stage);
	stage_later(stage, 10000); /* the waiters of all of them */
	told_is(&told, ERR_UNAVAILABLE, "");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_when_it_is_gone), TEST(test_every_upload),
					   TEST(test_not_seen_in_time), TEST(test_failures)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
