/* An Execution that ended, as a row of sandbox.executions: there and back. */
#ifndef SKILLBOX_DB_EXECUTION_ROW_H
#define SKILLBOX_DB_EXECUTION_ROW_H

#include "lib/api/execution.h"
#include "lib/db/db.h"

/* Parameters of DB_EXECUTION_PUT. id: the primary key, normally execution_id; tenant: "" if its namespace has
 * none. Its environment variables, which may be secrets, are not kept. NULL with err. */
struct db_parameters *execution_row_write(const struct execution *execution, const char *id,
					  const char *tenant, struct error *err);

/* A row of DB_EXECUTION_GET or, without input, output and logs, of DB_EXECUTION_LIST. execution_id of it is
 * the row's id. NULL with err. */
struct execution *execution_row_read(const struct db_result *result, size_t row, struct error *err);

#endif
