/* Each may be run twice (see db.h). Times go in as RFC 3339 text and come out as milliseconds since 1970.
 * User data goes through text columns: json or jsonb would change its bytes. */
#include "lib/db/statements.h"

#define MS(column) "(extract(epoch from " column ") * 1000)::bigint"
#define KEY_COLUMNS                                                                                          \
	"id, key_hash, tenant_id, name, scopes, " MS("created_at") ", " MS(                                  \
	    "last_used_at") ", "                                                                             \
			    "revoked_at IS NOT NULL"
#define IS_OPERATOR "('operator' = ANY (string_to_array(scopes, ',')))"
/* In the order of execution_row.c. */
#define EXECUTION_COLUMNS                                                                                    \
	"id, uid, tenant_id, namespace, name, skill_name, skill_version, status, reason, "                   \
	"message, exit_code, error, error_code, duration_ms, timings, warm, ran_version, "                   \
	"skill_digest, image, image_id, pod_name, attempt, isolation, files_list, "                          \
	"files_digest, files_size, logs_truncated, created_at, started_at, finished_at, "                    \
	"input, input_digest, input_size, output, output_digest, output_size, logs, "                        \
	"logs_digest, logs_size"
#define EXECUTION_EXCLUDED                                                                                   \
	"excluded.id, excluded.uid, excluded.tenant_id, excluded.namespace, "                                \
	"excluded.name, excluded.skill_name, excluded.skill_version, excluded.status, "                      \
	"excluded.reason, excluded.message, excluded.exit_code, excluded.error, "                            \
	"excluded.error_code, excluded.duration_ms, excluded.timings, excluded.warm, "                       \
	"excluded.ran_version, excluded.skill_digest, excluded.image, excluded.image_id, "                   \
	"excluded.pod_name, excluded.attempt, excluded.isolation, excluded.files_list, "                     \
	"excluded.files_digest, excluded.files_size, excluded.logs_truncated, "                              \
	"excluded.created_at, excluded.started_at, excluded.finished_at, excluded.input, "                   \
	"excluded.input_digest, excluded.input_size, excluded.output, "                                      \
	"excluded.output_digest, excluded.output_size, excluded.logs, "                                      \
	"excluded.logs_digest, excluded.logs_size"
/* What a list shows, then what only the record of one shows. */
#define EXECUTION_SUMMARY                                                                                    \
	"id, uid, tenant_id, namespace, name, skill_name, skill_version, status, reason, "                   \
	"message, exit_code, error, error_code, duration_ms, timings, warm, ran_version, "                   \
	"skill_digest, image, image_id, pod_name, attempt, isolation, files_list, "                          \
	"files_digest, files_size, logs_truncated"                                                           \
	", " MS("created_at") ", " MS("started_at") ", " MS("finished_at")
#define EXECUTION_TEXTS                                                                                      \
	"input, input_digest, input_size, output, output_digest, output_size, logs, "                        \
	"logs_digest, logs_size"

const struct db_statement_text db_statement_table[DB_STATEMENT_COUNT] = {
    [DB_PING] = {"ping", "SELECT 1", 0},
    /* hash */
    [DB_KEY_FIND] = {"key_find",
		     "SELECT " KEY_COLUMNS
		     " FROM sandbox.api_keys WHERE key_hash = $1 AND revoked_at IS NULL",
		     1},
    /* id, hash, tenant, name, scopes, created: the row that is there now, ours or an older one of the hash */
    [DB_KEY_PUT] =
	{"key_put",
	 "WITH put AS (INSERT INTO sandbox.api_keys (id, key_hash, tenant_id, name, scopes, created_at) "
	 "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key_hash) DO NOTHING RETURNING *) "
	 "SELECT " KEY_COLUMNS " FROM put UNION ALL SELECT " KEY_COLUMNS
	 " FROM sandbox.api_keys WHERE key_hash = $2 LIMIT 1",
	 6},
    [DB_KEY_LIST] = {"key_list",
		     "SELECT " KEY_COLUMNS
		     " FROM sandbox.api_keys WHERE revoked_at IS NULL ORDER BY created_at, id LIMIT 10000",
		     0},
    /* tenant */
    [DB_KEY_LIST_OF] = {"key_list_of",
			"SELECT " KEY_COLUMNS " FROM sandbox.api_keys WHERE revoked_at IS NULL AND "
			"tenant_id = $1 ORDER BY created_at, id LIMIT 10000",
			1},
    /* id, time: the same call run a second time, after a lost answer, finds its own time; another call finds
       nothing */
    [DB_KEY_REVOKE] = {"key_revoke",
		       "UPDATE sandbox.api_keys SET revoked_at = $2 WHERE id = $1 AND "
		       "(revoked_at IS NULL OR revoked_at = $2) RETURNING " KEY_COLUMNS,
		       2},
    /* id, time, tenant: the same for a key of the tenant; one with the scope operator is found, and is not
       revoked */
    [DB_KEY_REVOKE_OF] = {"key_revoke_of",
			  "WITH gone AS (UPDATE sandbox.api_keys SET revoked_at = $2 WHERE id = $1 AND "
			  "(revoked_at IS NULL OR revoked_at = $2) AND tenant_id = $3 AND "
			  "NOT " IS_OPERATOR " RETURNING *) SELECT " KEY_COLUMNS
			  " FROM gone UNION ALL SELECT " KEY_COLUMNS
			  " FROM sandbox.api_keys WHERE id = $1 AND tenant_id = $3 AND "
			  "revoked_at IS NULL AND " IS_OPERATOR,
			  3},
    /* id, time */
    [DB_KEY_TOUCH] = {"key_touch",
		      "UPDATE sandbox.api_keys SET last_used_at = $2 WHERE id = $1 AND "
		      "(last_used_at IS NULL OR last_used_at < $2)",
		      2},
    /* The columns; the answer is the uid of the object that the row is of: another one if the id was taken.
     * What is there already isn't written again. */
    [DB_EXECUTION_PUT] = {"execution_put",
			  "WITH put AS (INSERT INTO sandbox.executions AS e (" EXECUTION_COLUMNS ") VALUES ("
			  "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
			  "$19, $20, $21, $22, $23, $24,"
			  " $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39) "
			  "ON CONFLICT (id) DO UPDATE SET (" EXECUTION_COLUMNS ") = (" EXECUTION_EXCLUDED ") "
			  "WHERE e.uid = excluded.uid AND (e.status, e.finished_at) IS DISTINCT FROM "
			  "(excluded.status, excluded.finished_at) RETURNING uid) "
			  "SELECT uid FROM put UNION ALL SELECT uid FROM sandbox.executions "
			  "WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM put)",
			  39},
    /* id, tenant */
    [DB_EXECUTION_GET] = {"execution_get",
			  "SELECT " EXECUTION_SUMMARY ", " EXECUTION_TEXTS
			  " FROM sandbox.executions WHERE id = $1 AND tenant_id = $2",
			  2},
    /* tenant, skill or NULL, status or NULL, time and id of the cursor or NULLs, limit */
    [DB_EXECUTION_LIST] = {"execution_list",
			   "SELECT " EXECUTION_SUMMARY " FROM sandbox.executions WHERE tenant_id = $1 "
			   "AND ($2::text IS NULL OR skill_name = $2) AND ($3::text IS NULL OR status = $3) "
			   "AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5::uuid)) "
			   "ORDER BY created_at DESC, id DESC LIMIT $6",
			   6},
    /* tenant, hash of the key, id for a new execution, digest of the body: the id and digest that count */
    [DB_IDEMPOTENCY_CLAIM] =
	{"idempotency_claim",
	 "WITH claim AS (INSERT INTO sandbox.idempotency AS i (tenant_id, key_hash, execution_id, "
	 "request_digest) "
	 "VALUES ($1, $2, $3, $4) ON CONFLICT (tenant_id, key_hash) DO UPDATE SET "
	 "execution_id = excluded.execution_id, request_digest = excluded.request_digest, created_at = now() "
	 "WHERE i.created_at < now() - interval '24 hours' RETURNING execution_id, request_digest) "
	 "SELECT execution_id, request_digest FROM claim UNION ALL "
	 "SELECT execution_id, request_digest FROM sandbox.idempotency "
	 "WHERE tenant_id = $1 AND key_hash = $2 AND NOT EXISTS (SELECT 1 FROM claim)",
	 4},
    [DB_IDEMPOTENCY_PURGE] =
	{"idempotency_purge",
	 "DELETE FROM sandbox.idempotency WHERE created_at < now() - interval '25 hours'", 0},
    /* id, time, key, tenant, request id, action, object */
    [DB_AUDIT_PUT] = {"audit_put",
		      "INSERT INTO sandbox.audit (id, at, key_id, tenant_id, request_id, action, object) "
		      "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
		      7},
    /* digests as the text of an array: those that the history refers to, of whichever tenant */
    [DB_BLOBS_NAMED] = {"blobs_named",
			"SELECT d FROM unnest($1::text[]) AS d WHERE "
			"EXISTS (SELECT 1 FROM sandbox.executions WHERE input_digest = d) OR "
			"EXISTS (SELECT 1 FROM sandbox.executions WHERE output_digest = d) OR "
			"EXISTS (SELECT 1 FROM sandbox.executions WHERE logs_digest = d) OR "
			"EXISTS (SELECT 1 FROM sandbox.executions WHERE files_digest = d)",
			1},
};
