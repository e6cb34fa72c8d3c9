/* What pools.c and calls.c share. */
#ifndef SKILLBOX_CONTROLLER_POOL_POOLS_INTERNAL_H
#define SKILLBOX_CONTROLLER_POOL_POOLS_INTERNAL_H

#include "controller/pool/plan.h"
#include "controller/pool/pools.h"
#include "controller/pool/shape.h"
#include "controller/sandbox/pod_spec.h"
#include "lib/base/map.h"

#define POOL_SHAPE_TEXT_MAX 16384

struct sandbox {
	LIST_ENTRY(sandbox) link;
	struct pool *pool;
	char name[POD_NAME_SIZE];
	char *uid;               /* NULL: the watch has not shown it */
	const struct pod *pod;   /* while its pool is being looked at */
	struct session *session; /* NULL: not opened, or claimed */
	int64_t created_ms;
	int64_t deleted_ms;     /* wall clock of our DELETE; 0: none */
	unsigned losses;        /* of streams */
	bool creating, reached; /* the POST is under way; it was ready once */
	bool fits;              /* made from the template as it was at the last look */
	bool claimed, used;
	char *execution_id; /* claimed */
	struct run_shape
	    *found_shape; /* of that, when another controller claimed it; NULL: ours, or not known */
};

struct pool_written { /* status as it was written last */
	int64_t unclaimed, ready, claimed, generation;
	const char *reason;
	char message[512];
	char skill_version[128], skill_digest[72];
};

struct pool {
	struct map_node node; /* key: "namespace/name" */
	struct pools *pools;
	char *namespace, *uid;
	bool valid; /* shape is */
	struct pool_shape shape;
	char *shape_text;          /* of pool_shape_write; NULL: not valid */
	const struct skill *skill; /* that it is bound to, while it is being looked at; NULL: to none */
	int64_t replicas;
	LIST_HEAD(, sandbox) sandboxes;
	unsigned failures;
	int64_t failed_ms;
	char problem[256]; /* of the last one that failed */
	struct pool_written written;
	int64_t written_ms;
	bool writing;
};

struct pools {
	struct pool_services services;
	struct demand_list demands;
	struct map by_key;
	int64_t started_ms;
	LIST_HEAD(, pool_call) calls; /* on their way */
};

struct pool *pool_by_uid(const struct pools *pools, const char *uid);
struct sandbox *pool_find_sandbox(const struct pool *pool, const char *name);
int64_t pool_starting(const struct pool *pool);

/* skill.c: what the sandboxes are to be by now; sets pool->skill. -1: nothing for the moment, with one
 * word and a message for the pool's owner. */
int pool_resolve(struct pool *pool, const struct sandbox_pool *object, struct pool_shape *ret,
		 const char **ret_reason, struct error *err);

/* claims.c */
bool pool_serves(const struct pool *pool, const char *namespace, const struct run_shape *shape);
bool pool_serves_demand(const struct pool *pool, const struct demand *demand);
bool pool_sandbox_is_ready(const struct sandbox *sandbox); /* waits for an Execution */

/* calls.c: requests to Kubernetes. */
void pools_create(struct sandbox *sandbox, const struct sandbox_pool *object);
void pools_delete(struct sandbox *sandbox);
/* Write the status if it changed and it is time. Returns after how many ms it is time; -1: nothing to write.
 */
int64_t pools_write_status(struct pool *pool, const struct sandbox_pool *object, const struct pool_plan *plan,
			   int64_t now_ms);
void pools_forget_calls(struct pools *pools);

#endif
