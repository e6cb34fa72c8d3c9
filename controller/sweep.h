/* Now and then: Pods of ours that no Execution wants any more are deleted. Ours means: the controller owner
 * reference and the label carry the same UID. Anything else with our labels is not touched. */
#ifndef SKILLBOX_CONTROLLER_SWEEP_H
#define SKILLBOX_CONTROLLER_SWEEP_H

#include "controller/controller.h"

#define SWEEP_INTERVAL_MS 15000

struct sweep;
struct sweep *sweep_new(struct controller *controller, struct error *err);
struct sweep *sweep_free(struct sweep *sweep); /* run the loop afterwards */

#endif
