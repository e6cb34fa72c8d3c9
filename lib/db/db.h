/* PostgreSQL: a pool of connections on a libuv loop.
 *
 * libpq blocks, so each statement runs in libuv's thread pool with everything it needs inside; its callback
 * runs on the loop. A statement may be run twice when a connection breaks under it: the ones in statements.c
 * are written so that this is harmless. The schema is brought up to date before the first statement
 * (migrations.h).
 *
 * A database that hangs holds at most `connections` threads, for a bounded time. Keep that below the size of
 * the thread pool (UV_THREADPOOL_SIZE), or everything else that needs a thread waits too. */
#ifndef SKILLBOX_DB_DB_H
#define SKILLBOX_DB_DB_H

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/db/statements.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define DB_MAX_PARAMETERS 48

struct db;

struct db_options {
	const char *dsn;        /* what libpq takes: a URL or key=value pairs, TLS options included; copied */
	unsigned connections;   /* 0 means 4 */
	unsigned queue_max;     /* statements that wait for a connection; 0 means 1,024 */
	size_t queue_max_bytes; /* of their parameters; 0 means 64 MiB */
	unsigned statement_ms;  /* a statement may take this long; 0 means 5,000 */
	unsigned queue_ms;      /* a statement may wait this long; 0 means 5,000 */
	const char *application; /* shown by pg_stat_activity; a literal */
	/* The database became usable (NULL) or ceased to be. problem is for the log: it has the driver's
	 * words. May be NULL. */
	void (*changed)(void *context, const struct error *problem);
	void *context;
};

/* Nothing is connected yet when this returns. NULL with err if the DSN is none; its text, which may hold a
 * password, is not repeated. */
struct db *db_new(uv_loop_t *loop, const struct db_options *options, struct error *err);
/* Callbacks are not called any more; what runs is finished, and the memory goes when the loop has run.
 * NULL-safe; returns NULL. */
struct db *db_free(struct db *db);

/* 0 if the last statement reached a database with the right schema. Otherwise ERR_UNAVAILABLE in plain words,
 * without the driver's. Cheap; a probe keeps it up to date within seconds. */
int db_check(const struct db *db, struct error *err);

struct db_stats {
	uint64_t done,
	    failed; /* statements so far, those refused by db_run included; failed is part of done */
	unsigned waiting, running; /* now */
};
void db_stats(const struct db *db, struct db_stats *ret);

/* Parameters of a statement, in text form, copied. What doesn't fit or has no memory shows in db_run. */
struct db_parameters {
	char *values[DB_MAX_PARAMETERS]; /* NULL: SQL NULL */
	size_t count, bytes;
	bool failed;
	/* It was not memory: a value, or their number, is beyond its maximum. */
	bool too_large;
};
/* NULL without memory; the functions below and db_run take that. */
struct db_parameters *db_parameters_new(void);
void db_put_text(struct db_parameters *parameters, const char *value); /* NULL gives NULL */
void db_put_int(struct db_parameters *parameters, int64_t value);
void db_put_bool(struct db_parameters *parameters, bool value);
void db_put_time(struct db_parameters *parameters, int64_t wall_ms);        /* 0 gives NULL */
struct db_parameters *db_parameters_free(struct db_parameters *parameters); /* NULL-safe; returns NULL */

/* Rows of an answer. Columns count from 0; one that is NULL or not there gives NULL or 0. */
struct db_result;
size_t db_result_rows(const struct db_result *result);
const char *db_result_text(const struct db_result *result, size_t row, size_t column);
int64_t db_result_int(const struct db_result *result, size_t row, size_t column);
bool db_result_bool(const struct db_result *result, size_t row, size_t column);
bool db_result_is_null(const struct db_result *result, size_t row, size_t column);

/* result: valid during the call, NULL with an error. error: ERR_UNAVAILABLE (database away, queue too long),
 * ERR_TIMEOUT, ERR_CONFLICT (unique violation), ERR_INTERNAL. Its message has the driver's words: for the
 * log, not for clients. */
typedef void (*db_done_cb)(void *context, const struct db_result *result, const struct error *error);

struct db_call {
	enum db_statement statement;
	struct db_parameters *parameters; /* taken, in every case; NULL for none */
	db_done_cb done;                  /* once, from the loop, never from inside db_run; may be NULL */
	void *context;
	void (*release)(
	    void *context); /* once, behind done, also when done isn't called (db_free); may be NULL */
};
/* -1: neither done nor release will be called. ERR_UNAVAILABLE if the queue is full, or the database was away
 * at the last try and it isn't time for the next one. */
int db_run(struct db *db, const struct db_call *call, struct error *err);

#endif
