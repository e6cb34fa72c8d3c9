/* Executions whose custom resources are gone: they are read from PostgreSQL. */
#ifndef SKILLBOX_APISERVER_EXECUTION_HISTORY_H
#define SKILLBOX_APISERVER_EXECUTION_HISTORY_H

#include "apiserver/execution/list_cursor.h"
#include "apiserver/object/shared_execution.h"
#include "apiserver/operation.h"

/* The caller's tenant's execution of that id; history_execution reads the answer. Only with server->db. */
int history_ask(struct operation *operation, struct str id, operation_db_cb done, struct error *err);

/* A page of the tenant's, newest first. skill, status: empty for all; after: NULL for the newest. */
int history_list(struct operation *operation, struct str skill, struct str status,
		 const struct list_cursor *after, int64_t limit, operation_db_cb done, struct error *err);

/* One reference, the caller's. NULL with err; ERR_NOT_FOUND if there is no such row. */
struct shared_execution *history_execution(const struct db_result *result, size_t row, struct error *err);

#endif
