/* What a process does first: for its secrets, and for its memory. */
#ifndef SKILLBOX_BASE_PROCESS_H
#define SKILLBOX_BASE_PROCESS_H

#include "lib/base/error.h"

/* No core dump, to a file or to the node's handler, and no other process of the same user may look into this
 * one: its memory, its environment, its descriptors. First thing in main. */
int process_seal(struct error *err);

/* Memory of large buffers goes back to the system when they are freed. By itself glibc raises its threshold
 * to the largest one that ever was (mallopt(3), M_MMAP_THRESHOLD): what a first list needed would stay for
 * good. */
void process_return_memory(void);

#endif
