/* One build on its way, in memory: the skill's archive is fetched and its requirements taken out of it; a Pod
 * gets them, and answers with wheels; these are checked, unpacked into a package set as those of a push are,
 * and stored as a blob of the tenant. Nothing of it is lost with the controller but time. */
#ifndef SKILLBOX_CONTROLLER_BUILD_JOB_H
#define SKILLBOX_CONTROLLER_BUILD_JOB_H

#include "controller/config.h"
#include "lib/api/pod.h"
#include "lib/api/skill.h"
#include "lib/base/error.h"
#include "lib/blob/blob.h"
#include "lib/kube/ws.h"
#include "lib/wheel/target.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct build_job_services {
	uv_loop_t *loop;
	struct kube_ws *ws;
	struct blob_store *store;
	const struct controller_config *config;
};

enum build_stage {
	/* The archive is fetched and read. */
	BUILD_READING,
	/* What it asks for is known; no Pod has it yet. */
	BUILD_KNOWN,
	/* A Pod has it, or its answer is looked at, or the packages are being stored. */
	BUILD_WORKING,
	/* The packages are stored. */
	BUILD_DONE,
	/* It can't be built, and another try would end the same. */
	BUILD_STAGE_REFUSED,
	/* Another try might do. */
	BUILD_STAGE_FAILED
};

struct build_job;

/* changed: the stage is another one; from the loop, never from inside. NULL with err. What is needed of skill
 * and target is copied. */
struct build_job *build_job_start(const struct build_job_services *services, const struct skill *skill,
				  const char *tenant, const struct wheel_target *target, const char *image,
				  void (*changed)(void *context), void *context, struct error *err);
/* changed isn't called any more; what can't be stopped ends by itself, on the loop. NULL-safe; returns NULL.
 */
struct build_job *build_job_free(struct build_job *job);

enum build_stage build_job_stage(const struct build_job *job);
/* Of an attempt. */
int64_t build_job_attempt(const struct build_job *job);
/* From BUILD_KNOWN on. */
const char *build_job_key(const struct build_job *job);
int64_t build_job_file_bytes(const struct build_job *job);
/* In BUILD_KNOWN: the Pod waits for its input. The stage is BUILD_WORKING then, whatever comes of it. */
void build_job_give(struct build_job *job, const struct pod *pod);
/* In BUILD_DONE, the job's. */
const struct skill_packages *build_job_packages(const struct build_job *job);
/* How it was made; "" if nothing was. */
const char *build_job_log(const struct build_job *job);
/* Why not, in a sentence. */
const char *build_job_problem(const struct build_job *job);

#endif
