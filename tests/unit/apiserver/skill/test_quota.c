/* How many skills a tenant may keep: what is there, and what is under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/skill/quota.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>

static struct skill pushed(const char *object, const char *name, const char *version)
{
	return (struct skill){.meta = {.name = (char *)(uintptr_t)object, .namespace = (char *)"ns"},
			      .spec = {.name = (char *)(uintptr_t)name,
				       .version = (char *)(uintptr_t)version,
				       .description = (char *)"d",
				       .instructions = (char *)"i"}};
}

static struct skill_place *take(struct stage *stage, const char *object, const char *name,
				const char *version, enum error_code code, const char *words)
{
	const struct skill skill = pushed(object, name, version);
	struct skill_place *place = NULL;
	struct error err = {0};
	int status = skill_quota_take(&stage->server, &skill, &place, &err);
	assert_int_equal(status, code == ERR_NONE ? 0 : -1);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, words))
		fail_msg("\"%s\" lacks \"%s\"", err.message, words);
	return place;
}

/* A burst can't be let in whole: places count before the watch shows anything. */
static void test_what_is_under_way_counts(void **state)
{
	struct stage *stage = *state;
	stage->config.limits.max_skills = 3;
	stage_skill(stage, "a", "1.0.0", "");
	struct skill_place *b = take(stage, "b-1", "b", "1.0.0", ERR_NONE, "");
	struct skill_place *c = take(stage, "c-1", "c", "1.0.0", ERR_NONE, "");
	assert_non_null(b);
	assert_non_null(c);
	take(stage, "d-1", "d", "1.0.0", ERR_NO_CAPACITY,
	     "has 3 versions of skills, and may keep 3 (SKILLBOX_MAX_SKILLS): delete");
	skill_quota_give(b);
	struct skill_place *d = take(stage, "d-1", "d", "1.0.0", ERR_NONE, "");
	skill_quota_give(c);
	skill_quota_give(d);
	skill_quota_give(NULL);
}

/* Unreadable ones are there; those that are going are not. */
static void test_what_is_there_counts(void **state)
{
	struct stage *stage = *state;
	stage->config.limits.max_skills = 2;
	stage_object(stage, CLUSTER_SKILLS,
		     "{\"metadata\":{\"name\":\"bad\",\"namespace\":\"ns\",\"uid\":\"u\"},\"spec\":{}}");
	stage_object(stage, CLUSTER_SKILLS,
		     "{\"metadata\":{\"name\":\"going\",\"namespace\":\"ns\",\"uid\":\"u\","
		     "\"deletionTimestamp\":\"2025-11-24T10:00:00Z\"},\"spec\":{\"name\":\"g\",\"version\":"
		     "\"1.0.0\"}}");
	stage_object(stage, CLUSTER_SKILLS,
		     "{\"metadata\":{\"name\":\"x\",\"namespace\":\"another\",\"uid\":\"u\"},\"spec\":{"
		     "\"name\":\"x\",\"version\":\"1.0.0\"}}");
	skill_quota_give(take(stage, "a-1", "a", "1.0.0", ERR_NONE, ""));
	stage_skill(stage, "t", "1.0.0-dev.aa", "");
	take(stage, "a-1", "a", "1.0.0", ERR_NO_CAPACITY, "2 versions of skills (1 of them were tried out");
}

static void test_the_same_again_needs_no_place(void **state)
{
	struct stage *stage = *state;
	stage->config.limits.max_skills = 1;
	stage_skill(stage, "a", "1.0.0", "");
	assert_null(take(stage, "a-1.0.0", "a", "1.0.0", ERR_NONE, "")); /* its upload is renewed */
	/* other bytes of that version: the older ones go */
	struct skill_place *other = take(stage, "a-other", "a", "1", ERR_NONE, "");
	assert_non_null(other);
	take(stage, "a-third", "a", "1.0.0", ERR_NO_CAPACITY, "");
	/* the same bytes twice at once share a place */
	struct skill_place *again = take(stage, "a-other", "a", "1", ERR_NONE, "");
	assert_ptr_equal(again, other);
	skill_quota_give(again);
	take(stage, "a-third", "a", "1.0.0", ERR_NO_CAPACITY, "");
	skill_quota_give(other);
	skill_quota_give(take(stage, "a-third", "a", "1.0.0", ERR_NONE, ""));
}

static void test_bytes_count(void **state)
{
	struct stage *stage = *state;
	char spec[1200];
	snprintf(spec, sizeof(spec), ",\"instructions\":\"%*d\"", 1000, 1);
	stage_skill(stage, "a", "1.0.0", spec);
	struct skill_usage none = skill_quota_most(&stage->server);
	assert_int_equal(none.count, 0); /* of no tenant that is known */
	stage_object(stage, CLUSTER_NAMESPACES,
		     "{\"metadata\":{\"name\":\"ns\",\"labels\":{\"skillbox.dev/tenant\":\"acme\"}}}");
	struct skill_usage most = skill_quota_most(&stage->server);
	assert_int_equal(most.count, 1);
	assert_in_range(most.size, 1000, 1200);
	stage->config.limits.max_skills_size = most.size + 100;
	take(stage, "b-1", "b", "1.0.0", ERR_NO_CAPACITY, "(SKILLBOX_MAX_SKILLS_SIZE): delete");
	stage->config.limits.max_skills_size = most.size + 1000;
	skill_quota_give(take(stage, "b-1", "b", "1.0.0", ERR_NONE, ""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_what_is_under_way_counts),
					   TEST(test_what_is_there_counts),
					   TEST(test_the_same_again_needs_no_place), TEST(test_bytes_count)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
