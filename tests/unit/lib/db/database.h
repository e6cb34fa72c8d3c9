/* For tests that need a PostgreSQL: one statement at a time, waited for. */
#ifndef SKILLBOX_TESTS_DB_DATABASE_H
#define SKILLBOX_TESTS_DB_DATABASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/db/db.h"

#include <stdlib.h>
#include <string.h>

struct database {
	uv_loop_t loop;
	struct db *db;
};

struct answer {
	unsigned calls, releases;
	struct error error; /* code ERR_NONE: none */
	void (*read)(const struct db_result *result, void *context);
	void *context;
};

static inline void database_on_answer(void *context, const struct db_result *result,
				      const struct error *error)
{
	struct answer *answer = context;
	answer->calls++;
	assert_true(!result != !error);
	if (error)
		answer->error = *error;
	else if (answer->read)
		answer->read(result, answer->context);
}

static inline void database_on_release(void *context)
{
	((struct answer *)context)->releases++;
}

static inline int database_open(void **state)
{
	struct db_options options = {.dsn = getenv("SKILLBOX_TEST_DSN")};
	struct error err;
	if (!options.dsn) {
		*state = NULL;
		return 0;
	}
	struct database *database = calloc(1, sizeof(*database));
	uv_loop_init(&database->loop);
	database->db = db_new(&database->loop, &options, &err);
	if (!database->db)
		fail_msg("%s", err.message);
	*state = database;
	return 0;
}

static inline int database_close(void **state)
{
	struct database *database = *state;
	if (!database)
		return 0;
	db_free(database->db);
	uv_run(&database->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&database->loop), 0);
	free(database);
	return 0;
}

/* Needs *state; else the test is skipped. */
#define DATABASE_OR_SKIP(state)                                                                              \
	do {                                                                                                 \
		if (!*(state))                                                                               \
			skip();                                                                              \
	} while (0)

static inline enum error_code database_run(struct database *database, enum db_statement statement,
					   struct db_parameters *parameters,
					   void (*read)(const struct db_result *result, void *context),
					   void *context)
{
	struct answer answer = {.read = read, .context = context};
	struct error err;
	struct db_call call = {statement, parameters, database_on_answer, &answer, database_on_release};
	if (db_run(database->db, &call, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(answer.calls, 0); /* never from inside */
	while (answer.releases == 0)
		uv_run(&database->loop, UV_RUN_ONCE);
	assert_int_equal(answer.calls, 1);
	if (answer.error.code != ERR_NONE)
		print_message("%s\n", answer.error.message);
	return answer.error.code;
}

#endif
