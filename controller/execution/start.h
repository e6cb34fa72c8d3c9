/* A sandbox's Pod that is there and not ready: how long that may last, and what is told meanwhile. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_START_H
#define SKILLBOX_CONTROLLER_EXECUTION_START_H

#include "controller/execution/decision.h"

/* d->seen->pod is there and not ready. 0, or -1 with d->err. */
int start_await(const struct decision *d);

#endif
