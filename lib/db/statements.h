/* Every statement that Skillbox sends, prepared once a connection. */
#ifndef SKILLBOX_DB_STATEMENTS_H
#define SKILLBOX_DB_STATEMENTS_H

#include <stddef.h>

enum db_statement {
	DB_PING,
	DB_KEY_FIND,
	DB_KEY_PUT,
	DB_KEY_LIST,
	DB_KEY_LIST_OF,
	DB_KEY_REVOKE,
	DB_KEY_REVOKE_OF,
	DB_KEY_TOUCH,
	DB_EXECUTION_PUT,
	DB_EXECUTION_GET,
	DB_EXECUTION_LIST,
	DB_IDEMPOTENCY_CLAIM,
	DB_IDEMPOTENCY_PURGE,
	DB_AUDIT_PUT,
	DB_BLOBS_NAMED,
	DB_STATEMENT_COUNT
};

struct db_statement_text {
	const char *name, *sql;
	size_t parameters;
};
extern const struct db_statement_text db_statement_table[DB_STATEMENT_COUNT];

/* Columns of the answers. */
enum {
	DB_KEY_ID,
	DB_KEY_HASH,
	DB_KEY_TENANT,
	DB_KEY_NAME,
	DB_KEY_SCOPES,
	DB_KEY_CREATED_MS,
	DB_KEY_USED_MS,
	DB_KEY_REVOKED
};
enum { DB_IDEMPOTENCY_ID, DB_IDEMPOTENCY_DIGEST };

#endif
