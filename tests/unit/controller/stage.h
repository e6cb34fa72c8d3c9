/* A controller without a network: real parts (caches, pools, Executions), put together as by compose.c, and
 * in place of the watches, requests to Kubernetes, sandboxes, work queues, Events and the history stand-ins
 * that the test drives and asks. */
#ifndef TESTS_UNIT_CONTROLLER_STAGE_H
#define TESTS_UNIT_CONTROLLER_STAGE_H

#include "controller/build/job.h"
#include "controller/cache.h"
#include "controller/execution/state.h"
#include "controller/pool/pools.h"
#include "lib/kube/client.h"

#include <stdbool.h>

#define STAGE_NOW_MS 1764000000000
#define STAGE_NOW "2025-11-24T16:00:00Z" /* the same */
#define STAGE_UID "11111111-2222-3333-4444-555555555555"
#define STAGE_KEY STR("ns/e")
#define STAGE_POD "skx-" STAGE_UID "-0"
#define STAGE_IMAGE "python:3.12-slim"
/* of the Pods that stage_pod makes */
extern const struct token_key stage_token_key;

struct stage {
	uv_loop_t loop;
	struct clock clock;
	/* wall clock and monotonic clock, since STAGE_NOW_MS and since 1 */
	int64_t now_us;
	struct controller_config config;
	struct metrics *metrics;
	struct session_services sessions;
	struct kube_client *client;
	struct cache *cache;
	/* told of changes in the cluster; NULL: nobody is */
	void (*changed)(void *context, enum cache_resource resource, const void *old, const void *fresh);
	void *changed_context;
	struct workqueue *execution_queue, *skill_queue, *pool_queue;
	struct capacity capacity;
	struct pools *pools;
	struct executions *executions;
};

/* Caches complete and empty but for the namespace "ns" of the tenant "acme". */
struct stage *stage_open(void);
/* Requests may wait still; sessions, watches and queues must be gone with the parts. */
void stage_close(struct stage *stage);
/* Ready-made setup and teardown: *state is the stage. */
int stage_setup(void **state);
/* No list of the cluster is complete yet: stage_sync. */
int stage_setup_unsynced(void **state);
int stage_teardown(void **state);
void stage_later(struct stage *stage, int64_t ms);

/* The cluster. JSON as of the API server. */
void stage_show(enum cache_resource resource, const char *json);
void stage_gone(enum cache_resource resource, const char *json);
/* The watch is up, or not. */
void stage_live(enum cache_resource resource, bool is_live);
/* A list of no objects is complete. */
void stage_sync(enum cache_resource resource);
/* JSON of objects of "ns"; valid until the next but three. `more`: members, begun with a comma, or "". */
/* Execution "e", or whichever, of skill "adder"; status: members of status. */
const char *stage_execution(const char *name, const char *uid, const char *spec_more, const char *status);
/* Skill "adder" 1.0.0 in python, a bundle. */
const char *stage_skill(const char *version, const char *spec_more, const char *status);
/* owner_label: POD_EXECUTION_LABEL or POD_POOL_LABEL; container: its state, as in JSON ("" : none). */
const char *stage_pod(const char *name, const char *owner_label, const char *owner_uid,
		      const char *annotations, const char *container);
/* Pool "p" with UID "pool-uid". */
const char *stage_pool(int replicas, const char *spec_more);
#define STAGE_RUNS "{\"running\":{}}"
#define STAGE_ENDED "{\"terminated\":{\"exitCode\":1,\"reason\":\"Error\"}}"
#define STAGE_SUCCEEDED                                                                                      \
	"\"conditions\":[{\"type\":\"Succeeded\",\"status\":\"True\",\"reason\":\"Succeeded\","              \
	"\"message\":\"\"}],\"completionTime\":\"" STAGE_NOW "\""

/* Requests, in the order in which they were made. */
struct stage_call {
	char method[8], path[512], content_type[64];
	char *body;
};
size_t stage_calls(void);
/* The first that waits; it must be this method, to a path that ends so. */
const struct stage_call *stage_call(const char *method, const char *path_end);
/* Answer the first that waits: status 0: no answer came. */
void stage_answer(int status, const char *body);
/* The next request can't be made. */
void stage_refuse_call(void);

/* Queues. */
#define STAGE_NOT_ASKED (-1)
/* In how many ms a look at that key was asked for; 0: as soon as possible. */
int64_t stage_asked(const struct workqueue *queue, struct str key);
/* Forget what was asked for. */
void stage_forget(struct workqueue *queue);
/* How often work was done, and failed, since the stage was opened or this was asked. */
struct stage_done {
	unsigned well, failed;
};
struct stage_done stage_done(struct workqueue *queue);
/* Look at this key, which is asked for no more then. */
void stage_work(struct workqueue *queue, struct str key);

/* Sandboxes' sessions. */
struct session {
	const struct session_services *services; /* of session_start */
	enum session_state state;
	bool is_parked, is_assigned, is_cancelled, is_stored_again;
	char *found_execution;
	struct run_shape found_shape;
	struct run_result result;
	const char *problem;
	char pod[128], execution[128], skill[128];
	int64_t opened_us, started_ms, cancel_sent_ms, lost_ms, store_failed_ms, store_tried_ms;
	void (*changed)(void *context);
	void *context;
};
size_t stage_sessions(void);
/* The one that was opened last; NULL: none is open. */
struct session *stage_session(void);
/* It has come so far, and says so. */
void stage_move_session(struct session *session, enum session_state state);
/* The next can't be opened, or assigned. */
void stage_refuse_session(void);

/* The last Event: "TYPE REASON: note"; "" : none. */
const char *stage_event(void);
void stage_forget_event(void);

/* The history, from here on; without it there is none. */
struct history *stage_history(struct stage *stage);
void stage_set_history(enum history_state state, int64_t retry_ms);
/* Key of the Execution put last and how many were; "" : none. */
const char *stage_archived(unsigned *ret_count);
const char *stage_forgotten(void);

/* Jobs of builds. */
struct build_job {
	enum build_stage stage;
	int64_t attempt, file_bytes;
	const char *key, *log, *problem;
	struct skill_packages packages;
	char tenant[64], image[64], pod[128];
	void (*changed)(void *context);
	void *context;
};
/* NULL: there is none. */
struct build_job *stage_job(void);
void stage_move_job(enum build_stage stage);

/* Shorthands. */
/* Execution "e" with its skill are there; tracked. */
struct tracked *stage_track(struct stage *stage);
/* A pool "p" of one sandbox that waits, made by the pools themselves; returns the Pod's name. */
const char *stage_ready_sandbox(struct stage *stage);

#endif
