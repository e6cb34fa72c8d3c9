/* An execution by its id, wherever it is: in the cache, in the cluster (another replica may have made it a
 * moment ago), in the history. */
#ifndef SKILLBOX_APISERVER_EXECUTION_FIND_H
#define SKILLBOX_APISERVER_EXECUTION_FIND_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"
#include "apiserver/object/shared_execution.h"

/* The execution (valid during the call), whole; or the failure, as clients may see it. */
typedef void (*execution_found_cb)(void *context, const struct shared_execution *execution,
				   const struct error *failure);

/* One of the caller's tenant. done is called once, at once or later. */
void execution_find(struct apiserver *server, struct caller *caller, struct str id, execution_found_cb done,
		    void *context);

/* ERR_NOT_FOUND for that id. */
void execution_not_found(struct str id, struct error *ret);

#endif
