/* An execution has its place before it is created, whatever becomes of the wish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/operation.h"
#include "tests/unit/apiserver/execution/submission.h"

static void full(struct stage *stage, struct wished wished)
{
	struct outcome outcome;
	size_t waiting = stage_waiting();
	submit(stage, wished, &outcome);
	assert_failed(&outcome, ERR_NO_CAPACITY, "SKILLBOX_MAX_CONCURRENT_EXECS");
	assert_int_equal(stage_waiting(), waiting); /* nothing was asked for */
}

/* The limit is two. */
static void test_a_place_for_each(void **state)
{
	struct stage *stage = *state;
	struct outcome first, second, third;
	stage->config.policy.max_concurrent = 2;
	submit(stage, (struct wished){.async = true}, &first);
	submit(stage, (struct wished){.is_large = true}, &second); /* its input is on its way */
	full(stage, (struct wished){.async = true});
	full(stage, (struct wished){.is_large = true});
	stage_answer(201, "{}"); /* the watch has not shown it */
	full(stage, (struct wished){0});
	stage_answer_blob(ERR_IO, NULL);
	assert_int_equal(second.calls, 1);
	submit(stage, (struct wished){.async = true}, &third);
	stage_answer(403, "no"); /* it was not created, for sure */
	submit(stage, (struct wished){.async = true}, &third);
	stage_answer(0, "no answer");
	full(stage, (struct wished){0});
	stage_answer(503, "nor when it is looked for");
	full(stage, (struct wished){0}); /* it may be there */
	stage_execution(stage, stage_execution_json(first.id, "cancelled", ""));
	submit(stage, (struct wished){.async = true}, &third);
	stage_answer(201, "{}");
	full(stage, (struct wished){0});
}

/* It has one place with its key, also while the watch does not show it. */
static void test_a_key_needs_no_second_place(void **state)
{
	struct stage *stage = *state;
	struct outcome first, again;
	stage->config.policy.max_concurrent = 1;
	submit(stage, (struct wished){.key = "a", .async = true}, &first);
	char *name = str_dup(str_of(posted_name()));
	stage_answer(201, "{}");
	full(stage, (struct wished){.key = "b", .async = true});
	submit(stage, (struct wished){.key = "a", .async = true}, &again);
	stage_answer(409, "exists");
	stage_kube("GET", path_of(name));
	stage_answer(200, own(name, "running"));
	assert_ended(&again, "running");
	stage_execution(stage, own(name, "running"));
	submit(stage, (struct wished){.key = "a", .async = true}, &again);
	stage_answer(409, "exists");
	stage_answer(200, own(name, "running"));
	assert_ended(&again, "running");
	full(stage, (struct wished){.key = "b", .async = true});
	free(name);
}

/* The database knows the name of the earlier one: it is asked before a place is taken. */
static void test_a_claimed_key_needs_no_second_place(void **state)
{
	struct stage *stage = *state;
	struct outcome first, again;
	stage->config.policy.max_concurrent = 1;
	submit(stage, (struct wished){.async = true}, &first);
	stage_answer(201, "{}");
	submit(stage, (struct wished){.key = "a", .async = true}, &again);
	char digest[DIGEST_TEXT_SIZE];
	assert_int_equal(digest_text(STR(BODY), digest, NULL), 0);
	const char *const row[] = {first.id, digest};
	stage_answer_db(ERR_NONE, row, 1, 2);
	if (stage_any()->kind == STAGE_DB) /* old keys go */
		stage_answer_db(ERR_NONE, NULL, 0, 0);
	stage_kube("GET", path_of(first.id));
	stage_answer(200, earlier(first.id, "running", STR(BODY)));
	assert_ended(&again, "running");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_place_for_each),
	    TEST(test_a_key_needs_no_second_place),
	    cmocka_unit_test_setup_teardown(test_a_claimed_key_needs_no_second_place, setup_with_db,
					    stage_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
