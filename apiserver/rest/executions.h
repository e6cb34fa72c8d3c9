/* Handlers of /v1/executions. */
#ifndef SKILLBOX_APISERVER_REST_EXECUTIONS_H
#define SKILLBOX_APISERVER_REST_EXECUTIONS_H

struct request;

void rest_execution_create(struct request *request);
void rest_execution_list(struct request *request);
void rest_execution_get(struct request *request);
void rest_execution_cancel(struct request *request);
void rest_execution_logs(struct request *request);

#endif
