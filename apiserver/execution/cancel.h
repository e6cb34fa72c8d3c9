/* Stop an execution. */
#ifndef SKILLBOX_APISERVER_EXECUTION_CANCEL_H
#define SKILLBOX_APISERVER_EXECUTION_CANCEL_H

#include "apiserver/execution/find.h"

/* Of the caller's tenant. done is called once, at once or later, with the execution as it is then: one that
 * had ended stays as it was. */
void execution_cancel(struct apiserver *server, struct caller *caller, struct str id, execution_found_cb done,
		      void *context);

#endif
