/* What a process does for its secrets. */
#ifndef SKILLBOX_BASE_PROCESS_H
#define SKILLBOX_BASE_PROCESS_H

#include "lib/base/error.h"

/* No core dump, to a file or to the node's handler, and no other process of the same user may look into this
 * one: its memory, its environment, its descriptors. First thing in main. */
int process_seal(struct error *err);

#endif
