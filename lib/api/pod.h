/* What the controller reads of a sandbox Pod. */
#ifndef SKILLBOX_API_POD_H
#define SKILLBOX_API_POD_H

#include "lib/api/meta.h"

#define POD_CONTAINER "sandbox"     /* name of the one container */
#define POD_BUILD_CONTAINER "build" /* of a Pod that fetches a skill's packages */
#define POD_MANAGED_BY_SELECTOR                                                                              \
	"app.kubernetes.io/managed-by=skillbox,app.kubernetes.io/component in (sandbox,build)"
#define POD_EXECUTION_LABEL "skillbox.dev/execution-uid" /* UID of the Execution it was made for */
#define POD_POOL_LABEL "skillbox.dev/pool-uid"           /* UID of the SandboxPool it was made for */
#define POD_SKILL_LABEL "skillbox.dev/skill-uid"         /* UID of the Skill whose packages it fetches */
#define POD_SKILL_ANNOTATION "skillbox.dev/skill"        /* that Skill, as NAMESPACE/NAME */
#define POD_TOKEN_ENV "SKILLBOX_TOKEN"
#define POD_PARK_ENV "SKILLBOX_PARK"               /* interpreter that the runner starts ahead */
#define POD_PARK_SCRIPT_ENV "SKILLBOX_PARK_SCRIPT" /* path of the script that it will run */
#define POD_PRELOAD_ENV "SKILLBOX_PRELOAD"         /* modules that it loads ahead, separated by commas */
#define POD_PARK_AFTER_ENV "SKILLBOX_PARK_AFTER"
/* What it was made as; see controller/pool/shape.h. */
#define POD_POOL_SHAPE_ANNOTATION "skillbox.dev/pool-shape"
/* What the controller decided about the run; see controller/sandbox/shape.c. */
#define POD_SHAPE_ANNOTATION "skillbox.dev/run-shape"

struct pod {
	struct object_meta meta;
	char *execution_uid; /* label POD_EXECUTION_LABEL, NULL if none */
	char *phase;         /* "Pending" "Running" "Succeeded" "Failed" */
	char *reason;        /* status.reason ("Evicted", "DeadlineExceeded"), NULL */
	char *message;
	char *pool_uid;      /* label POD_POOL_LABEL, NULL if none */
	char *pool_shape;    /* annotation POD_POOL_SHAPE_ANNOTATION, NULL if none */
	char *run_shape;     /* annotation POD_SHAPE_ANNOTATION, NULL if none */
	char *token;         /* value of the container's environment variable POD_TOKEN_ENV */
	char *skill_uid;     /* label POD_SKILL_LABEL, NULL if none */
	char *skill;         /* annotation POD_SKILL_ANNOTATION, NULL if none */
	bool scheduled;      /* condition PodScheduled True */
	char *unschedulable; /* its message when False, NULL */
	bool ready;          /* container running (its status has state.running) */
	char *waiting_reason,
	    *waiting_message; /* container state waiting: "ErrImagePull", …; of init containers too */
	bool terminated;
	int64_t exit_code;
	char *terminated_reason; /* "OOMKilled", "Error", … */
	char *image_id;
};

struct pod *pod_from_json(struct str json, struct error *err);
struct pod *pod_free(struct pod *pod);

/* Its container ran and ended, or never will run. */
bool pod_has_ended(const struct pod *pod);
/* Its container can't be started as things are: an image that can't be pulled, a container that can't be
 * made. The kubelet tries again, so it may heal. */
bool pod_waits_in_vain(const struct pod *pod);
/* It does, and for want of an image. */
bool pod_waits_for_image(const struct pod *pod);
/* What happened to it is of interest to whoever owns it: it got ready, ended, is going, can't be placed or
 * started. NULL: not there yet, or no more. */
bool pod_change_matters(const struct pod *old, const struct pod *fresh);

#endif
