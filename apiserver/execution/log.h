/* An execution's log: of the running Pod, or what was kept of it. */
#ifndef SKILLBOX_APISERVER_EXECUTION_LOG_H
#define SKILLBOX_APISERVER_EXECUTION_LOG_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"

/* The log so far, whatever bytes it has (valid during the call), or the failure, as clients may see it. */
typedef void (*execution_log_cb)(void *context, struct str text, const struct error *failure);

/* Of an execution of the caller's tenant. done is called once, at once or later. */
void execution_log(struct apiserver *server, struct caller *caller, struct str id, execution_log_cb done,
		   void *context);

#endif
