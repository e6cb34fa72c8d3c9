#include "apiserver/execution/history.h"

#include "lib/db/execution_row.h"

/* Ids, names and words are bounded far below. */
#define WORD_SIZE 512

static void put_str(struct db_parameters *parameters, struct str text)
{
	char copy[WORD_SIZE];
	snprintf(copy, sizeof(copy), "%.*s", (int)(text.n < sizeof(copy) ? text.n : sizeof(copy) - 1),
		 text.n ? text.p : "");
	db_put_text(parameters, text.n ? copy : NULL);
}

int history_ask(struct operation *operation, struct str id, operation_db_cb done, struct error *err)
{
	struct db_parameters *parameters = db_parameters_new();
	put_str(parameters, id);
	db_put_text(parameters, operation->caller->tenant);
	return operation_db(operation, DB_EXECUTION_GET, parameters, done, err);
}

int history_list(struct operation *operation, struct str skill, struct str status,
		 const struct list_cursor *after, int64_t limit, operation_db_cb done, struct error *err)
{
	struct db_parameters *parameters = db_parameters_new();
	db_put_text(parameters, operation->caller->tenant);
	put_str(parameters, skill);
	put_str(parameters, status);
	db_put_time(parameters, after ? after->created_ms : 0);
	db_put_text(parameters, after ? after->id : NULL);
	db_put_int(parameters, limit);
	return operation_db(operation, DB_EXECUTION_LIST, parameters, done, err);
}

struct shared_execution *history_execution(const struct db_result *result, size_t row, struct error *err)
{
	if (row >= db_result_rows(result)) {
		error_set(err, ERR_NOT_FOUND, "there is no such execution");
		return NULL;
	}
	struct execution *execution = execution_row_read(result, row, err);
	return execution ? shared_execution_from_execution(execution, err) : NULL;
}
