/* Reconcile one Execution: observe → plan → apply. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_RECONCILE_H
#define SKILLBOX_CONTROLLER_EXECUTION_RECONCILE_H

#include "controller/execution/state.h"

/* Work of the queue of Executions. */
void executions_reconcile(struct executions *executions, struct str key);

#endif
