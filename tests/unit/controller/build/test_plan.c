/* The plan of a build as a table: what is seen → what is done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/build/plan.h"
#include "tests/unit/controller/stage.h"

#define NOW 1800000000000LL

static const struct controller_config config = {.start_timeout_ms = 300000, .build.timeout_ms = 600000};

enum pod_kind { NO_POD, STARTS, NO_IMAGE, READY, ENDED, OOM, FOREIGN };

static const struct row {
	const char *name;
	/* seen */
	bool not_begun, another_upload, has_failed, no_target, has_same, no_room, is_refused, is_too_large;
	bool no_job;
	enum build_stage stage;
	int64_t tries, started_ago_ms, asked_ago_ms, pod_age_ms;
	enum pod_kind pod;
	const char *message_now;
	/* expected */
	const char *rule;
	unsigned actions;
	enum build_result result;
	const char *message; /* contained in */
	int64_t requeue_ms;  /* 0: none wanted */
} rows[] = {
    {.name = "it failed, and its Pod is left",
     .has_failed = true,
     .pod = READY,
     .rule = "failed",
     .actions = BUILD_DELETE_POD | BUILD_END},
    {.name = "new",
     .not_begun = true,
     .no_job = true,
     .rule = "begins",
     .actions = BUILD_PATCH,
     .result = BUILD_RESULT_BEGIN},
    {.name = "pushed again",
     .another_upload = true,
     .rule = "begins",
     .actions = BUILD_PATCH,
     .result = BUILD_RESULT_BEGIN},
    {.name = "an image of which nothing is known",
     .no_target = true,
     .rule = "no target",
     .actions = BUILD_PATCH,
     .result = BUILD_RESULT_FAILED,
     .message = "which Python pip:1 has is not known here"},
    {.name = "its archive is not read yet", .no_job = true, .rule = "job", .actions = BUILD_START_JOB},
    {.name = "it is being read", .stage = BUILD_READING, .rule = "job"},
    {.name = "the program refused it",
     .stage = BUILD_STAGE_REFUSED,
     .pod = READY,
     .rule = "job",
     .actions = BUILD_PATCH | BUILD_DELETE_POD,
     .result = BUILD_RESULT_FAILED,
     .message = "the problem"},
    {.name = "a fault",
     .stage = BUILD_STAGE_FAILED,
     .rule = "job",
     .actions = BUILD_PATCH,
     .result = BUILD_RESULT_AGAIN,
     .message = "try 2 of 3"},
    {.name = "the third",
     .stage = BUILD_STAGE_FAILED,
     .tries = 3,
     .rule = "job",
     .actions = BUILD_PATCH,
     .result = BUILD_RESULT_FAILED,
     .message = "the problem (tried 3 times)"},
    {.name = "built",
     .stage = BUILD_DONE,
     .pod = READY,
     .rule = "job",
     .actions = BUILD_PATCH | BUILD_DELETE_POD,
     .result = BUILD_RESULT_BUILT,
     .message = "ready to run"},
    {.name = "built, and too large",
     .stage = BUILD_DONE,
     .is_too_large = true,
     .rule = "job",
     .actions = BUILD_PATCH,
     .result = BUILD_RESULT_FAILED,
     .message = "no room"},
    {.name = "another has the same",
     .stage = BUILD_KNOWN,
     .has_same = true,
     .rule = "same packages",
     .actions = BUILD_PATCH,
     .result = BUILD_RESULT_SHARED},
    {.name = "too late for that", .stage = BUILD_WORKING, .has_same = true, .rule = "no Pod"},
    {.name = "a Pod is to be made",
     .stage = BUILD_KNOWN,
     .rule = "no Pod",
     .actions = BUILD_CREATE_POD,
     .requeue_ms = BUILD_POD_SHOWS_MS},
    {.name = "it was asked for",
     .stage = BUILD_KNOWN,
     .asked_ago_ms = 1000,
     .rule = "no Pod",
     .requeue_ms = BUILD_POD_SHOWS_MS - 1000},
    {.name = "it doesn't show",
     .stage = BUILD_KNOWN,
     .asked_ago_ms = BUILD_POD_SHOWS_MS,
     .rule = "no Pod",
     .actions = BUILD_CREATE_POD,
     .requeue_ms = BUILD_POD_SHOWS_MS},
    {.name = "a pause before the third try",
     .stage = BUILD_KNOWN,
     .tries = 3,
     .started_ago_ms = 1000,
     .rule = "no Pod",
     .requeue_ms = 4 * BUILD_PAUSE_MS - 1000},
    {.name = "no place",
     .stage = BUILD_KNOWN,
     .no_room = true,
     .rule = "no Pod",
     .actions = BUILD_PATCH,
     .result = BUILD_RESULT_MESSAGE,
     .message = "others' are before it",
     .requeue_ms = BUILD_PLACE_RETRY_MS},
    {.name = "refused",
     .stage = BUILD_KNOWN,
     .is_refused = true,
     .rule = "no Pod",
     .actions = BUILD_PATCH,
     .result = BUILD_RESULT_MESSAGE,
     .message = "can't be made: refused",
     .requeue_ms = BUILD_REFUSED_RETRY_MS},
    {.name = "refused, and told",
     .stage = BUILD_KNOWN,
     .is_refused = true,
     .message_now = "the Pod that fetches the packages can't be made: refused",
     .rule = "no Pod",
     .requeue_ms = BUILD_REFUSED_RETRY_MS},
    {.name = "a stranger's Pod",
     .stage = BUILD_KNOWN,
     .pod = FOREIGN,
     .rule = "foreign Pod",
     .actions = BUILD_PATCH,
     .result = BUILD_RESULT_AGAIN,
     .message = "a Pod that is not ours"},
    {.name = "its Pod ended",
     .stage = BUILD_WORKING,
     .pod = ENDED,
     .rule = "Pod ended",
     .actions = BUILD_PATCH | BUILD_DELETE_POD,
     .result = BUILD_RESULT_AGAIN},
    {.name = "memory",
     .stage = BUILD_WORKING,
     .pod = OOM,
     .rule = "Pod ended",
     .actions = BUILD_PATCH | BUILD_DELETE_POD,
     .result = BUILD_RESULT_FAILED,
     .message = "build.memory"},
    {.name = "far too late",
     .stage = BUILD_WORKING,
     .pod = READY,
     .pod_age_ms = 930000,
     .rule = "late",
     .actions = BUILD_PATCH | BUILD_DELETE_POD,
     .result = BUILD_RESULT_FAILED,
     .message = "build.timeout"},
    {.name = "its Pod starts",
     .stage = BUILD_KNOWN,
     .pod = STARTS,
     .rule = "Pod starts",
     .requeue_ms = 300000},
    {.name = "no image",
     .stage = BUILD_KNOWN,
     .pod = NO_IMAGE,
     .rule = "Pod starts",
     .actions = BUILD_PATCH,
     .result = BUILD_RESULT_MESSAGE,
     .message = "image",
     .requeue_ms = 300000},
    {.name = "no image for long",
     .stage = BUILD_KNOWN,
     .pod = NO_IMAGE,
     .pod_age_ms = 300000,
     .rule = "Pod starts",
     .actions = BUILD_PATCH | BUILD_DELETE_POD,
     .result = BUILD_RESULT_AGAIN,
     .requeue_ms = 630000},
    {.name = "the Pod is ready",
     .stage = BUILD_KNOWN,
     .pod = READY,
     .rule = "Pod is ready",
     .actions = BUILD_GIVE,
     .requeue_ms = 930000},
    {.name = "it works", .stage = BUILD_WORKING, .pod = READY, .rule = "Pod is ready", .requeue_ms = 930000},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static struct pod pod_of(const struct row *row)
{
	bool has_ended = row->pod == ENDED || row->pod == OOM;
	return (struct pod){.meta = {.name = (char *)"p", .created_ms = NOW - row->pod_age_ms},
			    .scheduled = true,
			    .ready = row->pod == READY,
			    .terminated = has_ended,
			    .terminated_reason = (char *)(row->pod == OOM ? "OOMKilled" : NULL),
			    .waiting_reason = (char *)(row->pod == NO_IMAGE ? "ErrImagePull" : NULL)};
}

static struct skill skill_of(const struct row *row)
{
	struct skill skill = {.uploaded_ms = NOW};
	skill.spec.build = true;
	skill.status.ready.message = (char *)row->message_now;
	if (row->not_begun)
		return skill;
	skill.status.build = (struct skill_build){.attempt = 1,
						  .tries = row->tries ? row->tries : 1,
						  .uploaded_ms = row->another_upload ? 1 : NOW,
						  .started_ms = NOW - row->started_ago_ms,
						  .completed_ms = row->has_failed ? NOW : 0};
	return skill;
}

static void check_row(const struct row *row, struct build_plan *ret)
{
	struct skill skill = skill_of(row), other = {0};
	struct pod pod = pod_of(row);
	struct build_job job = {.stage = row->stage, .problem = "the problem"};
	struct trouble refusal = {.reason = "AdmissionDenied", .message = "refused"};
	const struct build_observation seen = {.skill = &skill,
					       .has_target = !row->no_target,
					       .image = "pip:1",
					       .same = row->has_same ? &other : NULL,
					       .pod = row->pod == NO_POD ? NULL : &pod,
					       .pod_is_foreign = row->pod == FOREIGN,
					       .pod_asked_ms_ago = row->asked_ago_ms ? row->asked_ago_ms : -1,
					       .refusal = row->is_refused ? &refusal : NULL,
					       .has_room = !row->no_room,
					       .job = row->no_job ? NULL : &job,
					       .stage = row->no_job ? BUILD_READING : row->stage,
					       .no_room = row->is_too_large ? "no room" : NULL,
					       .now_ms = NOW};
	build_plan_make(&seen, &config, ret);
	bool is_right = strcmp(ret->rule, row->rule) == 0 && ret->actions == row->actions &&
			(!(row->actions & BUILD_PATCH) || ret->result == row->result) &&
			(!row->message || strstr(ret->message, row->message)) &&
			ret->requeue_ms == (row->requeue_ms ? row->requeue_ms : -1);
	if (!is_right)
		fail_msg("%s: rule %s, actions %x, result %d, \"%s\", again in %lld", row->name, ret->rule,
			 ret->actions, (int)ret->result, ret->message, (long long)ret->requeue_ms);
}

static void test_rows(void **state)
{
	(void)state;
	struct build_plan plan;
	assert_null(stage_job()); /* jobs are the stage's */
	for (size_t i = 0; i < ROW_COUNT; i++)
		check_row(&rows[i], &plan);
}

static void test_every_rule_decides_a_row(void **state)
{
	(void)state;
	const char *rule;
	for (size_t i = 0; (rule = build_plan_rule_name(i)); i++) {
		bool decides = false;
		for (size_t k = 0; k < ROW_COUNT; k++)
			decides |= strcmp(rows[k].rule, rule) == 0;
		if (!decides)
			fail_msg("no row is decided by the rule '%s'", rule);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
					   cmocka_unit_test(test_every_rule_decides_a_row)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
