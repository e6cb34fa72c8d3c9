/* GET /v1/executions/:id/logs?follow=true: server-sent events while it runs, and one at the end. */
#ifndef SKILLBOX_APISERVER_EXECUTION_FOLLOW_H
#define SKILLBOX_APISERVER_EXECUTION_FOLLOW_H

#include "apiserver/http/request.h"

void follow_logs(struct request *request);

#endif
