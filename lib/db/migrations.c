#include "lib/db/migrations.h"

static const char keys_and_history[] =
    "CREATE TABLE sandbox.api_keys ("
    " id uuid PRIMARY KEY,"
    " key_hash text NOT NULL UNIQUE," /* lower-case hex SHA-256 of the whole key */
    " tenant_id text NOT NULL,"
    " name text NOT NULL,"
    " scopes text NOT NULL," /* run,push,admin,operator */
    " created_at timestamptz NOT NULL,"
    " revoked_at timestamptz,"
    " last_used_at timestamptz);"

    /* One row an Execution that has ended. Texts of users (input, output, logs) are text, never json. What
     * was too long for the custom resource is in the blob store, and here by digest and size. */
    "CREATE TABLE sandbox.executions ("
    " id uuid PRIMARY KEY,"
    " uid uuid NOT NULL," /* of the custom resource */
    " tenant_id text NOT NULL,"
    " namespace text NOT NULL,"
    " name text NOT NULL,"
    " skill_name text NOT NULL,"
    " skill_version text,"   /* as asked for */
    " status text NOT NULL," /* success failed timeout cancelled */
    " reason text,"
    " message text,"
    " exit_code bigint,"
    " error text,"
    " error_code text,"
    " duration_ms bigint NOT NULL,"
    " timings text NOT NULL,"
    " warm boolean NOT NULL,"
    " ran_version text," /* the version that ran */
    " skill_digest text,"
    " image text,"
    " image_id text,"
    " pod_name text,"
    " attempt bigint NOT NULL,"
    " isolation text NOT NULL,"
    " files_list text NOT NULL,"
    " files_digest text,"
    " files_size bigint NOT NULL,"
    " logs_truncated boolean NOT NULL,"
    " created_at timestamptz NOT NULL,"
    " started_at timestamptz,"
    " finished_at timestamptz,"
    " input text,"
    " input_digest text,"
    " input_size bigint NOT NULL,"
    " output text,"
    " output_digest text,"
    " output_size bigint NOT NULL,"
    " logs text,"
    " logs_digest text,"
    " logs_size bigint NOT NULL,"
    " archived_at timestamptz NOT NULL DEFAULT now());"
    "CREATE INDEX executions_by_tenant ON sandbox.executions (tenant_id, created_at DESC, id DESC);"

    "CREATE TABLE sandbox.idempotency ("
    " tenant_id text NOT NULL,"
    " key_hash text NOT NULL,"
    " execution_id uuid NOT NULL,"
    " request_digest text NOT NULL,"
    " created_at timestamptz NOT NULL DEFAULT now(),"
    " PRIMARY KEY (tenant_id, key_hash));"
    "CREATE INDEX idempotency_by_age ON sandbox.idempotency (created_at);"

    "CREATE TABLE sandbox.audit ("
    " id uuid PRIMARY KEY,"
    " at timestamptz NOT NULL,"
    " key_id text NOT NULL,"
    " tenant_id text NOT NULL,"
    " request_id text NOT NULL,"
    " action text NOT NULL,"
    " object text NOT NULL);"
    "CREATE INDEX audit_by_tenant ON sandbox.audit (tenant_id, at);";

/* Most rows refer to no blob. */
static const char executions_by_blob[] =
    "CREATE INDEX executions_by_input ON sandbox.executions (input_digest) WHERE input_digest IS NOT NULL;"
    "CREATE INDEX executions_by_output ON sandbox.executions (output_digest) WHERE output_digest IS NOT NULL;"
    "CREATE INDEX executions_by_logs ON sandbox.executions (logs_digest) WHERE logs_digest IS NOT NULL;"
    "CREATE INDEX executions_by_files ON sandbox.executions (files_digest) WHERE files_digest IS NOT NULL;";

const struct db_migration db_migration_table[] = {
    {1, keys_and_history},
    {2, executions_by_blob},
};
const size_t db_migration_count = sizeof(db_migration_table) / sizeof(db_migration_table[0]);
