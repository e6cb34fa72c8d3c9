/* One connection, used by one thread of the pool at a time. Everything here blocks, for a bounded time. */
#ifndef SKILLBOX_DB_CONNECTION_H
#define SKILLBOX_DB_CONNECTION_H

#include "lib/base/error.h"
#include "lib/db/statements.h"

#include <libpq-fe.h>
#include <stdbool.h>

struct db_target {
	const char *dsn, *application;
	unsigned statement_ms;
	bool migrate; /* bring the schema up to date before anything else */
};

struct db_connection {
	PGconn *pg; /* NULL: not connected */
	bool prepared[DB_STATEMENT_COUNT];
};

/* Connect if need be, prepare if need be, execute. A connection that turns out to be broken is replaced once.
 * On failure *ret_lost tells that it is the database that can't be used now, not the statement. *ret is the
 * caller's to PQclear. */
int db_connection_run(struct db_connection *connection, const struct db_target *target,
		      enum db_statement statement, const char *const *values, size_t count, PGresult **ret,
		      bool *ret_lost, struct error *err);
void db_connection_close(struct db_connection *connection);

#endif
