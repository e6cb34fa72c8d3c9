/* What both servers show of their database: rows for a program's table of metrics, and setting them. */
#ifndef SKILLBOX_DB_MEASURE_H
#define SKILLBOX_DB_MEASURE_H

#include "lib/base/metrics.h"
#include "lib/db/db.h"

/* Shown only where a database is configured. */
#define DB_METRIC_UP                                                                                         \
	{                                                                                                    \
		METRIC_DEFINE(GAUGE, "skillbox_database_up", "1 while PostgreSQL can be used, else 0."),     \
		    .only_seen = true                                                                        \
	}
#define DB_METRIC_STATEMENTS                                                                                 \
	{                                                                                                    \
		METRIC_DEFINE(COUNTER, "skillbox_database_statements_total",                                 \
			      "Statements for PostgreSQL, those that failed or were refused included."),     \
		    .only_seen = true                                                                        \
	}
#define DB_METRIC_ERRORS                                                                                     \
	{                                                                                                    \
		METRIC_DEFINE(COUNTER, "skillbox_database_errors_total",                                     \
			      "Statements that failed, or were refused while PostgreSQL was away or busy."), \
		    .only_seen = true                                                                        \
	}
#define DB_METRIC_WAITING                                                                                    \
	{                                                                                                    \
		METRIC_DEFINE(GAUGE, "skillbox_database_waiting_statements",                                 \
			      "Statements that wait for a connection to PostgreSQL."),                       \
		    .only_seen = true                                                                        \
	}

struct db_measure { /* their places in the program's table */
	size_t up, statements, errors, waiting;
};
/* db NULL: nothing. */
void db_measure(struct metrics *metrics, const struct db_measure *at, const struct db *db);

#endif
