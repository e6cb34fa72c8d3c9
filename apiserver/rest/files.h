/* The handler of /v1/executions/:id/files/…. */
#ifndef SKILLBOX_APISERVER_REST_FILES_H
#define SKILLBOX_APISERVER_REST_FILES_H

struct request;

void rest_execution_file(struct request *request);

#endif
