/* An API server without a network: real parts (caches, waiters, operations, metrics), and in place of the
 * Kubernetes API, the blob store and the database calls that wait until the test answers them, in the order
 * in which they were made. */
#ifndef TESTS_UNIT_APISERVER_STAGE_H
#define TESTS_UNIT_APISERVER_STAGE_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"

#include <stdbool.h>

#define STAGE_NOW_MS 1764000000000
#define STAGE_ID "6b6dd0a5-4c0c-4f7e-9a36-0f1c6b1d2e3f"

struct stage {
	struct apiserver server;
	struct apiserver_config config;
	struct caller *caller; /* tenant "acme", namespace "ns" */
	uv_loop_t loop;
	struct clock clock;
	int64_t now_us;
};

/* The one that is open; *state of cmocka's tests. with_db: server.db is there. */
struct stage *stage_open(bool with_db);
/* Nothing may be left: no call, no waiter, no operation. */
void stage_close(struct stage *stage);
void stage_later(struct stage *stage, int64_t ms);

/* Ready-made setups and teardown. */
int stage_setup(void **state);
int stage_setup_with_db(void **state);
int stage_teardown(void **state);

/* What the watches bring. Waiters are told, as by the server. */
void stage_skill(struct stage *stage, const char *name, const char *version, const char *spec);
void stage_skill_gone(struct stage *stage, const char *name, const char *version);
void stage_execution(struct stage *stage, const char *json);
void stage_execution_gone(struct stage *stage, const char *json);
void stage_object(struct stage *stage, enum cluster_resource resource, const char *json);
void stage_object_gone(struct stage *stage, enum cluster_resource resource, const char *json);

/* JSON of an Execution of the namespace "ns"; status: as of REST ("pending", "running", "success", …); more:
 * members of its status, or "". Valid until the next but three. */
const char *stage_execution_json(const char *id, const char *status, const char *more);

enum stage_kind { STAGE_KUBE, STAGE_BLOB_GET, STAGE_BLOB_RENEW, STAGE_BLOB_PUT, STAGE_BLOB_DELETE, STAGE_DB };
struct stage_call {
	enum stage_kind kind;
	char method[8], path[512], content_type[64];
	char *body;
	char digest[80], tenant[64];
	char *stored; /* the bytes of a put */
	enum db_statement statement;
	char *parameters[DB_MAX_PARAMETERS];
	size_t parameter_count;
};

/* How many wait. */
size_t stage_waiting(void);
/* The first that waits … */
const struct stage_call *stage_any(void);
/* … which must be of that kind; valid until it is answered. */
const struct stage_call *stage_kube(const char *method, const char *path);
const struct stage_call *stage_blob(enum stage_kind kind);
const struct stage_call *stage_db(enum db_statement statement);

/* Answer the first that waits. message: of an error (status >= 400 or 0). A 409 is AlreadyExists; no answer
 * (0) and 5xx leave open what was done. */
void stage_answer(int status, const char *body_or_message);
/* Nothing was done: a 409 of a ResourceQuota, or no connection came about. */
void stage_answer_conflict(void);
void stage_answer_unreached(void);
/* The same as stage_answer, and an earlier attempt had no answer. */
void stage_answer_repeated(int status, const char *body_or_message);
void stage_answer_blob(enum error_code code, const char *content);
void stage_answer_blob_bytes(enum error_code code, struct str content);
/* rows: row_count times columns texts, NULL for SQL NULL. */
void stage_answer_db(enum error_code code, const char *const *rows, size_t row_count, size_t columns);

/* The next calls of this kind, so many, can't be made: ERR_UNAVAILABLE. */
void stage_refuse(enum stage_kind kind, unsigned count);

/* All that wait are forgotten, as when the server ends. */
void stage_forget(struct stage *stage);

#endif
