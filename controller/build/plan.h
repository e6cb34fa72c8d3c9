/* What to do about the packages of one Skill that are to be built: a pure function of what was observed. */
#ifndef SKILLBOX_CONTROLLER_BUILD_PLAN_H
#define SKILLBOX_CONTROLLER_BUILD_PLAN_H

#include "controller/build/job.h"
#include "controller/config.h"
#include "controller/sandbox/trouble.h"
#include "lib/api/pod.h"
#include "lib/api/skill.h"

#include <stdbool.h>
#include <stdint.h>

/* Pods tried before it is given up, where the fault was not the skill's. */
#define BUILD_MAX_TRIES 3
/* Before the second of them, and four times as long before each further one. */
#define BUILD_PAUSE_MS 2000
/* A Pod that was created is seen within this, or asked for again. */
#define BUILD_POD_SHOWS_MS 5000
/* A Pod that was refused is asked for again. */
#define BUILD_REFUSED_RETRY_MS 5000
/* Another look, in case nobody says that a place is free. */
#define BUILD_PLACE_RETRY_MS 5000

#define BUILD_MESSAGE_SIZE 2048

struct build_observation {
	/* It awaits its build. */
	const struct skill *skill;
	/* Which Python its image has is known. */
	bool has_target;
	const char *image;
	/* Another one of the tenant's, made from the same; NULL: there is none. */
	const struct skill *same;
	/* The Pod of the current attempt; NULL: there is none. It may be a stranger's. */
	const struct pod *pod;
	bool pod_is_foreign;
	/* It was asked for, so many ms ago; -1: not by this controller. */
	int64_t pod_asked_ms_ago;
	/* Why it was refused the last time, NULL: it wasn't; so many ms ago. */
	const struct trouble *refusal;
	int64_t refused_ms_ago;
	/* There is a place for one more Pod. */
	bool has_room;
	/* Of the current attempt; NULL: there is none. */
	const struct build_job *job;
	/* With that: its stage, or BUILD_READING. */
	enum build_stage stage;
	/* In BUILD_DONE: there is no room for the packages in a sandbox; NULL: there is. */
	const char *no_room;
	int64_t now_ms;
};

enum build_action {
	/* Delete the Pod. */
	BUILD_DELETE_POD = 1 << 0,
	/* Begin to read what the archive asks for. */
	BUILD_START_JOB = 1 << 1,
	BUILD_CREATE_POD = 1 << 2,
	/* The Pod gets its input. */
	BUILD_GIVE = 1 << 3,
	/* Write the status. */
	BUILD_PATCH = 1 << 4,
	/* Nothing more is to be done; what is remembered of it goes. */
	BUILD_END = 1 << 5
};

/* What the status becomes. */
enum build_result {
	BUILD_RESULT_MESSAGE, /* as it was, with another message */
	BUILD_RESULT_BEGIN,   /* of this upload: the first try */
	BUILD_RESULT_AGAIN,   /* the next try */
	BUILD_RESULT_FAILED,
	BUILD_RESULT_BUILT,
	BUILD_RESULT_SHARED
};

struct build_plan {
	/* name of the rule that decided; never NULL */
	const char *rule;
	unsigned actions; /* set of enum build_action */
	/* with BUILD_PATCH */
	enum build_result result;
	char message[BUILD_MESSAGE_SIZE];
	/* look again after this many ms; -1: only when something changes */
	int64_t requeue_ms;
};

/* The rules are asked one after another; the first that has something to say decides. */
void build_plan_make(const struct build_observation *seen, const struct controller_config *config,
		     struct build_plan *ret);
/* The rules' names, in order. NULL: there are no more. */
const char *build_plan_rule_name(size_t index);

#endif
