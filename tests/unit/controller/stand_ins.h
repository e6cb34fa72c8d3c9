/* What stage.c needs of its stand-ins. */
#ifndef TESTS_UNIT_CONTROLLER_STAND_INS_H
#define TESTS_UNIT_CONTROLLER_STAND_INS_H

#include "controller/execution/apply.h"
#include "controller/execution/reconcile.h"
#include "controller/history.h"

void stand_ins_reset(void);
/* No request, watch, session or queue is left. */
void stand_ins_check_empty(void);
struct kube_client *stand_in_client(void);
struct history *stand_in_history(void);
/* The queues there are, in the order in which they were made. */
struct workqueue *stand_in_queue(size_t index);
size_t stand_in_queues(void);

#endif
