/* Handlers of /v1/executions. */
#ifndef SKILLBOX_APISERVER_EXECUTION_EXECUTIONS_H
#define SKILLBOX_APISERVER_EXECUTION_EXECUTIONS_H

#include "apiserver/execution/record.h"
#include "apiserver/http/request.h"

void execution_create(struct request *request);
void execution_get(struct request *request);
void execution_list(struct request *request);
void execution_logs(struct request *request);
void execution_cancel(struct request *request);

/* Find the execution that the path names and hand it to `found` (valid during the call, record_ref it to keep
 * it), at once or after asking the Kubernetes API: this replica's cache may not have what another one just
 * made. 404 otherwise. */
typedef void (*execution_found_cb)(struct request *request, const struct record *record);
void execution_find(struct request *request, execution_found_cb found);

/* The path of an Execution in the Kubernetes API, or of the collection (name NULL). */
void execution_path(struct buffer *out, const char *namespace, const char *name);

#endif
