/* A table of what is seen of a pool, and what follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/pool/plan.h"

#include <string.h>

#define MAX_MEMBERS 6

static struct member_view member(enum member_state state)
{
	return (struct member_view){
	    .state = state, .fits = true, .reached = state == MEMBER_READY, .age_ms = 1000};
}

static struct pool_observation pool(int64_t replicas, const struct member_view *members, size_t count)
{
	return (struct pool_observation){.replicas = replicas,
					 .room = 16,
					 .start_timeout_ms = 300000,
					 .members = members,
					 .member_count = count};
}

static const struct row {
	const char *what;
	int64_t replicas, waiting, room;
	enum member_state members[MAX_MEMBERS];
	size_t count;
	int64_t creates;
	unsigned deletes, opens;
	const char *reason;
} table[] = {
    {"an empty pool is filled", 3, 0, 16, {0}, 0, 3, 0, 0, "Filling"},
    {"no replicas, no sandboxes", 0, 0, 16, {0}, 0, 0, 0, 0, "Ready"},
    {"what is on its way is not made again",
     3,
     0,
     16,
     {MEMBER_EXPECTED, MEMBER_STARTING, MEMBER_OPENING},
     3,
     0,
     0,
     0,
     "Filling"},
    {"full", 2, 0, 16, {MEMBER_READY, MEMBER_READY}, 2, 0, 0, 0, "Ready"},
    {"a claimed one is replaced", 2, 0, 16, {MEMBER_READY, MEMBER_CLAIMED}, 2, 1, 0, 0, "Filling"},
    {"a used one is deleted and replaced", 1, 0, 16, {MEMBER_USED}, 1, 1, 1, 0, "Filling"},
    {"one that is going is replaced", 1, 0, 16, {MEMBER_DELETED}, 1, 1, 0, 0, "Filling"},
    {"an ended one is deleted and replaced", 1, 0, 16, {MEMBER_ENDED}, 1, 1, 1, 0, "Filling"},
    {"scaled down: the least useful goes", 1, 0, 16, {MEMBER_READY, MEMBER_STARTING}, 2, 0, 1, 0, "Ready"},
    {"scaled to nothing: claimed ones stay", 0, 0, 16, {MEMBER_READY, MEMBER_CLAIMED}, 2, 0, 1, 0, "Ready"},
    {"Executions that wait get sandboxes of their own", 1, 2, 16, {MEMBER_OPENING}, 1, 2, 0, 0, "Filling"},
    {"a pool of nothing makes none for them", 0, 2, 16, {0}, 0, 0, 0, 0, "Ready"},
    {"no more start at once than a node takes", 9, 0, 2, {MEMBER_STARTING}, 1, 1, 0, 0, "Filling"},
    {"but a tenant that has none starting makes one", 9, 0, 0, {0}, 0, 1, 0, 0, "Filling"},
    {"and no second one", 9, 0, 0, {MEMBER_STARTING}, 1, 0, 0, 0, "Filling"},
    {"a lost stream is opened again", 1, 0, 16, {MEMBER_LOST}, 1, 0, 0, 1, "Filling"},
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct row *row = &table[i];
		struct member_view members[MAX_MEMBERS];
		enum member_action actions[MAX_MEMBERS];
		struct pool_plan plan;
		for (size_t k = 0; k < row->count; k++) {
			members[k] = member(row->members[k]);
			members[k].lost_ms = 100000;
			members[k].reached = true;
		}
		struct pool_observation seen = pool(row->replicas, members, row->count);
		seen.waiting = row->waiting;
		seen.room = row->room;
		pool_plan(&seen, actions, &plan);
		unsigned deletes = 0, opens = 0;
		for (size_t k = 0; k < row->count; k++) {
			deletes += actions[k] == MEMBER_DELETE;
			opens += actions[k] == MEMBER_OPEN;
		}
		if (plan.creates != row->creates || deletes != row->deletes || opens != row->opens ||
		    strcmp(plan.reason, row->reason) != 0)
			fail_msg("%s: creates %d, deletes %u, opens %u, %s", row->what, (int)plan.creates,
				 deletes, opens, plan.reason);
	}
}

/* Whatever others of the tenant start counts: the pool waits in line with the rest. */
static void test_the_tenant_has_one_starting(void **state)
{
	(void)state;
	struct pool_plan plan;
	struct pool_observation seen = pool(3, NULL, 0);
	seen.room = 0;
	pool_plan(&seen, NULL, &plan);
	assert_int_equal(plan.creates, 1);
	assert_true(plan.is_held);
	seen.tenant_starting = 1;
	pool_plan(&seen, NULL, &plan);
	assert_int_equal(plan.creates, 0);
	assert_true(plan.is_held);
	seen.room = 4;
	pool_plan(&seen, NULL, &plan);
	assert_int_equal(plan.creates, 3);
	assert_false(plan.is_held);
	seen.failures = 1; /* that it waits for its pause holds nobody up */
	seen.room = 0;
	pool_plan(&seen, NULL, &plan);
	assert_false(plan.is_held);
}

static void test_template_changed(void **state)
{
	(void)state;
	struct member_view members[] = {member(MEMBER_READY), member(MEMBER_CLAIMED),
					member(MEMBER_STARTING)};
	enum member_action actions[3];
	struct pool_plan plan;
	for (size_t i = 0; i < 3; i++)
		members[i].fits = false;
	struct pool_observation seen = pool(2, members, 3);
	pool_plan(&seen, actions, &plan);
	assert_int_equal(actions[0], MEMBER_DELETE);
	assert_int_equal(actions[1], MEMBER_KEEP); /* its Execution decides */
	assert_int_equal(actions[2], MEMBER_DELETE);
	assert_int_equal(plan.creates, 2);
}

/* A new controller finds one more than are asked for: one of them runs something, and it does not know which
 * yet. */
static void test_unknown_ones_may_have_a_job(void **state)
{
	(void)state;
	struct member_view members[] = {member(MEMBER_LOST), member(MEMBER_OPENING), member(MEMBER_OPENING)};
	enum member_action actions[3];
	struct pool_plan plan;
	struct pool_observation seen = pool(2, members, 3);
	members[0].lost_ms = INT64_MAX / 2;
	members[1].fits = false;
	pool_plan(&seen, actions, &plan);
	assert_int_equal(actions[0], MEMBER_OPEN);
	assert_int_equal(actions[1], MEMBER_KEEP);
	assert_int_equal(actions[2], MEMBER_KEEP);
	assert_int_equal(plan.creates, 0);
	members[0] = member(MEMBER_CLAIMED); /* that one had it */
	members[1] = members[2] = member(MEMBER_READY);
	members[1].fits = false;
	pool_plan(&seen, actions, &plan);
	assert_int_equal(actions[0], MEMBER_KEEP);
	assert_int_equal(actions[1], MEMBER_DELETE);
	assert_int_equal(actions[2], MEMBER_KEEP);
	assert_int_equal(plan.creates, 1);
}

static void test_invalid(void **state)
{
	(void)state;
	struct member_view members[] = {member(MEMBER_READY)};
	enum member_action actions[1];
	struct pool_plan plan;
	struct pool_observation seen = pool(2, members, 1);
	seen.invalid = "image 'x' is not on the allowlist";
	seen.invalid_reason = "Invalid";
	pool_plan(&seen, actions, &plan);
	assert_int_equal(actions[0], MEMBER_DELETE);
	assert_int_equal(plan.creates, 0);
	assert_false(plan.is_ready);
	assert_string_equal(plan.reason, "Invalid");
	assert_string_equal(plan.message, seen.invalid);
}

/* A skill that is missing is no failure of sandboxes: what waits goes, what runs ends by itself, none is
 * made. */
static void test_skill_missing(void **state)
{
	(void)state;
	struct member_view members[] = {member(MEMBER_READY), member(MEMBER_CLAIMED), member(MEMBER_LOST)};
	enum member_action actions[3];
	struct pool_plan plan;
	struct pool_observation seen = pool(2, members, 3);
	members[2].reached = true;
	seen.waiting = 4;
	seen.invalid = "skill not found: report@latest";
	seen.invalid_reason = "SkillNotFound";
	pool_plan(&seen, actions, &plan);
	assert_int_equal(actions[0], MEMBER_DELETE);
	assert_int_equal(actions[1], MEMBER_KEEP);
	assert_int_equal(actions[2], MEMBER_DELETE);
	assert_int_equal(plan.creates, 0);
	assert_false(plan.is_ready);
	assert_string_equal(plan.reason, "SkillNotFound");
}

/* Files that can't be fetched are told from the first time on, not only when a sandbox was given up. */
static void test_problem_is_told(void **state)
{
	(void)state;
	struct member_view members[] = {member(MEMBER_LOST)};
	enum member_action actions[1];
	struct pool_plan plan;
	members[0].losses = 1;
	struct pool_observation seen = pool(1, members, 1);
	seen.problem = "the skill's bundle could not be fetched";
	pool_plan(&seen, actions, &plan);
	assert_string_equal(plan.reason, "Filling");
	assert_string_equal(plan.message,
			    "sandboxes are being made; the last problem of one: the skill's bundle "
			    "could not be fetched");
	members[0].losses = POOL_MAX_STREAM_LOSSES + 1;
	seen.failures = 1;
	pool_plan(&seen, actions, &plan);
	assert_int_equal(actions[0], MEMBER_GIVE_UP);
	assert_string_equal(plan.reason, "SandboxesFail");
	assert_non_null(strstr(plan.message, "the skill's bundle could not be fetched"));
}

/* An image that can't be had is no reason to make Pods for ever. */
static void test_no_node_takes_it(void **state)
{
	(void)state;
	struct member_view members[] = {member(MEMBER_READY), member(MEMBER_STARTING)};
	enum member_action actions[2];
	struct pool_plan plan;
	struct pool_observation seen = pool(2, members, 2);
	members[1].trouble = "Unschedulable";
	members[1].trouble_message =
	    "no node takes a sandbox: 0/1 nodes are available: 1 Insufficient memory.";
	pool_plan(&seen, actions, &plan);
	assert_int_equal(actions[1], MEMBER_KEEP);
	assert_int_equal(plan.creates, 0);
	assert_string_equal(plan.reason, "Unschedulable");
	assert_string_equal(plan.message,
			    "no node takes a sandbox: 0/1 nodes are available: 1 Insufficient memory.");
}

/* What is refused at once is told at once, in the words of whoever refuses, and asked for again soon. */
static void test_refused(void **state)
{
	(void)state;
	struct member_view members[] = {member(MEMBER_READY), member(MEMBER_STARTING)};
	enum member_action actions[2];
	struct pool_plan plan;
	struct pool_observation seen = pool(4, members, 2);
	members[1].trouble = "Unschedulable";
	members[1].trouble_message = "no room";
	seen.refused = true;
	seen.failures = 30;
	seen.problem_reason = "QuotaExceeded";
	seen.problem = "exceeded quota: pods";
	seen.failed_ms = POOL_REFUSED_MAX_MS - 1;
	pool_plan(&seen, actions, &plan);
	assert_int_equal(plan.creates, 0);
	assert_int_equal(plan.requeue_ms, 1);
	assert_string_equal(plan.reason, "QuotaExceeded");
	assert_string_equal(plan.message, "exceeded quota: pods");
	seen.failed_ms = POOL_REFUSED_MAX_MS;
	pool_plan(&seen, actions, &plan);
	assert_int_equal(plan.creates, 1); /* one finds out */
	seen.replicas = 1;
	pool_plan(&seen, actions, &plan);
	assert_string_equal(plan.reason, "Ready"); /* it has what is asked for now */
}

/* An image that can't be had says more than a node that has no room. */
static void test_the_worse_trouble_is_told(void **state)
{
	(void)state;
	for (size_t vain = 0; vain < 2; vain++) {
		struct member_view members[] = {member(MEMBER_STARTING), member(MEMBER_STARTING)};
		enum member_action actions[2];
		struct pool_plan plan;
		members[vain].trouble = "ImageUnavailable";
		members[vain].waits_in_vain = true;
		members[1 - vain].trouble = "Unschedulable";
		members[0].trouble_message = members[1].trouble_message = "why";
		struct pool_observation seen = pool(2, members, 2);
		pool_plan(&seen, actions, &plan);
		assert_string_equal(plan.reason, "ImageUnavailable");
	}
}

static void test_failures(void **state)
{
	(void)state;
	struct member_view members[] = {member(MEMBER_STARTING)};
	enum member_action actions[1];
	struct pool_plan plan;
	members[0].trouble = "ImageUnavailable";
	members[0].trouble_message = "can't pull";
	members[0].waits_in_vain = true;
	struct pool_observation seen = pool(4, members, 1);
	seen.room = 1;
	pool_plan(&seen, actions, &plan);
	assert_int_equal(actions[0], MEMBER_KEEP);
	assert_int_equal(plan.creates, 0);
	assert_string_equal(plan.reason, "ImageUnavailable");
	members[0].age_ms = POOL_IMAGE_GRACE_MS;
	pool_plan(&seen, actions, &plan);
	assert_int_equal(actions[0], MEMBER_GIVE_UP);

	seen = pool(4, NULL, 0);
	seen.failures = 3;
	seen.failed_ms = 3999;
	pool_plan(&seen, actions, &plan);
	assert_int_equal(plan.creates, 0);
	assert_int_equal(plan.requeue_ms, 1);
	seen.failed_ms = 4000;
	pool_plan(&seen, actions, &plan);
	assert_int_equal(plan.creates, 1); /* one finds out */
	seen.failures = 30;
	seen.failed_ms = POOL_BACKOFF_MAX_MS - 1;
	pool_plan(&seen, actions, &plan);
	assert_int_equal(plan.creates, 0);
}

static void test_times(void **state)
{
	(void)state;
	struct member_view members[] = {member(MEMBER_READY), member(MEMBER_STARTING), member(MEMBER_LOST)};
	enum member_action actions[3];
	struct pool_plan plan;
	struct pool_observation seen = pool(3, members, 3);
	members[0].age_ms = POOL_MAX_AGE_MS - 5;
	members[1].age_ms = 299000;
	members[2].losses = 2;
	members[2].lost_ms = 499;
	pool_plan(&seen, actions, &plan);
	assert_int_equal(actions[0], MEMBER_KEEP);
	assert_int_equal(actions[1], MEMBER_KEEP);
	assert_int_equal(actions[2], MEMBER_KEEP);
	assert_int_equal(plan.requeue_ms, 1);
	members[0].age_ms = POOL_MAX_AGE_MS;
	members[1].age_ms = 300000;
	members[2].lost_ms = 500;
	pool_plan(&seen, actions, &plan);
	assert_int_equal(actions[0], MEMBER_DELETE);
	assert_int_equal(actions[1], MEMBER_GIVE_UP);
	assert_int_equal(actions[2], MEMBER_OPEN);
	members[2].losses = POOL_MAX_STREAM_LOSSES + 1;
	pool_plan(&seen, actions, &plan);
	assert_int_equal(actions[2], MEMBER_GIVE_UP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_the_tenant_has_one_starting),
	    cmocka_unit_test(test_template_changed),
	    cmocka_unit_test(test_unknown_ones_may_have_a_job),
	    cmocka_unit_test(test_invalid),
	    cmocka_unit_test(test_no_node_takes_it),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_the_worse_trouble_is_told),
	    cmocka_unit_test(test_failures),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_skill_missing),
	    cmocka_unit_test(test_problem_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
