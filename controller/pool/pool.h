/* What is remembered of a SandboxPool and of its sandboxes. Everything here can be lost (restart) without
 * harm: Pods are found again, and tell what they run. */
#ifndef SKILLBOX_CONTROLLER_POOL_POOL_H
#define SKILLBOX_CONTROLLER_POOL_POOL_H

#include "controller/pool/demand.h"
#include "controller/pool/plan.h"
#include "controller/pool/services.h"
#include "controller/pool/shape.h"
#include "controller/sandbox/pod_spec.h"
#include "controller/sandbox/trouble.h"
#include "lib/base/map.h"

struct sandbox {
	LIST_ENTRY(sandbox) link;
	struct pool *pool;
	char name[POD_NAME_SIZE];
	/* NULL: the watch has not shown it */
	char *uid;
	/* while its pool is being looked at; NULL: there is none */
	const struct pod *pod;
	/* NULL: not opened, or claimed */
	struct session *session;
	int64_t created_ms;
	/* wall clock of our DELETE; 0: none */
	int64_t deleted_ms;
	/* what keeps its Pod from starting; reason NULL: nothing that is known */
	struct trouble trouble;
	/* of streams */
	unsigned losses;
	/* the POST is under way */
	bool creating;
	/* it was ready once */
	bool reached;
	/* made from the template as it was at the last look */
	bool fits;
	/* It has an Execution; it had one, and is to go. */
	bool claimed, used;
	/* claimed */
	char *execution_id;
	/* of that, when another controller claimed it; NULL: ours, or not known */
	struct run_shape *found_shape;
};

/* A status as it was written last. */
struct pool_written {
	int64_t unclaimed, ready, claimed, generation;
	const char *reason;
	char message[POOL_MESSAGE_SIZE];
	char skill_version[SKILL_VERSION_MAX + 1], skill_digest[72];
};

struct pool {
	/* key: "namespace/name" */
	struct map_node node;
	struct pools *pools;
	char *namespace, *uid;
	/* Is shape? */
	bool valid;
	struct pool_shape shape;
	/* of pool_shape_write; NULL: not valid */
	char *shape_text;
	/* that it is bound to, while it is being looked at; NULL: to none */
	const struct skill *skill;
	int64_t replicas;
	LIST_HEAD(, sandbox) sandboxes;
	/* for those that it starts */
	struct capacity_place place;
	/* wall clock since when it wants to make more than it may; 0: it does not */
	int64_t held_ms;
	/* Sandboxes in a row that never got ready, when the last was given up, and what it suffered from
	 * (message
	 * "": not known). refused: it could not even be created; of those that are tried at once one counts.
	 */
	unsigned failures;
	int64_t failed_ms;
	struct trouble problem;
	bool refused, refusal_counts;
	struct pool_written written;
	int64_t written_ms;
	bool writing;
};

struct pools {
	struct pool_services services;
	struct demand_list demands;
	struct map by_key;
	int64_t started_ms;
	/* on their way */
	LIST_HEAD(, pool_call) calls;
};

/* Pools. */
struct pool *pool_find(const struct pools *pools, struct str key);
struct pool *pool_by_uid(const struct pools *pools, const char *uid);
/* Made if absent. NULL: out of memory. */
struct pool *pool_get(struct pools *pools, struct str key, const struct sandbox_pool *object);
void pool_free(struct pool *pool);
/* It is gone, and whoever waits for it looks elsewhere. */
void pool_drop(struct pool *pool);
/* Its last sandbox suffered from this; reason NULL: nothing for programs. */
void pool_note_problem(struct pool *pool, const char *reason, const char *message);
/* What was wrong with its sandboxes is over, or says nothing of those to come. */
void pool_forget_problems(struct pool *pool);
/* Whoever waits for a sandbox of it had better look for another way. */
void pool_turn_away(struct pool *pool);
size_t pool_size(const struct pool *pool);
/* Sandboxes whose containers don't run yet. */
int64_t pool_starting(const struct pool *pool);
/* Is one of its sandboxes on its way: one that starts, or is being opened? */
bool pool_has_one_coming(const struct pool *pool);
/* May it make none for a while, and is none on its way? */
bool pool_is_held(const struct pool *pool, int64_t now_ms);
/* Can its sandboxes run this? */
bool pool_serves(const struct pool *pool, const char *namespace, const struct run_shape *shape);
bool pool_serves_demand(const struct pool *pool, const struct demand *demand);
/* Of those in a line, how many can be served. */
int64_t pool_count_demands(const struct pool *pool, const struct demand_queue *line);

/* Sandboxes. */
struct sandbox *pool_find_sandbox(const struct pool *pool, const char *name);
/* NULL: out of memory. */
struct sandbox *sandbox_new(struct pool *pool, const char *name, int64_t created_ms);
void sandbox_free(struct sandbox *sandbox);
/* It waits for an Execution. */
bool sandbox_is_ready(const struct sandbox *sandbox);
enum member_state sandbox_state(const struct sandbox *sandbox, int64_t now_ms);
/* The Execution that it has; NULL: that is gone. */
const struct execution *sandbox_execution(const struct sandbox *sandbox);
void sandbox_look_at_execution(const struct sandbox *sandbox);

#endif
