#include "controller/build/plan.h"

#include "controller/build/pod.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct question {
	const struct build_observation *seen;
	const struct controller_config *config;
	struct build_plan *plan;
};

static void look_again(const struct question *q, int64_t ms)
{
	int64_t *at = &q->plan->requeue_ms;
	if (*at < 0 || ms < *at)
		*at = ms > 1 ? ms : 1;
}

__attribute__((format(printf, 3, 4))) static bool write_status(const struct question *q,
							       enum build_result result, const char *format,
							       ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(q->plan->message, sizeof(q->plan->message), format, arguments);
	va_end(arguments);
	q->plan->result = result;
	q->plan->actions |= BUILD_PATCH;
	return true;
}

static void leave_pod(const struct question *q)
{
	const struct pod *pod = q->seen->pod;
	if (pod && !q->seen->pod_is_foreign && !pod->meta.deleted_ms)
		q->plan->actions |= BUILD_DELETE_POD;
}

static bool give_up(const struct question *q, const char *why)
{
	leave_pod(q);
	return write_status(q, BUILD_RESULT_FAILED,
			    "the packages of requirements.txt could not be fetched: %s", why);
}

/* The fault is not the skill's. */
static bool try_again(const struct question *q, const char *why)
{
	int64_t tries = q->seen->skill->status.build.tries;
	if (tries >= BUILD_MAX_TRIES) {
		char text[BUILD_MESSAGE_SIZE];
		snprintf(text, sizeof(text), "%.1800s (tried %d times)", why, BUILD_MAX_TRIES);
		return give_up(q, text);
	}
	leave_pod(q);
	return write_status(q, BUILD_RESULT_AGAIN,
			    "the packages of requirements.txt are being fetched, try %" PRId64
			    " of %d, since the one before ended: %s",
			    tries + 1, BUILD_MAX_TRIES, why);
}

/* Told once. */
static bool tell(const struct question *q, const char *message)
{
	const char *now = q->seen->skill->status.ready.message;
	return now && strcmp(now, message) == 0 ? true : write_status(q, BUILD_RESULT_MESSAGE, "%s", message);
}

/* ---- the rules: false passes on */

static bool rule_failed(const struct question *q)
{
	if (!skill_build_has_failed(q->seen->skill))
		return false;
	leave_pod(q);
	q->plan->actions |= BUILD_END;
	return true;
}

static bool rule_begins(const struct question *q)
{
	const struct skill *skill = q->seen->skill;
	if (skill->status.build.uploaded_ms == skill->uploaded_ms && skill->status.build.attempt > 0)
		return false;
	leave_pod(q);
	return write_status(q, BUILD_RESULT_BEGIN, "the packages of requirements.txt are being fetched");
}

static bool rule_no_target(const struct question *q)
{
	char why[BUILD_MESSAGE_SIZE];
	if (q->seen->has_target)
		return false;
	snprintf(why, sizeof(why),
		 "which Python %.512s has is not known here: the operator says it (SKILLBOX_PYTHON_IMAGES, "
		 "images.python of the chart)",
		 q->seen->image);
	return give_up(q, why);
}

static bool rule_job(const struct question *q)
{
	const struct build_observation *seen = q->seen;
	if (!seen->job) {
		q->plan->actions |= BUILD_START_JOB;
		return true;
	}
	switch (seen->stage) {
	case BUILD_READING:
		return true;
	case BUILD_STAGE_REFUSED:
		return give_up(q, build_job_problem(seen->job));
	case BUILD_STAGE_FAILED:
		return try_again(q, build_job_problem(seen->job));
	case BUILD_DONE:
		if (seen->no_room)
			return give_up(q, seen->no_room);
		leave_pod(q);
		return write_status(q, BUILD_RESULT_BUILT, "ready to run");
	case BUILD_KNOWN:
	case BUILD_WORKING:
		break;
	}
	return false;
}

static bool rule_same(const struct question *q)
{
	if (!q->seen->same || q->seen->stage != BUILD_KNOWN)
		return false;
	leave_pod(q);
	return write_status(q, BUILD_RESULT_SHARED, "ready to run");
}

static int64_t pause_ms(int64_t tries)
{
	int64_t pause = tries > 1 ? BUILD_PAUSE_MS : 0;
	for (int64_t i = 2; i < tries && i < BUILD_MAX_TRIES; i++)
		pause *= 4;
	return pause;
}

static bool ask_for_pod(const struct question *q)
{
	const struct build_observation *seen = q->seen;
	int64_t waited_ms = seen->now_ms - seen->skill->status.build.started_ms;
	int64_t pause = pause_ms(seen->skill->status.build.tries) - waited_ms;
	if (pause > 0) {
		look_again(q, pause);
		return true;
	}
	if (!seen->has_room) {
		look_again(q, BUILD_PLACE_RETRY_MS);
		return tell(q, "the packages of requirements.txt are to be fetched; others' are before it");
	}
	q->plan->actions |= BUILD_CREATE_POD;
	look_again(q, BUILD_POD_SHOWS_MS);
	return true;
}

static bool rule_no_pod(const struct question *q)
{
	const struct build_observation *seen = q->seen;
	char message[BUILD_MESSAGE_SIZE];
	if (seen->pod)
		return false;
	if (seen->stage == BUILD_WORKING) /* its answer may still be on the way, or looked at */
		return true;
	if (seen->refusal && seen->refused_ms_ago < BUILD_REFUSED_RETRY_MS) {
		look_again(q, BUILD_REFUSED_RETRY_MS - seen->refused_ms_ago);
		snprintf(message, sizeof(message), "the Pod that fetches the packages can't be made: %s",
			 seen->refusal->message);
		return tell(q, message);
	}
	if (seen->pod_asked_ms_ago >= 0 && seen->pod_asked_ms_ago < BUILD_POD_SHOWS_MS) {
		look_again(q, BUILD_POD_SHOWS_MS - seen->pod_asked_ms_ago);
		return true;
	}
	return ask_for_pod(q);
}

static bool rule_foreign_pod(const struct question *q)
{
	char why[BUILD_MESSAGE_SIZE];
	if (!q->seen->pod_is_foreign)
		return false;
	snprintf(why, sizeof(why), "a Pod that is not ours has the name %.253s", q->seen->pod->meta.name);
	return try_again(q, why);
}

static bool rule_pod_ended(const struct question *q)
{
	const struct pod *pod = q->seen->pod;
	char why[BUILD_MESSAGE_SIZE];
	if (!pod->meta.deleted_ms && !pod_has_ended(pod))
		return false;
	if (pod->terminated_reason && strcmp(pod->terminated_reason, "OOMKilled") == 0)
		return give_up(q, "its Pod ran out of memory (build.memory of the chart)");
	if (pod->reason && strcmp(pod->reason, "Evicted") == 0)
		return give_up(q, pod->message ? pod->message : "its Pod was evicted");
	snprintf(why, sizeof(why), "its Pod ended%s%.1000s", pod->message ? ": " : "",
		 pod->message ? pod->message : "");
	return try_again(q, why);
}

static bool rule_late(const struct question *q)
{
	const struct controller_config *config = q->config;
	int64_t limit = config->start_timeout_ms + config->build.timeout_ms + BUILD_POD_GRACE_MS / 2;
	int64_t left = limit - (q->seen->now_ms - q->seen->pod->meta.created_ms);
	if (left <= 0)
		return give_up(q, "it took too long (build.timeout of the chart)");
	look_again(q, left);
	return false;
}

static bool rule_pod_starts(const struct question *q)
{
	const struct build_observation *seen = q->seen;
	struct trouble trouble;
	if (seen->pod->ready)
		return false;
	int64_t left = q->config->start_timeout_ms - (seen->now_ms - seen->pod->meta.created_ms);
	bool is_known = trouble_of_pod(seen->pod, &trouble);
	if (!is_known)
		trouble_of_slow_pod(seen->pod, &trouble);
	if (left <= 0)
		return try_again(q, trouble.message);
	look_again(q, left);
	return is_known ? tell(q, trouble.message) : true;
}

static bool rule_give(const struct question *q)
{
	if (q->seen->stage == BUILD_KNOWN)
		q->plan->actions |= BUILD_GIVE;
	return true;
}

static const struct {
	const char *name;
	bool (*ask)(const struct question *question);
} rules[] = {
    {"failed", rule_failed},
    {"begins", rule_begins},
    {"no target", rule_no_target},
    {"job", rule_job},
    {"same packages", rule_same},
    {"no Pod", rule_no_pod},
    {"foreign Pod", rule_foreign_pod},
    {"Pod ended", rule_pod_ended},
    {"late", rule_late},
    {"Pod starts", rule_pod_starts},
    {"Pod is ready", rule_give},
};
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

const char *build_plan_rule_name(size_t index)
{
	return index < RULE_COUNT ? rules[index].name : NULL;
}

void build_plan_make(const struct build_observation *seen, const struct controller_config *config,
		     struct build_plan *ret)
{
	*ret = (struct build_plan){.requeue_ms = -1};
	const struct question question = {seen, config, ret};
	for (size_t i = 0; i < RULE_COUNT; i++) {
		ret->rule = rules[i].name;
		if (rules[i].ask(&question))
			return;
	}
}
