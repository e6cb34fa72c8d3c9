/* Executions whose custom resources are gone: they are read from PostgreSQL. */
#ifndef SKILLBOX_APISERVER_EXECUTION_HISTORY_H
#define SKILLBOX_APISERVER_EXECUTION_HISTORY_H

#include "apiserver/execution/list_cursor.h"
#include "apiserver/http/call.h"

/* The request's tenant's execution of that id; history_record reads the answer. Only with server->db. */
int history_ask(struct request *request, struct str id, call_db_cb done, struct error *err);

/* A page of the tenant's, newest first. skill, status: empty for all; after: NULL for the newest. */
int history_list(struct request *request, struct str skill, struct str status,
		 const struct list_cursor *after, int64_t limit, call_db_cb done, struct error *err);

/* One reference, the caller's. NULL with err; ERR_NOT_FOUND if there is no such row. */
struct record *history_record(const struct db_result *result, size_t row, struct error *err);

#endif
