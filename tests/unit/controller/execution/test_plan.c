/* The plan of an Execution as a table: what is seen → what is done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/execution/plan.h"

#include <stdio.h>

#define NOW 1800000000000LL
#define UID "11111111-2222-3333-4444-555555555555"

static const struct controller_config config = {
    .policy.image_allowlist = (char *)"python:3.12-slim,bash:5",
    .policy.default_timeout_ms = 120000,
    .policy.max_timeout_ms = 600000,
    .policy.default_memory = 256 << 20,
    .policy.max_memory = 1024 << 20,
    .policy.default_cpu = 500,
    .policy.max_cpu = 4000,
    .policy.max_concurrent = 2,
    .max_starting = 4,
    .start_timeout_ms = 300000,
    .skill_wait_ms = 10000,
    .ttl_seconds = 3600,
};

enum pod_kind { NO_POD, STARTING, UNSCHEDULABLE, NO_IMAGE, READY, OOM, EVICTED, GONE_SOON, FOREIGN };
enum end_kind { OPEN, ENDED_NOW, ENDED_LONG_AGO };

/* Condition Unknown. */
#define WAITS(why) .actions = ACTION_PATCH_STATUS, .status = "Unknown", .reason = why

struct row {
	const char *name;
	/* seen */
	int64_t age_ms; /* of the Execution */
	bool foreign_namespace, no_skill, cancel, deleted, has_shape, pod_expected;
	const char *image, *env_name, *refused, *invalid, *rival;
	int64_t rival_ago_ms;
	/* of the first refusal; until the next try; since it was reported */
	int64_t refused_ago_ms, retry_ms, reported_ago_ms;
	int64_t generation, observed_generation;
	int64_t going_ms; /* of a Pod that is being deleted */
	bool inline_files;
	const char *inline_name, *skill_digest; /* of a skill with inline files; NULL: main.py */
	enum end_kind ended;
	bool not_archived, archiving;
	enum pod_kind pod;
	int64_t pod_age_ms;
	enum session_state session;
	int64_t running_ms, cancel_sent_ago_ms, store_failed_ago_ms, lost_ago_ms;
	unsigned stream_losses;
	int64_t attempt, tenant_sandboxes, tenant_starting, starting;
	bool waiting;
	bool claimed, pod_lost, pod_is_foreign, name_is_taken;
	enum pool_offer pool;
	bool pool_in_trouble;
	bool waits_for_pool;                  /* expected */
	const char *reason_now, *message_now; /* of the condition */
	/* expected */
	unsigned actions;
	const char *status, *reason, *error_code, *message; /* message: contained in */
	const char *event;                                  /* "TYPE REASON" */
	int64_t wish_attempt;
	int64_t requeue_min, requeue_max; /* 0, 0: none wanted */
};

static const struct row rows[] = {
    {.name = "new: a Pod is created", .actions = ACTION_CREATE_POD, .requeue_min = 1, .requeue_max = 1000},
    {.name = "created, not shown yet: wait", .pod_expected = true, .requeue_min = 1, .requeue_max = 1000},
    {.name = "another namespace of the same tenant: waits, and both are named",
     .rival = "a-rival",
     .rival_ago_ms = 1000,
     WAITS("AmbiguousTenant"),
     .message = "namespaces a-rival and t have the same label",
     .requeue_min = 1,
     .requeue_max = 300000},
    {.name = "another namespace of the same tenant, for long: fails",
     .rival = "z-rival",
     .rival_ago_ms = 300000,
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_start_failed",
     .message = "namespaces t and z-rival have the same label"},
    {.name = "another namespace of the same tenant: what runs goes on",
     .rival = "a-rival",
     .pod = READY,
     .has_shape = true,
     .session = SESSION_RUNNING,
     .running_ms = 100,
     .requeue_min = 1,
     .requeue_max = PLAN_RUNNING_PATCH_MS},
    {.name = "another namespace of the same tenant: no stream is opened to a sandbox that was found",
     .rival = "a-rival",
     .pod = READY,
     .has_shape = true,
     WAITS("AmbiguousTenant"),
     .message = "have the same label"},
    {.name = "another namespace of the same tenant: what ended is archived when that is over",
     .rival = "a-rival",
     .ended = ENDED_NOW,
     .not_archived = true,
     .requeue_min = 1,
     .requeue_max = 30000},
    {.name = "no tenant: fails with the way out",
     .foreign_namespace = true,
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_start_failed",
     .message = "label it skillbox.dev/tenant"},
    {.name = "a spec that the schema let through",
     .invalid = "spec.input: nested too deeply",
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_start_failed",
     .message = "spec.input: nested too deeply"},
    {.name = "no skill yet: waits, and says so",
     .no_skill = true,
     .age_ms = 1000,
     WAITS("SkillNotFound"),
     .message = "skill not found: adder@1.0.0",
     .requeue_min = 8000,
     .requeue_max = 9000},
    {.name = "no skill in time: fails",
     .no_skill = true,
     .age_ms = 10001,
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_start_failed",
     .message = "skill not found: adder@1.0.0"},
    {.name = "skill deleted under way: the run goes on",
     .no_skill = true,
     .has_shape = true,
     .pod = READY,
     .session = SESSION_RUNNING,
     .running_ms = 10,
     .age_ms = 60000,
     .requeue_min = 1,
     .requeue_max = 1000},
    {.name = "inline files not checked yet: wait",
     .inline_files = true,
     .age_ms = 1000,
     .requeue_min = 1000,
     .requeue_max = 1000},
    {.name = "inline files not checked for a while: says so",
     .inline_files = true,
     .age_ms = 2000,
     WAITS("SkillNotChecked"),
     .requeue_min = 298000,
     .requeue_max = 298000},
    {.name = "inline files without an entrypoint",
     .inline_files = true,
     .inline_name = "other.txt",
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "no_entrypoint",
     .message =
	 "skill adder@1.0.0 can't be run: no entrypoint for lang python: there must be a main.py or run.py "
	 "at the root or in scripts/, or an entrypoint given by name"},
    {.name = "inline files that are never checked",
     .inline_files = true,
     .age_ms = 300001,
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_start_failed",
     .message = "the skill's files were not checked in time"},
    {.name = "inline files checked: a Pod",
     .inline_files = true,
     .skill_digest = "sha256:abc",
     .actions = ACTION_CREATE_POD,
     .requeue_min = 1,
     .requeue_max = 1000},
    {.name = "sandbox gone, and the skill too",
     .no_skill = true,
     .has_shape = true,
     .age_ms = 60000,
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_start_failed",
     .message = "skill not found"},
    {.name = "image not allowed",
     .image = "evil:1",
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "image_not_allowed",
     .message = "image 'evil:1' is not on the allowlist"},
    {.name = "reserved environment name",
     .env_name = "LD_PRELOAD",
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_start_failed",
     .message = "LD_PRELOAD"},
    {.name = "a pool has a sandbox: it is claimed", .pool = POOL_READY, .actions = ACTION_CLAIM},
    {.name = "a pool will have one: waits for it",
     .pool = POOL_COMING,
     .starting = 4,
     .tenant_starting = 1,
     .waits_for_pool = true,
     .requeue_min = PLAN_SILENCE_MS,
     .requeue_max = PLAN_SILENCE_MS},
    {.name = "a pool has none for a while: says so",
     .pool = POOL_COMING,
     .waits_for_pool = true,
     .age_ms = 2000,
     WAITS("PoolFilling"),
     .message = "the pool's condition Ready",
     .requeue_min = PLAN_POOL_WAIT_MS,
     .requeue_max = PLAN_POOL_WAIT_MS},
    {.name = "a pool can't fill: says why at once",
     .pool = POOL_COMING,
     .pool_in_trouble = true,
     .waits_for_pool = true,
     WAITS("QuotaExceeded"),
     .event = "Warning QuotaExceeded",
     .requeue_min = PLAN_POOL_WAIT_MS,
     .requeue_max = PLAN_POOL_WAIT_MS},
    {.name = "who runs what isn't known yet: nothing is made",
     .pool = POOL_SETTLING,
     .requeue_min = 1,
     .requeue_max = 1000},
    {.name = "who runs what isn't known for a while: says so",
     .pool = POOL_SETTLING,
     .age_ms = 2000,
     WAITS("SandboxesAsked"),
     .requeue_min = 1,
     .requeue_max = 1000},
    {.name = "a tenant at its limit gets nothing of a pool",
     .pool = POOL_READY,
     .tenant_sandboxes = 2,
     .waiting = true,
     WAITS("TenantFull"),
     .requeue_min = 1,
     .requeue_max = 30000},
    {.name = "a claimed sandbox is gone: another",
     .pod_lost = true,
     .has_shape = true,
     .actions = ACTION_PATCH_STATUS | ACTION_DELETE_POD,
     .status = "Unknown",
     .reason = "Pending",
     .message = "deleted before its result came",
     .wish_attempt = 1},
    {.name = "a claimed sandbox belongs to its pool", .pod = FOREIGN, .claimed = true, .has_shape = true},
    {.name = "tenant at its limit: waits",
     .tenant_sandboxes = 2,
     .waiting = true,
     WAITS("TenantFull"),
     .message = "waiting for one of the tenant's sandboxes to end: it has 2",
     .event = "Normal TenantFull",
     .requeue_min = 1,
     .requeue_max = 30000},
    {.name = "no place for a day: fails",
     .tenant_sandboxes = 2,
     .age_ms = PLAN_QUEUE_MS,
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_start_failed",
     .message = "no place for a sandbox within 24 hours: waiting for one of the tenant's"},
    {.name = "enough sandboxes start for a while: says so",
     .tenant_sandboxes = 1,
     .tenant_starting = 1,
     .starting = 4,
     .age_ms = 2000,
     .waiting = true,
     WAITS("StartsLimited"),
     .message = "no more than 4 sandboxes may start at once",
     .requeue_min = 1,
     .requeue_max = 30000},
    {.name = "enough sandboxes start: waits, without a write",
     .tenant_sandboxes = 1,
     .tenant_starting = 1,
     .starting = 4,
     .waiting = true,
     .requeue_min = 1,
     .requeue_max = 30000},
    {.name = "another tenant's flood is not waited for",
     .starting = 40,
     .actions = ACTION_CREATE_POD,
     .requeue_min = 1,
     .requeue_max = 1000},
    {.name = "create refused: says so at once",
     .refused = "exceeded quota",
     .age_ms = 10,
     .retry_ms = 700,
     WAITS("QuotaExceeded"),
     .message = "exceeded quota",
     .event = "Warning QuotaExceeded",
     .requeue_min = 700,
     .requeue_max = 700},
    {.name = "create refused, said already",
     .refused = "x",
     .reason_now = "QuotaExceeded",
     .retry_ms = 700,
     .requeue_min = 700,
     .requeue_max = 700},
    {.name = "create refused with other figures: not at once",
     .refused = "exceeded quota, used 4",
     .reason_now = "QuotaExceeded",
     .reported_ago_ms = PLAN_REPORT_AGAIN_MS - 1,
     .retry_ms = 700,
     .requeue_min = 700,
     .requeue_max = 700},
    {.name = "create refused with other figures: now and then",
     .refused = "exceeded quota, used 4",
     .reason_now = "QuotaExceeded",
     .reported_ago_ms = PLAN_REPORT_AGAIN_MS,
     .retry_ms = 700,
     WAITS("QuotaExceeded"),
     .message = "used 4"},
    {.name = "create refused: tried again when it is time",
     .refused = "exceeded quota",
     .reason_now = "QuotaExceeded",
     .actions = ACTION_CREATE_POD,
     .requeue_min = 1,
     .requeue_max = 1000},
    {.name = "create refused, and a pool has one: it is claimed",
     .refused = "exceeded quota",
     .retry_ms = 700,
     .pool = POOL_READY,
     .actions = ACTION_CLAIM},
    {.name = "the obstacle is gone: the reason, too",
     .pod_expected = true,
     .reason_now = "QuotaExceeded",
     WAITS("SandboxStarting"),
     .requeue_min = 1,
     .requeue_max = 1000},
    {.name = "created, not shown for a while: says so",
     .pod_expected = true,
     .age_ms = 2000,
     WAITS("SandboxStarting")},
    {.name = "the name is taken: ours may show up yet",
     .pod_expected = true,
     .refused = "already exists",
     .refused_ago_ms = 999,
     .requeue_min = 1,
     .requeue_max = 1000},
    {.name = "the name is taken, and ours does not show up: says so",
     .pod_expected = true,
     .refused = "already exists",
     .refused_ago_ms = 1000,
     WAITS("QuotaExceeded"),
     .message = "already exists",
     .requeue_min = 1,
     .requeue_max = 1000},
    {.name = "create refused for long: fails with the reason",
     .refused = "exceeded quota",
     .refused_ago_ms = 300000,
     .age_ms = 900000,
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_start_failed",
     .message = "exceeded quota"},
    {.name = "Pod starts: wait, with its deadline",
     .pod = STARTING,
     .age_ms = 1000,
     .pod_age_ms = 1000,
     .requeue_min = 1000,
     .requeue_max = 1000},
    {.name = "Pod starts for a while: says so",
     .pod = STARTING,
     .age_ms = 2000,
     .pod_age_ms = 1000,
     WAITS("SandboxStarting"),
     .message = "no scheduler has placed it",
     .requeue_min = 299000,
     .requeue_max = 299000},
    {.name = "Pod not ready in time",
     .pod = STARTING,
     .pod_age_ms = 300000,
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_start_failed",
     .message = "not ready within 300 s"},
    {.name = "no node: says so",
     .pod = UNSCHEDULABLE,
     .pod_age_ms = 500,
     WAITS("Unschedulable"),
     .message = "no node takes a sandbox: 0/1 nodes",
     .event = "Warning Unschedulable",
     .requeue_min = 1,
     .requeue_max = 299500},
    {.name = "no node yet: a moment later there may be one",
     .pod = UNSCHEDULABLE,
     .pod_age_ms = 100,
     .requeue_min = 400,
     .requeue_max = 400},
    {.name = "image trouble may heal, and is told at once",
     .pod = NO_IMAGE,
     .pod_age_ms = 5000,
     WAITS("ImageUnavailable"),
     .message = "can't be pulled (ErrImagePull): no such image",
     .event = "Warning ImageUnavailable",
     .requeue_min = 15000,
     .requeue_max = 15000},
    {.name = "image trouble that shows itself late is told, too, before it is the end",
     .pod = NO_IMAGE,
     .pod_age_ms = 21000,
     WAITS("ImageUnavailable"),
     .message = "can't be pulled (ErrImagePull): no such image",
     .event = "Warning ImageUnavailable",
     .requeue_min = 5000,
     .requeue_max = 5000},
    {.name = "image trouble that stays",
     .pod = NO_IMAGE,
     .pod_age_ms = 20000,
     .reason_now = "ImageUnavailable",
     .message_now = "the image can't be pulled",
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_start_failed",
     .message = "ErrImagePull: no such image"},
    {.name = "a stranger's Pod has the name: another is tried, and that Pod left alone",
     .pod = FOREIGN,
     .actions = ACTION_PATCH_STATUS,
     .status = "Unknown",
     .reason = "Pending",
     .message = "is not ours",
     .wish_attempt = 1},
    {.name = "a stranger's Pod with our owner reference, by its token: as any stranger's",
     .pod = READY,
     .pod_is_foreign = true,
     .actions = ACTION_PATCH_STATUS,
     .status = "Unknown",
     .reason = "Pending",
     .message = "is not ours",
     .wish_attempt = 1},
    {.name = "the name is taken by a Pod that the watch does not show: another is tried",
     .has_shape = true,
     .refused = "pods \"skx\" already exists",
     .name_is_taken = true,
     .actions = ACTION_PATCH_STATUS,
     .status = "Unknown",
     .reason = "Pending",
     .message = "already exists",
     .wish_attempt = 1},
    {.name = "a stranger's Pod has all names",
     .pod = FOREIGN,
     .attempt = PLAN_MAX_ATTEMPTS - 1,
     .wish_attempt = PLAN_MAX_ATTEMPTS - 1,
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_start_failed",
     .message = "is not ours"},
    {.name = "Pod on its way out: wait for its end",
     .pod = GONE_SOON,
     .requeue_min = PLAN_SILENCE_MS,
     .requeue_max = PLAN_SILENCE_MS},
    {.name = "Pod on its way out for a while: says so",
     .pod = GONE_SOON,
     .age_ms = 2000,
     .going_ms = 59000,
     WAITS("SandboxGoing"),
     .message = "see its finalizers and its node",
     .requeue_min = 1000,
     .requeue_max = 1000},
    {.name = "Pod does not go: another sandbox",
     .pod = GONE_SOON,
     .going_ms = PLAN_GOING_MS,
     .actions = ACTION_PATCH_STATUS | ACTION_DELETE_POD,
     .status = "Unknown",
     .reason = "Pending",
     .message = "is being deleted and not gone",
     .wish_attempt = 1},
    {.name = "Pod ready: a session", .pod = READY, .actions = ACTION_OPEN_SESSION},
    {.name = "session opening: its deadline",
     .pod = READY,
     .session = SESSION_OPENING,
     .age_ms = 1500,
     .pod_age_ms = 1000,
     .requeue_min = 500,
     .requeue_max = 500},
    {.name = "session opening for a while: says so",
     .pod = READY,
     .session = SESSION_OPENING,
     .age_ms = 2000,
     .pod_age_ms = 1000,
     WAITS("SandboxOpening"),
     .requeue_min = 479000,
     .requeue_max = 479000},
    {.name = "a script that runs goes on running while its stream is opened again",
     .pod = READY,
     .session = SESSION_OPENING,
     .age_ms = 2000,
     .pod_age_ms = 1000,
     .reason_now = "Running",
     .requeue_min = 479000,
     .requeue_max = 479000},
    {.name = "job never taken: another sandbox",
     .pod = READY,
     .session = SESSION_OPENING,
     .pod_age_ms = 480000,
     .actions = ACTION_DELETE_POD | ACTION_CLOSE_SESSION | ACTION_PATCH_STATUS,
     .status = "Unknown",
     .reason = "Pending",
     .message = "did not take the job",
     .wish_attempt = 1},
    {.name = "short run: nothing is written",
     .pod = READY,
     .session = SESSION_RUNNING,
     .running_ms = 200,
     .requeue_min = 800,
     .requeue_max = 800},
    {.name = "run over a second: Running",
     .pod = READY,
     .session = SESSION_RUNNING,
     .running_ms = 1000,
     .actions = ACTION_PATCH_STATUS,
     .status = "Unknown",
     .reason = "Running",
     .requeue_min = 1,
     .requeue_max = 179000},
    {.name = "Running is written once",
     .pod = READY,
     .session = SESSION_RUNNING,
     .running_ms = 5000,
     .reason_now = "Running",
     .requeue_min = 175000,
     .requeue_max = 175000},
    {.name = "no answer long after the timeout: another sandbox",
     .pod = READY,
     .session = SESSION_RUNNING,
     .running_ms = 180000,
     .reason_now = "Running",
     .actions = ACTION_DELETE_POD | ACTION_CLOSE_SESSION | ACTION_PATCH_STATUS,
     .status = "Unknown",
     .reason = "Pending",
     .wish_attempt = 1},
    {.name = "stream lost: opened again",
     .pod = READY,
     .session = SESSION_LOST,
     .actions = ACTION_CLOSE_SESSION | ACTION_OPEN_SESSION},
    {.name = "stream lost again: not at once",
     .pod = READY,
     .session = SESSION_LOST,
     .stream_losses = 2,
     .lost_ago_ms = 100,
     WAITS("SandboxUnreachable"),
     .message = "can't keep a stream into it: broken pipe",
     .event = "Warning SandboxUnreachable",
     .requeue_min = 400,
     .requeue_max = 400},
    {.name = "stream lost again: opened after a while",
     .pod = READY,
     .session = SESSION_LOST,
     .stream_losses = 7,
     .lost_ago_ms = 2000,
     .reason_now = "Running",
     .actions = ACTION_CLOSE_SESSION | ACTION_OPEN_SESSION},
    {.name = "stream lost too often: another sandbox",
     .pod = READY,
     .session = SESSION_LOST,
     .stream_losses = 8,
     .actions = ACTION_DELETE_POD | ACTION_CLOSE_SESSION | ACTION_PATCH_STATUS,
     .status = "Unknown",
     .reason = "Pending",
     .message = "broken pipe",
     .wish_attempt = 1},
    {.name = "out of memory as a whole",
     .pod = OOM,
     .session = SESSION_LOST,
     .actions = ACTION_CLOSE_SESSION | ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "oom_killed"},
    {.name = "evicted: another sandbox",
     .pod = EVICTED,
     .session = SESSION_LOST,
     .attempt = 1,
     .actions = ACTION_DELETE_POD | ACTION_CLOSE_SESSION | ACTION_PATCH_STATUS,
     .status = "Unknown",
     .reason = "Pending",
     .message = "Evicted",
     .wish_attempt = 2},
    {.name = "evicted the third time: lost",
     .pod = EVICTED,
     .attempt = 2,
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_lost",
     .message = "sandbox lost 3 times",
     .wish_attempt = 2},
    {.name = "Pod vanished under a session: another sandbox, counted",
     .session = SESSION_RUNNING,
     .running_ms = 100,
     .actions = ACTION_DELETE_POD | ACTION_CLOSE_SESSION | ACTION_PATCH_STATUS,
     .status = "Unknown",
     .reason = "Pending",
     .message = "was deleted",
     .wish_attempt = 1},
    {.name = "Pod vanished before a session: counted too",
     .has_shape = true,
     .actions = ACTION_DELETE_POD | ACTION_PATCH_STATUS,
     .status = "Unknown",
     .reason = "Pending",
     .wish_attempt = 1},
    {.name = "Pod vanished while the controller was away",
     .reason_now = "Running",
     .attempt = 2,
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_lost",
     .message = "sandbox lost 3 times",
     .wish_attempt = 2},
    {.name = "Pod vanished, result arrives: wait for it",
     .session = SESSION_COLLECTING,
     .running_ms = 100,
     .requeue_min = 1,
     .requeue_max = 1000},
    {.name = "result: recorded",
     .pod = READY,
     .session = SESSION_DONE,
     .actions = ACTION_PATCH_STATUS,
     .status = "True",
     .reason = "Succeeded"},
    {.name = "result counts though the Pod is gone",
     .session = SESSION_DONE,
     .actions = ACTION_PATCH_STATUS,
     .status = "True",
     .reason = "Succeeded"},
    {.name = "result not stored: again after a second",
     .pod = READY,
     .session = SESSION_STORE_FAILED,
     .store_failed_ago_ms = 100,
     WAITS("Running"),
     .message = "the script has ended, and its result can't be stored yet: broken pipe",
     .event = "Warning ResultNotStored",
     .requeue_min = 900,
     .requeue_max = 900},
    {.name = "result not stored: now again",
     .pod = READY,
     .session = SESSION_STORE_FAILED,
     .store_failed_ago_ms = 1000,
     .actions = ACTION_RETRY_STORE | ACTION_PATCH_STATUS,
     .status = "Unknown",
     .reason = "Running"},
    {.name = "result not stored: said once",
     .pod = READY,
     .session = SESSION_STORE_FAILED,
     .store_failed_ago_ms = 1000,
     .reason_now = "Running",
     .message_now =
	 "the script has ended, and its result can't be stored yet: broken pipe; it is tried again for "
	 "10 minutes",
     .actions = ACTION_RETRY_STORE},
    {.name = "result not stored for ten minutes",
     .pod = READY,
     .session = SESSION_STORE_FAILED,
     .store_failed_ago_ms = 600000,
     .actions = ACTION_CLOSE_SESSION | ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Failed",
     .error_code = "sandbox_lost",
     .message = "could not be stored: broken pipe"},
    {.name = "cancel before anything",
     .cancel = true,
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Cancelled",
     .error_code = "cancelled"},
    {.name = "cancel while running: the runner is told",
     .cancel = true,
     .pod = READY,
     .session = SESSION_RUNNING,
     .running_ms = 100,
     .actions = ACTION_CANCEL_SESSION,
     .requeue_min = 5000,
     .requeue_max = 30000},
    {.name = "cancel told, no answer yet: wait",
     .cancel = true,
     .pod = READY,
     .session = SESSION_RUNNING,
     .running_ms = 100,
     .cancel_sent_ago_ms = 1000,
     .requeue_min = 1,
     .requeue_max = 4000},
    {.name = "cancel told, no answer: cancelled without logs",
     .cancel = true,
     .pod = READY,
     .session = SESSION_RUNNING,
     .running_ms = 6000,
     .cancel_sent_ago_ms = 5000,
     .actions = ACTION_CLOSE_SESSION | ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Cancelled",
     .error_code = "cancelled"},
    {.name = "cancel came after the result: the result stands",
     .cancel = true,
     .pod = READY,
     .session = SESSION_DONE,
     .actions = ACTION_PATCH_STATUS,
     .status = "True",
     .reason = "Succeeded"},
    {.name = "finished: session and Pod go, time to live runs",
     .ended = ENDED_NOW,
     .pod = READY,
     .session = SESSION_DONE,
     .actions = ACTION_CLOSE_SESSION | ACTION_DELETE_POD,
     .requeue_min = 3600000,
     .requeue_max = 3600000},
    {.name = "finished, Pod going: nothing more",
     .ended = ENDED_NOW,
     .pod = GONE_SOON,
     .requeue_min = 3600000,
     .requeue_max = 3600000},
    {.name = "finished long ago: deleted", .ended = ENDED_LONG_AGO, .actions = ACTION_DELETE_EXECUTION},
    {.name = "finished: into the database, and the Pod goes at once",
     .ended = ENDED_NOW,
     .not_archived = true,
     .pod = READY,
     .session = SESSION_DONE,
     .actions = ACTION_CLOSE_SESSION | ACTION_DELETE_POD | ACTION_ARCHIVE,
     .requeue_min = 3600000,
     .requeue_max = 3600000},
    {.name = "finished, on its way into the database: wait",
     .ended = ENDED_NOW,
     .not_archived = true,
     .archiving = true,
     .requeue_min = 3600000,
     .requeue_max = 3600000},
    {.name = "finished long ago, not in the database: archived, not deleted",
     .ended = ENDED_LONG_AGO,
     .not_archived = true,
     .actions = ACTION_ARCHIVE},
    {.name = "finished long ago, on its way into the database: not deleted",
     .ended = ENDED_LONG_AGO,
     .not_archived = true,
     .archiving = true},
    {.name = "not finished: not archived",
     .not_archived = true,
     .actions = ACTION_CREATE_POD,
     .requeue_min = 1,
     .requeue_max = 1000},
    {.name = "deleted, and a finalizer holds it: it ends",
     .deleted = true,
     .pod = READY,
     .session = SESSION_RUNNING,
     .actions = ACTION_CLOSE_SESSION | ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Cancelled",
     .error_code = "cancelled",
     .message = "the execution was deleted before it ended"},
    {.name = "deleted, without a sandbox: it ends",
     .deleted = true,
     .no_skill = true,
     .actions = ACTION_PATCH_STATUS,
     .status = "False",
     .reason = "Cancelled",
     .error_code = "cancelled"},
    {.name = "deleted when its result was there: the result stands",
     .deleted = true,
     .pod = READY,
     .session = SESSION_DONE,
     .actions = ACTION_PATCH_STATUS,
     .status = "True",
     .reason = "Succeeded"},
    {.name = "deleted after its end: nothing but what is left goes",
     .deleted = true,
     .ended = ENDED_LONG_AGO,
     .pod = READY,
     .actions = ACTION_DELETE_POD},
    {.name = "cancelled after its end: the spec was seen",
     .ended = ENDED_NOW,
     .cancel = true,
     .generation = 2,
     .observed_generation = 1,
     .actions = ACTION_PATCH_STATUS,
     .status = "True",
     .reason = "Succeeded",
     .requeue_min = 3600000,
     .requeue_max = 3600000},
    {.name = "cancelled after its end, and seen",
     .ended = ENDED_NOW,
     .cancel = true,
     .generation = 2,
     .observed_generation = 2,
     .requeue_min = 3600000,
     .requeue_max = 3600000},
};

static struct pod pod_of(const struct row *row)
{
	struct pod pod = {.meta = {.namespace = (char *)"t",
				   .name = (char *)"skx-" UID "-0",
				   .uid = (char *)"pod-uid",
				   .owner_uid = (char *)UID,
				   .created_ms = NOW - row->pod_age_ms},
			  .phase = (char *)"Pending"};
	switch (row->pod) {
	case UNSCHEDULABLE:
		pod.unschedulable = (char *)"0/1 nodes are available";
		break;
	case NO_IMAGE:
		pod.waiting_reason = (char *)"ErrImagePull";
		pod.waiting_message = (char *)"no such image";
		break;
	case READY:
		pod.phase = (char *)"Running";
		pod.ready = true;
		break;
	case OOM:
		pod.phase = (char *)"Failed";
		pod.terminated = true;
		pod.terminated_reason = (char *)"OOMKilled";
		break;
	case EVICTED:
		pod.phase = (char *)"Failed";
		pod.reason = (char *)"Evicted";
		break;
	case GONE_SOON:
		pod.meta.deleted_ms = NOW - row->going_ms;
		break;
	case FOREIGN:
		pod.meta.owner_uid = NULL;
		break;
	case NO_POD:
	case STARTING:
		break;
	}
	return pod;
}

static void check_wish(const struct row *row, const struct plan *plan)
{
	if (!row->status) {
		assert_null(plan->wish);
		return;
	}
	assert_non_null(plan->wish);
	assert_string_equal(plan->wish->status.succeeded.status, row->status);
	assert_string_equal(plan->wish->status.succeeded.reason, row->reason);
	if (row->error_code)
		assert_string_equal(plan->wish->status.error_code, row->error_code);
	else
		assert_null(plan->wish->status.error_code);
	if (row->message && !strstr(plan->wish->status.succeeded.message, row->message))
		fail_msg("message '%s' lacks '%s'", plan->wish->status.succeeded.message, row->message);
	assert_int_equal(plan->wish->status.attempt, row->wish_attempt);
	bool ended = strcmp(row->status, "Unknown") != 0;
	/* what had ended before is not touched */
	assert_int_equal(plan->wish->status.completed_ms, ended && row->ended == OPEN ? NOW : 0);
	assert_int_equal(plan->wish->status.succeeded.observed_generation, row->generation);
	char event[64];
	snprintf(event, sizeof(event), "%s %s", plan->event_type ? plan->event_type : "",
		 plan->event_reason ? plan->event_reason : "");
	if (row->event)
		assert_string_equal(event, row->event);
}

#define RULES_MAX 64
static bool has_decided[RULES_MAX];

static void note_rule(const struct plan *plan)
{
	size_t at = 0;
	while (plan_rule_name(at) && strcmp(plan_rule_name(at), plan->rule) != 0)
		at++;
	assert_non_null(plan_rule_name(at));
	assert_true(at < RULES_MAX);
	has_decided[at] = true;
}

/* After all rows: a rule that none of them needs is not tested. */
static void test_every_rule_decides_a_row(void **state)
{
	(void)state;
	for (size_t i = 0; plan_rule_name(i); i++)
		if (!has_decided[i])
			fail_msg("no row is decided by the rule '%s'", plan_rule_name(i));
}

static void test_row(void **state)
{
	const struct row *row = *state;
	struct env_var env = {(char *)row->env_name, (char *)"x"};
	struct execution execution = {
	    .meta = {.namespace = (char *)"t",
		     .name = (char *)"e",
		     .uid = (char *)UID,
		     .resource_version = (char *)"7",
		     .created_ms = NOW - row->age_ms,
		     .generation = row->generation,
		     .deleted_ms = row->deleted ? NOW : 0},
	    .spec = {.skill_name = (char *)"adder",
		     .skill_version = (char *)"1.0.0",
		     .ttl_seconds = -1,
		     .env = &env,
		     .env_count = row->env_name ? 1 : 0,
		     .cancel = row->cancel},
	    .status = {.attempt = row->attempt},
	    .invalid = (char *)row->invalid,
	};
	if (row->ended != OPEN) {
		execution.status.succeeded =
		    (struct condition){.status = (char *)"True", .reason = (char *)"Succeeded"};
		execution.status.completed_ms = row->ended == ENDED_NOW ? NOW : NOW - 3600001;
		execution.status.succeeded.observed_generation = row->observed_generation;
	} else if (row->reason_now) {
		execution.status.succeeded =
		    (struct condition){.status = (char *)"Unknown",
				       .reason = (char *)row->reason_now,
				       .message = (char *)(row->message_now ? row->message_now : "x")};
	}
	struct skill_file file = {(char *)(row->inline_name ? row->inline_name : "main.py"), (char *)""};
	struct skill skill = {.spec = {.name = (char *)"adder",
				       .version = (char *)"1.0.0",
				       .lang = (char *)"python",
				       .image = (char *)(row->image ? row->image : ""),
				       .files = &file,
				       .file_count = row->inline_files ? 1 : 0},
			      .status = {.digest = (char *)row->skill_digest}};
	struct run_shape shape = {.image = "python:3.12-slim",
				  .timeout_ms = 120000,
				  .memory = 256 << 20,
				  .cpu = 500,
				  .skill_version = "1.0.0"};
	struct run_result result = {.reason = FRAME_EXITED};
	struct trouble refusal = {.reason = row->name_is_taken ? TROUBLE_NAME_TAKEN : "QuotaExceeded"};
	snprintf(refusal.message, sizeof(refusal.message), "%s", row->refused ? row->refused : "");
	struct pod pod = pod_of(row);
	struct observation seen = {
	    .execution = &execution,
	    .namespace_is_tenant = !row->foreign_namespace,
	    .tenant_rival = row->rival,
	    .rival_ms = NOW - row->rival_ago_ms,
	    .skill = row->no_skill ? NULL : &skill,
	    .shape = row->has_shape ? &shape : NULL,
	    .pod = row->pod == NO_POD ? NULL : &pod,
	    .pod_expected = row->pod_expected,
	    .sandbox_age_ms = row->pod_age_ms,
	    .claimed = row->claimed,
	    .pod_is_foreign = row->pod_is_foreign,
	    .pod_lost = row->pod_lost,
	    .pool = row->pool,
	    .pool_trouble = row->pool_in_trouble ? &refusal : NULL,
	    .refusal = row->refused ? &refusal : NULL,
	    .refused_ms = NOW - row->refused_ago_ms,
	    .refusal_retry_ms = row->retry_ms,
	    .reported_ms = row->reported_ago_ms ? NOW - row->reported_ago_ms : 0,
	    .tenant_sandboxes = row->tenant_sandboxes,
	    .tenant_starting = row->tenant_starting,
	    .starting = row->starting,
	    .session = row->session,
	    .result = row->session == SESSION_DONE ? &result : NULL,
	    .session_problem = "broken pipe",
	    .store_failed_ms = NOW - row->store_failed_ago_ms,
	    .store_tried_ms = NOW - row->store_failed_ago_ms,
	    .lost_ms = NOW - row->lost_ago_ms,
	    .stream_losses = row->stream_losses,
	    .started_ms = row->running_ms ? NOW - row->running_ms : 0,
	    .cancel_sent_ms = row->cancel_sent_ago_ms ? NOW - row->cancel_sent_ago_ms : 0,
	    .archived = !row->not_archived,
	    .archiving = row->archiving,
	    .now_ms = NOW,
	};
	struct plan plan;
	struct error problem = {0};
	if (plan_execution(&seen, &config, &plan, &problem) != 0)
		fail_msg("%s", problem.message);
	bool ends = row->status && strcmp(row->status, "Unknown") != 0;
	bool pod_is_left =
	    row->pod != NO_POD && row->pod != FOREIGN && row->pod != GONE_SOON && !row->pod_is_foreign;
	assert_int_equal(plan.actions, row->actions | (ends && pod_is_left ? ACTION_DELETE_POD : 0) |
					   (row->waiting ? ACTION_WAIT : 0) |
					   (row->waits_for_pool ? ACTION_WAIT_IN_LINE : 0));
	check_wish(row, &plan);
	note_rule(&plan);
	if (row->requeue_max)
		assert_in_range(plan.requeue_ms, row->requeue_min, row->requeue_max);
	plan_clear(&plan);
}

int main(void)
{
	enum { COUNT = sizeof(rows) / sizeof(rows[0]) };
	struct CMUnitTest tests[COUNT + 1];
	for (size_t i = 0; i < COUNT; i++)
		tests[i] =
		    (struct CMUnitTest){rows[i].name, test_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
	tests[COUNT] = (struct CMUnitTest)cmocka_unit_test(test_every_rule_decides_a_row);
	return _cmocka_run_group_tests("plan", tests, COUNT + 1, NULL, NULL);
}
