#include "lib/db/connection.h"

#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/db/migrations.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>

#define ANSWER_GRACE_MS 2000        /* the server ends a statement itself; beyond that it is taken for dead */
#define MIGRATION_MS 60000          /* others may be at it, and they come first */
#define MIGRATION_LOCK "4973616208" /* any number that nobody else uses for an advisory lock */

/* The driver's words, on one line. */
static void append_driver_text(struct error *err, const char *text)
{
	size_t used = strlen(err->message);
	snprintf(err->message + used, sizeof(err->message) - used, "%s", text ? text : "no reason given");
	for (char *c = err->message + used; *c; c++)
		if (*c == '\n' || *c == '\r' || *c == '\t')
			*c = ' ';
	used = strlen(err->message);
	while (used && err->message[used - 1] == ' ')
		err->message[--used] = '\0';
}

static int lost_error(const struct db_connection *connection, const char *what, struct error *err)
{
	error_set(err, ERR_UNAVAILABLE, "%s: ", what);
	if (err)
		append_driver_text(err, PQerrorMessage(connection->pg));
	return -1;
}

void db_connection_close(struct db_connection *connection)
{
	PQfinish(connection->pg);
	*connection = (struct db_connection){0};
}

/* Waiting, with a deadline that libpq doesn't have */

static int64_t now_ms(void)
{
	return clock_monotonic_us(&clock_system) / 1000;
}

static int wait_socket(struct db_connection *connection, short events, int64_t deadline_ms, struct error *err)
{
	struct pollfd fd = {.fd = PQsocket(connection->pg), .events = events};
	for (;;) {
		int64_t left = deadline_ms - now_ms();
		int n = left > 0 && fd.fd >= 0 ? poll(&fd, 1, (int)left) : 0;
		if (n > 0)
			return 0;
		if (n == 0)
			return error_set(err, ERR_UNAVAILABLE, "the database did not answer in time");
		if (errno != EINTR)
			return error_errno(err, "waiting for the database");
	}
}

/* Send what is queued and wait until a result can be fetched without blocking. */
static int wait_answer(struct db_connection *connection, int64_t deadline_ms, struct error *err)
{
	PGconn *pg = connection->pg;
	int unsent;
	while ((unsent = PQflush(pg)) == 1) {
		if (wait_socket(connection, POLLIN | POLLOUT, deadline_ms, err) != 0)
			return -1;
		if (!PQconsumeInput(pg))
			return lost_error(connection, "connection lost", err);
	}
	if (unsent < 0)
		return lost_error(connection, "connection lost", err);
	while (PQisBusy(pg)) {
		if (wait_socket(connection, POLLIN, deadline_ms, err) != 0)
			return -1;
		if (!PQconsumeInput(pg))
			return lost_error(connection, "connection lost", err);
	}
	return 0;
}

/* What the server's answers mean */

static bool starts_with(const char *state, const char *class)
{
	return strncmp(state, class, strlen(class)) == 0;
}

/* By SQLSTATE. *ret_lost: another connection, or the same one later, may do better. */
static int result_error(const PGresult *result, bool *ret_lost, struct error *err)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	enum error_code code = ERR_INTERNAL;
	if (!state)
		state = "08000"; /* made by libpq itself: the connection broke */
	if (strcmp(state, "23505") == 0)
		code = ERR_CONFLICT;
	else if (strcmp(state, "57014") == 0)
		code = ERR_TIMEOUT;
	else if (starts_with(state, "08") || starts_with(state, "53") || starts_with(state, "57P") ||
		 starts_with(state, "40") || strcmp(state, "25006") == 0 || strcmp(state, "26000") == 0 ||
		 strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0)
		code = ERR_UNAVAILABLE;
	/* 25006: a server that became a standby; 26000: somebody between us forgot what was prepared; 42P01,
	 * 3F000: our tables are gone, as after a restore: the schema is made again with the next connection
	 */
	*ret_lost = code == ERR_UNAVAILABLE && !starts_with(state, "40");
	error_set(err, code, "PostgreSQL %s: ", state);
	if (err) {
		const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
		append_driver_text(err, text ? text : PQresultErrorMessage(result));
	}
	return -1;
}

/* The last result of what was sent; the first error wins. */
static int collect(struct db_connection *connection, int64_t deadline_ms, PGresult **ret, bool *ret_lost,
		   struct error *err)
{
	PGresult *kept = NULL;
	int status = 0;
	for (;;) {
		if (wait_answer(connection, deadline_ms, err) != 0) {
			*ret_lost = true;
			PQclear(kept);
			return -1;
		}
		PGresult *result = PQgetResult(connection->pg);
		if (!result)
			break;
		ExecStatusType kind = PQresultStatus(result);
		bool good = kind == PGRES_TUPLES_OK || kind == PGRES_COMMAND_OK || kind == PGRES_EMPTY_QUERY;
		if (!good && status == 0)
			status = result_error(result, ret_lost, err);
		PQclear(kept);
		kept = result;
	}
	if (status != 0 || !ret) {
		PQclear(kept);
		return status;
	}
	*ret = kept;
	return kept ? 0 : error_set(err, ERR_INTERNAL, "the database answered nothing");
}

static int query(struct db_connection *connection, const char *sql, int64_t deadline_ms, PGresult **ret,
		 bool *ret_lost, struct error *err)
{
	if (!PQsendQuery(connection->pg, sql)) {
		*ret_lost = true;
		return lost_error(connection, "connection lost", err);
	}
	return collect(connection, deadline_ms, ret, ret_lost, err);
}

/* The schema */

static int query_int(struct db_connection *connection, const char *sql, int64_t deadline_ms, int64_t *ret,
		     bool *ret_lost, struct error *err)
{
	PGresult *result = NULL;
	if (query(connection, sql, deadline_ms, &result, ret_lost, err) != 0)
		return -1;
	bool good = PQntuples(result) == 1 && str_to_i64(str_of(PQgetvalue(result, 0, 0)), 0, INT64_MAX, ret);
	PQclear(result);
	return good ? 0 : error_set(err, ERR_INTERNAL, "the database answered no number");
}

static int schema_version(struct db_connection *connection, int64_t deadline_ms, int64_t *ret, bool *ret_lost,
			  struct error *err)
{
	int64_t there = 0;
	*ret = 0;
	if (query_int(connection,
		      "SELECT count(*) FROM pg_catalog.pg_class WHERE oid = "
		      "to_regclass('sandbox.schema_migrations')",
		      deadline_ms, &there, ret_lost, err) != 0)
		return -1;
	if (!there)
		return 0;
	return query_int(connection, "SELECT coalesce(max(version), 0) FROM sandbox.schema_migrations",
			 deadline_ms, ret, ret_lost, err);
}

static int apply_steps(struct db_connection *connection, int64_t deadline_ms, bool *ret_lost,
		       struct error *err)
{
	int64_t version, has_schema;
	if (query(connection,
		  "BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(" MIGRATION_LOCK ")",
		  deadline_ms, NULL, ret_lost, err) != 0 ||
	    query_int(connection, "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'sandbox'",
		      deadline_ms, &has_schema, ret_lost, err) != 0)
		return -1;
	/* IF NOT EXISTS would need the right to create schemas even where an administrator made this one. */
	if (!has_schema && query(connection, "CREATE SCHEMA sandbox", deadline_ms, NULL, ret_lost, err) != 0)
		return -1;
	if (schema_version(connection, deadline_ms, &version, ret_lost, err) != 0)
		return -1;
	if (version == 0 &&
	    query(connection,
		  "CREATE TABLE IF NOT EXISTS sandbox.schema_migrations (version integer PRIMARY KEY, "
		  "applied_at timestamptz NOT NULL DEFAULT now())",
		  deadline_ms, NULL, ret_lost, err) != 0)
		return -1;
	for (size_t i = 0; i < db_migration_count; i++) {
		char note[128];
		if (db_migration_table[i].version <= version)
			continue;
		snprintf(note, sizeof(note), "INSERT INTO sandbox.schema_migrations (version) VALUES (%d)",
			 db_migration_table[i].version);
		if (query(connection, db_migration_table[i].sql, deadline_ms, NULL, ret_lost, err) != 0 ||
		    query(connection, note, deadline_ms, NULL, ret_lost, err) != 0)
			return error_wrap(err, "step %d of the schema", db_migration_table[i].version);
	}
	return query(connection, "COMMIT", deadline_ms, NULL, ret_lost, err);
}

/* All steps in one transaction, under a lock that goes with it: several processes may start at once, and one
 * that dies half-way leaves nothing behind. */
static int migrate(struct db_connection *connection, bool *ret_lost, struct error *err)
{
	int64_t deadline_ms = now_ms() + MIGRATION_MS, version;
	if (schema_version(connection, deadline_ms, &version, ret_lost, err) != 0)
		return -1;
	if (version >= db_migration_table[db_migration_count - 1].version)
		return 0;
	return apply_steps(connection, deadline_ms, ret_lost, err);
}

/* Connect */

static int set_up(struct db_connection *connection, const struct db_target *target, bool *ret_lost,
		  struct error *err)
{
	char sql[128];
	int64_t deadline_ms = now_ms() + target->statement_ms + ANSWER_GRACE_MS;
	const char *encoding = PQparameterStatus(connection->pg, "server_encoding");
	if (!encoding || strcmp(encoding, "UTF8") != 0)
		return error_set(
		    err, ERR_INTERNAL,
		    "the database has the encoding %s: Skillbox needs one made with ENCODING 'UTF8'",
		    encoding ? encoding : "(unknown)");
	snprintf(sql, sizeof(sql), "SET statement_timeout = %u; SET standard_conforming_strings = on",
		 target->statement_ms);
	if (query(connection, sql, deadline_ms, NULL, ret_lost, err) != 0)
		return -1;
	return target->migrate ? migrate(connection, ret_lost, err) : 0;
}

/* libpq would write what servers say unasked ("terminating connection…") to stderr; what matters comes as an
 * error too. */
static void ignore_notice(void *context, const PGresult *notice)
{
	(void)context;
	(void)notice;
}

static int connect_to(struct db_connection *connection, const struct db_target *target, struct error *err)
{
	/* What stands before dbname is a default that the DSN may change; what stands behind it counts. */
	const char *const names[] = {"connect_timeout",  "keepalives_idle",  "keepalives_interval",
				     "keepalives_count", "tcp_user_timeout", "fallback_application_name",
				     "dbname",           "client_encoding",  NULL};
	const char *const values[] = {"5",         "15",   "5", "3", "15000", target->application,
				      target->dsn, "UTF8", NULL};
	bool lost = false;
	connection->pg = PQconnectdbParams(names, values, 1);
	if (!connection->pg)
		return error_no_memory(err);
	if (PQstatus(connection->pg) != CONNECTION_OK) {
		lost_error(connection, "can't connect", err);
		db_connection_close(connection);
		return -1;
	}
	PQsetNoticeReceiver(connection->pg, ignore_notice, NULL);
	if (PQsetnonblocking(connection->pg, 1) == 0 && set_up(connection, target, &lost, err) == 0)
		return 0;
	db_connection_close(connection);
	if (err && err->code != ERR_NO_MEMORY)
		err->code = ERR_UNAVAILABLE; /* whatever it was, the database can't be used as it is */
	return error_wrap(err, "preparing the database");
}

/* Run */

static int run_once(struct db_connection *connection, const struct db_target *target,
		    enum db_statement statement, const char *const *values, size_t count, PGresult **ret,
		    bool *ret_lost, struct error *err)
{
	const struct db_statement_text *text = &db_statement_table[statement];
	int64_t deadline_ms = now_ms() + target->statement_ms + ANSWER_GRACE_MS;
	if (!connection->prepared[statement]) {
		if (!PQsendPrepare(connection->pg, text->name, text->sql, 0, NULL)) {
			*ret_lost = true;
			return lost_error(connection, "connection lost", err);
		}
		if (collect(connection, deadline_ms, NULL, ret_lost, err) != 0)
			return error_wrap(err, "preparing %s", text->name);
		connection->prepared[statement] = true;
	}
	if (!PQsendQueryPrepared(connection->pg, text->name, (int)count, values, NULL, NULL, 0)) {
		*ret_lost = true;
		return lost_error(connection, "connection lost", err);
	}
	return collect(connection, deadline_ms, ret, ret_lost, err);
}

/* A server that restarted has closed the connection long before we use it again: then it is of no use to
 * send. */
static bool is_alive(struct db_connection *connection)
{
	return connection->pg && PQconsumeInput(connection->pg) && PQstatus(connection->pg) == CONNECTION_OK;
}

int db_connection_run(struct db_connection *connection, const struct db_target *target,
		      enum db_statement statement, const char *const *values, size_t count, PGresult **ret,
		      bool *ret_lost, struct error *err)
{
	if (connection->pg && !is_alive(connection))
		db_connection_close(connection);
	for (int attempt = 0;; attempt++) {
		bool reused = connection->pg != NULL, lost = false;
		int64_t begun_ms = now_ms();
		*ret_lost = false;
		if (!connection->pg && connect_to(connection, target, err) != 0) {
			*ret_lost = true;
			return -1;
		}
		if (run_once(connection, target, statement, values, count, ret, &lost, err) == 0)
			return 0;
		if (!lost)
			return -1;
		db_connection_close(connection);
		*ret_lost = true;
		/* A connection that broke at once tells nothing about the next; one that hung tells enough.
		 */
		if (!reused || attempt > 0 || now_ms() - begun_ms > target->statement_ms)
			return -1;
	}
}
